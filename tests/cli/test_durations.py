from datetime import timedelta

import pytest
import typer

from atb_db.cli.durations import parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("15m", 900), ("1h30m", 5400), ("1h 30m", 5400), ("7d", 604800), ("1.5H", 5400), ("2w", 1209600)],
)
def test_lengths_are_read(text: str, seconds: int) -> None:
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "text", ["", "15", "m", "-15m", "0m", "15 minutes", "nan", "1e9d", "9999999999d", "15m!", "m15"]
)
def test_everything_else_is_refused(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="no length of time"):
        parse_duration(text)
