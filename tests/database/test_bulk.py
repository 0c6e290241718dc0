"""Bulk loads of many rows at once: mappings, NamedTuples and columns."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import NamedTuple, cast
from uuid import UUID

import numpy as np
import psycopg
import pytest

from atb_db import AsyncDatabase, Database
from atb_db.arrays import Table
from atb_db.bulk import AnyRow, NewIds
from atb_db.database.bulk import BulkLoad
from atb_db.errors import IdempotencyConflict, InvalidInput, NotFound, SessionClosed
from atb_db.repository import account, events, sessions
from atb_db.values import new_request_id

START = datetime(2024, 3, 1, tzinfo=UTC)
UNKNOWN = 10**9


class Snapshot(NamedTuple):
    """A row of a bot's own."""

    timestamp: datetime
    balance: Decimal
    equity: float


def snapshots(count: int) -> list[Snapshot]:
    """Rows with as many digits as they can have."""
    return [Snapshot(START + timedelta(minutes=n, microseconds=n), Decimal(n) / 3, n / 7) for n in range(count)]


def dicts(count: int) -> list[dict[str, object]]:
    return [row._asdict() for row in snapshots(count)]


Stored = Callable[[], list[tuple[datetime, Decimal, Decimal]]]


@pytest.fixture
def stored(url: str, session_id: int) -> Stored:
    """What the session's snapshots are, oldest first."""

    def read() -> list[tuple[datetime, Decimal, Decimal]]:
        with psycopg.connect(url) as connection:
            return connection.execute(
                "SELECT timestamp, balance, equity FROM account_history WHERE session_id = %s ORDER BY timestamp",
                [session_id],
            ).fetchall()

    return read


def exact(count: int) -> list[tuple[datetime, Decimal, Decimal]]:
    return [(row.timestamp, row.balance, Decimal(str(row.equity))) for row in snapshots(count)]


def test_rows_are_stored_exactly(db: Database, session_id: int, stored: Stored) -> None:
    load = account.copy_account_snapshots.rows
    assert db.copy_in(load(snapshots(2500), session_id=session_id)) == 2500
    assert stored() == exact(2500)
    assert db.copy_in(load([], session_id=session_id)) == 0
    with db.transaction() as tx:
        later = [row._replace(timestamp=row.timestamp + timedelta(days=9)) for row in snapshots(2)]
        assert tx.copy_in(load(iter([row._asdict() for row in later]), session_id=session_id)) == 2
    assert len(stored()) == 2502


def test_rows_from_async_code(url: str, session_id: int, stored: Stored) -> None:
    async def load() -> int:
        async with AsyncDatabase(url) as db:
            return await db.copy_in(account.copy_account_snapshots.rows(dicts(700), session_id=session_id))

    assert asyncio.run(load()) == 700
    assert stored() == exact(700)


def of_lists() -> dict[str, object]:
    return {name: [row[name] for row in dicts(300)] for name in Snapshot._fields}


def of_numpy() -> dict[str, object]:
    return of_lists() | {"equity": np.array([row.equity for row in snapshots(300)])}


@pytest.mark.parametrize("make", [of_lists, of_numpy])
def test_columns_are_stored_exactly(
    db: Database, session_id: int, stored: Stored, make: Callable[[], Mapping[str, object] | Table]
) -> None:
    assert db.copy_in(account.copy_account_snapshots.columns(make(), session_id=session_id)) == 300
    assert stored() == exact(300)


@pytest.mark.parametrize(
    ("column", "texts"),
    [
        (np.array([0.1, 1e-7, 100.0]), ["0.1", "1E-7", "100.0"]),
        (np.array([0.1, 2.5], dtype="float32"), ["0.1", "2.5"]),
        (np.array([3, -4], dtype="int32"), ["3", "-4"]),
        (range(2), ["0", "1"]),
    ],
    ids=str,
)
def test_numbers_are_exact_whatever_holds_them(column: object, texts: list[str]) -> None:
    load = BulkLoad.of(
        account.copy_account_snapshots.columns({"equity": column}, session_id=1, balance=1, timestamp=START)
    )
    assert load is not None
    found = [line.split("\t")[3] for line in b"".join(load.blocks()).decode().splitlines()]
    assert found == texts


def test_the_same_rows_are_the_same_records(db: Database, session_id: int, stored: Stored) -> None:
    unnamed = account.copy_account_snapshots.rows(snapshots(1500), session_id=session_id)
    named = [row | {"request_id": new_request_id()} for row in dicts(3)]
    assert db.copy_in(unnamed) == 1500
    assert db.copy_in(account.copy_account_snapshots.rows(named, session_id=session_id)) == 3
    for again in (unnamed, account.copy_account_snapshots.rows(named[1:], session_id=session_id)):
        with pytest.raises(IdempotencyConflict) as caught:
            db.copy_in(again)
        assert caught.value.row is not None
    assert len(stored()) == 1503
    # As a single command it is the same request.
    db.run(account.log_account_snapshot(session_id=session_id, **named[0]))  # type: ignore[arg-type]  # of a dict
    with pytest.raises(IdempotencyConflict):
        db.run(account.log_account_snapshot(session_id=session_id, **(named[0] | {"balance": 7})))  # type: ignore[arg-type]
    assert len(stored()) == 1503


def test_new_ids_do_not_depend_on_blocks() -> None:
    ids = NewIds()
    every = ids.of(1, 3000)
    assert [*ids.of(1, 10), *ids.of(11, 2000), *ids.of(2011, 990)] == every
    assert ids.one(1500) == every[1499]
    assert len(set(every)) == 3000
    assert sorted(every) == every
    assert {(UUID(one).version, UUID(one).variant) for one in every} == {(7, "specified in RFC 4122")}
    assert not set(NewIds().of(1, 3000)) & set(every)
    # The group's number has twelve bits; then comes the next millisecond.
    assert ids.one(4096 * ids.AT_ONCE - 1) < ids.one(4096 * ids.AT_ONCE)


@pytest.mark.parametrize("at", [0, 150, 2400])
def test_a_bad_row_is_named_and_nothing_is_stored(db: Database, session_id: int, stored: Stored, at: int) -> None:
    for name, value, words in (
        ("equity", float("nan"), "must be a finite number"),
        ("balance", None, "must be a number, not None"),
        ("timestamp", datetime(2024, 1, 1), "has no time zone"),  # noqa: DTZ001
        ("balance", Decimal("1e40"), "amount"),  # the server's refusal
    ):
        rows = dicts(2500)
        rows[at][name] = value
        with pytest.raises(InvalidInput, match=words) as caught:
            db.copy_in(account.copy_account_snapshots.rows(rows, session_id=session_id))
        assert (caught.value.row, caught.value.field) == (at + 1, name)
        assert f"row {at + 1}: {name}: " in str(caught.value)
    assert stored() == []


def test_the_first_bad_row_is_named() -> None:
    columns = {"timestamp": [START] * 3, "balance": [1, 2, "x"], "equity": [1, "y", "z"]}
    load = BulkLoad.of(account.copy_account_snapshots.columns(columns, session_id=1))
    assert load is not None
    with pytest.raises(InvalidInput) as caught:
        list(load.blocks())
    assert (caught.value.row, caught.value.field) == (2, "equity")


def test_sessions_that_do_not_exist_or_have_ended(db: Database, session_id: int, stored: Stored) -> None:
    rows = [row | {"session_id": session_id} for row in dicts(300)]
    with pytest.raises(NotFound):
        db.copy_in(account.copy_account_snapshots.rows([*rows, rows[0] | {"session_id": UNKNOWN}]))
    db.run(sessions.end_trading_session(session_id=session_id))
    with pytest.raises(SessionClosed, match="is closed since") as caught:
        db.copy_in(account.copy_account_snapshots.rows(rows))
    assert caught.value.row is None  # all rows are asked about at once
    assert stored() == []


def test_rows_that_fail_to_come(db: Database, session_id: int, stored: Stored) -> None:
    def rows() -> Iterator[Snapshot]:
        yield from snapshots(700)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        db.copy_in(account.copy_account_snapshots.rows(rows(), session_id=session_id))
    assert stored() == []


def test_rows_need_not_have_the_same_fields(db: Database, session_id: int, stored: Stored) -> None:
    rows: list[AnyRow] = [
        *dicts(2),
        *snapshots(3)[2:],
        {"equity": 3 / 7, "timestamp": exact(4)[3][0], "balance": Decimal(1)},
    ]
    assert db.copy_in(account.copy_account_snapshots.rows(rows, session_id=session_id)) == 4
    assert stored()[:3] == exact(3)


def test_large_documents_come_in_small_blocks() -> None:
    rows = [{"details": {"x": "y" * 500_000}, "message": "m", "timestamp": START, "event_type": "TEST"}] * 300
    load = BulkLoad.of(events.copy_events.rows(rows))
    assert load is not None
    sizes = list(map(len, load.blocks()))
    assert max(sizes[1:]) < 2_000_000


def _calls() -> Iterator[tuple[Callable[[], object], str]]:
    copy = account.copy_account_snapshots
    row = dicts(1)[0]
    yield lambda: copy.columns({"equity": [1]}), "is missing its argument 'session_id'"
    yield lambda: copy.columns({"equity": [1], "color": [2]}), "has no parameter 'color'"
    yield lambda: copy.columns({"equity": 1}), "is no column"
    yield lambda: copy.columns(cast("Table", 7)), "a mapping or a table"
    yield lambda: copy.rows([row], session_id=1, request_id=new_request_id()), "a request_id of its own"
    yield lambda: copy.rows([row], color=1), "has no parameter 'color'"
    yield lambda: _loaded([row]), "row 1 is missing its argument 'session_id'"
    yield lambda: _loaded([row | {"session_id": 1}, row]), "row 2 is missing its argument 'session_id'"
    yield lambda: _loaded([cast("Snapshot", (1, 2))]), r"row 1 of a bulk load is no mapping and no NamedTuple"


def _loaded(rows: list[dict[str, object]] | list[Snapshot]) -> list[bytes]:
    load = BulkLoad.of(account.copy_account_snapshots.rows(rows))
    assert load is not None
    return list(load.blocks())


def test_what_are_no_rows_is_refused() -> None:
    for call, words in _calls():
        with pytest.raises(TypeError, match=words):
            call()
    with pytest.raises(InvalidInput, match="has 1 values, and balance has 2") as caught:
        account.copy_account_snapshots.columns({"equity": [1], "balance": [1, 2]}, session_id=1, timestamp=START)
    assert caught.value.field == "equity"
