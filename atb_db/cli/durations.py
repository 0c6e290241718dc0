"""Lengths of time, as people write and read them: 90s, 15m, 1h, 7d; and moments."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

import typer

from atb_db.admin.readable import read_duration, read_moment, shown_duration

_SECONDS: Final = re.compile(r"\d{1,9}(\.\d+)?")


class Duration(timedelta):
    """A length of time that says itself as people write it, also as a default in `--help`."""

    def __str__(self) -> str:
        """Such as `90d`."""
        return shown_duration(self).replace(".0s", "s")


def parse_duration(text: str | timedelta) -> timedelta:
    """The length of time that `15m`, `1h30m` or `7d` says; more than zero, a century at the most.

    Raises:
        BadParameter: it says none.
    """
    if isinstance(text, timedelta):
        return text
    length = read_duration(text)
    if length is None:
        raise typer.BadParameter(f"{text[:40]!r} is no length of time such as 90s, 15m, 1h30m or 7d")
    return length


def parse_wait(text: str | timedelta) -> timedelta:
    """As `parse_duration`, or a number of seconds, also 0.

    Raises:
        BadParameter: it says none.
    """
    if isinstance(text, str) and _SECONDS.fullmatch(text.strip()):
        return timedelta(seconds=float(text))
    return parse_duration(text)


def parse_moment(text: str | datetime) -> datetime:
    """The moment that `2026-11-29 03:00:05+00`, the UTC day `2026-11-29` or `90d`, so long ago, says.

    Raises:
        BadParameter: it says none, or not in which time zone.
    """
    if isinstance(text, datetime):
        return text
    try:
        return read_moment(text, datetime.now(UTC))
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
