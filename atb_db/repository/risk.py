"""Adaptive risk: how the engine judges its own performance, and what it changes because of it."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

from atb_db.statement import command, query
from atb_db.types import NEW, NOW, Number


class DynamicPerformance(NamedTuple):
    """Recent performance as the engine judged it, over windows of its own choice.

    rolling_win_rate, current_drawdown and volatility_30d are fractions (0.05 = 5 %), expectancy is in the session's
    base currency, and risk parameters were to be multiplied by risk_adjustment_factor.
    """

    id: int
    session_id: int
    timestamp: datetime
    rolling_win_rate: Decimal | None
    rolling_sharpe_ratio: Decimal | None
    current_drawdown: Decimal
    volatility_30d: Decimal | None
    consecutive_losses: int
    consecutive_wins: int
    risk_adjustment_factor: Decimal
    profit_factor: Decimal | None
    expectancy: Decimal | None
    avg_trade_duration_hours: Decimal | None


class RiskFactor(NamedTuple):
    """What a risk parameter is multiplied by, and why; values are in the parameter's own unit."""

    adjustment_factor: Decimal
    trigger_reason: str
    adjustment_type: str
    parameter_name: str
    original_value: Decimal
    adjusted_value: Decimal
    timestamp: datetime


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
    """Record how the engine judges its recent performance; the record's id.

    Units are those of DynamicPerformance.
    """
    ...


@query
def get_latest_dynamic_performance(*, session_id: int) -> DynamicPerformance | None:
    """How the engine last judged a session's performance; None when it never did."""
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

    original_value and adjusted_value are in the parameter's own unit, current_drawdown and volatility_level fractions.
    What came of the adjustment (duration_minutes, trades_during_adjustment, pnl_during_adjustment) is known only to
    one that is logged when it ends.
    """
    ...


@query
def get_risk_factor(*, session_id: int) -> RiskFactor | None:
    """A session's risk factor now and its reason: those of its newest adjustment; None when there is none."""
    ...
