"""A batch: one value of several queries, in one snapshot; and the dashboard, which is one."""

# mypy: disable-error-code="empty-body"

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, get_type_hints

import pytest

from atb_db import AsyncDatabase, Batch, Database, Settings
from atb_db.errors import NotFound, StatementError
from atb_db.repository import account, metrics, reports
from atb_db.repository.dashboard import Dashboard, dashboard
from atb_db.statement import Declaration, Kind, Statement
from tests.statements.conforms import differences
from tests.statements.examples import World, at


class Pair(NamedTuple):
    first: str
    second: object


Query = Callable[[str], Statement[str]]


@pytest.fixture
def ask(tmp_path: Path) -> Query:
    """A query with this SQL."""

    def answer() -> str: ...

    def make(sql: str) -> Statement[str]:
        path = tmp_path / "query.sql"
        path.write_text(sql)
        return Declaration(answer, Kind.QUERY, path)()

    return make


def test_every_part_of_the_dashboard_is_of_its_field_s_type() -> None:
    parts = dashboard(session_id=1).parts
    assert tuple(parts) == Dashboard._fields
    for name, hint in get_type_hints(Dashboard).items():
        declaration = parts[name].declaration
        assert isinstance(declaration, Declaration)
        assert get_type_hints(inspect.unwrap(declaration))["return"] == hint, name


def test_the_dashboard_is_what_its_queries_answer(world_db: Database, world: World) -> None:
    for session_id in (world.session_id, world.other_session_id, world.empty_session_id):
        batch = dashboard(session_id=session_id, now=at(30))
        found = world_db.run_batch(batch)
        for statement, part in zip(batch.statements, found, strict=True):
            assert differences(statement, part) == []
            assert part == world_db.run(statement), statement
    assert world_db.run_batch(dashboard(session_id=world.empty_session_id)).current_drawdown is not None


def test_the_dashboard_is_the_same_asynchronously_and_inside_a_transaction(
    world_db: Database, world_url: str, world: World
) -> None:
    batch = dashboard(session_id=world.session_id, now=at(30))

    async def run() -> Dashboard:
        async with AsyncDatabase(world_url) as database, database.transaction() as transaction:
            found = await database.run_batch(batch)
            assert await transaction.run_batch(batch) == found
            return found

    with world_db.transaction() as transaction:
        assert transaction.run_batch(batch) == world_db.run_batch(batch) == asyncio.run(run())


def test_its_parts_see_one_snapshot_and_may_not_write(world_db: Database, ask: Query) -> None:
    isolation = "SELECT current_setting('transaction_isolation') || current_setting('transaction_read_only')"
    assert world_db.run_batch(Batch(Pair, first=ask(isolation), second=ask("SELECT 'x'"))) == ("repeatable readon", "x")
    assert world_db.run(ask(isolation)) == "read committedoff"


def test_the_first_part_that_fails_is_named_and_the_connection_goes_on(
    fresh_world_url: str, world: World, ask: Query
) -> None:
    backend = ask("SELECT pg_backend_pid()::text")
    unknown = account.get_current_balance(session_id=10**12)
    with Database(Settings.load(fresh_world_url, environ={})._replace(pool_max=1)) as database:
        before = database.run(backend)
        for _ in range(3):
            with pytest.raises(NotFound) as caught:
                database.run_batch(Batch(Pair, first=backend, second=unknown))
            assert (caught.value.statement, caught.value.field) == ("account.get_current_balance", "session_id")
        assert database.run(account.get_current_balance(session_id=world.session_id))
        assert database.run(backend) == before


def test_what_is_no_batch_is_refused(world: World, ask: Query) -> None:
    with pytest.raises(TypeError, match="have the names of the fields of Pair"):
        Batch(Pair, second=ask("SELECT 'x'"), first=ask("SELECT 'x'"))
    with pytest.raises(StatementError, match="only reads"):
        Batch(
            Pair,
            first=ask("SELECT 'x'"),
            second=metrics.rebuild_performance_metrics(session_id=world.session_id),
        )
    assert "reports.get_table_sizes()" in repr(Batch(Pair, first=ask("SELECT 'x'"), second=reports.get_table_sizes()))
