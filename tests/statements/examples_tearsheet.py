"""One example of every statement of the tear sheet."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from atb_db.repository import tearsheet
from atb_db.statement import Statement
from tests.statements.examples_more import Sessions

START: Final = datetime(2024, 3, 1, 9, tzinfo=UTC)


def _chosen(world: Sessions) -> dict[str, Any]:
    return {"session_id": world.session_id, "source": "PAPER", "strategy_name": "example", "symbol": "BTCUSDT"}


def _span() -> dict[str, Any]:
    return {"start": START, "end": START + timedelta(hours=1000)}


TEARSHEET_EXAMPLES: Final[dict[str, Callable[[Sessions], Statement[object]]]] = {
    "tearsheet.get_daily_equity": lambda world: tearsheet.get_daily_equity(**_chosen(world), **_span()),
    "tearsheet.get_definitions": lambda _: tearsheet.get_definitions(),
    "tearsheet.get_excursions": lambda world: tearsheet.get_excursions(
        **_chosen(world), **_span(), points=2, newest=100
    ),
    "tearsheet.get_holding_times": lambda world: tearsheet.get_holding_times(**_chosen(world), **_span(), newest=100),
    "tearsheet.get_pnl_distribution": lambda world: tearsheet.get_pnl_distribution(
        **_chosen(world), **_span(), buckets=5, newest=100
    ),
    "tearsheet.get_scope": lambda world: tearsheet.get_scope(**_chosen(world)),
}
