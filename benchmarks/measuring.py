"""Interleaved rounds: in each, every contender does its calls of an operation, in an order that goes round."""

from __future__ import annotations

import gc
from collections.abc import Sequence
from itertools import count
from statistics import median
from typing import Final, NamedTuple

import psycopg

from atb_db.embedded import Server
from benchmarks.contenders import Contender
from benchmarks.contenders.base import told
from benchmarks.operations import Operation, Scale
from benchmarks.seeding import World

WARM: Final = 12
"""Calls before the first round: statements are prepared after the fifth."""
LONG: Final = 20.0
"""Seconds after which a contender has been measured enough."""


class Measured(NamedTuple):
    """The milliseconds of one call: the median of the rounds' medians, and the lowest and highest of these."""

    median: float
    lowest: float
    highest: float
    calls: int
    cpu: float
    """The client's, a call."""

    @classmethod
    def of(cls, rounds: Sequence[float], calls: int, cpu: float) -> Measured:
        """From the medians of the rounds."""
        return cls(median(rounds), min(rounds), max(rounds), calls, cpu)


class Disagreement(Exception):  # noqa: N818
    """A contender did something else than the others."""


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

    def warm_up(self, *, calls: int) -> object:
        """The first calls; what the first one answered."""
        if not self.contender.in_process:
            self.contender.timed(self.operation, [next(self.numbers) for _ in range(calls)])
            return None
        arguments = self.operation.arguments(self.contender.world, next(self.numbers))
        first = self.contender.call(self.operation, self.contender.prepare(self.operation, arguments))
        if calls > 1:
            self.contender.timed(self.operation, [next(self.numbers) for _ in range(calls - 1)])
        return told(self.operation, first)

    def run(self, scale: Scale) -> None:
        """One round, unless it has taken long enough already."""
        if self.rounds and self.seconds > LONG:
            return
        timing = self.contender.timed(self.operation, [next(self.numbers) for _ in range(self.size)])
        taken = median(timing.calls) / 1e6
        self.rounds.append(taken)
        self.calls += len(timing.calls)
        self.cpu += timing.cpu / 1e6
        self.seconds += sum(timing.calls) / 1e9
        self.size = max(1, min(scale.limit, int(scale.seconds * 1000 / taken)))

    @property
    def measured(self) -> Measured:
        """What was measured; the first round, whose size was a guess, counts when there is no other."""
        rounds = self.rounds[1:] or self.rounds
        return Measured.of(rounds, self.calls, self.cpu / self.calls)


def measure(
    server: Server, world: World, operation: Operation, contenders: Sequence[type[Contender]], scale: Scale
) -> dict[str, Measured]:
    """What a call takes each of those that can do it.

    Raises:
        Disagreement: one has answered something else, or has left something else behind.
    """
    able = [contender for contender in contenders if contender.can(operation)]
    urls = {contender: _url(server, operation, contender) for contender in able}
    running = [Running(contender(urls[contender], world), operation) for contender in able]
    try:
        _warm_up(running, operation)
        gc.collect()
        gc.freeze()
        for number in range(scale.rounds):
            first = number % len(running)
            for one in (*running[first:], *running[:first]):
                one.run(scale)
        gc.unfreeze()
        return {one.contender.name: one.measured for one in running}
    finally:
        for one in running:
            one.contender.close()
        for contender in able:
            _drop(server, urls[contender], operation)


def _warm_up(running: Sequence[Running], operation: Operation) -> None:
    answers: dict[str, object] = {}
    traces: dict[str, object] = {}
    for one in running:
        name = one.contender.name
        answer = one.warm_up(calls=3)
        if one.contender.in_process:  # pgbench reads nothing, and repeats the first call's values
            answers[name] = answer
            traces[name] = _fingerprint(one.contender.url, operation) if operation.fingerprint else None
    for what, found in (("answered", answers), ("left behind", traces)):
        if len({repr(value) for value in found.values()}) > 1:
            raise Disagreement(f"{operation.name}: not all have {what} the same: {found}")
    for one in running:
        if one.contender.name != "SQLAlchemy ORM":  # which prepares nothing that more calls would show
            one.warm_up(calls=WARM)


def _fingerprint(url: str, operation: Operation) -> object:
    with psycopg.connect(url) as connection:
        return connection.execute(operation.fingerprint.encode()).fetchone()


def _copied(operation: Operation) -> bool:
    return bool(operation.fingerprint) or operation.database == "books"


def _url(server: Server, operation: Operation, contender: type[Contender]) -> str:
    if not _copied(operation):
        return server.url(database=operation.database)
    return server.create_database(f"of {contender.name}", template=operation.database)


def _drop(server: Server, url: str, operation: Operation) -> None:
    if _copied(operation):
        name = psycopg.conninfo.conninfo_to_dict(url)["dbname"]
        with psycopg.connect(server.url(), autocommit=True) as connection:
            drop = psycopg.sql.SQL("DROP DATABASE {} WITH (FORCE)")
            connection.execute(drop.format(psycopg.sql.Identifier(str(name))))
