"""Mistakes that type checkers find: each ignored error must be one, or the ignore itself is reported."""
# pyright: reportUnnecessaryTypeIgnoreComment=true

from datetime import datetime

from atb_db import Database
from atb_db.repository import account, orders, positions, sessions, trades


def wrong_calls() -> None:
    positions.get_position()  # type: ignore[call-arg]
    positions.get_position(position_id="1")  # type: ignore[arg-type]
    positions.get_position(position=1)  # type: ignore[call-arg]
    account.adjust_balance(session_id=1, delta=[], reason="")  # type: ignore[arg-type]
    trades.get_trades_since(session_id=1, since="today")  # type: ignore[arg-type]
    orders.update_order_status(order_id=1, status="FILED")  # type: ignore[arg-type]
    sessions.create_trading_session(
        strategy_name="s",
        symbol="X",
        timeframe="1h",
        mode="PAPPER",  # type: ignore[arg-type]
        initial_balance=1,
    )
    positions.update_position(position_id=1, trailing_stop=None)  # type: ignore[arg-type]


def wrong_results(db: Database, since: datetime) -> None:
    total: int = db.run(account.get_current_balance(session_id=1))  # type: ignore[assignment]
    print(db.run(trades.get_trades_since(session_id=total, since=since)).pnl)  # type: ignore[attr-defined]  # noqa: T201
    with db.stream(positions.get_position(position_id=1)):  # type: ignore[arg-type]
        pass
