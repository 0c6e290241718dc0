"""What is read of a session that has nine tenths of everything is bounded by the answer, not by its history."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

import psycopg
import pytest
from psycopg import sql

from atb_db.admin.audit import BY_POSITION, PLANS
from atb_db.embedded import Server
from atb_db.repository import (
    account,
    audit,
    events,
    execution,
    metrics,
    orders,
    positions,
    reports,
    sessions,
    statements,
    trades,
)
from atb_db.statement import Declared, Kind, Statement
from tests.statements import dominant
from tests.statements.examples import NEEDED, World, example
from tests.statements.test_plans import MODES, WHOLE
from tests.statements.test_plans import execution as execution_of
from tests.statements.worlds import MakeDatabase

START: Final = datetime(2024, 1, 1, tzinfo=UTC)

SMALL: Final = 1_000
"""Rows and index entries that a statement may read, however little it answers: a twentieth of the session's trades."""

PER_ROW: Final = 20
"""And for each row of the answer."""

EDGES: Final = {"reports.get_drawdowns": 150}
"""The same where a row is found by reading days, then the hours and snapshots in which it begins and ends."""

DAY: Final = dominant.TRADES // dominant.DAYS
"""Trades of a day; orders are twice as many."""

CUT: Final = {
    "execution.get_order_quality": 12 * DAY,
    "imports.get_newest_fills": 12 * DAY,
    "metrics.get_performance_metrics": 6 * DAY,
    "reports.get_pnl_by_exit_reason": 6 * DAY,
    "reports.get_pnl_by_period": 6 * DAY,
    "reports.get_pnl_by_strategy": 6 * DAY,
    "reports.get_pnl_by_symbol": 6 * DAY,
}
"""What reads the rows of three days, each with its index entry: of two that are cut, and of the newest."""

HISTORY: Final = {
    "history.count_closed_positions": "counts every closed position",
    "history.get_peak_balance": "looks at every ledger entry",
}
"""What reads as much as the session has, and why."""

BY_TRADES: Final = {
    "metrics.get_performance_metrics",
    "reports.get_current_drawdown",
    "reports.get_drawdowns",
    "reports.get_equity_curve",
    "tearsheet.get_daily_equity",
}
"""What adds up every trade when it is about one strategy or symbol: snapshots are of all of them."""

READ: Final = """
SELECT relname, pg_stat_get_xact_tuples_returned(oid)
       + CASE relkind WHEN 'r' THEN pg_stat_get_xact_tuples_fetched(oid) ELSE 0 END
  FROM pg_class
 WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'i')
"""
"""Rows that were read of each table and index so far, also by functions that no plan shows."""

# An audit compares every row of its session.
QUERIES = [
    query
    for query in statements()
    if query.kind is Kind.QUERY
    and query.name not in WHOLE
    and not query.name.startswith(("audit.audit_", "audit.get_position_blocks", "audit.get_doubtful_positions"))
]


def commands(session_id: int) -> list[Statement[object]]:
    """What an engine does from its start to its end, in the session."""
    now = START + timedelta(days=dominant.DAYS)
    return [
        sessions.resume_or_create(
            strategy_name="dominant", symbol="X1", timeframe="1h", mode="PAPER", initial_balance=1, holder="engine",
            session_id=session_id, timestamp=now,
        ),
        orders.expire_stale_orders(session_id=session_id, created_before=now, timestamp=now),
        orders.create_order(
            session_id=session_id, order_type="ENTRY", symbol="X", side="LONG", quantity=1, internal_order_id="new",
            strategy_name="dominant", created_at=now,
        ),
        positions.open_position(
            session_id=session_id, symbol="X", side="LONG", entry_price=100, size="0.1", quantity=1,
            strategy_name="dominant", entry_order_id="own", entry_time=now,
        ),
        account.log_account_snapshot(session_id=session_id, balance=1, equity=1, timestamp=now),
        trades.log_trade(
            session_id=session_id, symbol="X", side="LONG", entry_price=100, exit_price=101, size="0.1", entry_time=now,
            exit_time=now, pnl=1, exit_reason="target", strategy_name="dominant",
        ),
        events.log_event(session_id=session_id, event_type="TEST", message="x"),
        sessions.end_trading_session(session_id=session_id, end_time=now),
    ]  # fmt: skip


@pytest.fixture(scope="module")
def connection(server: Server, make_world: MakeDatabase) -> Iterator[psycopg.Connection]:
    """A database in which one session has nearly everything, which goes when it is no longer needed."""
    with psycopg.connect(make_world(), autocommit=True) as connection:
        connection.execute(dominant.FILL)
        connection.execute("SELECT rebuild_equity(id) FROM trading_sessions")
        connection.execute("SELECT roll_up(id, 1000000) FROM trading_sessions, generate_series(1, 3)")
        connection.execute("VACUUM ANALYZE")
        connection.execute("SET jit = off")
        yield connection
        name = connection.info.dbname
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE {}").format(sql.Identifier(name)))


@pytest.fixture(scope="module")
def session_id(connection: psycopg.Connection) -> int:
    """The session that has nearly everything."""
    [(found,)] = connection.execute(dominant.OF_IT).fetchall()
    assert isinstance(found, int)
    return found


def rows_read(connection: psycopg.Connection, statement: Statement[object], mode: str) -> tuple[dict[str, int], int]:
    """How much it reads of each table and index, and how many rows it answers; nothing of what it writes stays."""
    with connection.transaction(force_rollback=True):
        connection.execute(f"SET LOCAL plan_cache_mode = {mode}".encode())
        connection.execute(b"PREPARE hot AS " + statement.sql.encode())
        try:
            before: dict[str, int] = dict(connection.execute(READ).fetchall())
            answered = len(connection.execute(execution_of(statement.server_values()).encode()).fetchall())
            after: dict[str, int] = dict(connection.execute(READ).fetchall())
        finally:
            connection.execute("DEALLOCATE hot")
    return {name: after[name] - before[name] for name in after if after[name] > before[name]}, answered


def beyond(connection: psycopg.Connection, statement: Statement[object], mode: str) -> dict[str, int]:
    """What was read, if it is more than the answer needs."""
    read, answered = rows_read(connection, statement, mode)
    allowed = SMALL + CUT.get(statement.name, 0) + EDGES.get(statement.name, PER_ROW) * answered
    return read if sum(read.values()) > allowed else {}


def choices(query: Declared[object], world: World, session_id: int) -> Iterator[Statement[object]]:
    """The query about the session: all of it, of one strategy and symbol, and from within a day to within another."""
    filters: dict[str, object] = {"strategy_name": "strategy 1", "symbol": "X1"}
    span: dict[str, object] = {
        "start": START + timedelta(days=10, hours=7), "end": START + timedelta(days=30, hours=5),
    }  # fmt: skip
    latest: dict[str, object] = {
        "session_id": session_id, "limit": 10, "points": 10, "hours": 24,
        "since": START + timedelta(days=dominant.DAYS, hours=-1), "now": START + timedelta(days=dominant.DAYS),
    }  # fmt: skip
    given = dict(example(query, world).args)
    if query.name in NEEDED:
        # An order is one of its own session.
        yield query.value(given)
        return
    optional = {one.name: None for one in query.parameters if one.optional}
    own = given | optional | {name: value for name, value in latest.items() if name in given}
    yield query.value(own)
    for kept in (filters, span, filters | span):
        chosen = {name: value for name, value in kept.items() if name in optional}
        if chosen and not (query.name in BY_TRADES and "symbol" in chosen):
            yield query.value(own | chosen)


@pytest.mark.parametrize("query", [query for query in QUERIES if query.name not in HISTORY], ids=str)
def test_a_query_reads_as_much_as_it_answers(
    connection: psycopg.Connection, world: World, session_id: int, query: Declared[object]
) -> None:
    for statement in choices(query, world, session_id):
        for mode in MODES:
            assert beyond(connection, statement, mode) == {}, (statement, mode)


def test_sums_of_days_are_read_in_one_stretch(connection: psycopg.Connection, session_id: int) -> None:
    searches = "SELECT relname, pg_stat_get_xact_numscans(oid) FROM pg_class WHERE relname = any(%s)"
    kept = [
        *("trade_months_pkey", "trade_month_parts_pkey", "trade_days_pkey", "trade_day_parts_pkey"),
        *("order_days_pkey", "order_day_parts_pkey"),
    ]
    for statement in (
        metrics.get_performance_metrics(session_id=session_id),
        reports.get_pnl_by_symbol(session_id=session_id),
        execution.get_order_quality(session_id=session_id),
    ):
        for mode in MODES:
            with connection.transaction(force_rollback=True):
                connection.execute(f"SET LOCAL plan_cache_mode = {mode}".encode())
                connection.execute(b"PREPARE hot AS " + statement.sql.encode())
                before: dict[str, int] = dict(connection.execute(searches, [kept]).fetchall())
                connection.execute(execution_of(statement.server_values()).encode())
                after: dict[str, int] = dict(connection.execute(searches, [kept]).fetchall())
                connection.execute("DEALLOCATE hot")
            assert sum(after.values()) - sum(before.values()) <= len(kept), (statement, mode)


def test_a_command_reads_no_history(connection: psycopg.Connection, session_id: int) -> None:
    for statement in commands(session_id):
        for mode in MODES:
            assert beyond(connection, statement, mode) == {}, (statement, mode)


@pytest.mark.parametrize(
    "compare",
    [audit.get_doubtful_positions, audit.audit_positions, audit.audit_orders, audit.audit_trades],
    ids=str,
)
def test_a_step_of_the_audit_reads_what_it_compares(
    connection: psycopg.Connection, session_id: int, compare: Callable[..., Statement[object]]
) -> None:
    """Not the session, once a step: the steps together would take the square of its length. The pages of the ledger
    that are not summed up yet are looked through."""
    [(first, last)] = connection.execute(
        "SELECT min(id), max(id)"
        " FROM (SELECT id FROM positions WHERE session_id = %s ORDER BY id OFFSET 9000 LIMIT 50) AS p",
        [session_id],
    ).fetchall()
    step = compare(session_id=session_id, first_position=first, last_position=last)
    with connection.transaction():
        connection.execute(f"{PLANS}; {BY_POSITION}")
        read, _ = rows_read(connection, step, "force_custom_plan")
    assert sum(read.values()) < 0.2 * dominant.TRADES, list(read.items())


def test_what_reads_as_much_as_there_is_is_listed_for_a_reason(
    connection: psycopg.Connection, world: World, session_id: int
) -> None:
    listed = [value for query in QUERIES if query.name in HISTORY for value in choices(query, world, session_id)]
    assert {statement.name for statement in listed for mode in MODES if beyond(connection, statement, mode)} == set(
        HISTORY
    )


def test_the_newest_partial_trades_are_those_by_their_own_time(connection: psycopg.Connection, session_id: int) -> None:
    statement = execution.get_recent_partial_trades(session_id=session_id, limit=20)
    connection.execute(b"PREPARE hot AS " + statement.sql.encode())
    found = connection.execute(execution_of(statement.server_values()).encode()).fetchall()
    connection.execute("DEALLOCATE hot")
    assert [row[0] for row in found] == [
        number
        for (number,) in connection.execute(
            "SELECT t.id FROM partial_trades AS t JOIN positions AS p ON p.id = t.position_id"
            " WHERE p.session_id = %s ORDER BY t.timestamp DESC, t.id DESC LIMIT 20",
            [session_id],
        )
    ]
