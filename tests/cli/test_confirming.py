"""Every command that asks ends the same way by the same answer."""

from __future__ import annotations

import io
import sys
from typing import LiteralString

import psycopg
import pytest

from atb_db.cli.exits import ExitCode
from tests.cli.conftest import Run

ASKING: dict[str, tuple[tuple[str, ...], LiteralString]] = {
    "rollback": (("rollback",), "SELECT"),
    "verify --fix": (("verify", "--fix"), "DROP INDEX positions_open_idx"),
    "purge-logs": (
        ("purge-logs", "--older-than", "1d"),
        (
            "INSERT INTO system_events (timestamp, event_type, severity, message, request_id)"
            " VALUES ('2020-01-01T00:00Z', 'WARNING', 'WARNING', 'old', gen_random_uuid())"
        ),
    ),
}


class Terminal(io.StringIO):
    """Somebody who types this and no more."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("command", ASKING)
def test_no_is_no_everywhere(command: str, migrated_url: str, call: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    words, prepare = ASKING[command]
    with psycopg.connect(migrated_url) as connection:
        connection.execute(prepare)
    for answer, code in (("n\n", ExitCode.REFUSED), ("\n", ExitCode.REFUSED), ("", ExitCode.INTERRUPTED)):
        monkeypatch.setattr(sys, "stdin", Terminal(answer))
        ended = call(*words, url=migrated_url)
        assert "[y/N]" in ended.err
        assert ended.code == code, answer
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
    ended = call(*words, url=migrated_url)
    assert (ended.code, "--yes" in ended.err) == (ExitCode.REFUSED, True)
