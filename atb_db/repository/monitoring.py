"""Monitoring: where a session stands, and whether all is well."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from atb_db.statement import query
from atb_db.types import NOW, TradeSource, TradeSourceLabel


class AccountSummary(NamedTuple):
    """Where a session stands; amounts are in base_currency, win_rate is a fraction.

    P&L is that of completed trades, gross and net of costs, over all time, on the UTC day of the moment asked about,
    and in its ISO week (from Monday). equity is that of the newest snapshot.
    """

    session_id: int
    session_name: str
    mode: TradeSource
    strategy_name: str
    symbol: str
    timeframe: str
    base_currency: str
    is_active: bool
    start_time: datetime
    initial_balance: Decimal
    balance: Decimal
    equity: Decimal | None
    snapshot_time: datetime | None
    total_trades: int
    win_rate: Decimal | None
    profit_factor: Decimal | None
    expectancy: Decimal | None
    current_streak: int
    gross_pnl: Decimal
    net_pnl: Decimal
    trades_today: int
    gross_pnl_today: Decimal
    net_pnl_today: Decimal
    trades_this_week: int
    gross_pnl_this_week: Decimal
    net_pnl_this_week: Decimal
    trades_opened_today: int
    """Entries of the day: positions that are open and trades that are already closed."""
    open_positions: int
    unrealized_pnl: Decimal


class HourlyErrors(NamedTuple):
    """The errors of one UTC hour: events of the type ERROR, or whose severity is ERROR or CRITICAL."""

    hour: datetime
    errors: int
    critical_errors: int


class DataFreshness(NamedTuple):
    """How old a session's newest records are, in seconds; None where there is none."""

    session_id: int
    session_name: str
    mode: TradeSource
    strategy_name: str
    symbol: str
    is_active: bool
    snapshot_time: datetime | None
    snapshot_age_seconds: Decimal | None
    decision_time: datetime | None
    decision_age_seconds: Decimal | None
    trade_time: datetime | None
    trade_age_seconds: Decimal | None
    event_time: datetime | None
    event_age_seconds: Decimal | None


@query
def get_account_summary(*, session_id: int, now: datetime = NOW) -> AccountSummary:
    """Where a session stands: balance, P&L in all, today and this week, and what is open."""
    ...


@query
def get_errors_by_hour(
    *,
    session_id: int | None = None,
    source: TradeSource | TradeSourceLabel | None = None,
    hours: int = 24,
    now: datetime = NOW,
) -> list[HourlyErrors]:
    """The errors of each of the last hours, oldest first, this one included; an hour without any is told too.

    Without a session and a source, errors outside of any session count too.
    """
    ...


@query
def get_data_freshness(
    *, session_id: int | None = None, source: TradeSource | TradeSourceLabel | None = None, now: datetime = NOW
) -> list[DataFreshness]:
    """How old the newest records of the active sessions are, or of the given session, by session."""
    ...
