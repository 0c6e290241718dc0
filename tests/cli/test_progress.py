"""What a long command shows on a terminal while it works, and what is left of it afterwards."""

from __future__ import annotations

import os
import pty
import re
import subprocess
from pathlib import Path

import psycopg
import pytest

from atb_db.cli.progress import amount, progress_bar
from tests.cli.conftest import COMMAND, environment


@pytest.mark.parametrize(
    ("what", "done", "total", "shown"),
    [
        ("Dumping", 8_400_000, None, "8.4 MB"),
        ("Dumping", 0, 42_000_000, "0 bytes of 42.0 MB"),
        ("Restoring", 1200, 9000, "1,200 of 9,000 rows"),
        ("Reading through", 1, 1, "1 of 1 row"),
        ("Rebuilding positions_idx", 1, 3, "1 of 3 indexes"),
        ("Copying the log", 2, 40, "2 of 40 files"),
        ("trades", 5000, None, "5,000 rows"),
        ("Building indexes and constraints", 0, None, ""),
    ],
)
def test_an_amount_has_its_unit(what: str, done: int, total: int | None, shown: str) -> None:
    assert amount(what, done, total) == shown


def test_nothing_is_shown_to_nobody(capsys: pytest.CaptureFixture[str]) -> None:
    with progress_bar() as progress:
        assert progress is None
    assert capsys.readouterr() == ("", "")


def test_the_line_is_finished_before_the_next_is_printed(fresh_url: str, tmp_path: Path) -> None:
    with psycopg.connect(fresh_url) as connection:
        connection.execute(
            "INSERT INTO system_events (timestamp, event_type, severity, message, request_id)"
            " SELECT '2020-01-01T00:00Z', 'WARNING', 'WARNING', 'old', gen_random_uuid() FROM generate_series(1, 300)"
        )
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        (*COMMAND, "purge-logs", "--older-than", "1d", "--yes", "--batch", "10"),
        env=environment(fresh_url) | {"TERM": "xterm", "COLUMNS": "80"},
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=theirs,
    ) as process:
        process.communicate(timeout=60)
    os.close(theirs)
    told = os.read(ours, 1 << 20).decode()
    os.close(ours)
    assert process.returncode == 0
    assert re.search(r"Starting|system_events.* rows", told)
    assert re.search(r"\x1b\[2KRemoved 300 rows\.\r\n$", told), told[-200:]
