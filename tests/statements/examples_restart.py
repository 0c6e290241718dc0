"""One example of every statement about holds and fills, and the rows that they are about."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Protocol
from uuid import UUID

from atb_db import Database
from atb_db.repository import control, orders, positions, sessions
from atb_db.statement import Statement

TOKEN: Final = UUID("018e0000-0000-7000-8000-000000000001")
_START: Final = datetime(2024, 3, 1, 9, tzinfo=UTC)
_LONG: Final = 300_000_000


def at(hours: float) -> datetime:
    """So many hours after the world's beginning."""
    return _START + timedelta(hours=hours)


class Ids(Protocol):
    """What these examples need of a world."""

    @property
    def session_id(self) -> int: ...
    @property
    def empty_session_id(self) -> int: ...
    @property
    def position_id(self) -> int: ...
    @property
    def order_id(self) -> int: ...


def prepare_restart(db: Database, session_id: int, order_id: int) -> None:
    """Hold the example's session, and fill some of an order."""
    held = db.run(
        sessions.resume_or_create(
            strategy_name="example",
            symbol="BTCUSDT",
            timeframe="1h",
            mode="PAPER",
            initial_balance=1,
            holder="engine-1",
            max_age=_LONG,
            lease=_LONG,
            timestamp=at(5),
            request_id=TOKEN,
        )
    )
    assert held.session_id == session_id
    filled = db.run(
        orders.create_order(
            session_id=session_id,
            order_type="ENTRY",
            symbol="BTCUSDT",
            side="LONG",
            quantity=2,
            internal_order_id="filled",
            status="OPEN",
            created_at=at(3),
        )
    )
    assert filled == order_id + 1
    for number in (1, 2):
        db.run(
            orders.create_order(
                session_id=session_id,
                order_type="ENTRY",
                symbol="BTCUSDT",
                side="LONG",
                quantity=2,
                internal_order_id=f"stale-{number}",
                created_at=at(3),
            )
        )
    db.run(orders.record_fill(order_id=filled, exchange_fill_id="1", quantity="0.5", price=99, filled_at=at(4)))


RESTART_UNIQUE: Final = {"sessions.resume_or_create": ("strategy_name",)}
"""What only one claim can have, without finding the session of another."""

RESTART_EXAMPLES: Final[dict[str, Callable[[Any], Statement[object]]]] = {
    "sessions.resume_or_create": lambda _: sessions.resume_or_create(
        strategy_name="restarted",
        symbol="BTCUSDT",
        timeframe="1h",
        mode="LIVE",
        initial_balance=500,
        holder="engine-2",
        exchange="binance",
        max_age=3600,
        lease=30,
        take_over=True,
        despite_open_positions=True,
        session_name="A restart",
        base_currency="EUR",
        strategy_config={"fast": 10},
        time_exit_config={"hours": 24},
        market_timezone="UTC",
        timestamp=at(9),
    ),
    "sessions.renew_hold": lambda world: sessions.renew_hold(
        session_id=world.session_id, token=TOKEN, lease=_LONG + 1, timestamp=at(6)
    ),
    "sessions.release_hold": lambda world: sessions.release_hold(session_id=world.session_id, token=TOKEN),
    "positions.move_position_to_session": lambda world: positions.move_position_to_session(
        position_id=world.position_id, session_id=world.empty_session_id, reason="another timeframe", timestamp=at(9)
    ),
    "sessions.get_silent_sessions": lambda _: sessions.get_silent_sessions(silent_since=at(100)),
    "sessions.get_hold": lambda world: sessions.get_hold(session_id=world.session_id),
    "orders.record_fill": lambda world: orders.record_fill(
        order_id=world.order_id + 1,
        exchange_fill_id="2",
        quantity="0.25",
        price="99.5",
        fee="0.0002",
        fee_currency="BNB",
        commission="0.01",
        filled_at=at(9),
        token=TOKEN,
    ),
    "orders.link_order_to_position": lambda world: orders.link_order_to_position(
        order_id=world.order_id, position_id=world.position_id, timestamp=at(9), token=TOKEN
    ),
    "orders.expire_stale_orders": lambda world: orders.expire_stale_orders(
        session_id=world.session_id, created_before=at(99), timestamp=at(9), token=TOKEN
    ),
    "orders.get_pending_orders": lambda world: orders.get_pending_orders(
        session_id=world.session_id, created_before=at(99)
    ),
    "control.is_flag_active": lambda _: control.is_flag_active(name="kill_switch"),
    "orders.get_order": lambda world: orders.get_order(order_id=world.order_id),
    "orders.get_fills": lambda world: orders.get_fills(order_id=world.order_id + 1),
}
