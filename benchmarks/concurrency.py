"""Several threads, or tasks, on a pool of four connections."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from statistics import median
from time import perf_counter
from typing import Final, NamedTuple

import asyncpg
from psycopg_pool import AsyncConnectionPool

from atb_db import AsyncDatabase, Settings
from atb_db.embedded import Server
from atb_db.repository import events
from benchmarks.contenders import AtbDb, Contender, Core, Handwritten, Orm
from benchmarks.contenders.asyncpg_pool import Asyncpg
from benchmarks.failures import Failures
from benchmarks.operations import OPERATIONS, Arguments, Operation, Scale
from benchmarks.world import World

THREADS: Final = (1, 4, 16)
TASKS: Final = 64
POOL: Final = 4
THREADED: Final[tuple[type[Contender], ...]] = (AtbDb, Handwritten, Core, Orm)
EXECUTION: Final = next(one for one in OPERATIONS if one.name == "log_strategy_execution")


class Throughput(NamedTuple):
    """Calls a second, the median of the rounds with the lowest and the highest, and the calls that failed."""

    per_second: float
    lowest: float
    highest: float
    errors: int


def measure_threads(server: Server, world: World, scale: Scale, failures: Failures) -> dict[str, dict[int, Throughput]]:
    """By contender and number of threads, each doing its share of the calls."""
    calls, rounds = scale.limit * 4, max(1, scale.rounds // 2)
    found: dict[str, dict[int, list[tuple[float, int]]]] = {}
    server.create_database("threads", template="books")
    url = server.tcp_url(database="threads")
    with ExitStack() as stack:
        running: list[Contender] = []
        for contender in THREADED:
            with failures.of(contender.name, contender.name):
                running.append(stack.enter_context(closing(contender(url, world))))
        for _ in range(rounds):
            for threads in THREADS:
                for one in running:
                    share = calls // (4 if one.name.startswith("SQLAlchemy") else 1)
                    with failures.of(one.name, one.name):
                        result = _threads(one, EXECUTION, threads, share)
                        found.setdefault(one.name, {}).setdefault(threads, []).append(result)
    return {
        name: {threads: _throughput(results) for threads, results in by_threads.items()}
        for name, by_threads in found.items()
        if not failures.has(name, name)
    }


def _threads(contender: Contender, operation: Operation, threads: int, calls: int) -> tuple[float, int]:
    prepared = [contender.prepare(operation, operation.arguments(contender.world, number)) for number in range(calls)]

    def work(part: list[object]) -> int:
        errors = 0
        for one in part:
            try:
                contender.call(operation, one)
            except Exception:  # noqa: BLE001  counted, whatever it is
                errors += 1
        return errors

    with ThreadPoolExecutor(threads) as pool:
        start = perf_counter()
        errors = sum(pool.map(work, [prepared[thread::threads] for thread in range(threads)]))
        return calls / (perf_counter() - start), errors


def measure_tasks(server: Server, world: World, scale: Scale, failures: Failures) -> dict[str, Throughput]:
    """By contender, with 64 tasks."""
    server.create_database("tasks", template="books")
    url = server.tcp_url(database="tasks")
    rounds = max(1, scale.rounds // 2)
    found: dict[str, list[tuple[float, int]]] = {}
    for _ in range(rounds):
        for name, tasks in (("atb_db", _by_atb), ("psycopg, by hand", _by_hand), ("asyncpg", _by_asyncpg)):
            with failures.of(name, name):
                found.setdefault(name, []).append(asyncio.run(tasks(url, world, scale.limit * 4)))
    return {name: _throughput(results) for name, results in found.items() if not failures.has(name, name)}


async def _by_atb(url: str, world: World, calls: int) -> tuple[float, int]:
    settings = Settings.load(url, environ={})._replace(pool_min=POOL, pool_max=POOL, pool_timeout=30)
    async with AsyncDatabase(settings) as db:
        return await _tasks(calls, world, lambda row: db.run(events.log_strategy_execution(**row), timeout=60))


async def _by_hand(url: str, world: World, calls: int) -> tuple[float, int]:
    pool = AsyncConnectionPool(url, min_size=POOL, max_size=POOL, kwargs={"autocommit": True}, open=False)
    prepare = Handwritten.prepare

    async def call(row: Arguments) -> object:
        prepared = prepare(None, EXECUTION, row)  # type: ignore[arg-type]  # it needs no contender
        async with pool.connection() as connection:
            cursor = await connection.execute(*prepared)
            return await cursor.fetchall()

    async with pool:
        await pool.wait()
        return await _tasks(calls, world, call)


async def _by_asyncpg(url: str, world: World, calls: int) -> tuple[float, int]:
    async with asyncpg.create_pool(url, min_size=POOL, max_size=POOL) as pool:

        async def call(row: Arguments) -> object:
            sql, values = Asyncpg.prepare(None, EXECUTION, row)  # type: ignore[arg-type]  # it needs no contender
            return await pool.fetch(sql, *values)

        return await _tasks(calls, world, call)


async def _tasks(calls: int, world: World, call: Callable[[Arguments], Awaitable[object]]) -> tuple[float, int]:
    errors = 0

    async def work(numbers: range) -> None:
        nonlocal errors
        for number in numbers:
            try:
                await call(EXECUTION.arguments(world, number))
            except Exception:  # noqa: BLE001  counted, whatever it is
                errors += 1

    start = perf_counter()
    async with asyncio.TaskGroup() as group:
        for task in range(TASKS):
            group.create_task(work(range(task, calls, TASKS)))
    return calls / (perf_counter() - start), errors


def _throughput(results: list[tuple[float, int]]) -> Throughput:
    rates = [per_second for per_second, _ in results]
    return Throughput(median(rates), min(rates), max(rates), sum(errors for _, errors in results))
