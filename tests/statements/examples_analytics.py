"""One example of every statement about performance, execution and monitoring, and the rows that they are about."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from atb_db import Database
from atb_db.repository import execution, metrics, monitoring, orders, reports
from atb_db.statement import Statement
from tests.statements.examples_more import Sessions

START: Final = datetime(2024, 3, 1, 9, tzinfo=UTC)


def at(hours: float) -> datetime:
    """So many hours after the world's beginning."""
    return START + timedelta(hours=hours)


def prepare_analytics(db: Database, session_id: int) -> None:
    """Write the rows that the examples are about: an order that failed, and one that was filled for more than asked."""
    for name, end in (("failed", {"status": "FAILED", "failure_reason": "insufficient balance"}), ("slipped", None)):
        order_id = db.run(
            orders.create_order(
                session_id=session_id,
                order_type="ENTRY",
                symbol="BTCUSDT",
                side="LONG",
                quantity=2,
                price=100,
                internal_order_id=name,
                strategy_name="example",
                created_at=at(3),
            )
        )
        filled = {"status": "FILLED", "filled_price": 101}
        db.run(orders.update_order_status(**_order_end(order_id, end or filled)))


def _order_end(order_id: int, end: dict[str, Any]) -> dict[str, Any]:
    return {"order_id": order_id, "timestamp": at(4), **end}


def _chosen(world: Sessions) -> dict[str, Any]:
    return {
        "session_id": world.session_id,
        "source": "PAPER",
        "strategy_name": "example",
        "symbol": "BTCUSDT",
    }


def _span() -> dict[str, Any]:
    return {"start": at(0), "end": at(1000)}


ANALYTICS_EXAMPLES: Final[dict[str, Callable[[Sessions], Statement[object]]]] = {
    "execution.get_failed_orders": lambda world: execution.get_failed_orders(**_chosen(world), limit=10),
    "execution.get_open_positions": lambda world: execution.get_open_positions(**_chosen(world)),
    "execution.get_order_quality": lambda world: execution.get_order_quality(**_chosen(world), **_span()),
    "execution.get_recent_partial_trades": lambda world: execution.get_recent_partial_trades(
        **_chosen(world), limit=10
    ),
    "metrics.get_performance_metrics": lambda world: metrics.get_performance_metrics(**_chosen(world), **_span()),
    "monitoring.get_account_summary": lambda world: monitoring.get_account_summary(
        session_id=world.session_id, now=at(30)
    ),
    "monitoring.get_data_freshness": lambda world: monitoring.get_data_freshness(
        session_id=world.session_id, source="PAPER", now=at(30)
    ),
    "monitoring.get_errors_by_hour": lambda world: monitoring.get_errors_by_hour(
        session_id=world.session_id, source="PAPER", hours=3, now=at(30)
    ),
    "reports.get_current_drawdown": lambda world: reports.get_current_drawdown(**_chosen(world), **_span()),
    "reports.get_drawdowns": lambda world: reports.get_drawdowns(**_chosen(world), **_span(), limit=3),
    "reports.get_equity_curve": lambda world: reports.get_equity_curve(**_chosen(world), **_span(), points=2),
    "reports.get_pnl_by_exit_reason": lambda world: reports.get_pnl_by_exit_reason(**_chosen(world), **_span()),
    "reports.get_pnl_by_period": lambda world: reports.get_pnl_by_period(period="WEEKLY", **_chosen(world), **_span()),
    "reports.get_pnl_by_strategy": lambda world: reports.get_pnl_by_strategy(**_chosen(world), **_span()),
    "reports.get_pnl_by_symbol": lambda world: reports.get_pnl_by_symbol(**_chosen(world), **_span()),
    "reports.get_recent_outcomes": lambda world: reports.get_recent_outcomes(**_chosen(world), limit=10),
    "reports.get_session_summaries": lambda _: reports.get_session_summaries(
        source="PAPER", strategy_name="example", symbol="BTCUSDT", is_active=True, **_span(), limit=10
    ),
}
