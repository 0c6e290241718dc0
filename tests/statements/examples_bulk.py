"""Examples of statements for many rows: those that record them at once, and those that have added them up."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from atb_db.repository import metrics, trades
from atb_db.repository.trades import NewTrade
from tests.statements.examples_restart import TOKEN

if TYPE_CHECKING:
    from atb_db.statement import Statement
    from tests.statements.examples import World

_ENTRY: Final = datetime(2024, 3, 1, 9, tzinfo=UTC)

_FULL: Final = NewTrade(
    symbol="BTCUSDT",
    side="SHORT",
    entry_price=100,
    exit_price=95,
    size="0.1",
    entry_time=_ENTRY,
    exit_time=_ENTRY + timedelta(hours=9),
    pnl=10,
    exit_reason="signal",
    strategy_name="example",
    quantity=2,
    commission="0.1",
    margin_interest_cost="0.01",
    funding="0.02",
    stop_loss=110,
    take_profit=80,
    strategy_config={"fast": 10},
    confidence_score="0.6",
    order_id="bulk-1",
    exchange="binance",
    timeframe="1h",
    mfe="0.06",
    mfe_price=94,
    mfe_time=_ENTRY + timedelta(hours=1),
    mae="-0.02",
    mae_price=102,
    mae_time=_ENTRY + timedelta(hours=2),
    leverage=3,
    entry_tag="breakout",
)

BULK_EXAMPLES: Final[dict[str, Callable[[World], Statement[object]]]] = {
    "metrics.get_total_metrics": lambda world: metrics.get_total_metrics(session_id=world.session_id),
    "trades.log_trades": lambda world: trades.log_trades(
        session_id=world.session_id,
        trades=[_FULL, _FULL._replace(pnl=-3, exit_time=_ENTRY + timedelta(days=1), order_id="bulk-2")],
        token=TOKEN,
    ),
}
