"""The dashboard: everything that a dashboard shows of a session, in one round trip."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from atb_db.batch import Batch
from atb_db.repository import (
    account,
    control,
    execution,
    metrics,
    monitoring,
    optimization,
    orders,
    portfolio,
    positions,
    reports,
    risk,
    trades,
)


class Dashboard(NamedTuple):
    """A session at one moment; each field is the result of the query that `dashboard` names for it."""

    summary: monitoring.AccountSummary
    performance: metrics.PerformanceMetrics
    equity: list[reports.EquityPoint]
    drawdowns: list[reports.Drawdown]
    days: list[metrics.DailyMetrics]
    """The last thirty UTC days that had trades."""
    pnl_by_strategy: list[reports.StrategyPnl]
    pnl_by_symbol: list[reports.SymbolPnl]
    pnl_by_exit_reason: list[reports.ExitReasonPnl]
    outcomes: list[reports.Outcome]
    positions: list[positions.Position]
    pending_orders: list[orders.Order]
    trades: list[trades.Trade]
    partial_trades: list[execution.PartialTrade]
    order_quality: list[execution.OrderQuality]
    failed_orders: list[execution.FailedOrder]
    balances: list[account.LedgerEntry]
    errors: list[monitoring.HourlyErrors]
    freshness: list[monitoring.DataFreshness]
    risk_factor: risk.RiskFactor | None
    risk_judgement: risk.DynamicPerformance | None
    correlations: list[portfolio.Correlation]
    exposures: list[portfolio.PortfolioExposure]
    optimization_cycles: list[optimization.OptimizationCycle]
    control_flags: list[control.ControlFlag]

    @property
    def current_drawdown(self) -> reports.EquityPoint | None:
        """The newest equity with its peak and drawdown; None before there is any."""
        return self.equity[-1] if self.equity else None


def dashboard(
    *,
    session_id: int,
    start: datetime | None = None,
    points: int = 300,
    limit: int = 20,
    window_days: int = 30,
    now: datetime | None = None,
) -> Batch[Dashboard]:
    """A session's dashboard, for `run_batch`.

    Figures of performance, the equity curve and the drawdowns begin at start; None = from the beginning. The curve has
    at most `points` points, each list of newest records at most `limit` rows; correlations are over window_days. Ages,
    today, this week and the last 24 hours count from `now`; None = the present moment.
    """
    now = now or datetime.now(UTC)
    return Batch(
        Dashboard,
        summary=monitoring.get_account_summary(session_id=session_id, now=now),
        performance=metrics.get_performance_metrics(session_id=session_id, start=start),
        equity=reports.get_equity_curve(session_id=session_id, start=start, points=points),
        drawdowns=reports.get_drawdowns(session_id=session_id, start=start),
        days=metrics.get_daily_metrics(session_id=session_id, start=now - timedelta(days=30)),
        pnl_by_strategy=reports.get_pnl_by_strategy(session_id=session_id, start=start),
        pnl_by_symbol=reports.get_pnl_by_symbol(session_id=session_id, start=start),
        pnl_by_exit_reason=reports.get_pnl_by_exit_reason(session_id=session_id, start=start),
        outcomes=reports.get_recent_outcomes(session_id=session_id),
        positions=positions.get_active_positions(session_id=session_id),
        pending_orders=orders.get_pending_orders(session_id=session_id),
        trades=trades.get_recent_trades(session_id=session_id, limit=limit),
        partial_trades=execution.get_recent_partial_trades(session_id=session_id, limit=limit),
        order_quality=execution.get_order_quality(session_id=session_id, start=start),
        failed_orders=execution.get_failed_orders(session_id=session_id, limit=limit),
        balances=account.get_balance_history(session_id=session_id, limit=limit),
        errors=monitoring.get_errors_by_hour(session_id=session_id, now=now),
        freshness=monitoring.get_data_freshness(session_id=session_id, now=now),
        risk_factor=risk.get_risk_factor(session_id=session_id),
        risk_judgement=risk.get_latest_dynamic_performance(session_id=session_id),
        correlations=portfolio.get_correlation_matrix(window_days=window_days),
        exposures=portfolio.get_portfolio_exposures(),
        optimization_cycles=optimization.fetch_optimization_cycles(limit=limit),
        control_flags=control.get_active_control_flags(),
    )
