"""Reads use an index for what grows, however large the tables are; those that cannot are listed, with the reason."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final

import psycopg
import pytest
from psycopg import sql

from atb_db.embedded import Server
from atb_db.repository import account, events, metrics, orders, positions, sessions, statements, trades
from atb_db.statement import Declared, Kind, Statement
from tests.statements.big import FILL, SESSION
from tests.statements.examples import NEEDED, World, example
from tests.statements.worlds import MakeDatabase

START: Final = datetime(2024, 1, 1, tzinfo=UTC)

BIG: Final = 10_000
"""Rows from which on a table is big."""

SHARE: Final = 0.02
"""The most that may be read of a big table: a session has 0.2 % of its rows, five sessions have 1 %."""

WHOLE: Final = {
    "audit.audit_orphans": "looks for the parent of every row",
    "audit.audit_across_sessions": "compares all sessions with each other",
    "reports.get_table_sizes": "counts the rows of every table",
}
"""Queries that read whole tables, and why."""

BUILT_IN: Final = {"generate_series", "unnest", "jsonb_each", "jsonb_array_elements_text"}

NOT_INLINED: Final = {"last_sign_of_life"}
"""Functions of a session whose reads are no part of the plan that calls them: they are explained on their own."""

WITHOUT_TABLES: Final = {"gaps"}
"""Functions that read nothing."""

PROCEDURES: Final = {"chunks_of_page", "daily_equity", "equity_curve", "session_drawdown", "worst_drawdowns"}
"""Functions of several statements: what they read is counted in test_dominant, and in test_compacting that of pages."""

WITHOUT_SESSION: Final = {
    "correlation_matrix": "one row a pair of symbols",
    "exposures": "one row a group of symbols",
    "kill_switches": "one row a flag",
}
"""Views that are not about sessions and read small tables, whose size is told."""

HOT: dict[str, tuple[Statement[object], set[str]]] = {
    "open positions": (
        positions.get_active_positions(session_id=SESSION),
        {"positions_open_idx", "orders_position_id_idx"},
    ),
    "one position": (positions.get_position(position_id=1), {"positions_pkey", "orders_position_id_idx"}),
    "a position's orders": (orders.get_orders_for_position(position_id=1), {"orders_position_id_idx"}),
    "pending orders": (orders.get_pending_orders(session_id=SESSION), {"orders_pending_idx"}),
    "recent trades": (trades.get_recent_trades(session_id=SESSION), {"trades_session_id_exit_time_idx"}),
    "trades since": (
        trades.get_trades_since(session_id=SESSION, since=START),
        {"trades_session_id_exit_time_idx"},
    ),
    "recent events": (events.get_recent_events(session_id=SESSION), {"system_events_session_id_timestamp_idx"}),
    "the ledger": (account.get_balance_history(session_id=SESSION), {"account_balances_entry_number_key"}),
    "the balance": (account.get_current_balance(session_id=SESSION), {"trading_sessions_pkey"}),
    "one session": (sessions.get_trading_session(session_id=SESSION), {"trading_sessions_pkey"}),
    "active sessions": (sessions.get_active_sessions(), {"trading_sessions_active_idx"}),
    "days": (metrics.get_daily_metrics(session_id=SESSION), {"performance_metrics_pkey"}),
}


# Both begin with the id.
_SAME = {"positions_id_session_id_key": "positions_pkey"}

QUERIES = [declaration for declaration in statements() if declaration.kind is Kind.QUERY]

Plan = list[dict[str, Any]]


@pytest.fixture(scope="module")
def connection(server: Server, make_world: MakeDatabase) -> Iterator[psycopg.Connection]:
    """A database with large tables, which goes when they are no longer needed."""
    with psycopg.connect(make_world(), autocommit=True) as connection:
        connection.execute(FILL)
        connection.execute("VACUUM ANALYZE")
        connection.execute("SET jit = off")
        yield connection
        name = connection.info.dbname
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE {}").format(sql.Identifier(name)))


@pytest.fixture(scope="module")
def big_tables(connection: psycopg.Connection) -> dict[str, float]:
    """The rows of each big table."""
    found = connection.execute(
        "SELECT relname, reltuples FROM pg_class"
        " WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND reltuples >= %s",
        [BIG],
    )
    tables: dict[str, float] = dict(found.fetchall())
    assert (tables["trades"], tables["strategy_executions"]) >= (100_000, 200_000)
    return tables


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", ()):
        yield from nodes(child)


def execution(values: tuple[object, ...]) -> str:
    """That of the prepared statement `hot`."""
    arguments = ", ".join(f"'{value}'" if value is not None else "NULL" for value in values)
    return f"EXECUTE hot ({arguments})" if values else "EXECUTE hot"


def explain(connection: psycopg.Connection, query: str, values: tuple[object, ...], mode: str) -> Plan:
    """The steps of the plan that were executed."""
    connection.execute(f"SET plan_cache_mode = {mode}")
    connection.execute(b"PREPARE hot AS " + query.encode())
    try:
        found = connection.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {execution(values)}".encode()).fetchone()
    finally:
        connection.execute("DEALLOCATE hot")
    assert found is not None
    return [node for node in nodes(found[0][0]["Plan"]) if node["Actual Loops"]]


def whole_reads(plan: Plan, big_tables: dict[str, float]) -> list[str]:
    """The big tables of which more than a small share is read, or by no index."""
    found = []
    for node in plan:
        table = node.get("Relation Name")
        if table in big_tables:
            rows = (node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"]
            if node["Node Type"] == "Seq Scan" or rows > SHARE * big_tables[table]:
                found.append(f"{node['Node Type']} of {rows} rows of {table}")
    return found


MODES = ["force_custom_plan", "force_generic_plan"]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("read", HOT)
def test_it_uses_its_index(connection: psycopg.Connection, read: str, mode: str) -> None:
    statement, indexes = HOT[read]
    plan = explain(connection, statement.sql, statement.server_values(), mode)
    assert [node["Relation Name"] for node in plan if node["Node Type"] == "Seq Scan"] == []
    used = {node["Index Name"] for node in plan if "Index Name" in node}
    assert {_SAME.get(index, index) for index in used} == indexes
    # Nothing but what is asked for, and at most a few rows more, is read.
    assert all(node.get("Rows Removed by Filter", 0) <= 10 for node in plan)


@pytest.mark.parametrize("read", HOT)
def test_a_plan_made_while_tables_are_empty_uses_the_index(fresh_url: str, read: str) -> None:
    """It stays until the tables are analysed, and they may grow before that."""
    statement, _ = HOT[read]
    with psycopg.connect(fresh_url, autocommit=True) as connection:
        connection.execute("SET plan_cache_mode = force_generic_plan")
        connection.execute(b"PREPARE hot AS " + statement.sql.encode())
        explained = f"EXPLAIN (FORMAT JSON) {execution(statement.server_values())}"
        [(found,)] = connection.execute(explained.encode()).fetchall()
    assert [node for node in nodes(found[0]["Plan"]) if node["Node Type"] == "Seq Scan"] == []


def choices(declaration: Declared[object], world: World) -> Iterator[Statement[object]]:
    """The query about a large session with every filter and with none, and about all sessions of a mode."""
    own = {"session_id": SESSION, "source": "LIVE", "strategy_name": "fill", "symbol": "X", "start": START}
    given = example(declaration, world).args
    # An order is one of its session, which is named to find it by its other ids.
    every = dict(given) if declaration.name in NEEDED else {name: own.get(name, value) for name, value in given.items()}
    yield declaration.value(dict(every))
    needed = NEEDED.get(declaration.name, ())
    optional = {one.name: None for one in declaration.parameters if one.optional and one.name not in needed}
    for kept in ("session_id", "source"):
        if kept in optional:
            yield declaration.value(every | optional | {kept: every[kept]})


@pytest.mark.parametrize("query", [query for query in QUERIES if query.name not in WHOLE], ids=str)
def test_a_query_reads_a_small_share_of_what_is_big(
    connection: psycopg.Connection, world: World, big_tables: dict[str, float], query: Declared[object]
) -> None:
    for statement in choices(query, world):
        for mode in MODES:
            plan = explain(connection, statement.sql, statement.server_values(), mode)
            assert whole_reads(plan, big_tables) == [], (statement, mode)
            # Inside a function that is not inlined, nobody would see what is read.
            functions = {node["Function Name"] for node in plan if node["Node Type"] == "Function Scan"}
            assert functions <= BUILT_IN | NOT_INLINED | PROCEDURES | WITHOUT_TABLES


@pytest.mark.parametrize("function", sorted(NOT_INLINED))
def test_a_function_that_is_not_inlined_reads_a_small_share_of_what_is_big(
    connection: psycopg.Connection, big_tables: dict[str, float], function: str
) -> None:
    [(body,)] = connection.execute("SELECT prosrc FROM pg_proc WHERE proname = %s", [function]).fetchall()
    for mode in MODES:
        plan = explain(connection, re.sub(r"\bsession\b", "$1::bigint", body), (SESSION,), mode)
        assert whole_reads(plan, big_tables) == []
        assert {node.get("Relation Name") for node in plan} & set(big_tables)


def test_what_reads_whole_tables_is_listed_for_a_reason(
    connection: psycopg.Connection, world: World, big_tables: dict[str, float]
) -> None:
    for query in QUERIES:
        if query.name in WHOLE:
            statement = example(query, world)
            plan = explain(connection, statement.sql, statement.server_values(), MODES[0])
            assert whole_reads(plan, big_tables) != [], query


def test_a_view_reads_a_small_share_of_what_is_big(
    connection: psycopg.Connection, big_tables: dict[str, float]
) -> None:
    views = connection.execute(
        "SELECT c.relname, bool_or(a.attname = 'session_id'), bool_or(a.attname = 'time')"
        " FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid"
        " WHERE c.relnamespace = 'reporting'::regnamespace AND a.attnum > 0 GROUP BY c.relname"
    ).fetchall()
    assert len(views) > 25
    for view, about_sessions, has_time in views:
        assert has_time, view
        assert about_sessions == (view not in WITHOUT_SESSION), view
        for mode in MODES:
            where, values = (" WHERE session_id = $1", (SESSION,)) if about_sessions else ("", ())
            plan = explain(connection, f"SELECT * FROM reporting.{view}{where}", values, mode)
            assert whole_reads(plan, big_tables) == [], (view, mode)
            assert about_sessions or sum(node["Actual Rows"] for node in plan) < BIG, view
