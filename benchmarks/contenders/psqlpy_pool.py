"""psqlpy, a driver in Rust, with the same SQL; timed inside its event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from time import perf_counter_ns, process_time_ns
from typing import Final

from psqlpy import ConnectionPool

from atb_db.documents import to_json
from benchmarks.contenders.base import DECLARED, OPTIONS, Contender, Timing, every_argument
from benchmarks.operations import Arguments, Operation
from benchmarks.world import World

_UNSENDABLE: Final = {"predictions.set_prediction"}
"""What has a domain over smallint, for which it sends four bytes."""


class Psqlpy(Contender):
    name = "psqlpy"
    in_loop = True

    def __init__(self, url: str, world: World) -> None:
        super().__init__(url, world)
        self.runner = asyncio.Runner()
        self.pool = ConnectionPool(dsn=url, max_db_pool_size=4, options=OPTIONS)

    @classmethod
    def can(cls, operation: Operation) -> bool:
        """Without documents: it takes a domain over jsonb for text."""
        if not super().can(operation) or operation.statement in _UNSENDABLE:
            return False
        return not any(parameter.coerce is to_json for parameter in DECLARED[operation.statement].parameters)

    def prepare(self, operation: Operation, arguments: Arguments) -> tuple[str, list[object]]:
        declared = DECLARED[operation.statement]
        values = every_argument(operation.statement, arguments)
        return declared.text, [values[name] for name in declared.order]

    def call(self, operation: Operation, prepared: tuple[str, list[object]]) -> object:
        return [tuple(row.values()) for row in self.runner.run(self._call(*prepared))]

    async def _call(self, sql: str, values: list[object]) -> list[dict[str, object]]:
        async with self.pool.acquire() as connection:
            return (await connection.fetch(sql, values)).result()

    def timed(self, operation: Operation, numbers: Sequence[int]) -> Timing:
        prepared = [self.prepare(operation, operation.arguments(self.world, number)) for number in numbers]

        async def every() -> list[int]:
            taken = []
            for sql, values in prepared:
                start = perf_counter_ns()
                await self._call(sql, values)
                taken.append(perf_counter_ns() - start)
            return taken

        cpu = process_time_ns()
        return Timing(self.runner.run(every()), process_time_ns() - cpu)

    def close(self) -> None:
        self.pool.close()
        self.runner.close()
