"""What an engine reads when a later version has added a label to an enum: text where it may, else an error by name."""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from typing import Protocol, TypeVar

import psycopg
import pytest

from atb_db.admin.schema.statements import describe
from atb_db.errors import SchemaMismatch
from atb_db.repository import account, events, positions, statements
from atb_db.statement import Statement
from atb_db.types import EventType, LedgerEntryType
from tests.faults.client import Client, clients
from tests.statements.examples import World

R = TypeVar("R")


class Read(Protocol):
    def __call__(self, client: Client, statement: Statement[list[R]]) -> list[R]: ...


def run(client: Client, statement: Statement[list[R]]) -> list[R]:
    return client.run(statement)


def run_many(client: Client, statement: Statement[list[R]]) -> list[R]:
    return client.run_many([statement])[0]


def stream(client: Client, statement: Statement[list[R]]) -> list[R]:
    return client.stream(statement)


READS: dict[str, Read] = {"run": run, "run_many": run_many, "stream": stream}
each_read = pytest.mark.parametrize("read", READS.values(), ids=READS)


@pytest.fixture
def newer_url(fresh_world_url: str, world: World) -> str:
    """The world of a later version, with labels that this one does not have."""
    with psycopg.connect(fresh_world_url, autocommit=True) as owner:
        owner.execute("ALTER TYPE event_type ADD VALUE 'LIQUIDATION' BEFORE 'ERROR'")
        owner.execute("ALTER TYPE ledger_entry_type ADD VALUE 'STAKING'")
        owner.execute("ALTER TYPE position_side ADD VALUE 'SIDEWAYS'")
        owner.execute("UPDATE system_events SET event_type = 'LIQUIDATION' WHERE event_type = 'ERROR'")
        owner.execute("SET session_replication_role = replica")
        owner.execute("UPDATE account_balances SET entry_type = 'STAKING' WHERE entry_type = 'TRADE'")
        owner.execute("UPDATE positions SET side = 'SIDEWAYS' WHERE id = %s", [world.other_position_id])
        owner.execute("UPDATE orders SET side = 'SIDEWAYS' WHERE position_id = %s", [world.other_position_id])
    return fresh_world_url


@pytest.fixture(params=[False, True], ids=["sync", "async"])
def client(request: pytest.FixtureRequest, newer_url: str) -> Iterator[Client]:
    with clients(is_async=request.param) as make:
        yield make(newer_url, pool_max=1)


@each_read
def test_what_only_says_what_happened_is_read_on(client: Client, world: World, read: Read) -> None:
    recent = events.get_recent_events(session_id=world.session_id)
    ledger = account.get_balance_history(session_id=world.session_id)
    for _ in range(2):  # by a cursor, then by name
        types = [event.event_type for event in read(client, recent)]
        assert "LIQUIDATION" in types
        assert EventType.ENGINE_START in types
        assert {type(one) for one in types} == {str, EventType}
        entries = [entry.entry_type for entry in read(client, ledger)]
        assert "STAKING" in entries
        assert LedgerEntryType.INITIAL in entries


@each_read
def test_what_decides_is_an_error_that_names_it(client: Client, world: World, read: Read) -> None:
    ask = positions.get_active_positions(session_id=world.session_id)
    for _ in range(3):
        with pytest.raises(SchemaMismatch, match="SIDEWAYS") as caught:
            read(client, ask)
        assert (caught.value.statement, caught.value.field) == ("positions.get_active_positions", "side")
        assert "PositionSide" in str(caught.value)
    assert client.run(account.get_current_balance(session_id=world.session_id))
    assert not client.events


def test_a_label_of_a_joined_row_is_named_too(client: Client, newer_url: str, world: World) -> None:
    with psycopg.connect(newer_url) as owner:
        owner.execute("SET session_replication_role = replica")
        owner.execute("UPDATE positions SET side = 'LONG' WHERE id = %s", [world.other_position_id])
    ask = positions.get_active_positions(session_id=world.session_id)
    for _ in range(3):
        with pytest.raises(SchemaMismatch, match="SIDEWAYS") as caught:
            client.run(ask)
        assert caught.value.field == "orders.side"


def test_statements_of_open_vocabularies_still_fit_the_newer_schema(newer_url: str) -> None:
    declared = {one.name: one for one in statements()}
    with psycopg.connect(newer_url) as connection:
        assert describe(connection, declared["events.log_event"]) == []
        assert describe(connection, declared["events.get_recent_events"]) == []
        assert [found.subject for found in describe(connection, declared["positions.get_active_positions"])] == [
            "side",
            "orders.side",
        ]


def test_an_open_vocabulary_is_open_everywhere() -> None:
    found: dict[type[Enum], set[bool]] = {}
    for declared in statements():
        for column in declared.reader.columns:
            if isinstance(column.type, type) and issubclass(column.type, Enum):
                found.setdefault(column.type, set()).add(column.is_open)
    assert {kind for kind, opened in found.items() if True in opened} == {EventType, LedgerEntryType}
    assert all(len(opened) == 1 for opened in found.values())
