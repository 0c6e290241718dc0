"""Numbers beside times are drawn as a line."""

from __future__ import annotations

import os
import pty
import subprocess
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from atb_db import Database
from atb_db.cli.series import WIDEST, Series, print_series, series
from atb_db.cli.sparkline import BLOCKS
from tests.cli.conftest import COMMAND, environment
from tests.statements.examples import prepare

START = datetime(2024, 1, 1, tzinfo=UTC)
COLUMNS = ("name", "day", "equity", "flat", "trades")


def row(day: int, equity: int | None) -> tuple[object, ...]:
    return "x", START + timedelta(days=day), None if equity is None else Decimal(equity), Decimal(1), day


def test_exact_numbers_beside_times_are_series_in_order_of_time() -> None:
    rows = [row(day, day * day) for day in (5, 4, 3, 2, 1, 0)]
    assert series(COLUMNS, rows) == [Series("equity", [Decimal(day * day) for day in range(6)])]


@pytest.mark.parametrize(
    "rows",
    [
        [],
        [row(day, day) for day in range(4)],
        [row(0, number) for number in range(9)],
        [row(day, 7) for day in range(9)],
        [row(day, None if day > 3 else day) for day in range(9)],
        [("x", None, Decimal(number), Decimal(1), number) for number in range(9)],
    ],
    ids=["nothing", "few rows", "one moment", "nothing changes", "few numbers", "no times"],
)
def test_what_is_no_series(rows: list[tuple[object, ...]]) -> None:
    assert series(COLUMNS, rows) == []


def test_a_long_series_is_drawn_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    print_series([Series("equity", [Decimal(number) for number in range(1000)])])
    drawn = capsys.readouterr().out
    assert sum(character in BLOCKS for character in drawn) <= WIDEST
    assert drawn.split()[-1] == "999"


@pytest.mark.parametrize("width", [45, 80])
def test_a_narrow_terminal_shows_the_whole_series(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    """Fewer blocks, up to the newest number, and every number whole."""
    monkeypatch.setenv("COLUMNS", str(width))
    print_series([Series("equity", [Decimal(number) for number in range(1000)])])
    drawn = capsys.readouterr().out
    blocks = [character for character in drawn if character in BLOCKS]
    assert max(map(len, drawn.splitlines())) <= width
    assert blocks == sorted(blocks)
    assert blocks[-1] == BLOCKS[-1]
    assert drawn.split()[-3:] == ["0", "999", "999"]


@pytest.mark.slow
def test_a_terminal_shows_them_and_a_file_does_not(fresh_url: str, tmp_path: Path) -> None:
    with Database(fresh_url) as db:
        session_id = prepare(db).session_id
    words = (*COMMAND, "query", "account.get_balance_history", "--session-id", str(session_id))
    environ = environment(fresh_url) | {"COLUMNS": "200", "TERM": "xterm"}
    into_file = subprocess.run(words, env=environ, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    screen, inside = pty.openpty()
    with subprocess.Popen(words, env=environ, cwd=tmp_path, stdout=inside, stderr=inside) as process:
        os.close(inside)
        seen = b""
        try:
            while part := os.read(screen, 65536):
                seen += part
        except OSError:  # the other end was closed
            pass
        assert process.wait(30) == 0
    os.close(screen)
    assert "Greatest" in seen.decode()
    assert "Greatest" not in into_file
