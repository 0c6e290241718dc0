"""Where the time of a call goes: in the client by function, and at the server by the statement's plan."""

from __future__ import annotations

import cProfile
import pstats
import sys
from collections.abc import Callable
from typing import Final

import psycopg
from psycopg import sql

from atb_db.embedded import Server
from benchmarks.bulk import Bulk
from benchmarks.contenders import AtbDb
from benchmarks.contenders.base import DECLARED, OPTIONS, every_argument
from benchmarks.measuring import WARM
from benchmarks.operations import Arguments, Operation
from benchmarks.seeding import copy_of
from benchmarks.world import World

_CALLS: Final = 10
_FUNCTIONS: Final = 15
_PLAIN: Final = f"{OPTIONS} -c jit=off -c search_path=public -c timezone=UTC"


def profile(server: Server, world: World, operation: Operation) -> None:
    """Print what warm calls of the operation do in the client, and the plan of one of them."""
    with copy_of(server, operation.database) as url:
        running = AtbDb(url, world)
        running.timed(operation, range(WARM))
        calls = [operation.arguments(world, number) for number in range(WARM, WARM + _CALLS)]
        _print_functions(lambda: [running.call(operation, one) for one in calls])
        running.close()
        if operation.statement in DECLARED:
            _print_plan(url, operation.statement, operation.arguments(world, WARM + _CALLS))


def profile_bulk(server: Server, world: World, bulk: Bulk) -> None:
    """Print what loading the rows does in the client."""
    rows = [bulk.row(world, number) for number in range(bulk.rows)]
    with copy_of(server, "books") as url:
        _print_functions(lambda: bulk.loads[AtbDb.name](url, world, rows))


def _print_functions(work: Callable[[], object]) -> None:
    profiler = cProfile.Profile()
    profiler.runcall(work)
    pstats.Stats(profiler, stream=sys.stderr).sort_stats("tottime").print_stats(_FUNCTIONS)


def _print_plan(url: str, statement: str, arguments: Arguments) -> None:
    declared = DECLARED[statement]
    values = every_argument(statement, arguments)
    given = sql.SQL(", ").join(sql.Literal(values[name]) for name in declared.order)
    explain = sql.SQL("EXPLAIN (ANALYZE, BUFFERS, WAL, COSTS OFF) EXECUTE measured")
    with psycopg.connect(url, options=_PLAIN) as connection:
        connection.execute(f"PREPARE measured AS {declared.text}".encode())
        for (line,) in connection.execute(sql.SQL("{} ({})").format(explain, given) if declared.order else explain):
            print(line, file=sys.stderr)
        connection.rollback()
