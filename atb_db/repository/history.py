"""Histories across sessions, page by page: trades, positions, decisions, snapshots, risk, audit events; and peaks.

Filters are those of `reports`: None does not filter, and without a session_id those of verification are left out. A
page has the newest `limit` rows; the next one begins with `before` and `before_id`, the time and id of the last row.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from atb_db.repository.reconciliation import ReconciliationEvent
from atb_db.repository.risk import DynamicPerformance
from atb_db.repository.trades import Trade
from atb_db.statement import query
from atb_db.types import (
    Json,
    PositionSide,
    PositionStatus,
    PositionStatusLabel,
    Severity,
    SeverityLabel,
    TradeSource,
    TradeSourceLabel,
)


class RecordedPosition(NamedTuple):
    """A position without its orders, which `positions.get_position` has.

    Prices are in quote currency, quantities in units of the base asset, size is a fraction of the balance at entry;
    P&L, commission, interest and funding are in the session's base currency; mfe and mae are fractions of the entry
    price.
    """

    id: int
    """Identifier."""
    session_id: int
    """Session that holds the position."""
    symbol: str
    """Instrument."""
    side: PositionSide
    """LONG earns when the price rises, SHORT when it falls."""
    status: PositionStatus
    """PLANNED, OPEN or CLOSED."""
    strategy_name: str
    """Strategy that opened the position."""
    exchange: str | None
    """Exchange that holds the position."""
    entry_time: datetime
    """When the position was entered; of a PLANNED one when it was planned."""
    entry_price: Decimal
    """Average entry price of the open quantity, in quote currency; of a CLOSED position that of all entries."""
    exit_time: datetime | None
    """When the position was closed; NULL until CLOSED."""
    exit_price: Decimal | None
    """Average price of all exits, in quote currency, rounded to 24 digits; NULL until CLOSED."""
    exit_reason: str | None
    """Why the position was closed; NULL until CLOSED."""
    size: Decimal | None
    """Entered so far, as a fraction of the balance at entry; NULL when the plan gave no size."""
    quantity: Decimal
    """Entered so far, in units of the base asset: the entry and every scale-in, less what fees took out of it."""
    current_quantity: Decimal
    """Open quantity in units of the base asset."""
    current_price: Decimal | None
    """Newest known market price, in quote currency."""
    stop_loss: Decimal | None
    """Price at which the position is closed at a loss, in quote currency."""
    take_profit: Decimal | None
    """Price at which the position is closed at a profit, in quote currency."""
    realized_pnl: Decimal
    """Gross P&L of all exits so far, in the session's base currency; of a CLOSED position its whole result before
    costs.
    """
    unrealized_pnl: Decimal | None
    """P&L of the open quantity at current_price, in the session's base currency; NULL when it is not known: without a
    price, or without a rate from another settlement currency.
    """
    commission: Decimal
    """Fees of all fills so far, in the session's base currency; negative for a rebate."""
    margin_interest_cost: Decimal
    """Interest paid on borrowed funds so far, in the session's base currency."""
    funding: Decimal
    """Funding so far, in the session's base currency: positive when received, negative when paid."""
    confidence_score: Decimal | None
    """The strategy's confidence at entry, from 0 to 1."""
    mfe: Decimal | None
    """Maximum favourable excursion since entry, as a fraction of the entry price."""
    mae: Decimal | None
    """Maximum adverse excursion since entry, as a fraction of the entry price."""
    last_update: datetime
    """When the row last changed."""
    leverage: Decimal | None
    """Notional / margin (3 = three times); NULL where it was not given."""
    liquidation_price: Decimal | None
    """Price at which the exchange closes the position, in quote currency, as it was last reported; NULL = not known."""
    entry_tag: str | None
    """Signal or rule that opened the position, in the strategy's own words; NULL where it was not given."""


class Decision(NamedTuple):
    """A decision of a strategy, also the one to do nothing.

    price is in quote currency, position_size a fraction of the balance, volume in units of the base asset, volatility a
    fraction.
    """

    id: int
    """Identifier."""
    session_id: int
    """Session that decided."""
    timestamp: datetime
    """When the decision was made."""
    strategy_name: str
    """Strategy that decided."""
    symbol: str
    """Instrument."""
    timeframe: str | None
    """Length of one candle, such as 1h."""
    signal_type: str
    """What the strategy saw, such as entry, exit or hold."""
    signal_strength: Decimal | None
    """Strength of the signal in the strategy's own scale, dimensionless."""
    confidence_score: Decimal | None
    """Confidence from 0 to 1."""
    action_taken: str
    """What was done about it, such as opened_long or no_action."""
    price: Decimal
    """Market price at the decision, in quote currency."""
    position_size: Decimal | None
    """Size decided on, as a fraction of the balance."""
    volume: Decimal | None
    """Traded volume of the candle, in units of the base asset."""
    volatility: Decimal | None
    """Volatility of the price as a fraction, over the strategy's own window."""
    indicators: Json | None
    """Values of the indicators."""
    sentiment_data: Json | None
    """Sentiment that was taken into account."""
    ml_predictions: Json | None
    """Predictions that were taken into account."""
    reasons: Json | None
    """The decision's reasons."""
    trade_id: int | None
    """Completed trade that the decision led to, if any."""


class RiskAdjustment(NamedTuple):
    """A change of a risk parameter; values are in the unit of the parameter, drawdown and volatility are fractions."""

    id: int
    """Identifier."""
    session_id: int
    """Session whose risk was changed."""
    timestamp: datetime
    """When it was changed."""
    adjustment_type: str
    """Kind of the change, such as drawdown, performance or volatility."""
    trigger_reason: str
    """Why it was changed."""
    parameter_name: str
    """Parameter that was changed, such as position_size."""
    original_value: Decimal
    """Its value before, in the parameter's own unit."""
    adjusted_value: Decimal
    """Its value after, in the parameter's own unit."""
    adjustment_factor: Decimal
    """What the parameter was multiplied by: 1 = unchanged, below 1 = less risk."""
    current_drawdown: Decimal | None
    """(Running peak - equity) / running peak at that time, as a fraction; above 1 only with leverage."""
    performance_score: Decimal | None
    """Score of recent performance in the engine's own scale."""
    volatility_level: Decimal | None
    """Volatility at that time, as a fraction."""
    duration_minutes: int | None
    """How long the adjustment held, in minutes, where it is logged afterwards; else NULL."""
    trades_during_adjustment: int | None
    """Number of trades while it held, where it is logged afterwards; else NULL."""
    pnl_during_adjustment: Decimal | None
    """P&L while it held, in the session's base currency, where it is logged afterwards; else NULL."""


class Snapshot(NamedTuple):
    """The account as it was at a moment; amounts are in the session's base currency, drawdown is a fraction."""

    id: int
    """Identifier."""
    session_id: int
    """Session whose account it is."""
    timestamp: datetime
    """When the snapshot was taken."""
    balance: Decimal
    """Balance without open positions, in the session's base currency."""
    equity: Decimal
    """Balance and unrealised P&L together, in the session's base currency."""
    margin_used: Decimal
    """Margin that open positions hold, in the session's base currency."""
    margin_available: Decimal | None
    """Margin left, in the session's base currency."""
    total_pnl: Decimal | None
    """Net P&L since the session's start, in the session's base currency."""
    daily_pnl: Decimal | None
    """Net P&L since 00:00 UTC, in the session's base currency."""
    drawdown: Decimal | None
    """(Running peak - equity) / running peak, as a fraction."""
    open_positions: int
    """Number of open positions."""
    total_exposure: Decimal
    """Value of the open positions, in the session's base currency."""
    details: Json | None
    """Further figures as the bot computed them, by name: sharpe_ratio, sortino_ratio, calmar_ratio (dimensionless),
    var_95 (a fraction), and whatever else it keeps with a snapshot; NULL for none.
    """


class Peak(NamedTuple):
    """The highest equity or balance of a session, in its base currency; a deposit raises it like a profit."""

    session_id: int
    """Session whose peak it is."""
    peak: Decimal
    """Balance after, in base_currency."""
    peak_time: datetime
    """When the change happened."""


@query
def get_trades(
    *,
    session_id: int | None = None,
    source: TradeSource | TradeSourceLabel | None = None,
    strategy_name: str | None = None,
    symbol: str | None = None,
    start: datetime | None = None,
    end: datetime | None = None,
    before: datetime | None = None,
    before_id: int | None = None,
    limit: int = 100,
) -> list[Trade]:
    """Trades of any sessions, newest exit first, a page at a time.

    Each session is read from the newest exit in the span backwards until `limit` trades fit, so a symbol that is seldom
    traded costs the span.
    """
    ...


@query
def get_positions(
    *,
    session_id: int | None = None,
    source: TradeSource | TradeSourceLabel | None = None,
    strategy_name: str | None = None,
    symbol: str | None = None,
    status: PositionStatus | PositionStatusLabel | None = None,
    start: datetime | None = None,
    end: datetime | None = None,
    before: datetime | None = None,
    before_id: int | None = None,
    limit: int = 100,
) -> list[RecordedPosition]:
    """Open and closed positions of any sessions, newest entry first, a page at a time.

    status is OPEN or CLOSED, None for both; PLANNED ones have `positions.get_planned_positions`. The span is that of
    entries.
    """
    ...


@query
def count_closed_positions(
    *,
    session_id: int | None = None,
    source: TradeSource | TradeSourceLabel | None = None,
    strategy_name: str | None = None,
    symbol: str | None = None,
    start: datetime | None = None,
    end: datetime | None = None,
) -> int:
    """The number of closed positions of any sessions.

    The span is that of entries. A trade that was logged without a position is not counted.
    """
    ...


@query
def get_snapshots(
    *,
    session_id: int | None = None,
    source: TradeSource | TradeSourceLabel | None = None,
    start: datetime | None = None,
    end: datetime | None = None,
    before: datetime | None = None,
    before_id: int | None = None,
    limit: int = 1000,
) -> list[Snapshot]:
    """Snapshots of the accounts of any sessions, newest first, a page at a time.

    Those of a day are from its 00:00 UTC as `start` to the next day's as `end`.
    """
    ...


@query
def get_peak_equity(
    *,
    session_id: int | None = None,
    source: TradeSource | TradeSourceLabel | None = None,
    start: datetime | None = None,
    end: datetime | None = None,
) -> list[Peak]:
    """The highest equity of each of any sessions, and when it was reached, newest session first.

    Of a session without snapshots in the span, the initial balance and the net P&L of its trades so far are its equity.
    """
    ...


@query
def get_peak_balance(
    *,
    session_id: int | None = None,
    source: TradeSource | TradeSourceLabel | None = None,
    start: datetime | None = None,
    end: datetime | None = None,
) -> list[Peak]:
    """The highest balance of each of any sessions, and when it was reached, newest session first.

    It looks at every ledger entry of the sessions.
    """
    ...


@query
def get_decisions(
    *,
    session_id: int | None = None,
    source: TradeSource | TradeSourceLabel | None = None,
    strategy_name: str | None = None,
    symbol: str | None = None,
    action_taken: str | None = None,
    start: datetime | None = None,
    end: datetime | None = None,
    before: datetime | None = None,
    before_id: int | None = None,
    limit: int = 100,
) -> list[Decision]:
    """Decisions of strategies in any sessions, newest first, a page at a time."""
    ...


@query
def get_risk_adjustments(
    *,
    session_id: int | None = None,
    source: TradeSource | TradeSourceLabel | None = None,
    parameter_name: str | None = None,
    start: datetime | None = None,
    end: datetime | None = None,
    before: datetime | None = None,
    before_id: int | None = None,
    limit: int = 100,
) -> list[RiskAdjustment]:
    """Changes of risk parameters in any sessions, newest first, a page at a time."""
    ...


@query
def get_dynamic_performance(
    *,
    session_id: int | None = None,
    source: TradeSource | TradeSourceLabel | None = None,
    start: datetime | None = None,
    end: datetime | None = None,
    before: datetime | None = None,
    before_id: int | None = None,
    limit: int = 100,
) -> list[DynamicPerformance]:
    """Engines' ratings of their performance in any sessions, newest first, a page at a time."""
    ...


@query
def get_audit_events(
    *,
    session_id: int | None = None,
    source: TradeSource | TradeSourceLabel | None = None,
    min_severity: Severity | SeverityLabel | None = None,
    start: datetime | None = None,
    end: datetime | None = None,
    before: datetime | None = None,
    before_id: int | None = None,
    limit: int = 100,
) -> list[ReconciliationEvent]:
    """Reconciliation events of any sessions from a severity on, newest first, a page at a time."""
    ...
