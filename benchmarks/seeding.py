"""Databases with rows, which every contender gets a copy of."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import psycopg
from psycopg import sql

from atb_db import Database, Settings
from atb_db.embedded import Server
from atb_db.repository import metrics, orders, positions, sessions
from atb_db.sqlfile import schema_sql
from atb_db.statement import Statement
from benchmarks.filling import AS_THEY_ARE, CLOSINGS, LEDGER
from benchmarks.operations import START, Scale
from benchmarks.world import World

TODAY: Final = (0, 1_000, 10_000, 50_000)
"""Trades that a session has had today before one more is logged."""

_TRADES: Final = """
INSERT INTO trades (
    session_id, symbol, side, source, entry_price, exit_price, size, quantity, entry_time, exit_time, pnl, pnl_percent,
    commission, exit_reason, strategy_name, strategy_config, confidence_score, request_id
)
SELECT %(session_id)s, 'BTCUSDT', CASE i %% 3 WHEN 0 THEN 'SHORT' ELSE 'LONG' END::position_side, 'PAPER',
       40000 + i %% 997, 40000 + i %% 991, 0.05, 0.0125, %(start)s + i * interval '%(every)s second',
       %(start)s + i * interval '%(every)s second', (i * 7919 %% 2001 - 1000) / 100.0,
       (i * 7919 %% 2001 - 1000) / 1000.0, 0.05, CASE i %% 4 WHEN 0 THEN 'stop_loss' ELSE 'take_profit' END, 'bench',
       '{"fast": 12, "slow": 26}',
       0.7, gen_random_uuid()
  FROM generate_series(1, %(trades)s::bigint) AS i
"""

_SNAPSHOTS: Final = """
INSERT INTO account_history (session_id, timestamp, balance, equity, total_pnl, drawdown, request_id)
SELECT %(session_id)s, %(start)s + i * interval '1 minute', 100000 + i * 7919 %% 4001,
       100000 + i * 7919 %% 4001 + i %% 89, 0, 0, gen_random_uuid()
  FROM generate_series(1, %(rows)s::bigint) AS i
"""

_ORDERS: Final = """
INSERT INTO orders (
    session_id, order_type, status, symbol, side, quantity, price, told_quantity, told_price, told_value,
    filled_quantity, filled_price, filled_units, filled_value, strategy_name, created_at, filled_at, last_update
)
SELECT %(session_id)s, 'ENTRY', 'FILLED', 'BTCUSDT', 'LONG', 0.0125, 40000, 0.0125, 40000, 500, 0.0125, 40000, 0.0125,
       500, 'bench', %(start)s + i * interval '5 minutes', %(start)s + i * interval '5 minutes',
       %(start)s + i * interval '5 minutes'
  FROM generate_series(1, %(rows)s::bigint) AS i
"""
# Without a position: for what is counted by order.

_CLOSED: Final = """
INSERT INTO positions (
    session_id, symbol, side, status, planned_size, planned_quantity, entry_time, quantity, original_quantity,
    exited_quantity, entry_notional, exit_notional, entry_price, exit_price, size, original_size, current_size,
    last_update, strategy_name, realized_pnl, last_exit_time, exit_time, exit_reason
)
SELECT %(session_id)s, 'BTCUSDT', 'LONG', 'CLOSED', 0.05, 0.0125, %(start)s, 0.0125, 0.0125, 0.0125, 500, 501.25, 40000,
       40100, 0.05, 0.05, 0, %(start)s, 'bench', 1.25, %(start)s, %(start)s, 'take_profit'
  FROM generate_series(1, %(rows)s::bigint)
"""

_PREDICTIONS: Final = """
INSERT INTO prediction_cache (
    cache_key, model_name, features_hash, config_hash, predicted_price, confidence, direction, predicted_at, created_at,
    expires_at, access_count, last_accessed
)
SELECT 'key-' || i, 'model', 'f' || i, 'c', 40000, 0.5, 1, now(), now(), now() + interval '7 days', 1, now()
  FROM generate_series(0, %(rows)s - 1) AS i
"""


def seed(server: Server, scale: Scale) -> World:
    """Make the databases books and days, which are to be copied, and history and cache, which are read, or nearly."""
    books = Settings.load(server.create_database("books", template="template0"), environ={})
    with psycopg.connect(books.conninfo) as connection:
        connection.execute(schema_sql().encode())
    with Database(books) as db:
        today = {count: _session(db, f"today {count}") for count in TODAY}
        trading, backtest, closing = (_session(db, name) for name in ("trading", "backtest", "closing"))
        open_ = tuple(db.run_many([_open(closing, number) for number in range(scale.positions)]))
        entries = tuple(db.run_many([_order(closing, "ENTRY", number) for number in range(scale.positions)]))
        partial_exits, full_exits = (
            tuple(db.run_many([_order(closing, kind, position_id, position_id) for position_id in open_]))
            for kind in ("PARTIAL_EXIT", "FULL_EXIT")
        )
    history = server.create_database("history", template="books")
    server.create_database("cache", template="books")
    days = server.create_database("days", template="books")
    with Database(Settings.load(history, environ={})) as db:
        few, many, traded, observed = (_session(db, name) for name in ("few", "many", "traded", "observed"))
        for session_id, count in ((few, 10), (many, 200), (traded, 20)):
            held = db.run_many([_open(session_id, 1_000_000 * session_id + number) for number in range(count)])
            for _ in range(2):
                db.run_many([_quarter(position_id) for position_id in held])
    with _filling(books.conninfo) as connection:
        connection.execute(_PREDICTIONS % {"rows": 1_000})
    with _filling(days) as connection:
        for count, session_id in today.items():
            connection.execute(_TRADES % _span(session_id, count, 1, "date_trunc('day', now(), 'UTC')"))
        connection.execute(LEDGER)
    with _filling(history) as connection:
        start = f"'{START:%Y-%m-%dT%H:%M:%SZ}'::timestamptz"
        connection.execute(_TRADES % _span(traded, scale.history, 600, start))
        for session_id, rows in ((traded, scale.history), (observed, scale.snapshots)):
            connection.execute(_SNAPSHOTS % {"session_id": session_id, "rows": rows, "start": start})
        connection.execute(_ORDERS % {"session_id": traded, "rows": 2 * scale.history, "start": start})
        connection.execute(_CLOSED % {"session_id": many, "rows": scale.history, "start": start})
        connection.execute(CLOSINGS)
        connection.execute(LEDGER)
    with _filling(server.url(database="cache")) as connection:
        connection.execute(_PREDICTIONS % {"rows": scale.cached})
    for url, filled in ((days, today.values()), (history, [many, traded])):
        with Database(Settings.load(url, environ={})) as db:
            for session_id in filled:
                db.run(metrics.rebuild_performance_metrics(session_id=session_id), timeout=300)
    with psycopg.connect(history, autocommit=True) as connection:
        for session_id in (many, traded, observed):
            # As if they had been written one after the other: days that are over are added up.
            while connection.execute("SELECT roll_up(%s, 200000)", [session_id]).fetchone() != (0,):
                pass
    for name in ("books", "days", "history", "cache"):
        with psycopg.connect(server.url(database=name), autocommit=True) as connection:
            connection.execute("VACUUM (ANALYZE, FREEZE)")
    return World(today, trading, backtest, open_, entries, partial_exits, full_exits, few, many, traded, observed)


@contextmanager
def copy_of(server: Server, database: str, whose: str = "one") -> Iterator[str]:
    """The URL of a copy of it, which is gone afterwards."""
    name = f"{database} of {whose}"
    server.create_database(name, template=database)
    try:
        yield server.tcp_url(database=name)
    finally:
        with psycopg.connect(server.url(), autocommit=True) as connection:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def _filling(url: str) -> psycopg.Connection:
    connection = psycopg.connect(url)
    connection.execute(AS_THEY_ARE)
    return connection


def _span(session_id: int, trades: int, every: int, start: str) -> dict[str, object]:
    return {"session_id": session_id, "trades": trades, "every": every, "start": start}


def _session(db: Database, name: str) -> int:
    return db.run(
        sessions.create_trading_session(
            session_name=name,
            strategy_name=name,
            symbol="BTCUSDT",
            timeframe="1h",
            mode="PAPER",
            initial_balance=100_000,
            start_time=START,
        )
    )


def _open(session_id: int, number: int) -> Statement[int]:
    return positions.open_position(
        session_id=session_id,
        symbol="BTCUSDT",
        side="LONG",
        entry_price=40_000,
        size="0.05",
        quantity="0.0125",
        strategy_name="bench",
        entry_order_id=f"seed-{number}",
        entry_time=START,
        stop_loss=39_000,
        take_profit=42_000,
    )


def _quarter(position_id: int) -> Statement[int]:
    return positions.apply_partial_exit(position_id=position_id, size="0.25", price=40_100, timestamp=START)


def _order(session_id: int, kind: str, number: int, position_id: int | None = None) -> Statement[int]:
    return orders.create_order(
        session_id=session_id,
        position_id=position_id,
        order_type=kind,
        symbol="BTCUSDT",
        side="LONG",
        quantity="0.003125" if kind == "PARTIAL_EXIT" else "0.0125",
        internal_order_id=f"{kind} {number}",
        strategy_name="bench",
        reason=None if position_id is None else "take_profit",
        size="0.05" if position_id is None else None,
        created_at=START,
    )
