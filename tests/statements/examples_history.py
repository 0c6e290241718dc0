"""One example of every history, with all that it can be asked for."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from atb_db.repository import history
from atb_db.statement import Statement
from tests.statements.examples_more import Sessions

START: Final = datetime(2024, 3, 1, 9, tzinfo=UTC)
_TRADED: Final[dict[str, Any]] = {"strategy_name": "example", "symbol": "BTCUSDT"}


def _chosen(world: Sessions) -> dict[str, Any]:
    end = START + timedelta(hours=1000)
    return {"session_id": world.session_id, "source": "PAPER", "start": START, "end": end}


def _page(world: Sessions) -> dict[str, Any]:
    return {**_chosen(world), "before": START + timedelta(hours=999), "before_id": 1_000_000, "limit": 10}


HISTORY_EXAMPLES: Final[dict[str, Callable[[Sessions], Statement[object]]]] = {
    "history.count_closed_positions": lambda world: history.count_closed_positions(**_chosen(world), **_TRADED),
    "history.get_audit_events": lambda world: history.get_audit_events(**_page(world), min_severity="INFO"),
    "history.get_decisions": lambda world: history.get_decisions(**_page(world), **_TRADED, action_taken="opened"),
    "history.get_dynamic_performance": lambda world: history.get_dynamic_performance(**_page(world)),
    "history.get_peak_balance": lambda world: history.get_peak_balance(**_chosen(world)),
    "history.get_peak_equity": lambda world: history.get_peak_equity(**_chosen(world)),
    "history.get_positions": lambda world: history.get_positions(**_page(world), **_TRADED, status="CLOSED"),
    "history.get_risk_adjustments": lambda world: history.get_risk_adjustments(
        **_page(world), parameter_name="position_size"
    ),
    "history.get_snapshots": lambda world: history.get_snapshots(**_page(world)),
    "history.get_trades": lambda world: history.get_trades(**_page(world), **_TRADED),
}
