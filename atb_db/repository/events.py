"""System events, and the strategy's decisions."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

from atb_db.bulk import copy
from atb_db.statement import command, query
from atb_db.types import NEW, NOW, EventType, EventTypeLabel, Json, Number, Severity, SeverityLabel


class SystemEvent(NamedTuple):
    """An event; session_id is None if it belongs to no session."""

    id: int
    """Identifier."""
    session_id: int | None
    """Session in which it happened; NULL outside of any."""
    timestamp: datetime
    """When it happened."""
    event_type: EventType | str
    """What is reported. Text if a later version of atb_db has added it."""
    severity: Severity
    """How urgent it is."""
    message: str
    """One sentence for people."""
    details: Json | None
    """Particulars for programs."""
    component: str | None
    """Part of the system that reports."""
    error_code: str | None
    """Code of the error, if it is one."""
    stack_trace: str | None
    """Stack trace of the error, if it is one."""
    alert_sent: bool
    """Whether somebody was alerted."""
    alert_method: str | None
    """How they were alerted."""


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


@command
def log_event(
    *,
    event_type: EventType | EventTypeLabel,
    message: str,
    severity: Severity | SeverityLabel = Severity.INFO,
    session_id: int | None = None,
    timestamp: datetime = NOW,
    details: Json | None = None,
    component: str | None = None,
    error_code: str | None = None,
    stack_trace: str | None = None,
    alert_sent: bool = False,
    alert_method: str | None = None,
    request_id: UUID = NEW,
) -> int:
    """Record a system event; its id."""
    ...


@copy(like=log_event)
def copy_events(
    *,
    event_type: EventType | EventTypeLabel,
    message: str,
    timestamp: datetime,
    severity: Severity | SeverityLabel = Severity.INFO,
    session_id: int | None = None,
    details: Json | None = None,
    component: str | None = None,
    error_code: str | None = None,
    stack_trace: str | None = None,
    alert_sent: bool = False,
    alert_method: str | None = None,
    request_id: UUID = NEW,
) -> None:
    """Bulk-load system events.

    One value is one row, with the parameters of log_event.
    """
    ...


@command
def log_strategy_execution(
    *,
    session_id: int,
    strategy_name: str,
    symbol: str,
    signal_type: str,
    action_taken: str,
    price: Number,
    timestamp: datetime = NOW,
    timeframe: str | None = None,
    signal_strength: Number | None = None,
    confidence_score: Number | None = None,
    position_size: Number | None = None,
    volume: Number | None = None,
    volatility: Number | None = None,
    indicators: Json | None = None,
    sentiment_data: Json | None = None,
    ml_predictions: Json | None = None,
    reasons: Json | None = None,
    trade_id: int | None = None,
    token: UUID | None = None,
    request_id: UUID = NEW,
) -> int:
    """Record a decision of a strategy; its id.

    price is in quote currency, position_size a fraction of the balance, volume in units of the base asset, volatility a
    fraction.
    """
    ...


@copy(like=log_strategy_execution)
def copy_strategy_executions(
    *,
    session_id: int,
    strategy_name: str,
    symbol: str,
    signal_type: str,
    action_taken: str,
    price: Number,
    timestamp: datetime,
    timeframe: str | None = None,
    signal_strength: Number | None = None,
    confidence_score: Number | None = None,
    position_size: Number | None = None,
    volume: Number | None = None,
    volatility: Number | None = None,
    indicators: Json | None = None,
    sentiment_data: Json | None = None,
    ml_predictions: Json | None = None,
    reasons: Json | None = None,
    trade_id: int | None = None,
    request_id: UUID = NEW,
) -> None:
    """Bulk-load decisions of strategies.

    One value is one row, with the parameters of log_strategy_execution.
    """
    ...


@query
def get_recent_events(*, session_id: int, limit: int = 50) -> list[SystemEvent]:
    """A session's newest events, newest first."""
    ...


@query
def get_operational_events(*, event_type: EventType | EventTypeLabel, limit: int = 50) -> list[SystemEvent]:
    """The newest events of a type that belong to no session, newest first.

    These are about the whole database, such as BACKUP, RESTORE and RESTORE_DRILL.
    """
    ...
