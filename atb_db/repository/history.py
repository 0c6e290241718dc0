"""Histories across sessions, page by page: trades, positions, decisions, snapshots, risk, audit events; and peaks.

Filters are those of `reports`: None does not filter, and without a session_id those of verification are left out. A
page has the newest `limit` rows; the next one begins with `before` and `before_id`, the time and id of the last row.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from atb_db.repository.account import Snapshot
from atb_db.repository.events import Decision
from atb_db.repository.reconciliation import ReconciliationEvent
from atb_db.repository.risk import DynamicPerformance, RiskAdjustment
from atb_db.repository.trades import Trade
from atb_db.statement import query
from atb_db.types import (
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
