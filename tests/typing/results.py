"""What type checkers know of results: read by mypy and pyright, never run."""

from datetime import datetime
from decimal import Decimal
from typing import assert_type

import pandas as pd
import polars as pl
import pyarrow as pa

from atb_db import AsyncDatabase, AsyncJournal, Database, Journal
from atb_db.journal import Queued
from atb_db.repository import account, events, metrics, orders, positions, sessions, trades
from atb_db.repository.metrics import PerformanceMetrics
from atb_db.repository.orders import Order
from atb_db.repository.positions import Position
from atb_db.repository.sessions import TradingSession
from atb_db.repository.trades import Trade
from atb_db.statement import Statement
from atb_db.types import OrderStatus, PositionSide


def value() -> None:
    assert_type(positions.get_position(position_id=1), Statement[Position])
    assert_type(account.get_current_balance(session_id=1), Statement[Decimal])


def run(db: Database, now: datetime) -> None:
    assert_type(db.run(sessions.get_trading_session(session_id=1)), TradingSession)
    assert_type(db.run(positions.get_active_positions(session_id=1)), list[Position])
    assert_type(db.run(positions.get_position(position_id=1)).orders, tuple[Order, ...])
    assert_type(db.run(positions.get_position(position_id=1)).side, PositionSide)
    assert_type(db.run(orders.get_pending_orders(session_id=1))[0].status, OrderStatus)
    assert_type(db.run(account.adjust_balance(session_id=1, delta=1.5, reason="fee")), Decimal)
    assert_type(db.run(metrics.get_performance_metrics(session_id=1, start=now)), PerformanceMetrics)
    assert_type(db.run(events.log_event(event_type="ERROR", message="lost")), int)
    assert_type(db.run_many([trades.get_recent_trades(session_id=1)]), list[list[Trade]])
    with db.transaction() as tx:
        assert_type(tx.run(trades.get_recent_trades(session_id=1, limit=5)), list[Trade])
    with db.stream(trades.get_trades_since(session_id=1, since=now)) as rows:
        for row in rows:
            assert_type(row, Trade)
    assert_type(db.frame(trades.get_recent_trades(session_id=1)), pa.Table)
    assert_type(db.frame(trades.get_recent_trades(session_id=1), as_="polars"), pl.DataFrame)
    assert_type(db.frame("reporting.trades", as_="pandas", money="float64"), pd.DataFrame)


async def run_async(db: AsyncDatabase, now: datetime) -> None:
    assert_type(await db.run(sessions.get_trading_session(session_id=1)), TradingSession)
    assert_type(await db.run(positions.get_active_positions(session_id=1)), list[Position])
    assert_type(await db.run_many([account.get_current_balance(session_id=1)]), list[Decimal])
    async with db.transaction() as tx:
        assert_type(await tx.run(trades.get_recent_trades(session_id=1)), list[Trade])
    async with db.stream(trades.get_trades_since(session_id=1, since=now)) as rows:
        async for row in rows:
            assert_type(row, Trade)


async def journal(journal: Journal, async_journal: AsyncJournal) -> None:
    statement = events.log_event(event_type="ERROR", message="lost")
    assert_type(journal.record(statement), int | Queued)
    assert_type(await async_journal.record(statement), int | Queued)
