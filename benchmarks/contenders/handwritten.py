"""psycopg 3 as one writes it by hand: the same SQL, a pool, autocommit, plain tuples, nothing checked or retried."""

from __future__ import annotations

import re
from functools import cache

import psycopg
from psycopg_pool import ConnectionPool

from benchmarks.contenders.base import DECLARED, Contender, every_argument
from benchmarks.operations import Arguments, Operation
from benchmarks.seeding import World


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
        self.pool = ConnectionPool(url, min_size=1, max_size=4, kwargs={"autocommit": True}, open=True)
        self.pool.wait()

    def prepare(self, operation: Operation, arguments: Arguments) -> tuple[str, Arguments]:
        return sql_of(operation.statement), every_argument(operation.statement, arguments)

    def call(self, operation: Operation, prepared: tuple[str, Arguments]) -> object:
        with self.pool.connection() as connection:
            cursor = connection.execute(*prepared)
            return cursor.fetchall() if cursor.description else None

    def close(self) -> None:
        self.pool.close()


class Bare(Contender):
    name = "psycopg, without a pool"

    def __init__(self, url: str, world: World) -> None:
        super().__init__(url, world)
        self.connection = psycopg.connect(url, autocommit=True)

    prepare = Handwritten.prepare

    def call(self, operation: Operation, prepared: tuple[str, Arguments]) -> object:
        cursor = self.connection.execute(*prepared)
        return cursor.fetchall() if cursor.description else None

    def close(self) -> None:
        self.connection.close()
