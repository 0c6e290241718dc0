"""Adaptive risk: how the engine rates its own performance, and which parameters it changes because of it."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

from atb_db.statement import command, query
from atb_db.types import NEW, NOW, Number


class DynamicPerformance(NamedTuple):
    """Recent performance as the engine rated it, over windows of its own choice.

    rolling_win_rate, current_drawdown and volatility_30d are fractions (0.05 = 5 %), expectancy is in the session's
    base currency. risk_adjustment_factor is what risk parameters were to be multiplied by.
    """

    id: int
    """Identifier."""
    session_id: int
    """Session that was judged."""
    timestamp: datetime
    """When it was judged."""
    rolling_win_rate: Decimal | None
    """Wins / trades in the rolling window, as a fraction; NULL without trades."""
    rolling_sharpe_ratio: Decimal | None
    """Sharpe ratio over the rolling window, dimensionless; NULL with too few returns."""
    current_drawdown: Decimal
    """(Running peak - equity) / running peak at that time, as a fraction; above 1 only with leverage."""
    volatility_30d: Decimal | None
    """Volatility of the last 30 days, as a fraction."""
    consecutive_losses: int
    """Losses in a row up to that time."""
    consecutive_wins: int
    """Wins in a row up to that time."""
    risk_adjustment_factor: Decimal
    """What risk parameters were to be multiplied by: 1 = unchanged, below 1 = less risk."""
    profit_factor: Decimal | None
    """Sum of wins / sum of losses in the rolling window; NULL without losses."""
    expectancy: Decimal | None
    """Mean pnl of a trade in the rolling window, in the session's base currency."""
    avg_trade_duration_hours: Decimal | None
    """Mean time from entry to exit in the rolling window, in hours."""


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


class RiskFactor(NamedTuple):
    """The factor of a risk parameter, and its reason; values are in the unit of the parameter."""

    adjustment_factor: Decimal
    """What the parameter was multiplied by: 1 = unchanged, below 1 = less risk."""
    trigger_reason: str
    """Why it was changed."""
    adjustment_type: str
    """Kind of the change, such as drawdown, performance or volatility."""
    parameter_name: str
    """Parameter that was changed, such as position_size."""
    original_value: Decimal
    """Its value before, in the parameter's own unit."""
    adjusted_value: Decimal
    """Its value after, in the parameter's own unit."""
    timestamp: datetime
    """When it was changed."""


@command
def log_dynamic_performance(
    *,
    session_id: int,
    current_drawdown: Number,
    risk_adjustment_factor: Number,
    consecutive_losses: int = 0,
    consecutive_wins: int = 0,
    rolling_win_rate: Number | None = None,
    rolling_sharpe_ratio: Number | None = None,
    volatility_30d: Number | None = None,
    profit_factor: Number | None = None,
    expectancy: Number | None = None,
    avg_trade_duration_hours: Number | None = None,
    timestamp: datetime = NOW,
    request_id: UUID = NEW,
) -> int:
    """Record how the engine rates its recent performance; the record's id.

    Units are those of DynamicPerformance.
    """
    ...


@query
def get_latest_dynamic_performance(*, session_id: int) -> DynamicPerformance | None:
    """The engine's newest rating of a session's performance; None if there is none."""
    ...


@command
def log_risk_adjustment(
    *,
    session_id: int,
    adjustment_type: str,
    trigger_reason: str,
    parameter_name: str,
    original_value: Number,
    adjusted_value: Number,
    adjustment_factor: Number,
    current_drawdown: Number | None = None,
    performance_score: Number | None = None,
    volatility_level: Number | None = None,
    duration_minutes: int | None = None,
    trades_during_adjustment: int | None = None,
    pnl_during_adjustment: Number | None = None,
    timestamp: datetime = NOW,
    request_id: UUID = NEW,
) -> int:
    """Record a change of a risk parameter; the record's id.

    original_value and adjusted_value are in the unit of the parameter; current_drawdown and volatility_level are
    fractions. duration_minutes, trades_during_adjustment and pnl_during_adjustment are known only if the adjustment is
    logged when it ends.
    """
    ...


@query
def get_risk_factor(*, session_id: int) -> RiskFactor | None:
    """A session's present risk factor and its reason: those of its newest adjustment; None if there is none."""
    ...
