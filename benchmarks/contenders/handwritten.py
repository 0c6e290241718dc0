"""psycopg 3 as one writes it by hand: the same SQL, a pool, autocommit, plain tuples, nothing checked or retried."""

from __future__ import annotations

import re
from functools import cache
from typing import ClassVar

import psycopg
from psycopg_pool import ConnectionPool

from benchmarks.contenders.base import BATCHES, DECLARED, OPTIONS, Contender, every_argument
from benchmarks.operations import Arguments, Operation
from benchmarks.world import World


@cache
def sql_of(statement: str) -> str:
    """The statement's file with psycopg's placeholders."""
    declared = DECLARED[statement]
    return re.sub(
        r"\$(\d+)", lambda match: f"%({declared.order[int(match[1]) - 1]})s", declared.text.replace("%", "%%")
    )


class Handwritten(Contender):
    name = "psycopg, by hand"

    def __init__(self, url: str, world: World) -> None:
        super().__init__(url, world)
        self.pool = ConnectionPool(
            url, min_size=1, max_size=4, kwargs={"autocommit": True, "options": OPTIONS}, open=True
        )
        self.pool.wait()

    @classmethod
    def can(cls, operation: Operation) -> bool:
        return True

    def prepare(self, operation: Operation, arguments: Arguments) -> object:
        if batch := BATCHES.get(operation.statement):
            return [
                (sql_of(statement.name), every_argument(statement.name, dict(statement.args)))
                for statement in batch(**arguments).statements
            ]
        return sql_of(operation.statement), every_argument(operation.statement, arguments)

    def call(self, operation: Operation, prepared: object) -> object:
        with self.pool.connection() as connection:
            if operation.statement in BATCHES:
                with connection.pipeline():
                    cursors = [connection.execute(*one) for one in prepared]
                    return [cursor.fetchall() for cursor in cursors]
            cursor = connection.execute(*prepared)
            return cursor.fetchall() if cursor.description else None

    def close(self) -> None:
        self.pool.close()


class Bare(Contender):
    name = "psycopg, without a pool"

    def __init__(self, url: str, world: World) -> None:
        super().__init__(url, world)
        self.connection = psycopg.connect(url, autocommit=True, options=OPTIONS)

    prepare = Handwritten.prepare

    def call(self, operation: Operation, prepared: tuple[str, Arguments]) -> object:
        cursor = self.connection.execute(*prepared)
        return cursor.fetchall() if cursor.description else None

    def close(self) -> None:
        self.connection.close()


class RoundTrip(Handwritten):
    """The floor of what is read by its key: a round trip that asks for nothing, on the same pool."""

    name = "SELECT 1"
    answers: ClassVar[bool] = False

    @classmethod
    def can(cls, operation: Operation) -> bool:
        return operation.statement == "metrics.get_total_metrics"

    def call(self, operation: Operation, prepared: object) -> object:
        with self.pool.connection() as connection:
            return connection.execute("SELECT 1").fetchall()
