"""A cache at its bound: every entry is a new one, for which the least recently used go."""

from __future__ import annotations

from contextlib import ExitStack, closing
from functools import partial
from statistics import fmean
from typing import Final, NamedTuple

import psycopg

from atb_db.embedded import Server
from benchmarks.contenders import AtbDb, Contender, Core, Handwritten, Orm, Pgbench
from benchmarks.contenders.asyncpg_pool import Asyncpg
from benchmarks.failures import Failures
from benchmarks.operations import Arguments, Operation, Scale, prediction
from benchmarks.seeding import copy_of
from benchmarks.world import World

# Our SQL makes room for many at a time, these at each call.
_EACH_TIME: Final[tuple[type[Contender], ...]] = (Core, Orm)
_CONTENDERS: Final[tuple[type[Contender], ...]] = (AtbDb, Handwritten, Asyncpg, *_EACH_TIME, Pgbench)
_ROUNDS: Final = 3
_IN_USE: Final = 2
"""Entries that a caller may leave above the bound for a moment."""


class Evictions(NamedTuple):
    """Milliseconds of one call."""

    mean: float
    """Of all calls: making room has its share of it, which it has not of a median."""
    longest: float
    calls: int


def measure_evictions(
    server: Server, world: World, scale: Scale, failures: Failures
) -> dict[str, dict[str, Evictions]]:
    """By the number of entries and contender; they take turns, those with our SQL until they have made room once.

    Who leaves more entries than the bound, or less than the bound without what is removed at once, has failed.
    """
    return {
        f"{entries:,} entries": _measured(server, world, database, entries, scale, failures)
        for database, entries in (("books", 1_000), ("cache", scale.cached))
    }


def _measured(
    server: Server, world: World, database: str, entries: int, scale: Scale, failures: Failures
) -> dict[str, Evictions]:
    row = f"{entries:,} entries"
    at_once = entries // 16
    operation = Operation(
        f"set_prediction, {entries:,} entries",
        "predictions.set_prediction",
        partial(_new, entries),
        "commands",
        varying={"cache_key": "'new-' || :n", "predicted_at": "statement_timestamp()"},
    )
    with ExitStack() as stack:
        running: dict[Contender, list[int]] = {}
        for contender in _CONTENDERS:
            with failures.of(row, contender.name):
                if contender.can(operation):
                    url = stack.enter_context(copy_of(server, database, contender.name))
                    running[stack.enter_context(closing(contender(url, world)))] = []
        for number in range(_ROUNDS + 1):
            for one, taken in running.items():
                if failures.has(row, one.name):
                    continue
                calls = scale.limit if isinstance(one, _EACH_TIME) else at_once
                with failures.of(row, one.name):
                    timing = one.timed(operation, range(number * calls, (number + 1) * calls))
                    if number:  # the first fills the cache
                        taken.extend(timing.calls[1:])  # pgbench begins again in each
        for one in running:
            with psycopg.connect(one.url) as connection:
                [(left,)] = connection.execute("SELECT count(*) FROM prediction_cache").fetchall()
            if not entries - at_once <= left <= entries + _IN_USE:
                failures.add(row, one.name, f"left {left} entries behind")
        return {
            one.name: Evictions(fmean(taken) / 1e6, max(taken) / 1e6, len(taken))
            for one, taken in running.items()
            if not failures.has(row, one.name)
        }


def _new(entries: int, _world: World, number: int) -> Arguments:
    return prediction(f"new-{number}", number, max_entries=entries)
