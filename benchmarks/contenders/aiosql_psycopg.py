"""aiosql, which loads the same files, on psycopg."""

from __future__ import annotations

from functools import cache

import aiosql
from aiosql.queries import Queries
from psycopg_pool import ConnectionPool

from benchmarks.contenders.base import DECLARED, OPTIONS, Contender, every_argument
from benchmarks.operations import OPERATIONS, Arguments, Operation
from benchmarks.world import World


@cache
def queries() -> Queries:
    """Every statement under its name with an underscore for the dot."""
    texts = (
        f"-- name: {declared.name.replace('.', '_')}\n{declared.path.read_text(encoding='utf-8')}"
        for declared in (
            DECLARED[name] for name in sorted({operation.statement for operation in OPERATIONS} & DECLARED.keys())
        )
    )
    return aiosql.from_str("\n\n".join(texts), "psycopg", mandatory_parameters=False)


class Aiosql(Contender):
    name = "aiosql + psycopg"

    def __init__(self, url: str, world: World) -> None:
        super().__init__(url, world)
        self.pool = ConnectionPool(
            url, min_size=1, max_size=4, kwargs={"autocommit": True, "options": OPTIONS}, open=True
        )
        self.pool.wait()
        self.queries = queries()

    @classmethod
    def can(cls, operation: Operation) -> bool:
        # Its way of reading a command's rows needs a result, which this one has not got.
        return super().can(operation) and operation.statement != "predictions.set_prediction"

    def prepare(self, operation: Operation, arguments: Arguments) -> tuple[str, Arguments]:
        return operation.statement.replace(".", "_"), every_argument(operation.statement, arguments)

    def call(self, operation: Operation, prepared: tuple[str, Arguments]) -> object:
        with self.pool.connection() as connection:
            return list(getattr(self.queries, prepared[0])(connection, **prepared[1]))

    def close(self) -> None:
        self.pool.close()
