"""Events of migrations while they run: begun, waiting, done; and who hears of them."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, auto
from typing import NamedTuple, TypeAlias


class Happened(Enum):
    """What happened to a migration."""

    BEGUN = auto()
    WAITING = auto()
    """A table that it changes is in use; it was rolled back and will be tried again."""
    DONE = auto()


class Event(NamedTuple):
    """Something that happened while migrations were applied or rolled back."""

    id: str
    happened: Happened
    number: int
    """Which of them it is, from 1."""
    total: int
    seconds: float
    """Since it was begun."""


OnEvent: TypeAlias = Callable[[Event], None]


def silent(_: Event) -> None:
    """Report to nobody."""
