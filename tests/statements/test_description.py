"""The server agrees with every declaration, and `describe` says when it does not."""

# mypy: disable-error-code="empty-body"

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

import psycopg
import pytest

from atb_db.admin.schema.statements import Connection, describe
from atb_db.repository import statements
from atb_db.statement import Declaration, Declared, Kind
from atb_db.types import NEW, Number
from tests.each import each

STATEMENTS = statements()


@pytest.fixture(scope="module")
def connection(world_url: str) -> Iterator[Connection]:
    with psycopg.connect(world_url) as connection:
        connection.read_only = True
        yield connection


def test_the_server_agrees(connection: Connection) -> None:
    def holds(declaration: Declared[object]) -> None:
        assert [str(mismatch) for mismatch in describe(connection, declaration)] == []

    each(STATEMENTS, holds)


@pytest.mark.parametrize("declaration", [found for found in STATEMENTS if found.kind is Kind.COPY], ids=str)
def test_a_bulk_load_of_no_rows_runs(world_url: str, declaration: Declared[object]) -> None:
    with psycopg.connect(world_url) as connection:
        cursor = connection.cursor()
        with cursor.copy(declaration.sql):
            pass
        assert cursor.rowcount == 0


Find = Callable[..., list[str]]


@pytest.fixture
def problems(connection: Connection, tmp_path: Path) -> Find:
    """What `describe` finds in a function with this SQL."""

    def find(function: Callable[..., object], sql: str, kind: Kind = Kind.QUERY) -> list[str]:
        path = tmp_path / "statement.sql"
        path.write_text(sql)
        return [f"{found.subject} {found.problem}" for found in describe(connection, Declaration(function, kind, path))]

    return find


class Side(StrEnum):
    LONG = "LONG"
    SHORT = "SHORT"


class PositionSide(StrEnum):
    SHORT = "SHORT"
    LONG = "LONG"


class OrderRow(NamedTuple):
    id: int
    price: Decimal | None


class Row(NamedTuple):
    id: int
    exit_reason: str | None


class Joined(NamedTuple):
    id: int
    order_id: int
    order_price: Decimal | None


class Nested(NamedTuple):
    id: int
    orders: tuple[OrderRow, ...]


ROW = "SELECT id, exit_reason FROM positions WHERE id = :position_id"


def row(*, position_id: int) -> list[Row]: ...


def row_of_nothing(*, position_id: int) -> None: ...


def row_by_text(*, position_id: str) -> list[Row]: ...


def rows() -> list[Row]: ...


def joined() -> list[Joined]: ...


def nested() -> list[Nested]: ...


def text() -> str: ...


def side(*, side: PositionSide) -> list[Row]: ...


def foreign_side(*, side: Side) -> list[Row]: ...


def change(*, price: Number, reason: str, time: datetime) -> int: ...


def load(*, session_id: int | None, price: int, nonsense: str, request_id: UUID = NEW) -> None: ...


def test_what_fits_is_no_mismatch(problems: Find) -> None:
    assert problems(row, ROW) == []


def test_a_wrong_column_type(problems: Find) -> None:
    assert problems(rows, "SELECT id, realized_pnl AS exit_reason FROM positions") == [
        "exit_reason is declared str and is numeric in the SQL",
        "exit_reason is declared `| None` and can never be NULL",
    ]
    assert problems(text, "SELECT id FROM positions") == ["id is declared str and is int8 in the SQL"]


def test_a_wrong_column_name(problems: Find) -> None:
    assert problems(rows, "SELECT id, exit_reason AS reason FROM positions") == [
        "reason is in the result and not declared",
        "exit_reason is declared and not in the result",
    ]


def test_an_extra_column(problems: Find) -> None:
    assert problems(rows, "SELECT id, exit_reason, size FROM positions") == ["size is in the result and not declared"]
    assert problems(row_of_nothing, ROW) == [
        "id is in the result and not declared",
        "exit_reason is in the result and not declared",
    ]


def test_a_missing_column(problems: Find) -> None:
    assert problems(rows, "SELECT id FROM positions") == ["exit_reason is declared and not in the result"]


def test_columns_in_another_order(problems: Find) -> None:
    assert problems(rows, "SELECT exit_reason, id FROM positions") == [
        "exit_reason and the other columns come in another order than declared: exit_reason, id"
    ]


def test_a_nullable_column_that_is_declared_not_null(problems: Find) -> None:
    assert problems(rows, "SELECT target_level AS id, strategy_name AS exit_reason FROM orders") == [
        "id can be NULL and is not declared `| None`"
    ]


@pytest.mark.parametrize(
    "joins",
    [
        "positions AS p LEFT JOIN orders AS o ON o.position_id = p.id",
        "orders AS o RIGHT JOIN positions AS p ON o.position_id = p.id",
        "positions AS p LEFT JOIN (SELECT * FROM orders OFFSET 0) AS o ON o.position_id = p.id",
        "trades AS t RIGHT JOIN (positions AS p LEFT JOIN orders AS o ON o.position_id = p.id) ON t.position_id = p.id",
    ],
)
def test_a_column_behind_an_outer_join_that_is_declared_not_null(problems: Find, joins: str) -> None:
    assert problems(joined, f"SELECT p.id, o.id AS order_id, o.price AS order_price FROM {joins}") == [
        "order_id can be NULL and is not declared `| None`"
    ]


def test_both_sides_of_a_full_join_can_be_null(problems: Find) -> None:
    sql = "SELECT p.id, o.id AS order_id, o.price AS order_price FROM positions AS p FULL JOIN orders AS o USING (id)"
    assert problems(joined, sql) == [
        "id can be NULL and is not declared `| None`",
        "order_id can be NULL and is not declared `| None`",
    ]


def test_an_outer_join_inside_a_cte(problems: Find) -> None:
    sql = """WITH found AS MATERIALIZED (
        SELECT p.id, o.id AS order_id, o.price AS order_price FROM positions AS p LEFT JOIN orders AS o USING (id)
    ) SELECT id, order_id, order_price FROM found"""
    # The plan does not distinguish them, so that id is suspected too.
    assert "order_id can be NULL and is not declared `| None`" in problems(joined, sql)


def test_an_inner_join_leaves_no_column_null(problems: Find) -> None:
    sql = "SELECT p.id, o.id AS order_id, o.price AS order_price FROM positions AS p JOIN orders AS o USING (id)"
    assert problems(joined, sql) == []


def test_an_outer_join_that_a_condition_makes_an_inner_one(problems: Find) -> None:
    sql = """SELECT p.id, o.id AS order_id, o.price AS order_price
               FROM positions AS p LEFT JOIN orders AS o ON o.position_id = p.id WHERE o.quantity > 0"""
    assert problems(joined, sql) == []


def test_nested_rows_are_absent_where_none_is_joined(problems: Find) -> None:
    join = "FROM positions AS p LEFT JOIN orders AS o ON o.position_id = p.id"
    assert problems(nested, f'SELECT p.id, o.id AS "orders.id", o.price AS "orders.price" {join}') == []
    assert problems(nested, f'SELECT p.id, o.target_level AS "orders.id", o.price AS "orders.price" {join}') == [
        "orders.id shows whether there is a joined row, so it must come from a NOT NULL column",
        "orders.id can be NULL and is not declared `| None`",
    ]


def test_a_parameter_of_another_type(problems: Find) -> None:
    assert problems(row_by_text, ROW) == ["position_id is declared str and is int8 in the SQL"]


def test_an_enum_of_another_name_or_order(problems: Find) -> None:
    sql = "SELECT id, exit_reason FROM positions WHERE side = :side"
    assert problems(foreign_side, sql) == ["side is declared Side and is position_side in the SQL"]
    assert problems(side, sql) == ["side has the labels SHORT, LONG and position_side has LONG, SHORT"]


def test_a_command_whose_parameters_no_domain_checks(problems: Find) -> None:
    sql = """UPDATE positions SET stop_loss = :price::numeric, exit_reason = :reason::text, last_update = :time
              WHERE id = 0 RETURNING id"""
    assert problems(change, sql, Kind.COMMAND) == [
        "price is a bare numeric in the SQL, which checks nothing: cast it to a domain",
        "reason is a bare text in the SQL, which checks nothing: cast it to a domain",
    ]


def test_a_bulk_load_into_other_columns(problems: Find) -> None:
    sql = "COPY account_history (session_id, price, nonsense, request_id) FROM STDIN"
    assert problems(load, sql, Kind.COPY) == [
        "session_id may be None and its column is NOT NULL",
        "price is no column of account_history that can be written",
        "nonsense is no column of account_history that can be written",
    ]
    sql = "COPY strategy_executions (session_id, price, nonsense, request_id) FROM STDIN"
    assert "price is declared int and is price in the SQL" in problems(load, sql, Kind.COPY)


def test_sql_that_the_server_refuses(problems: Find) -> None:
    assert problems(rows, "SELECT id, exit_reason FROM nowhere") == [
        'sql is refused by the server: relation "nowhere" does not exist'
    ]
    assert problems(row, ROW) == []


def test_a_lost_connection_is_no_mismatch(world_url: str) -> None:
    with psycopg.connect(world_url, autocommit=True) as lost:
        with psycopg.connect(world_url, autocommit=True) as other:
            other.execute("SELECT pg_terminate_backend(%s, 5000)", [lost.info.backend_pid])
        with pytest.raises(psycopg.OperationalError):
            describe(lost, STATEMENTS[0])
