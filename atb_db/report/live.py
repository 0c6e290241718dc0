"""What `atb-db watch` shows: where the chosen sessions stand, in one round trip."""

from __future__ import annotations

from datetime import datetime
from typing import Final, NamedTuple

from atb_db.batch import Batch
from atb_db.repository import execution, metrics, monitoring, reports, tearsheet
from atb_db.types import TradeSource, TradeSourceLabel

CURVE_POINTS: Final = 40
NEWEST_OUTCOMES: Final = 8
ERROR_HOURS: Final = 24


class Live(NamedTuple):
    """The books of the chosen sessions at one moment, in short; each field is the result of its query."""

    scope: tearsheet.Scope
    performance: metrics.PerformanceMetrics
    equity: list[reports.EquityPoint]
    days: list[reports.PeriodPnl]
    positions: list[execution.OpenPosition]
    outcomes: list[reports.Outcome]
    errors: list[monitoring.HourlyErrors]
    """Of the last 24 hours, by hour."""


def live_batch(
    *,
    session_id: int | None = None,
    source: TradeSource | TradeSourceLabel | None = None,
    strategy_name: str | None = None,
    start: datetime | None = None,
) -> Batch[Live]:
    """The queries of `Live` about what `report_batch` would report on; errors are those of the sessions."""
    return Batch(
        Live,
        scope=tearsheet.get_scope(session_id=session_id, source=source, strategy_name=strategy_name),
        performance=metrics.get_performance_metrics(
            session_id=session_id, source=source, strategy_name=strategy_name, start=start
        ),
        equity=reports.get_equity_curve(
            session_id=session_id, source=source, strategy_name=strategy_name, start=start, points=CURVE_POINTS
        ),
        days=reports.get_pnl_by_period(
            period="DAILY", session_id=session_id, source=source, strategy_name=strategy_name, start=start
        ),
        positions=execution.get_open_positions(session_id=session_id, source=source, strategy_name=strategy_name),
        outcomes=reports.get_recent_outcomes(
            session_id=session_id, source=source, strategy_name=strategy_name, limit=NEWEST_OUTCOMES
        ),
        errors=monitoring.get_errors_by_hour(session_id=session_id, source=source, hours=ERROR_HOURS),
    )
