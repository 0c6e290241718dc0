"""A statement that its connection has prepared is run by its name, and answers what a cursor answers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from decimal import Decimal
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from psycopg import RawCursor
from psycopg.adapt import Loader

from atb_db import Database, Settings
from atb_db.errors import AtbDbError, Conflict, InvalidInput, SchemaMismatch
from atb_db.given_rows import RowsText
from atb_db.repository import account, orders, positions, statements
from atb_db.statement import Declaration, Declared, Kind
from tests.each import each
from tests.statements.examples import World, example, order

OF_THE_MOMENT = {"reports.get_table_sizes", "server.get_server_state"}
DECLARED = {declaration.name: declaration for declaration in statements()}
QUERIES = [declaration for declaration in statements() if declaration.kind is Kind.QUERY]


@pytest.fixture(scope="module")
def reader(world_url: str) -> Iterator[Database]:
    """The world on a single connection."""
    with Database(Settings.load(world_url, environ={})._replace(pool_max=1)) as database:
        yield database


@pytest.fixture
def writer(fresh_world_url: str) -> Iterator[Database]:
    """A world of the test's own on a single connection."""
    with Database(Settings.load(fresh_world_url, environ={})._replace(pool_max=1)) as database:
        yield database


def is_known(database: Database, declaration: Declared[object]) -> bool:
    with database._pool.connection() as connection:
        return declaration.key in connection.prepared._names


def test_it_answers_what_a_cursor_answers(reader: Database, world: World) -> None:
    def holds(query: Declared[object]) -> None:
        statement = example(query, world)
        first, second = reader.run(statement), reader.run(statement)
        with reader._pool.connection() as connection:
            cursor = RawCursor(connection, row_factory=query.reader.row_factory)
            cursor.execute(query.sql, statement.server_values())
            from_cursor = query.read(cursor.fetchall())
        assert is_known(reader, query)
        if query.name not in OF_THE_MOMENT:
            assert first == second == from_cursor

    each(QUERIES, holds)


def test_rows_joined_to_one_are_read_to_the_last(writer: Database, fresh_world_url: str, world: World) -> None:
    """Of the second and later ones, what they share with the first is not loaded again."""
    for number in range(3):
        writer.run(order(world.session_id, f"joined {number}", world.position_id))
    with psycopg.connect(fresh_world_url) as owner:  # a position that nothing is joined to
        owner.execute("SET session_replication_role = replica")
        owner.execute("UPDATE orders SET position_id = NULL WHERE position_id = %s", [world.other_position_id])
    query = positions.get_active_positions(session_id=world.session_id)
    first, prepared = writer.run(query), writer.run(query)
    assert is_known(writer, query.declaration)
    assert prepared == first
    found = {position.id: position.orders for position in prepared}
    assert found == {number: tuple(writer.run(orders.get_orders_for_position(position_id=number))) for number in found}
    assert (len(found[world.position_id]), found[world.other_position_id]) == (6, ())


@contextmanager
def failing_commits(url: str) -> Iterator[None]:
    """Whatever is booked meanwhile fails at its COMMIT."""
    with psycopg.connect(url, autocommit=True) as owner:
        owner.execute(
            "CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN RAISE EXCEPTION USING ERRCODE = 'AT409', MESSAGE = 'not at the commit'; END $$"
        )
        owner.execute(
            "CREATE CONSTRAINT TRIGGER fail AFTER INSERT ON account_balances DEFERRABLE INITIALLY DEFERRED"
            " FOR EACH ROW EXECUTE FUNCTION fail()"
        )
        yield
        owner.execute("DROP TRIGGER fail ON account_balances")


def numbers(path: Path, sql: str) -> Declaration[..., list[Decimal]]:
    def divided(*, count: int) -> list[Decimal]:
        raise NotImplementedError

    path.write_text(sql)
    return Declaration(divided, Kind.QUERY, path)


def test_rows_that_come_in_parts_are_all_there_in_order(reader: Database, tmp_path: Path) -> None:
    query = numbers(tmp_path / "count.sql", "SELECT i::numeric FROM generate_series(1, :count) AS i")
    for count in (0, 1, 99, 100, 101, 1_000):
        for _ in range(2):
            assert reader.run(query(count=count)) == list(range(1, count + 1))
            assert reader.run_many([query(count=3)] * 2) == [[1, 2, 3]] * 2  # whose rows do not come in parts
    assert is_known(reader, query)


def test_an_error_behind_a_thousand_rows_is_an_error(reader: Database, tmp_path: Path) -> None:
    """The rows before it are on their way by then."""
    query = numbers(tmp_path / "divide.sql", "SELECT 1 / (i - 5000)::numeric FROM generate_series(1, :count) AS i")
    assert len(reader.run(query(count=10))) == 10
    assert is_known(reader, query)
    for _ in range(2):
        with pytest.raises(InvalidInput, match="division by zero"):
            reader.run(query(count=10_000))
    assert is_known(reader, query)  # on the same connection
    assert len(reader.run(query(count=10))) == 10


def test_an_error_behind_the_last_row_is_an_error(writer: Database, fresh_world_url: str, tmp_path: Path) -> None:
    """The COMMIT is where it fails, when every row has come."""
    query = numbers(tmp_path / "late.sql", "INSERT INTO late SELECT generate_series(1, :count) RETURNING number")
    with psycopg.connect(fresh_world_url, autocommit=True) as owner:
        owner.execute("CREATE TABLE late (number numeric UNIQUE DEFERRABLE INITIALLY DEFERRED)")
    assert len(writer.run(query(count=3))) == 3
    assert is_known(writer, query)
    for count in (3, 1_000):
        with pytest.raises(AtbDbError, match="late_number_key"):
            writer.run(query(count=count))
    assert is_known(writer, query)


def test_many_trades_whose_commit_fails_are_not_told_as_booked(
    writer: Database, fresh_world_url: str, world: World
) -> None:
    book = DECLARED["trades.log_trades"]
    first = example(book, world)
    assert writer.run(first)
    assert is_known(writer, book)
    with failing_commits(fresh_world_url):
        others = RowsText(str(first.args["trades"]).replace("bulk-", "again-"))
        again = first.declaration.value({**first.args, "trades": others, "request_id": uuid4()})
        with pytest.raises(Conflict, match="not at the commit"):
            writer.run(again)


def test_a_row_that_cannot_be_read_leaves_its_connection_in_order(
    writer: Database, fresh_world_url: str, world: World
) -> None:
    query = positions.get_active_positions(session_id=world.session_id)
    assert writer.run(query) == writer.run(query)
    with psycopg.connect(fresh_world_url, autocommit=True) as owner:
        owner.execute("ALTER TYPE position_side ADD VALUE 'SIDEWAYS'")
        owner.execute("UPDATE positions SET side = 'SIDEWAYS' WHERE id = %s", [world.other_position_id])
    with writer.transaction() as transaction:
        with pytest.raises(SchemaMismatch), transaction.transaction():
            transaction.run(query)
        assert transaction.run(account.get_current_balance(session_id=world.session_id))


def test_it_is_prepared_again_after_what_takes_it_away(writer: Database, world: World) -> None:
    adjust = account.adjust_balance(session_id=world.session_id, delta=1, reason="fee")
    balance = writer.run(adjust)
    with suppress(AtbDbError), writer.transaction() as transaction:
        transaction.run(adjust)
        raise AtbDbError("undo")
    assert not is_known(writer, adjust.declaration)  # a ROLLBACK takes away all
    assert [writer.run(adjust) for _ in range(3)] == [balance] * 3
    assert is_known(writer, adjust.declaration)


def test_a_column_that_changed_its_type_meanwhile_is_read_anew(
    writer: Database, fresh_world_url: str, world: World
) -> None:
    ask = account.get_current_balance(session_id=world.session_id)
    balance = writer.run(ask)
    assert writer.run(ask) == balance
    with suppress(AtbDbError), writer.transaction():
        raise AtbDbError("undo")
    with psycopg.connect(fresh_world_url, autocommit=True) as owner:
        # What stands on it.
        owner.execute("DROP SCHEMA reporting CASCADE")
        owner.execute("ALTER TABLE trading_sessions DROP CONSTRAINT trading_sessions_balance_fkey")
        owner.execute("ALTER TABLE trading_sessions ALTER current_balance TYPE text")
    assert [writer.run(ask) for _ in range(3)] == [str(balance)] * 3


def test_what_fails_at_the_commit_is_an_error(writer: Database, fresh_world_url: str, world: World) -> None:
    """Its row has come by then."""
    adjust = [account.adjust_balance(session_id=world.session_id, delta=1, reason="fee") for _ in range(3)]
    for statement in adjust[:2]:
        writer.run(statement)
    with failing_commits(fresh_world_url), pytest.raises(Conflict, match="not at the commit"):
        writer.run(adjust[2])
    assert is_known(writer, adjust[2].declaration)
    before = writer.run(account.get_current_balance(session_id=world.session_id))
    assert writer.run(adjust[2]) == before + 1


def test_a_new_connection_makes_no_new_loaders(world_url: str, world: World) -> None:
    """psycopg keeps every class of loaders that it has met: one a connection would be a leak."""
    query = positions.get_active_positions(session_id=world.session_id)

    def loaders() -> int:
        with Database(Settings.load(world_url, environ={})._replace(pool_max=1)) as database:
            assert database.run(query) == database.run(query)
        return len(Loader.__subclasses__())

    assert loaders() == loaders()
