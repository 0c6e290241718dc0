"""What is about a row that does not exist is NotFound: never an empty answer, never a new row."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from atb_db import Database
from atb_db.embedded import Server
from atb_db.errors import NotFound
from atb_db.repository import statements
from atb_db.statement import Declared
from tests.each import each
from tests.invariants.running import run
from tests.statements.books import contents
from tests.statements.examples import World, example
from tests.statements.worlds import MakeDatabase

UNKNOWN = 10**12

CASES = [
    (declaration, parameter.name)
    for declaration in statements()
    for parameter in declaration.parameters
    # The page behind a row can be asked for when the row itself is gone.
    if parameter.type is int and parameter.name.endswith("_id") and parameter.name != "before_id"
]


def test_among_other_rows(world_db: Database, world_url: str, world: World) -> None:
    def holds(case: tuple[Declared[object], str]) -> None:
        declaration, parameter = case
        statement = declaration.value({**example(declaration, world).args, parameter: UNKNOWN})
        with pytest.raises(NotFound) as caught:
            run(world_db, statement)
        assert (caught.value.statement, caught.value.field) == (declaration.name, parameter)
        # The server said so: in a run_many, everything before it is rolled back.
        assert caught.value.sqlstate is not None

    before = contents(world_url)
    each(CASES, holds)
    assert contents(world_url) == before


@pytest.fixture(scope="module")
def empty_url(server: Server) -> str:
    """A database without rows whose planner knows it, and so looks into no index."""
    url = server.create_database("vacuumed", template="atb_template")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")
    return url


def test_in_empty_tables(empty_url: str, world: World) -> None:
    def holds(case: tuple[Declared[object], str]) -> None:
        declaration, parameter = case
        statement = example(declaration, world)
        if parameter not in statement.given:  # it stands in the place of another id
            statement = declaration.value({**statement.args, parameter: UNKNOWN})
        with pytest.raises(NotFound) as caught:
            run(db, statement)
        assert caught.value.statement == declaration.name
        assert parameter in example(declaration, world).args

    with Database(f"{empty_url}?options=-c%20plan_cache_mode%3Dforce_generic_plan") as db:
        each(CASES, holds)
    assert not any(contents(empty_url).values())


def test_among_rows_that_a_plan_may_never_look_at(scanned_db: Database, world: World) -> None:
    def holds(case: tuple[Declared[object], str]) -> None:
        declaration, parameter = case
        statement = declaration.value({**example(declaration, world).args, parameter: UNKNOWN})
        with pytest.raises(NotFound) as caught:
            run(scanned_db, statement)
        assert caught.value.field == parameter

    each(CASES, holds)


@pytest.fixture(scope="module")
def scanned_db(make_world: MakeDatabase) -> Iterator[Database]:
    """A world without open positions and pending orders, read without indexes."""
    url = make_world()
    with psycopg.connect(url) as connection:
        connection.execute(
            "UPDATE positions SET status = 'CLOSED', exited_quantity = quantity, current_quantity = 0,"
            " exit_notional = entry_notional, cost_basis = 0, realized_pnl = 0, pnl_correction = 0,"
            " exit_time = entry_time, exit_reason = 'test' WHERE status = 'OPEN'"
        )
        connection.execute("UPDATE orders SET status = 'CANCELLED' WHERE status = 'OPEN'")
    with Database(
        f"{url}?options=-c%20enable_indexscan%3Doff%20-c%20enable_bitmapscan%3Doff%20-c%20plan_cache_mode%3Dforce_generic_plan"
    ) as database:
        yield database
