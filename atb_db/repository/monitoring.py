"""Monitoring: the state of a session, its errors, and the age of its data."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from atb_db.statement import query
from atb_db.types import NOW, TradeSource, TradeSourceLabel


class AccountSummary(NamedTuple):
    """The state of a session; amounts are in base_currency, win_rate is a fraction.

    P&L is that of completed trades, gross and net of costs: over all time, on the UTC day of the given moment, and in
    its ISO week (from Monday). equity is that of the newest snapshot.
    """

    session_id: int
    """Identifier."""
    session_name: str
    """Name for people; not unique."""
    mode: TradeSource
    """Where the money is: LIVE, BACKTEST or PAPER."""
    strategy_name: str
    """Strategy that trades."""
    symbol: str
    """Instrument that is traded."""
    timeframe: str
    """Length of one candle, such as 1h."""
    base_currency: str
    """Currency of every amount in the session's books."""
    is_active: bool
    """True until the session has ended."""
    start_time: datetime
    """When the session began; historic for a backtest."""
    initial_balance: Decimal
    """Balance at the start, in base_currency."""
    balance: Decimal
    """The balance: the sum of the ledger, in base_currency."""
    equity: Decimal | None
    """The equity of the newest snapshot, in base_currency; NULL without one."""
    snapshot_time: datetime | None
    """When the newest snapshot was taken."""
    total_trades: int
    """Number of completed trades."""
    win_rate: Decimal | None
    """winning_trades / total_trades, as a fraction."""
    profit_factor: Decimal | None
    """gross_profit / gross_loss; NULL without losses."""
    expectancy: Decimal | None
    """Mean pnl of a trade, in the session's base currency."""
    current_streak: int
    """Wins in a row up to the newest trade; negative: losses in a row; 0 after a trade with pnl = 0."""
    gross_pnl: Decimal
    """Gross P&L of all completed trades, in base_currency."""
    net_pnl: Decimal
    """Net P&L of all completed trades, in base_currency."""
    trades_today: int
    """Number of trades closed since 00:00 UTC."""
    gross_pnl_today: Decimal
    """Their gross P&L, in base_currency."""
    net_pnl_today: Decimal
    """Their net P&L, in base_currency."""
    trades_this_week: int
    """Number of trades closed since Monday 00:00 UTC."""
    gross_pnl_this_week: Decimal
    """Their gross P&L, in base_currency."""
    net_pnl_this_week: Decimal
    """Their net P&L, in base_currency."""
    trades_opened_today: int
    """Number of positions entered since 00:00 UTC, closed again or not."""
    open_positions: int
    """Number of open positions."""
    unrealized_pnl: Decimal
    """Unrealised P&L of the open positions, in base_currency."""


class HourlyErrors(NamedTuple):
    """The errors of one UTC hour: events of the type ERROR, or whose severity is ERROR or CRITICAL."""

    hour: datetime
    """First moment of the UTC hour; an hour without errors has no row."""
    errors: int
    """Number of events of the type ERROR, or whose severity is ERROR or CRITICAL."""
    critical_errors: int
    """Those whose severity is CRITICAL."""


class DataFreshness(NamedTuple):
    """The age of a session's newest records, in seconds; None if there are none."""

    session_id: int
    """Identifier."""
    session_name: str
    """Name for people; not unique."""
    mode: TradeSource
    """Where the money is: LIVE, BACKTEST or PAPER."""
    strategy_name: str
    """Strategy that trades."""
    symbol: str
    """Instrument that is traded."""
    is_active: bool
    """True until the session has ended."""
    snapshot_time: datetime | None
    """When the newest snapshot of the account was taken."""
    snapshot_age_seconds: Decimal | None
    """Its age, in seconds."""
    decision_time: datetime | None
    """When the strategy last decided."""
    decision_age_seconds: Decimal | None
    """The age of that decision, in seconds."""
    trade_time: datetime | None
    """When the newest trade was closed."""
    trade_age_seconds: Decimal | None
    """Its age, in seconds."""
    event_time: datetime | None
    """When the newest event happened."""
    event_age_seconds: Decimal | None
    """Its age, in seconds."""


@query
def get_account_summary(*, session_id: int, now: datetime = NOW) -> AccountSummary:
    """The state of a session: balance, P&L in total, today and this week, and open positions."""
    ...


@query
def get_errors_by_hour(
    *,
    session_id: int | None = None,
    source: TradeSource | TradeSourceLabel | None = None,
    hours: int = 24,
    now: datetime = NOW,
) -> list[HourlyErrors]:
    """The errors of each of the last hours, this one included, oldest first; an hour without errors has a row, too.

    Without a session and a source, errors that belong to no session count, too.
    """
    ...


@query
def get_data_freshness(
    *, session_id: int | None = None, source: TradeSource | TradeSourceLabel | None = None, now: datetime = NOW
) -> list[DataFreshness]:
    """The age of the newest records of the active sessions, or of the given session, by session."""
    ...
