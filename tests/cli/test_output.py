import json
import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import NamedTuple

import pytest

from atb_db.cli.excerpts import LONGEST, excerpts
from atb_db.cli.output import print_json, print_table


class Row(NamedTuple):
    name: str
    rows: int


def test_named_tuples_are_objects(capsys: pytest.CaptureFixture[str]) -> None:
    moment = datetime(2024, 1, 2, tzinfo=UTC)
    print_json({"rows": (Row("a", 1),), "at": moment, "money": Decimal("0.10"), "nothing": None})
    assert json.loads(capsys.readouterr().out) == {
        "rows": [{"name": "a", "rows": 1}],
        "at": "2024-01-02T00:00:00+00:00",
        "money": "0.10",
        "nothing": None,
    }


def test_away_from_a_terminal_a_row_is_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("Name", "Rows"), [Row("first\n one", 1234567), Row("second", 8)])
    assert capsys.readouterr().out == "Name            Rows\nfirst one  1,234,567\nsecond             8\n"


def test_one_long_cell_pads_no_other_line(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("Name", "Text"), [("a" * 300, "x"), ("short", "y")])
    assert capsys.readouterr().out.splitlines()[1:] == ["a" * 300 + "  x", "short" + " " * 37 + "y"]


def test_on_a_terminal_it_is_drawn_without_colours_if_so_wanted(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    print_table(("Name", "Rows"), [Row("[bold]odd[/]", 1234567)])
    drawn = capsys.readouterr().out
    assert "[bold]odd[/]" in drawn
    assert "1,234,567" in drawn
    assert "─" in drawn
    assert "\x1b[3" not in drawn


TRADES = (
    ("id", "time", "symbol", "side", "quantity", "entry_price", "exit_price", "net_pnl", "exit_reason"),
    [
        (
            "17",
            "2026-11-29 03:00:05 UTC",
            "BTCUSDT",
            "LONG",
            "0.00512345",
            "40000.10",
            "42000.25",
            "9.87",
            "take_profit",
        ),
        ("18", "2026-11-29 04:00:05 UTC", "ETHUSDT", "SHORT", "1.5", "3000", "3100", "-150.00", "a stop " * 12),
    ],
)
AT_80 = """\
─[ 1 ]─────────────────────────────
id           17
time         2026-11-29 03:00:05 UTC
symbol       BTCUSDT
side         LONG
quantity     0.00512345
entry_price  40000.10
exit_price   42000.25
net_pnl      9.87
exit_reason  take_profit
─[ 2 ]─────────────────────────────
id           18
time         2026-11-29 04:00:05 UTC
symbol       ETHUSDT
side         SHORT
quantity     1.5
entry_price  3000
exit_price   3100
net_pnl      -150.00
exit_reason  a stop a stop a stop a stop a stop a stop a stop a stop a stop a
             stop a stop a stop
"""


def drawn(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *, width: int) -> str:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("NO_COLOR", "1")
    print_table(*TRADES)
    return re.sub(r"\x1b\[[\d;]*m", "", capsys.readouterr().out)  # bold headings


def test_a_table_that_does_not_fit_becomes_records(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert drawn(monkeypatch, capsys, width=80) == AT_80


def test_a_table_that_fits_breaks_neither_numbers_nor_times(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = drawn(monkeypatch, capsys, width=130)
    assert max(map(len, shown.splitlines())) <= 130
    for cell in (cell for row in TRADES[1] for cell in row[:-1]):
        assert cell in shown
    assert "─[" not in shown


@pytest.mark.parametrize("width", [20, 40, 60, 80, 120, 200])
def test_no_line_is_longer_than_the_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    lines = drawn(monkeypatch, capsys, width=width).splitlines()
    assert len(lines) > 3
    assert max(map(len, lines)) <= max(width, 36)


def test_numbers_are_right_aligned_also_when_piped(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("Name", "Amount", "Share"), [("a", "-1.5", "12.5%"), ("bb", Decimal("1000.25"), None)])
    assert capsys.readouterr().out == "Name   Amount  Share\na        -1.5  12.5%\nbb    1000.25\n"


def test_excerpts_show_the_first_difference() -> None:
    assert excerpts("a  b\nc", "a b d") == ("a b c", "a b d")
    assert excerpts("x", None) == ("", "")
    start, end = "a" * 100, "c" * 100
    expected, actual = excerpts(f"{start} 1 {end}", f"{start} 2 {end}")
    assert expected == "…" + "a" * 19 + " 1 " + "c" * (LONGEST - 22) + "…"
    assert actual == expected.replace("1", "2")
