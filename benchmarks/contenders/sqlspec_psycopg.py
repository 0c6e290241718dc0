"""sqlspec on psycopg: the same SQL, which it parses once and keeps."""

from __future__ import annotations

from sqlspec.adapters.psycopg import PsycopgSyncConfig

from benchmarks.contenders.base import DECLARED, OPTIONS, Contender, every_argument
from benchmarks.contenders.handwritten import sql_of
from benchmarks.operations import Arguments, Operation
from benchmarks.world import World


class Sqlspec(Contender):
    name = "sqlspec + psycopg"

    def __init__(self, url: str, world: World) -> None:
        super().__init__(url, world)
        self.config = PsycopgSyncConfig(
            connection_config={"conninfo": url, "min_size": 1, "max_size": 4, "autocommit": True, "options": OPTIONS}
        )

    def prepare(self, operation: Operation, arguments: Arguments) -> tuple[str, Arguments]:
        values = every_argument(operation.statement, arguments)
        return sql_of(operation.statement), {name: values[name] for name in DECLARED[operation.statement].order}

    def call(self, operation: Operation, prepared: tuple[str, Arguments]) -> object:
        with self.config.provide_session() as session:
            rows = session.execute(*prepared).get_data()
        return [tuple(row.values()) for row in rows]

    def close(self) -> None:
        self.config.close_pool()
