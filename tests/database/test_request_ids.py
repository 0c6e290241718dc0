"""An error names the request that failed, wherever its statement was run: by it the caller looks up what is stored."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from uuid import UUID

import pytest

from atb_db import AsyncDatabase, Database, Settings
from atb_db.database import AsyncTransaction, RetryEvent, Transaction
from atb_db.errors import AtbDbError, IdempotencyConflict, InvalidInput, NotFound, SerializationRetry
from atb_db.repository import account
from atb_db.statement import Declaration, Kind, Statement
from atb_db.types import NEW
from atb_db.values import new_request_id
from tests.database.conftest import note

Statements = list[Statement[object]]


def unheard(*, session_id: int, request_id: UUID = NEW) -> int: ...  # type: ignore[empty-body]


def transaction(db: Database, statements: Statements) -> None:
    with db.transaction() as tx:
        each(tx, statements)


def savepoint(db: Database, statements: Statements) -> None:
    with db.transaction() as tx, tx.transaction() as inner:
        each(inner, statements)


def pipeline(db: Database, statements: Statements) -> None:
    with db.transaction() as tx:
        tx.run_many(statements)


def each(tx: Transaction, statements: Statements) -> None:
    for statement in statements:
        tx.run(statement)


WAYS: dict[str, Callable[[Database, Statements], object]] = {
    "run": lambda db, statements: [db.run(statement) for statement in statements],
    "run_many": lambda db, statements: db.run_many(statements),
    "transaction": transaction,
    "savepoint": savepoint,
    "pipeline": pipeline,
    "retrying": lambda db, statements: db.retrying(lambda tx: each(tx, statements)),
    "retried pipeline": lambda db, statements: db.retrying(lambda tx: tx.run_many(statements)),
}


async def async_run(db: AsyncDatabase, statements: Statements) -> None:
    for statement in statements:
        await db.run(statement)


async def async_transaction(db: AsyncDatabase, statements: Statements) -> None:
    async with db.transaction() as tx:
        await async_each(tx, statements)


async def async_savepoint(db: AsyncDatabase, statements: Statements) -> None:
    async with db.transaction() as tx, tx.transaction() as inner:
        await async_each(inner, statements)


async def async_pipeline(db: AsyncDatabase, statements: Statements) -> None:
    async with db.transaction() as tx:
        await tx.run_many(statements)


async def async_each(tx: AsyncTransaction, statements: Statements) -> None:
    for statement in statements:
        await tx.run(statement)


ASYNC_WAYS: dict[str, Callable[[AsyncDatabase, Statements], Awaitable[object]]] = {
    "run": async_run,
    "run_many": lambda db, statements: db.run_many(statements),
    "transaction": async_transaction,
    "savepoint": async_savepoint,
    "pipeline": async_pipeline,
    "retrying": lambda db, statements: db.retrying(lambda tx: async_each(tx, statements)),
    "retried pipeline": lambda db, statements: db.retrying(lambda tx: tx.run_many(statements)),
}

FAILING = {
    "a refused value": InvalidInput,
    "a reused request": IdempotencyConflict,
    "no answer": IdempotencyConflict,
    "a read of nothing": NotFound,
}


@pytest.fixture(params=FAILING)
def failing(
    request: pytest.FixtureRequest, db: Database, session_id: int, tmp_path: Path
) -> tuple[Statement[object], type[AtbDbError]]:
    """A statement that fails, by what the server says or by its answer; and with what."""
    found: Statement[object]
    match request.param:
        case "a refused value":
            found = account.adjust_balance(session_id=session_id, delta="1e40", reason="test")
        case "a reused request":
            used = new_request_id()
            db.run(account.adjust_balance(session_id=session_id, delta=1, reason="test", request_id=used))
            found = account.adjust_balance(session_id=session_id, delta=2, reason="test", request_id=used)
        case "no answer":
            path = tmp_path / "unheard.sql"
            path.write_text("SELECT :session_id::bigint WHERE num_nulls(:request_id::uuid, :request_hash::bigint) > 0")
            found = Declaration(unheard, Kind.COMMAND, path)(session_id=session_id)
        case _:
            found = account.get_current_balance(session_id=10**12)
    assert (found.request_id is None) == (request.param == "a read of nothing")
    return found, FAILING[request.param]


@pytest.mark.parametrize("way", WAYS)
def test_an_error_has_the_id_of_its_request(
    db: Database, session_id: int, failing: tuple[Statement[object], type[AtbDbError]], way: str
) -> None:
    culprit, error = failing
    with pytest.raises(error) as caught:
        WAYS[way](db, [note(session_id, "before"), culprit, note(session_id, "after")])
    assert (caught.value.statement, caught.value.request_id) == (culprit.name, culprit.request_id)


@pytest.mark.parametrize("way", ASYNC_WAYS)
def test_so_it_has_for_tasks(
    url: str, session_id: int, failing: tuple[Statement[object], type[AtbDbError]], way: str
) -> None:
    culprit, error = failing

    async def work() -> None:
        async with AsyncDatabase(Settings.load(url, environ={})) as db:
            await ASYNC_WAYS[way](db, [note(session_id, "before"), culprit, note(session_id, "after")])

    with pytest.raises(error) as caught:
        asyncio.run(work())
    assert (caught.value.statement, caught.value.request_id) == (culprit.name, culprit.request_id)


def test_an_attempt_of_a_transaction_is_of_no_single_request(url: str, session_id: int) -> None:
    events: list[RetryEvent] = []
    request_id = new_request_id()

    def collide(tx: Transaction) -> None:
        tx.run(note(session_id, "undone"))
        if not events:
            raise SerializationRetry(request_id=request_id)

    with Database(url, on_retry=events.append) as db:
        db.retrying(collide)
    (event,) = events
    assert (event.statement, event.request_id, event.error.request_id) == (None, None, request_id)
