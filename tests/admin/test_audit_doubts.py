"""What an audit takes for plain is sound: with any change of a row it finds what it would if it computed all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import count
from random import Random
from typing import Final, NamedTuple, TypeVar

import psycopg
import pytest
from psycopg.rows import class_row
from psycopg.sql import SQL, Composable, Composed, Identifier, Literal

from atb_db import Database
from atb_db.admin.audit import Span
from atb_db.admin.connection import Connection
from atb_db.embedded import Server
from atb_db.repository import orders, positions
from atb_db.repository.audit import BookFinding, Doubts, audit_orders, audit_positions, get_doubtful_positions
from atb_db.statement import Statement
from atb_db.types import OrderTypeLabel
from tests.admin.corruptions.auditing import connected, undone
from tests.admin.corruptions.world import World, at, write
from tests.conftest import TEMPLATE

COMPUTED: Final = (audit_positions, audit_orders)
TABLES: Final = ("positions", "orders", "order_fills", "account_balances", "trades", "partial_trades")
SOME: Final = 80
"""How many of a table's changes are tried each time."""
PAIRS: Final = 60
"""How many times two rows are changed at once."""

Change = Composed
R = TypeVar("R")


class Owned(NamedTuple):
    table: str
    name: str


class Column(NamedTuple):
    name: str
    kind: str
    labels: list[str] | None
    """Of an enumeration."""


class Books(NamedTuple):
    connection: Connection
    world: World
    plain: tuple[int, ...]
    """Positions that are not doubted: closed by a command, by totals and by fills."""
    changes: dict[str, list[Change]]
    """Of each table, changes of one row each."""


def write_plain(db: Database, session_id: int) -> tuple[int, ...]:
    """Three positions with one entry and one exit, one of them with an order that was never filled."""
    by_command = db.run(
        positions.open_position(
            session_id=session_id, symbol="BTCUSDT", side="LONG", entry_price="100.1", quantity="2.7", size="0.3",
            strategy_name="test", entry_order_id="plain", entry_time=at(70), entry_commission="0.1",
        )
    )  # fmt: skip
    db.run(
        positions.close_position(
            position_id=by_command, exit_price="101.3", exit_time=at(71), exit_reason="target", commission="0.2",
            exit_order_id="plain-exit",
        )
    )  # fmt: skip

    numbers = count(1)

    def order(kind: OrderTypeLabel, position_id: int | None) -> int:
        name = f"plain-{next(numbers)}"
        return db.run(
            orders.create_order(
                session_id=session_id, order_type=kind, symbol="ETHUSDT", side="SHORT", quantity="1.5",
                position_id=position_id, price="50.5", created_at=at(72), reason=kind.lower(),
                internal_order_id=name, exchange_order_id=name, base_asset="ETH" if kind == "ENTRY" else None,
            )
        )  # fmt: skip

    def traded(*, fill: bool) -> int:
        position_id: int | None = None
        steps: tuple[tuple[OrderTypeLabel, str], ...] = (("ENTRY", "50.5"), ("FULL_EXIT", "49.75"))
        for kind, price in steps:
            order_id = order(kind, position_id)
            if kind == "FULL_EXIT":
                unfilled = order("STOP_LOSS", position_id)
                db.run(orders.update_order_status(order_id=unfilled, status="CANCELLED", timestamp=at(74)))
            if fill:
                db.run(
                    orders.record_fill(
                        order_id=order_id, exchange_fill_id=f"plain-{order_id}", quantity="1.5", price=price,
                        fee="0.03", fee_currency="USDT", filled_at=at(73 if kind == "ENTRY" else 75),
                    )
                )  # fmt: skip
            else:
                db.run(
                    orders.update_order_status(
                        order_id=order_id, status="FILLED", filled_price=price, commission="0.03",
                        timestamp=at(73 if kind == "ENTRY" else 75),
                    )
                )  # fmt: skip
            position_id = db.run(orders.get_order(order_id=order_id)).position_id
        assert position_id is not None
        return position_id

    return by_command, traded(fill=False), traded(fill=True)


@pytest.fixture(scope="module")
def books(server: Server) -> Iterator[Books]:
    url = server.create_database("doubted", template=TEMPLATE)
    with Database(url) as db:
        world = write(db)
        plain = write_plain(db, world.live)
    with connected(url) as (connection, _):
        forget_rules(connection)
        connection.execute("SET session_replication_role = replica")
        connection.execute("SET plan_cache_mode = force_generic_plan")
        connection.prepare_threshold = None  # Or the driver forgets what is prepared here, too.
        for declared in (get_doubtful_positions, *COMPUTED):
            connection.execute(f"PREPARE {Identifier(declared.name).as_string()} AS {declared.text}".encode())
        yield Books(connection, world, plain, changes(connection, world, plain))


def forget_rules(connection: Connection) -> None:
    """Whatever refuses a row is dropped, but for what the values of a type can be."""
    ours = connection.cursor(row_factory=class_row(Owned))
    for one in ours.execute(
        "SELECT conrelid::regclass::text AS table, conname::text AS name FROM pg_constraint"
        " WHERE conrelid <> 0 AND contype IN ('c', 'u', 'f') AND connamespace = 'public'::regnamespace"
        " ORDER BY contype = 'u', conparentid <> 0"
    ).fetchall():
        connection.execute(
            SQL("ALTER TABLE {} DROP CONSTRAINT {} CASCADE").format(Identifier(one.table), Identifier(one.name))
        )
    for one in ours.execute(
        "SELECT c.relname::text AS table, a.attname::text AS name"
        " FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid"
        " WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND a.attnum > 0 AND a.attnotnull"
        " AND a.attidentity = '' AND NOT EXISTS (SELECT FROM pg_index AS i WHERE i.indrelid = c.oid AND i.indisprimary"
        " AND a.attnum = ANY (i.indkey))"
    ).fetchall():
        connection.execute(
            SQL("ALTER TABLE {} ALTER {} DROP NOT NULL").format(Identifier(one.table), Identifier(one.name))
        )
    for one in ours.execute(
        "SELECT i.indrelid::regclass::text AS table, c.relname::text AS name"
        " FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid"
        " WHERE i.indisunique AND NOT i.indisprimary AND c.relnamespace = 'public'::regnamespace"
    ).fetchall():
        connection.execute(SQL("DROP INDEX {}").format(Identifier(one.name)))


def changes(connection: Connection, world: World, plain: Sequence[int]) -> dict[str, list[Change]]:
    """Each column of each row of some positions changed to some values, and each row taken away or doubled."""
    of = [*plain, world.closed, world.continuing]
    theirs = SQL("position_id = ANY ({})")
    chosen = {
        "positions": SQL("id = ANY ({})"),
        "orders": theirs,
        "order_fills": SQL("order_id IN (SELECT o.id FROM orders AS o WHERE o.position_id = ANY ({}))"),
        "account_balances": theirs,
        "trades": theirs,
        "partial_trades": theirs,
    }
    found: dict[str, list[Change]] = {}
    for table, condition in chosen.items():
        rows = [
            int(str(row))
            for (row,) in connection.execute(
                SQL("SELECT id FROM {} WHERE {} ORDER BY id").format(Identifier(table), condition.format(Literal(of)))
            ).fetchall()
        ]
        columns = (
            connection.cursor(row_factory=class_row(Column))
            .execute(
                "SELECT a.attname::text AS name, coalesce(nullif(t.typbasetype, 0), t.oid)::regtype::text AS kind,"
                " (SELECT array_agg(e.enumlabel::text) FROM pg_enum AS e WHERE e.enumtypid = t.oid) AS labels"
                " FROM pg_attribute AS a JOIN pg_type AS t ON t.oid = a.atttypid"
                " WHERE a.attrelid = %s::regclass AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''"
                " AND a.attname <> 'id' ORDER BY a.attnum",
                [table],
            )
            .fetchall()
        )
        every = SQL(", ").join(Identifier(column.name) for column in columns)
        made = found[table] = []
        for row in rows:
            made.append(SQL("DELETE FROM {} WHERE id = {}").format(Identifier(table), Literal(row)))
            made.append(
                SQL("INSERT INTO {0} ({1}) SELECT {1} FROM {0} WHERE id = {2}").format(
                    Identifier(table), every, Literal(row)
                )
            )
            for column in columns:
                name = Identifier(column.name)
                for value in others(column, world, plain):
                    set_to = SQL("UPDATE {0} SET {1} = {2} WHERE id = {3} AND {1} IS DISTINCT FROM {2}")
                    made.append(set_to.format(Identifier(table), name, value, Literal(row)))
    return found


def others(column: Column, world: World, plain: Sequence[int]) -> list[Composable]:
    """What a column of that type may be instead."""
    if column.labels is not None:
        return [SQL("NULL"), *(Literal(label) for label in column.labels)]
    ids = [Literal(one) for one in (plain[0], world.closed, world.ended)]
    values: dict[str, list[Composable]] = {
        "numeric": [SQL(one) for one in ("0", "coalesce({}, 1) * 2", "{} + 1e-18", "{} - 1e-25", "-{}")],
        "bigint": [*ids, SQL("{} + 1")],
        "integer": [SQL("0"), SQL("coalesce({}, 0) + 1")],
        "timestamp with time zone": [
            SQL("coalesce({}, '2024-03-01Z') + interval '1 second'"), SQL("{} - interval '30 hours'")
        ],
        "boolean": [SQL("NOT {}")],
        "text": [SQL("'other'"), SQL("'ETH'")],
    }  # fmt: skip
    return [
        SQL("NULL"),
        *(one.format(Identifier(column.name)) if isinstance(one, SQL) else one for one in values.get(column.kind, [])),
    ]


def steps(books: Books) -> list[Span]:
    """Two, one before and one from the last plain position on."""
    return [Span(None, books.plain[-1] - 1), Span(books.plain[-1], None)]


def performed(books: Books, statement: Statement[object], row: type[R]) -> list[R]:
    values = SQL(", ").join(map(Literal, statement.server_values()))
    cursor = books.connection.cursor(row_factory=class_row(row))
    return cursor.execute(SQL("EXECUTE {} ({})").format(Identifier(statement.name), values)).fetchall()


def doubts(books: Books, span: Span) -> Doubts:
    [found] = performed(books, get_doubtful_positions(session_id=books.world.live, **span._asdict()), Doubts)
    return found


def findings(books: Books, spans: Sequence[Span]) -> set[BookFinding]:
    statements = [one(session_id=books.world.live, **span._asdict()) for span in spans for one in COMPUTED]
    return {one for statement in statements for one in performed(books, statement, BookFinding)}


def doubted(books: Books) -> list[Span]:
    """What is computed of the steps."""
    found = [doubts(books, span) for span in steps(books)]
    return [
        Span(None if one.first_position == -1 else one.first_position, one.last_position)
        for one in found
        if one.first_position is not None
    ]


def differing(books: Books, planted: Sequence[Change]) -> tuple[bool, bool]:
    """Whether a change could be made, and whether something is found in what is not doubted, or is not found."""
    with undone(books.connection):
        try:
            with books.connection.transaction():
                for change in planted:
                    books.connection.execute(change)
        except (psycopg.errors.IntegrityError, psycopg.DataError, psycopg.errors.RaiseException):
            return False, False
        found = findings(books, doubted(books))
        # What is in two steps is named otherwise than in one.
        by_steps, at_once = findings(books, steps(books)), findings(books, [Span(None, None)])
        return True, not (by_steps & at_once <= found <= by_steps | at_once)


def test_only_plain_positions_are_passed_over(books: Books) -> None:
    """Or there would be nothing that the changes are compared for."""
    for position_id in books.plain:
        assert doubts(books, Span(position_id, position_id)) == (0, None, None)
    for position_id in (books.world.closed, books.world.continuing):
        assert doubts(books, Span(position_id, position_id)) == (1, position_id, position_id)


def unlike(books: Books, made: Sequence[Change]) -> list[str]:
    """Those changes after which another thing is found; most can be made."""
    results = [(change, *differing(books, [change])) for change in made]
    assert sum(done for _, done, _ in results) > len(results) / 2
    return [change.as_string(books.connection) for change, _, differs in results if differs]


@pytest.mark.parametrize("table", TABLES)
def test_some_changes(books: Books, table: str) -> None:
    made = books.changes[table]
    assert unlike(books, Random(table).sample(made, min(len(made), SOME))) == []  # noqa: S311  no secret


@pytest.mark.slow
@pytest.mark.parametrize("table", TABLES)
def test_every_change(books: Books, table: str) -> None:
    assert unlike(books, books.changes[table]) == []


@pytest.mark.parametrize("seed", range(4))
def test_two_changes(books: Books, seed: int) -> None:
    chance = Random(seed)  # noqa: S311  no secret
    every = [change for made in books.changes.values() for change in made]
    for _ in range(PAIRS):
        drawn = chance.sample(every, 2)
        _, differs = differing(books, drawn)
        assert not differs, [change.as_string(books.connection) for change in drawn]
