"""Units with their moments: what positions, trades and orders of the incumbent share."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import NamedTuple

from atb_db.importing.plan import Row, Unit


class Timed(NamedTuple):
    """A unit, and when what it ends with happened: books are made in that order."""

    at: datetime
    make: Callable[[], Unit]
    """Makes it when its turn comes: those of all positions would take half of the memory."""


def ready(at: datetime, unit: Unit) -> Timed:
    """A unit that is made already."""
    return Timed(at, partial(_same, unit))


def _same(unit: Unit) -> Unit:
    return unit


class Planned(NamedTuple):
    """A position that is in the books."""

    row: Row
    key: str
    """Of the ENTRY order that planned it."""
    at: datetime
    """When its unit is carried out."""


def kept_beside(row: Row, *names: str) -> Row | None:
    """What of a row has no place in its record; None for nothing."""
    return {name: row[name] for name in names if row.get(name) is not None} or None
