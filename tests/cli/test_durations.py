from datetime import timedelta

import pytest
import typer

from atb_db.cli.durations import Duration, parse_duration, parse_wait


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


@pytest.mark.parametrize(("text", "seconds"), [("0", 0), ("0.2", 0.2), ("300", 300), ("5m", 300), ("90s", 90)])
def test_a_wait_may_be_a_number_of_seconds(text: str, seconds: float) -> None:
    assert parse_wait(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["-1", "nan", "1e3", "soon"])
def test_a_wait_is_no_other_number(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="no length of time"):
        parse_wait(text)


@pytest.mark.parametrize("text", ["5s", "10m", "90d", "1h 30m"])
def test_a_default_is_shown_as_it_is_written(text: str) -> None:
    assert str(Duration(seconds=parse_duration(text).total_seconds())) == text
