"""Interleaved rounds: in each, every contender does its calls of an operation, in an order that goes round."""

from __future__ import annotations

import gc
from collections.abc import Mapping, Sequence
from itertools import count
from statistics import median
from time import perf_counter
from typing import Final, NamedTuple

import psycopg

from atb_db.embedded import Server
from benchmarks.contenders import Contender
from benchmarks.contenders.base import shown
from benchmarks.failures import Failures
from benchmarks.operations import Operation, Scale
from benchmarks.world import World

WARM: Final = 12
"""Calls before the first round: statements are prepared after the fifth."""
SLOW: Final = 0.05
"""Seconds of a call from which on nothing is gained by calling it until it is prepared."""
ONCE: Final = 500.0
"""Milliseconds of a call from which on it is called only once in a round; others at least three times."""


class Measured(NamedTuple):
    """The milliseconds of one call: the median of the rounds' medians, and the lowest and highest of these."""

    median: float
    lowest: float
    highest: float
    calls: int
    cpu: float
    """The client's, a call."""
    ratio: float
    """Against psycopg by hand: the median of the rounds' ratios, for what disturbs a round disturbs both; 0 without."""


HAND: Final = "psycopg, by hand"


def compared(rounds: Mapping[str, Sequence[float]], cpu: Mapping[str, tuple[int, float]]) -> dict[str, Measured]:
    """What the rounds of some contenders say; of each the calls and their client's milliseconds besides."""
    base = rounds.get(HAND, ())
    return {
        name: Measured(
            median(found),
            min(found),
            max(found),
            *cpu[name],
            median(own / by_hand for own, by_hand in zip(found, base, strict=False)) if base else 0.0,
        )
        for name, found in rounds.items()
    }


class Running:
    """A contender at one operation."""

    def __init__(self, contender: Contender, operation: Operation) -> None:
        self.contender = contender
        self.operation = operation
        self.numbers = count()
        self.rounds: list[float] = []
        self.calls = 0
        self.cpu = 0.0
        self.seconds = 0.0
        self.size = 1
        self.first = 0.0

    def warm_up(self, *, calls: int) -> object:
        """The first calls; what the first one answered."""
        if not self.contender.answers:
            self.contender.timed(self.operation, [next(self.numbers) for _ in range(calls)])
            return None
        arguments = self.operation.arguments(self.contender.world, next(self.numbers))
        start = perf_counter()
        first = self.contender.call(self.operation, self.contender.prepare(self.operation, arguments))
        self.first = perf_counter() - start
        if calls > 1 and (self.operation.fingerprint or self.first < SLOW):
            self.contender.timed(self.operation, [next(self.numbers) for _ in range(calls - 1)])
        return shown(self.operation, first)

    def run(self, scale: Scale) -> None:
        """One round, unless it has taken long enough already."""
        if self.rounds and self.seconds > scale.enough:
            return
        timing = self.contender.timed(self.operation, [next(self.numbers) for _ in range(self.size)])
        taken = median(timing.calls) / 1e6
        self.rounds.append(taken)
        self.calls += len(timing.calls)
        self.cpu += timing.cpu / 1e6
        self.seconds += sum(timing.calls) / 1e9
        self.size = max(1 if taken > ONCE else 3, min(scale.limit, int(scale.seconds * 1000 / taken)))


def measure(
    server: Server,
    world: World,
    operations: Sequence[Operation],
    contenders: Sequence[type[Contender]],
    scale: Scale,
    failures: Failures,
) -> dict[str, dict[str, Measured]]:
    """What a call of each operation takes each of those that can do it; all of them take turns.

    Who breaks, answers something else or leaves something else behind than most is left out, and among the failures.
    """
    running: list[Running] = []
    for operation in operations:
        for contender in contenders:
            with failures.of(operation.name, contender.name):
                if contender.can(operation):
                    running.append(Running(contender(_url(server, operation, contender), world), operation))
    try:
        for operation in operations:
            _warm_up([one for one in running if one.operation is operation], operation, failures)
        gc.collect()
        gc.freeze()
        for number in range(scale.rounds):
            first = number * 3 % max(1, len(running))
            for one in _sound((*running[first:], *running[:first]), failures):
                with failures.of(one.operation.name, one.contender.name):
                    one.run(scale)
        gc.unfreeze()
        sound = _sound(running, failures)
        return {operation.name: _measured(sound, operation) for operation in operations}
    finally:
        for one in running:
            with failures.of(one.operation.name, one.contender.name):
                one.contender.close()
            _drop(server, one.contender.url, one.operation)


def _sound(running: Sequence[Running], failures: Failures) -> list[Running]:
    return [one for one in running if not failures.has(one.operation.name, one.contender.name)]


def _measured(running: Sequence[Running], operation: Operation) -> dict[str, Measured]:
    own = {one.contender.name: one for one in running if one.operation is operation}
    # The first round's size is a guess; it counts when there is no other.
    rounds = {name: one.rounds[1:] or one.rounds for name, one in own.items()}
    return compared(rounds, {name: (one.calls, one.cpu / one.calls) for name, one in own.items()})


def _warm_up(running: Sequence[Running], operation: Operation, failures: Failures) -> None:
    answers: dict[str, object] = {}
    traces: dict[str, object] = {}
    for one in running:
        name = one.contender.name
        with failures.of(operation.name, name):
            answer = one.warm_up(calls=3)
            if one.contender.answers:
                answers[name] = answer
                traces[name] = _fingerprint(one.contender.url, operation) if operation.fingerprint else None
    failures.differing(operation.name, "answered", answers)
    failures.differing(operation.name, "left behind", traces)
    for one in _sound(running, failures):
        if one.first < SLOW:
            with failures.of(operation.name, one.contender.name):
                one.warm_up(calls=WARM)


def _fingerprint(url: str, operation: Operation) -> object:
    with psycopg.connect(url) as connection:
        return connection.execute(operation.fingerprint.encode()).fetchone()


def _copied(operation: Operation) -> bool:
    return bool(operation.fingerprint) or operation.database == "books"


def _url(server: Server, operation: Operation, contender: type[Contender]) -> str:
    if not _copied(operation):
        return server.tcp_url(database=operation.database)
    name = f"{operation.name} of {contender.name}"
    server.create_database(name, template=operation.database)
    return server.tcp_url(database=name)


def _drop(server: Server, url: str, operation: Operation) -> None:
    if _copied(operation):
        name = psycopg.conninfo.conninfo_to_dict(url)["dbname"]
        with psycopg.connect(server.url(), autocommit=True) as connection:
            drop = psycopg.sql.SQL("DROP DATABASE {} WITH (FORCE)")
            connection.execute(drop.format(psycopg.sql.Identifier(str(name))))
