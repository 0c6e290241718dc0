"""What a call asks of the client, in counts: functions called and memory taken."""

from __future__ import annotations

import gc
import sys
import tracemalloc
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from types import FrameType

import pytest

from atb_db import Database, Settings
from atb_db.repository import statements
from atb_db.statement import Declared
from tests.statements.examples import World, example

STATEMENTS = {declaration.name: declaration for declaration in statements()}
SINGLE_ROWS = [
    STATEMENTS[name]
    for name in (
        "account.log_account_snapshot",
        "events.log_event",
        "events.log_strategy_execution",
        "positions.open_position",
        "trades.log_trade",
    )
]


@pytest.fixture
def database(fresh_world_url: str) -> Iterator[Database]:
    with Database(Settings.load(fresh_world_url, environ={})) as database:
        yield database


def functions_called(run: Callable[[], object]) -> Counter[str]:
    """Python's and C's, by this thread: how often each."""
    called: Counter[str] = Counter()

    def count(frame: FrameType, event: str, argument: object) -> None:
        if event in {"call", "c_call"}:
            here = frame.f_code.co_qualname
            called[here if event == "call" else f"{getattr(argument, '__qualname__', argument)} in {here}"] += 1

    gc.disable()  # finalizers are functions, too
    sys.setprofile(count)
    try:
        run()
    finally:
        sys.setprofile(None)
        gc.enable()
    return called


def peak_of(run: Callable[[], object]) -> int:
    """Bytes that were taken at one time and had not been before."""
    tracemalloc.start()
    try:
        run()
        before, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        run()
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()


def left_by(run: Callable[[], object], *, times: int) -> int:
    """Blocks of memory that are taken and not given back."""
    gc.collect()
    before = sys.getallocatedblocks()
    for _ in range(times):
        run()
    gc.collect()
    return sys.getallocatedblocks() - before


@pytest.mark.parametrize("declaration", SINGLE_ROWS, ids=str)
def test_a_value_is_made_with_five_functions_a_parameter(world: World, declaration: Declared[object]) -> None:
    given = dict(example(declaration, world).args)
    make = partial(declaration.value, given)
    make()
    assert functions_called(make).total() < 5 * len(declaration.parameters)


@pytest.mark.parametrize("declaration", SINGLE_ROWS, ids=str)
def test_a_warm_command_runs_a_hundred_functions_and_three_a_parameter(
    database: Database, world: World, declaration: Declared[object]
) -> None:
    # What psycopg and its pool run by hand is in docs/benchmarks.md.
    statement = example(declaration, world)
    for _ in range(8):
        database.run(statement)
    # The least of some: it may have to wait for the pool's own threads, or for a server that is busy.
    least = min((functions_called(lambda: database.run(statement)) for _ in range(20)), key=Counter.total)
    assert least.total() < 100 + 3 * len(declaration.parameters), least.most_common()


@pytest.mark.parametrize("declaration", SINGLE_ROWS, ids=str)
def test_a_warm_command_takes_little_memory_and_leaves_none(
    database: Database, world: World, declaration: Declared[object]
) -> None:
    statement = example(declaration, world)
    for _ in range(8):
        database.run(statement)
    # The least of some: the pool's own threads take memory now and then.
    assert min(peak_of(lambda: database.run(statement)) for _ in range(5)) < 8_192
    assert min(left_by(lambda: database.run(statement), times=200) for _ in range(3)) < 200  # not one a call
