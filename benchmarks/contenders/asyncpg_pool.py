"""asyncpg with the same SQL; timed inside its event loop."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from time import perf_counter_ns, process_time_ns

import asyncpg
from psycopg.types.json import Jsonb

from benchmarks.contenders.base import DECLARED, GENERIC_PLANS, Contender, Timing, every_argument
from benchmarks.operations import Arguments, Operation
from benchmarks.world import World


class Asyncpg(Contender):
    name = "asyncpg"
    in_loop = True

    def __init__(self, url: str, world: World) -> None:
        super().__init__(url, world)
        self.runner = asyncio.Runner()
        self.taker = self.runner.run(self._open(url))

    async def _open(self, url: str) -> asyncpg.Pool | asyncpg.Connection:
        return await asyncpg.create_pool(url, min_size=1, max_size=4, server_settings=GENERIC_PLANS)

    def prepare(self, operation: Operation, arguments: Arguments) -> tuple[str, list[object]]:
        declared = DECLARED[operation.statement]
        values = every_argument(operation.statement, arguments)
        return declared.text, [_plain(values[name]) for name in declared.order]

    def call(self, operation: Operation, prepared: tuple[str, list[object]]) -> object:
        return self.runner.run(self._call(*prepared))

    async def _call(self, sql: str, values: list[object]) -> object:
        return await self.taker.fetch(sql, *values)

    def timed(self, operation: Operation, numbers: Sequence[int]) -> Timing:
        prepared = [self.prepare(operation, operation.arguments(self.world, number)) for number in numbers]

        async def every() -> list[int]:
            taken = []
            for sql, values in prepared:
                start = perf_counter_ns()
                await self.taker.fetch(sql, *values)
                taken.append(perf_counter_ns() - start)
            return taken

        cpu = process_time_ns()
        return Timing(self.runner.run(every()), process_time_ns() - cpu)

    def close(self) -> None:
        self.runner.run(self.taker.close())
        self.runner.close()


class AsyncpgHeld(Asyncpg):
    """On one connection that it keeps: a pool asks the server to reset it after each call."""

    name = "asyncpg, without a pool"

    async def _open(self, url: str) -> asyncpg.Pool | asyncpg.Connection:
        return await asyncpg.connect(url, server_settings=GENERIC_PLANS)


def _plain(value: object) -> object:
    return json.dumps(value.obj) if isinstance(value, Jsonb) else value
