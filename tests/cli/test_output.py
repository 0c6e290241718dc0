import json
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


def test_excerpts_show_the_first_difference() -> None:
    assert excerpts("a  b\nc", "a b d") == ("a b c", "a b d")
    assert excerpts("x", None) == ("", "")
    start, end = "a" * 100, "c" * 100
    expected, actual = excerpts(f"{start} 1 {end}", f"{start} 2 {end}")
    assert expected == "…" + "a" * 19 + " 1 " + "c" * (LONGEST - 22) + "…"
    assert actual == expected.replace("1", "2")
