"""What happened and why: system events, and the strategy's decisions."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from atb_db.statement import command, copy, query
from atb_db.types import NEW, NOW, EventType, Json, Number, Severity


class SystemEvent(NamedTuple):
    """An event; session_id is None for one outside of any session."""

    id: int
    session_id: int | None
    timestamp: datetime
    event_type: EventType
    severity: Severity
    message: str
    details: Json | None
    component: str | None
    error_code: str | None
    stack_trace: str | None
    alert_sent: bool
    alert_method: str | None


@command
def log_event(
    *,
    event_type: EventType | str,
    message: str,
    severity: Severity | str = Severity.INFO,
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


@copy
def copy_events(
    *,
    event_type: EventType | str,
    message: str,
    timestamp: datetime,
    severity: Severity | str = Severity.INFO,
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


@copy
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
def get_operational_events(*, event_type: EventType | str, limit: int = 50) -> list[SystemEvent]:
    """The newest events of a type that belong to no session, newest first.

    Such are BACKUP, RESTORE and RESTORE_DRILL, which are about the whole database.
    """
    ...
