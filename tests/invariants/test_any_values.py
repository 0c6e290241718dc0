"""Any value for any parameter of every writing statement: refused by its name, or stored exactly as it was given."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from typing import Any, Final, cast
from uuid import UUID

import numpy as np
import pandas as pd
import psycopg
import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from psycopg import sql

from atb_db import Database
from atb_db.admin.schema.catalog import expected_catalog
from atb_db.database import Transaction
from atb_db.documents import JsonText
from atb_db.errors import AtbDbError, Conflict, InvalidInput, NotFound
from atb_db.repository import statements, trades
from atb_db.repository.bookings import NewOrder, NewReport
from atb_db.repository.imports import NewImportedRow
from atb_db.repository.trades import NewTrade
from atb_db.rows import is_row_type
from atb_db.statement import Declared, Kind, Statement
from atb_db.types import Json, Number, Span
from atb_db.values import new_request_id
from tests.invariants.running import undone
from tests.statements.examples import World, at, example
from tests.statements.given_rows import fields_of

Row = NewTrade | NewImportedRow | NewOrder | NewReport

pytestmark = pytest.mark.drawn

FULL: Final = os.environ.get("ATB_DB_FAULTS") == "full"
WRITING: Final = [one for one in statements() if one.kind is not Kind.QUERY]
TAKES_ROWS: Final = [one for one in WRITING if any(is_row_type(parameter.type) for parameter in one.parameters)]
# A quick selection: every fourth statement, a few values each.
CHOSEN: Final = WRITING if FULL else list(dict.fromkeys([*WRITING[::4], *TAKES_ROWS]))
EXAMPLES: Final = 200 if FULL else 8
# Of values that are fine by themselves: there is no such row, or they contradict what is there.
REFUSALS: Final = (InvalidInput, NotFound, Conflict)

# A column of the parameter's name that has more than the parameter.
DERIVED: Final = {
    ("positions.close_position", "pnl"),  # the whole position's, partial exits included
    ("positions.close_position", "exit_price"),  # the average of all exits
    ("positions.move_position_to_session", "session_id"),  # the correction is on record in the session that it left
    ("positions.correct_position_quantity", "quantity"),  # what was there before and what the order adds
}

BEGINS: Final = {"exit_time": "entry_time", "end_time": "start_time"}
"""Nothing ends before it begins."""

BOOKED: Final = {"pnl", "commission", "margin_interest_cost", "funding", "entry_commission", "amount", "delta"}
"""Amounts of which the books keep 18 digits, and fewer of huge ones: as_booked in sql/schema/02_arithmetic.sql."""

PARAMETERS: Final = [one.name for one in trades.log_trade.parameters]
KEYED: Final = [
    entry.name.removesuffix(".request_id")
    for entry in expected_catalog()
    if entry.kind == "column" and entry.name.endswith(".request_id")
]
"""Tables whose rows know their request."""

HUGE: Final = 10**5000  # Python refuses to write it in digits
ODD: Final = [
    *(None, True, 0, -1, 2**63, HUGE, -HUGE, float("nan"), float("-inf"), 5e-324, 1.7e308),
    *("", "\0", "\ud83d", " ", "NaN", "1_0", "١٢", "1e-9999", "'; DROP TABLE trades; --", b"bytes", object(), 1j),
    *([], {}, set(), Decimal("sNaN"), Decimal("1e-9999"), Fraction(1, 3), np.float32(0.1), np.int64(7)),
    *(np.datetime64("NaT", "s"), pd.NaT, pd.NA, np.array([1.0, 2.0]), datetime(2024, 1, 1)),  # noqa: DTZ001
    *(datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=timezone(timedelta(hours=-14)))),
]
NESTED: Final = json.loads("[" * 900 + "]" * 900)
TEXT: Final = (
    st.text(max_size=40) | st.text(st.characters(exclude_categories=()), max_size=8) | st.just("x" * 1_200_000)
)
SCALARS: Final = st.none() | st.booleans() | st.integers() | st.floats() | st.decimals() | st.text(max_size=10)
DOCUMENTS: Final = st.recursive(
    st.dictionaries(st.text(max_size=5), SCALARS, max_size=3) | st.lists(SCALARS, max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
TRADE: Final = NewTrade(
    "X", "LONG", 10, 11, "0.1", at(0), at(1), 1, "x", "x", commission="0.1", strategy_config={"a": 1}
)
ROWS: Final[Sequence[Row]] = (
    TRADE,
    NewImportedRow("trades", "1", "ADJUSTED", 7, target_table="trades", target_id=1, content={"a": 1}),
    NewOrder("ENTRY", "X", "LONG", 2, "entry", at(0), size="0.1"),
    NewReport("entry", at(0), exchange_fill_id="f", quantity=2, price=100, fee=1, fee_currency="USDT"),
)
BY_TYPE: Final[dict[object, st.SearchStrategy[Any]]] = {
    Number: st.decimals() | st.floats() | st.integers() | st.decimals(0, 2, places=12).map(str),
    Span: st.timedeltas() | st.decimals() | st.floats() | st.integers(),
    bool: st.booleans(),
    datetime: st.datetimes(timezones=st.timezones())
    | st.datetimes()
    | st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    int: st.integers(),
    Json: DOCUMENTS | st.just(NESTED) | st.just({"huge": [HUGE]}) | st.just(["x" * 2_000_000]),
    str: TEXT,
    UUID: st.uuids() | st.uuids().map(str),
}


def arguments(declaration: Declared[object], world: World) -> st.SearchStrategy[dict[str, object]]:
    """The example's arguments, with other values for one to three of them."""
    usual = dict(example(declaration, world).args) | ({"request_id": new_request_id()} if declaration.keyed else {})
    by_name = {parameter.name: others(parameter.type) for parameter in declaration.parameters}
    names = st.lists(st.sampled_from(sorted(by_name)), min_size=1, max_size=3, unique=True)
    return names.flatmap(lambda chosen: st.fixed_dictionaries({name: by_name[name] for name in chosen})).map(
        lambda changed: usual | changed
    )


def others(kind: object) -> st.SearchStrategy[Any]:
    """Any values for a parameter of this type."""
    if is_row_type(kind):
        [usual] = [row for row in ROWS if type(row) is kind]
        return _records(usual)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return st.sampled_from([*kind, *ODD])
    return BY_TYPE[kind] | st.sampled_from(ODD)


@pytest.mark.parametrize("declaration", CHOSEN, ids=str)
def test_refused_or_stored_exactly(world_db: Database, world: World, declaration: Declared[object]) -> None:
    @seed(int(os.environ.get("ATB_DB_SEED") or 0))
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, Phase.shrink] if FULL else [Phase.generate],
    )
    @given(arguments(declaration, world))
    def attempt(values: dict[str, object]) -> None:
        statement = made(declaration, values)
        if isinstance(statement, InvalidInput):
            assert str(statement.field).partition("[")[0] in values
            refusal: AtbDbError | None = statement
        else:
            with undone(world_db) as transaction:
                refusal = run(transaction, statement)
                stored = rows(transaction, statement)
            assert (stored if refusal else differences(statement, stored)) == []
        if refusal is not None:
            assert refusal.statement == declaration.name
            assert len(str(refusal)) < 400

    attempt()


def _records(usual: Row) -> st.SearchStrategy[Any]:
    """One record with another value in one of its fields, or none at all."""
    fields = {one.name: others(one.type) for one in fields_of(type(usual))}
    changes = st.sampled_from(sorted(fields)).flatmap(lambda name: st.fixed_dictionaries({name: fields[name]}))
    return changes.map(lambda change: [usual._replace(**change)]) | st.sampled_from([[], [usual, None], usual, *ODD])


def made(declaration: Declared[object], values: dict[str, object]) -> Statement[object] | InvalidInput:
    """The statement's value, or why there is none."""
    try:
        return declaration.value(values)
    except InvalidInput as error:
        return error


def run(transaction: Transaction, statement: Statement[object]) -> AtbDbError | None:
    """Run it inside the transaction; what it was refused for."""
    try:
        with transaction.transaction() as savepoint:
            if statement.declaration.kind is Kind.COPY:
                savepoint.copy_in([cast("Statement[None]", statement)])
            else:
                savepoint.run(statement)
    except REFUSALS as error:
        return error
    return None


def rows(transaction: Transaction, statement: Statement[object]) -> list[dict[str, object]]:
    """Every row that the statement's request wrote, by column."""
    if statement.request_id is None:
        return []
    connection = transaction._connection
    having = sql.SQL(" UNION ALL ").join(
        sql.SQL("SELECT {} WHERE EXISTS (SELECT FROM {} WHERE request_id = %(id)s)").format(
            table, sql.Identifier(table)
        )
        for table in KEYED
    )
    key = {"id": statement.request_id}
    cursor = psycopg.Cursor(connection, row_factory=psycopg.rows.dict_row)
    found: list[dict[str, object]] = []
    for (table,) in psycopg.Cursor(connection).execute(having, key).fetchall():
        query = sql.SQL("SELECT * FROM {} WHERE request_id = %(id)s").format(sql.Identifier(str(table)))
        found += cursor.execute(query, key)
    return found


def differences(statement: Statement[object], stored: list[dict[str, object]]) -> list[str]:
    """Arguments that are in no row, though there are columns of their name."""
    found = []
    for name, value in [*statement.args.items(), *_first_trade(statement)]:
        rows_of_it = [row for row in stored if name in row]
        same = _same_amount if name in BOOKED else _same
        is_stored = any(same(_not_before(value, _earliest(statement, name, row)), row[name]) for row in rows_of_it)
        if rows_of_it and (statement.name, name) not in DERIVED and not is_stored:
            found.append(f"{name}: {value!r} is stored as {[row[name] for row in rows_of_it]!r}")
    return found


def _earliest(statement: Statement[object], name: str, row: dict[str, object]) -> object:
    """What a moment before it, by a clock that was set back, is stored as."""
    if (statement.name, name) == ("positions.close_position", "exit_time"):
        return at(2)  # the last exit of the world's position
    return row.get(BEGINS.get(name, ""))


def _not_before(value: object, earliest: object) -> object:
    return max(value, earliest) if isinstance(value, datetime) and isinstance(earliest, datetime) else value


def _first_trade(statement: Statement[object]) -> Iterable[tuple[str, object]]:
    """The checked values of the first of many trades: it has the request's own id."""
    [first, *_] = json.loads(str(statement.args.get("trades", "[]"))) or [{}]
    texts = {name: trades.log_trade.parameters[place].type for place, name in enumerate(PARAMETERS) if name in first}
    for name, kind in texts.items():
        text = first[name]
        value: object = JsonText(text) if kind == Json else datetime.fromisoformat(text) if kind is datetime else text
        yield name, Decimal(text) if kind in (Number, Span) else value


def _same(value: object, column: object) -> bool:
    if isinstance(value, JsonText):
        return exact(value) == exact(json.dumps(column))
    return value == column or value is None or (isinstance(value, Enum) and value.value == column)


def _same_amount(value: object, column: object) -> bool:
    if isinstance(value, Decimal) and isinstance(column, Decimal):
        return abs(value - column) <= max(Decimal("5e-19"), abs(value) * Decimal("5e-28"))
    return _same(value, column)


def exact(document: str) -> object:
    """With numbers as they are written."""
    return json.loads(document, parse_float=Decimal, parse_int=Decimal)
