"""What a report shows: the queries of all its parts, in one round trip and one snapshot."""

from __future__ import annotations

from datetime import datetime
from typing import Final, NamedTuple

from atb_db.batch import Batch
from atb_db.repository import execution, metrics, reports, tearsheet
from atb_db.types import TradeSource, TradeSourceLabel

CURVE_POINTS: Final = 600
EXCURSION_POINTS: Final = 500
NEWEST_TRADES: Final = 20_000
"""Of how many trades distribution, holding times and excursions are shown; more take long to read."""
WORST_DRAWDOWNS: Final = 10
NEWEST_OUTCOMES: Final = 15


class Report(NamedTuple):
    """The books of the chosen sessions at one moment; `report_batch` names the query of each field."""

    scope: tearsheet.Scope
    performance: metrics.PerformanceMetrics
    equity: list[reports.EquityPoint]
    current_drawdown: reports.EquityPoint | None
    drawdowns: list[reports.Drawdown]
    daily_equity: list[tearsheet.DayEquity]
    days: list[reports.PeriodPnl]
    months: list[reports.PeriodPnl]
    strategies: list[reports.StrategyPnl]
    symbols: list[reports.SymbolPnl]
    exit_reasons: list[reports.ExitReasonPnl]
    distribution: list[tearsheet.PnlBucket]
    holding_times: list[tearsheet.HoldingTime]
    excursions: list[tearsheet.Excursion]
    order_quality: list[execution.OrderQuality]
    open_positions: list[execution.OpenPosition]
    outcomes: list[reports.Outcome]
    definitions: list[tearsheet.Definition]


def report_batch(
    *,
    session_id: int | None = None,
    source: TradeSource | TradeSourceLabel | None = None,
    strategy_name: str | None = None,
    start: datetime | None = None,
) -> Batch[Report]:
    """The report's queries about one session, the trades of one strategy, or all sessions but those of verification.

    With a start, what is over time counts from that moment on; what is open and the newest trades are those of now.
    """
    return Batch(
        Report,
        scope=tearsheet.get_scope(session_id=session_id, source=source, strategy_name=strategy_name),
        performance=metrics.get_performance_metrics(
            session_id=session_id, source=source, strategy_name=strategy_name, start=start
        ),
        equity=reports.get_equity_curve(
            session_id=session_id, source=source, strategy_name=strategy_name, start=start, points=CURVE_POINTS
        ),
        current_drawdown=reports.get_current_drawdown(
            session_id=session_id, source=source, strategy_name=strategy_name, start=start
        ),
        drawdowns=reports.get_drawdowns(
            session_id=session_id, source=source, strategy_name=strategy_name, start=start, limit=WORST_DRAWDOWNS
        ),
        daily_equity=tearsheet.get_daily_equity(
            session_id=session_id, source=source, strategy_name=strategy_name, start=start
        ),
        days=reports.get_pnl_by_period(
            period="DAILY", session_id=session_id, source=source, strategy_name=strategy_name, start=start
        ),
        months=reports.get_pnl_by_period(
            period="MONTHLY", session_id=session_id, source=source, strategy_name=strategy_name, start=start
        ),
        strategies=reports.get_pnl_by_strategy(
            session_id=session_id, source=source, strategy_name=strategy_name, start=start
        ),
        symbols=reports.get_pnl_by_symbol(
            session_id=session_id, source=source, strategy_name=strategy_name, start=start
        ),
        exit_reasons=reports.get_pnl_by_exit_reason(
            session_id=session_id, source=source, strategy_name=strategy_name, start=start
        ),
        distribution=tearsheet.get_pnl_distribution(
            session_id=session_id, source=source, strategy_name=strategy_name, start=start, newest=NEWEST_TRADES
        ),
        holding_times=tearsheet.get_holding_times(
            session_id=session_id, source=source, strategy_name=strategy_name, start=start, newest=NEWEST_TRADES
        ),
        excursions=tearsheet.get_excursions(
            session_id=session_id,
            source=source,
            strategy_name=strategy_name,
            start=start,
            points=EXCURSION_POINTS,
            newest=NEWEST_TRADES,
        ),
        order_quality=execution.get_order_quality(
            session_id=session_id, source=source, strategy_name=strategy_name, start=start
        ),
        open_positions=execution.get_open_positions(session_id=session_id, source=source, strategy_name=strategy_name),
        outcomes=reports.get_recent_outcomes(
            session_id=session_id, source=source, strategy_name=strategy_name, limit=NEWEST_OUTCOMES
        ),
        definitions=tearsheet.get_definitions(),
    )
