"""Findings of a check, each with its fix."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class Level(StrEnum):
    """How much a finding matters."""

    INFO = "INFO"
    """Worth knowing; nothing has to be done."""
    WARNING = "WARNING"
    """Works, but not as it should."""
    ERROR = "ERROR"
    """Statements of atb_db can fail, or record what they should not."""


class Finding(NamedTuple):
    """One thing that is not as it should be."""

    what: str
    """Such as column, index comment, migration, grant or sequence."""
    where: str
    problem: str
    """missing, unexpected, different, or what else is wrong."""
    expected: str | None
    actual: str | None
    level: Level
    repair: str | None
    """The SQL or the command that fixes it; None where nothing has to be done."""
    safe: bool = False
    """Whether `repair` is SQL that changes no row, takes no long lock and cannot fail half-way."""
