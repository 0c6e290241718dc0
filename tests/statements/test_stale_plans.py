"""What a connection has prepared goes out of date under a running engine, whose calls are answered all the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest

from atb_db import Database, Journal, Settings
from atb_db.errors import AtbDbError, SchemaMismatch, TransactionAborted, Unavailable
from atb_db.journal import Queued
from atb_db.repository import account, events, orders, positions
from atb_db.repository.dashboard import dashboard
from atb_db.statement import Statement
from tests.faults.client import Client, clients
from tests.statements.examples import World

Spoil = Callable[[Client, str], None]
Fills = Statement[list[orders.OrderFill]]


def migrate(url: str, *sql: str) -> None:
    """Somebody else changes the schema."""
    with psycopg.connect(url) as owner:
        for one in sql:
            owner.execute(one.encode())


def widened(_client: Client, url: str) -> None:
    migrate(url, "ALTER TABLE order_fills ALTER fee_currency TYPE text")


def make_severity_again(url: str, *, drop: bool) -> None:
    migrate(
        url,
        "DROP SCHEMA reporting CASCADE",
        "ALTER TYPE severity RENAME TO severity_old",
        "CREATE TYPE severity AS ENUM ('INFO', 'WARNING', 'ERROR', 'CRITICAL')",
        "ALTER TABLE system_events ALTER severity TYPE severity USING severity::text::severity",
        *(["DROP TYPE severity_old CASCADE"] if drop else []),
    )


def reset(sql: str) -> Spoil:
    """A pooler resets the connections between two of its clients."""

    def spoil(client: Client, _url: str) -> None:
        assert client.behind_its_back(sql) == 2

    return spoil


SPOILS: dict[str, Spoil] = {
    "a widened column": widened,
    "DISCARD ALL": reset("DISCARD ALL"),
    "DEALLOCATE ALL": reset("DEALLOCATE ALL"),
}
each_spoil = pytest.mark.parametrize("spoil", SPOILS.values(), ids=SPOILS)


@pytest.fixture(params=[False, True], ids=["sync", "async"])
def client(request: pytest.FixtureRequest, fresh_world_url: str) -> Iterator[Client]:
    """An engine with two connections."""
    with clients(is_async=request.param) as make:
        yield make(fresh_world_url, pool_min=2)


@pytest.fixture
def fills(world: World) -> Fills:
    return orders.get_fills(order_id=world.order_id + 1)


def note(world: World) -> Statement[int]:
    return events.log_event(session_id=world.session_id, event_type="TEST", message="stale")


def warm(client: Client, *statements: Statement[object]) -> None:
    """Run the statements until both connections have prepared them."""
    client.run(statements[0])
    while client.statistics().idle < 2:
        pass
    for _ in range(4):
        for statement in statements:
            client.run(statement)
            client.run_many([statement])


@each_spoil
def test_a_call_is_answered(client: Client, fresh_world_url: str, fills: Fills, spoil: Spoil) -> None:
    warm(client, fills)
    expected = client.run(fills)
    assert expected
    spoil(client, fresh_world_url)
    for _ in range(5):
        assert client.run(fills) == expected
    assert client.events
    assert {event.error.sqlstate for event in client.events} <= {"0A000", "26000"}
    assert all(isinstance(event.error, Unavailable) for event in client.events)
    assert {event.statement for event in client.events} == {"orders.get_fills"}


@each_spoil
def test_calls_in_one_round_trip_are_answered(client: Client, fresh_world_url: str, fills: Fills, spoil: Spoil) -> None:
    warm(client, fills)
    expected = client.run(fills)
    spoil(client, fresh_world_url)
    assert client.run_many([fills, fills]) == [expected, expected]
    assert client.events


@each_spoil
def test_a_transaction_function_is_run_again(
    client: Client, fresh_world_url: str, world: World, fills: Fills, spoil: Spoil
) -> None:
    written = note(world)
    warm(client, fills, written)
    expected = client.run(fills)
    spoil(client, fresh_world_url)
    another = note(world)
    id_, found = client.retrying(lambda: [another, fills])
    assert found == expected
    assert client.events
    assert client.run(another) == id_


@each_spoil
def test_a_block_is_undone_and_may_be_repeated(
    client: Client, fresh_world_url: str, world: World, fills: Fills, spoil: Spoil
) -> None:
    balance = account.get_current_balance(session_id=world.session_id)
    before = client.run(balance)
    warm(client, fills)
    spoil(client, fresh_world_url)
    adjust = account.adjust_balance(session_id=world.session_id, delta=1, reason="fee")
    with pytest.raises(Unavailable) as caught:
        client.transaction(lambda: [adjust, fills])
    assert caught.value.retryable
    assert caught.value.statement == "orders.get_fills"
    assert client.run(balance) == before


@each_spoil
def test_the_rest_of_a_connection_needs_nothing_prepared(
    client: Client, fresh_world_url: str, fills: Fills, spoil: Spoil
) -> None:
    """What is not tried again must not fail."""
    for _ in range(2):
        warm(client, fills)
        assert client.stream(fills) == client.run(fills)
        assert client.ping() > 0
        spoil(client, fresh_world_url)
        client.events.clear()
        assert client.ping() > 0
        assert client.stream(fills)
        assert not client.events


@pytest.mark.parametrize("spoil", [reset("DISCARD ALL"), reset("DEALLOCATE ALL")], ids=["DISCARD", "DEALLOCATE"])
def test_a_journal_sets_nothing_aside(fresh_world_url: str, world: World, tmp_path: Path, spoil: Spoil) -> None:
    with clients(is_async=False) as make:
        client = make(fresh_world_url, pool_min=2)
        warm(client, note(world))
        with Journal(tmp_path / "journal", client.database) as journal:
            spoil(client, fresh_world_url)
            answer = journal.record(note(world))
            assert not isinstance(answer, Queued)
            assert journal.status()[2:4] == (0, 0)


@pytest.mark.parametrize("old", ["kept", "dropped"])
def test_a_type_of_a_parameter_is_made_again(client: Client, fresh_world_url: str, world: World, old: str) -> None:
    """As the rollback of a new label does: what was prepared expects the old type."""
    warm(client, note(world))
    make_severity_again(fresh_world_url, drop=old == "dropped")
    assert client.run_many([note(world)])
    assert client.run(note(world))
    assert client.events
    assert {event.error.sqlstate for event in client.events} <= {"42804", "42704", "XX000"}


def test_a_journal_goes_on_after_a_migration(fresh_world_url: str, world: World, tmp_path: Path) -> None:
    with clients(is_async=False) as make:
        client = make(fresh_world_url, pool_min=2)
        warm(client, note(world))
        with Journal(tmp_path / "journal", client.database) as journal:
            make_severity_again(fresh_world_url, drop=True)
            assert not isinstance(journal.record(note(world)), Queued)
            assert journal.status()[2:4] == (0, 0)


def test_a_schema_that_does_not_fit_is_said_after_one_more_attempt(
    client: Client, fresh_world_url: str, fills: Fills
) -> None:
    warm(client, fills)
    migrate(fresh_world_url, "ALTER TABLE order_fills RENAME commission TO charge")
    with pytest.raises(SchemaMismatch, match="commission"):
        client.run(fills)
    assert 1 <= len(client.events) <= 2
    client.events.clear()
    with pytest.raises(SchemaMismatch, match="commission"):
        client.run(fills)
    assert len(client.events) <= 1


def test_a_name_that_is_taken(client: Client, world: World, fills: Fills) -> None:
    """Behind a pooler that was not named two clients may prepare under one name."""
    warm(client, fills)
    taken = "; ".join(f"PREPARE _pg3_{number} AS SELECT 1" for number in range(50))
    client.behind_its_back(f"DEALLOCATE ALL; {taken}")
    assert client.run(note(world))
    assert [event.error.sqlstate for event in client.events] == ["42P05"]
    assert "DATABASE_PGBOUNCER=1" in str(client.events[0].error)


def test_a_lost_connection_whose_error_is_swallowed_is_no_commit(fresh_world_url: str, world: World) -> None:
    settings = Settings.load(fresh_world_url, environ={})._replace(pool_max=1)
    with Database(settings) as db:
        db.run(note(world))
        fills = orders.get_fills(order_id=world.order_id)
        db.run(fills)
        with db._pool.connection() as pooled:
            pooled.pgconn.exec_(b"DEALLOCATE ALL")
        with pytest.raises(TransactionAborted), db.transaction() as tx, suppress(AtbDbError):
            tx.run(fills)
        assert db.run(positions.get_active_positions(session_id=world.session_id))


@pytest.mark.parametrize("sql", ["DISCARD ALL", "DEALLOCATE ALL"])
def test_a_batch_is_answered(client: Client, world: World, sql: str) -> None:
    """Its BEGIN and COMMIT are prepared, too."""
    batch = dashboard(session_id=world.session_id)
    expected = [client.run_batch(batch) for _ in range(4)][-1]
    assert client.behind_its_back(sql)
    assert client.run_batch(batch) == expected
    assert client.events
