"""What an audit takes for plain is sound: with any change of a row it finds what it would if it computed everything."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import count
from random import Random
from typing import Final, NamedTuple

import psycopg
import pytest
from psycopg.rows import class_row
from psycopg.sql import SQL, Composable, Composed, Identifier, Literal

from atb_db import Database
from atb_db.admin.connection import Connection
from atb_db.embedded import Server
from atb_db.repository import orders, positions
from atb_db.repository.audit import BookFinding, audit_orders, audit_positions
from atb_db.statement import Declared
from atb_db.types import OrderTypeLabel
from tests.admin.corruptions.auditing import connected, undone
from tests.admin.corruptions.world import World, at, write
from tests.conftest import TEMPLATE

SCREENED: Final = (audit_positions, audit_orders)
SOUND: Final = ") IS TRUE AS is_sound"
"""Where both statements say whether a row is plain."""
PAIRS: Final = 60
"""How many times two rows are changed at once."""

Change = Composed


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
    """Positions that the screens pass over: closed by a command, by totals and by fills."""
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
                internal_order_id=name, exchange_order_id=name,
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
    url = server.create_database("screened", template=TEMPLATE)
    with Database(url) as db:
        world = write(db)
        plain = write_plain(db, world.live)
    with connected(url) as (connection, _):
        forget_rules(connection)
        connection.execute("SET session_replication_role = replica")
        connection.execute("SET plan_cache_mode = force_generic_plan")
        connection.prepare_threshold = None  # Or the driver forgets what is prepared here, too.
        for declared in SCREENED:
            for how, text in (("screened", declared.text), ("computed", computed(declared.text))):
                connection.execute(f"PREPARE {prepared(declared, how).as_string()} AS {text}".encode())
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


def prepared(declared: Declared[object], how: str) -> Identifier:
    return Identifier(f"{declared.name} {how}")


def computed(text: str) -> str:
    """A statement that takes nothing for plain."""
    assert text.count(SOUND) == 1
    return text.replace(SOUND, ") IS TRUE AND FALSE AS is_sound")


def changes(connection: Connection, world: World, plain: Sequence[int]) -> dict[str, list[Change]]:
    """Each column of each row of some positions changed to some values, and each row taken away or doubled."""
    of = [*plain, world.closed, world.continuing]
    chosen = {
        "positions": "id = ANY ({of})",
        "orders": "position_id = ANY ({of})",
        "order_fills": "order_id IN (SELECT o.id FROM orders AS o WHERE o.position_id = ANY ({of}))",
        "account_balances": "position_id = ANY ({of})",
        "trades": "position_id = ANY ({of})",
        "partial_trades": "position_id = ANY ({of})",
    }
    found: dict[str, list[Change]] = {}
    for table, condition in chosen.items():
        rows = [
            int(str(row))
            for (row,) in connection.execute(
                SQL("SELECT id FROM {} WHERE {} ORDER BY id").format(
                    Identifier(table), SQL(condition).format(of=Literal(of))
                )
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
        "text": [SQL("'other'")],
    }  # fmt: skip
    return [
        SQL("NULL"),
        *(one.format(Identifier(column.name)) if isinstance(one, SQL) else one for one in values.get(column.kind, [])),
    ]


def findings(books: Books, how: str) -> list[list[BookFinding]]:
    """What the statements find in two steps, one before and one from the last plain position on."""
    last = books.plain[-1]
    cursor = books.connection.cursor(row_factory=class_row(BookFinding))
    found = []
    for declared in SCREENED:
        for first, until in ((None, last - 1), (last, None)):
            statement = declared(session_id=books.world.live, first_position=first, last_position=until)
            values = SQL(", ").join(map(Literal, statement.server_values()))
            found.append(cursor.execute(SQL("EXECUTE {} ({})").format(prepared(declared, how), values)).fetchall())
    return found


def differing(books: Books, planted: Sequence[Change]) -> tuple[bool, bool]:
    """Whether a change could be made, and whether screened and computed findings then differ."""
    with undone(books.connection):
        try:
            with books.connection.transaction():
                for change in planted:
                    books.connection.execute(change)
        except (psycopg.errors.IntegrityError, psycopg.DataError, psycopg.errors.RaiseException):
            return False, False
        return True, findings(books, "screened") != findings(books, "computed")


def test_nothing_is_found_in_plain_positions(books: Books) -> None:
    assert findings(books, "screened") == findings(books, "computed")


def test_only_plain_positions_are_passed_over(books: Books) -> None:
    """Or there would be nothing that the changes are compared for."""
    every = {
        audit_positions: "SELECT id, id FROM positions WHERE session_id = {}",
        audit_orders: "SELECT id, position_id FROM orders WHERE session_id = {}",
    }
    for declared, of in every.items():
        screen, _, _ = declared.text.partition("), fills AS")
        counted = (
            f"{screen}) SELECT d.position_id, count(x.id) FROM ({of.format(books.world.live)}) AS d (id, position_id)"
            " LEFT JOIN doubtful AS x ON x.id = d.id GROUP BY d.position_id"
        )
        values = declared(session_id=books.world.live).server_values()
        rows = psycopg.RawCursor(books.connection).execute(counted.encode(), values).fetchall()
        doubts = {int(str(position_id)): int(str(doubtful)) for position_id, doubtful in rows if position_id}
        assert [doubts[position_id] for position_id in books.plain] == [0, 0, 0]
        assert doubts[books.world.closed] > 0


@pytest.mark.parametrize(
    "table", ["positions", "orders", "order_fills", "account_balances", "trades", "partial_trades"]
)
def test_one_change(books: Books, table: str) -> None:
    results = [(change, *differing(books, [change])) for change in books.changes[table]]
    assert sum(done for _, done, _ in results) > len(results) / 2
    assert [change.as_string(books.connection) for change, _, differs in results if differs] == []


@pytest.mark.parametrize("seed", range(4))
def test_two_changes(books: Books, seed: int) -> None:
    chance = Random(seed)  # noqa: S311  no secret
    every = [change for made in books.changes.values() for change in made]
    for _ in range(PAIRS):
        drawn = chance.sample(every, 2)
        _, differs = differing(books, drawn)
        assert not differs, [change.as_string(books.connection) for change in drawn]
