"""What the seeded databases hold: the ids that operations are called with."""

from __future__ import annotations

from typing import NamedTuple


class World(NamedTuple):
    """The ids in the databases; every contender's copy has the same."""

    today: dict[int, int]
    """Sessions by the trades that they have had today."""
    trading: int
    """The session of single writes."""
    backtest: int
    """A session without anything."""
    closing: tuple[int, ...]
    """Open positions of a quantity of 0.0125."""
    entries: tuple[int, ...]
    """Journaled ENTRY orders, each with a planned position of as much."""
    partial_exits: tuple[int, ...]
    """Journaled PARTIAL_EXIT orders of the open positions, each of a quarter."""
    full_exits: tuple[int, ...]
    """Journaled FULL_EXIT orders of the open positions, each of all."""
    few: int
    """A session with 10 open positions."""
    many: int
    """One with 200 of them, among the closed ones."""
    traded: int
    """One with many trades and snapshots."""
    observed: int
    """One with many more snapshots."""
