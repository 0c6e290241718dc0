"""A small live engine for one round trip, killed after any step: python -m tests.exchange.engine URL FILE WAY.

The exchange is a file that outlives it: the orders that were sent, by client id.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar, cast

from atb_db import AsyncDatabase, Database
from atb_db.repository import orders, positions, sessions
from atb_db.statement import Statement
from atb_db.types import OrderTypeLabel

if TYPE_CHECKING:
    from tests.exchange.conftest import Run

R = TypeVar("R")

STEPS: Final = ("journaled", "sent", "acknowledged", "fill 1", "fill 2", "exit journaled", "exit sent", "exit filled")
FILLS: Final = {"entry": (("1", "0.4", 100), ("2", "0.6", 101)), "exit": (("3", "1", 110),)}
FEE: Final = "0.1"
WHEN: Final = datetime(2024, 3, 1, 12, tzinfo=UTC)


def main() -> None:
    url, exchange, way = sys.argv[1:]
    if way == "threads":
        with Database(url) as db:
            trade(db.run, Path(exchange))
        return
    with asyncio.Runner() as runner:
        own = AsyncDatabase(url)
        runner.run(own.open())

        def run(statement: Statement[R]) -> R:
            return runner.run(own.run(statement))

        trade(run, Path(exchange))
        runner.run(own.close())


def trade(run: Run, exchange: Path) -> None:
    """Do one round trip from wherever it was: what is there already is repeated, and changes nothing."""
    held = run(
        sessions.resume_or_create(
            strategy_name="killed",
            symbol="BTCUSDT",
            timeframe="1h",
            mode="LIVE",
            initial_balance=1000,
            holder="engine",
            take_over=True,
        )
    )
    known = {order.internal_order_id: order.id for order in run(orders.get_pending_orders(session_id=held.session_id))}
    for position in run(positions.get_active_positions(session_id=held.session_id)):
        known |= {order.internal_order_id: order.id for order in position.orders}
    entry_id = known.get("entry") or journal(run, held.session_id, "ENTRY", "entry", None)
    follow(run, exchange, entry_id, "entry")
    position_id = run(orders.get_order(order_id=entry_id)).position_id
    exit_id = known.get("exit") or journal(run, held.session_id, "FULL_EXIT", "exit", position_id)
    follow(run, exchange, exit_id, "exit")


def journal(run: Run, session_id: int, order_type: OrderTypeLabel, client_id: str, position_id: int | None) -> int:
    order_id = run(
        orders.create_order(
            session_id=session_id,
            order_type=order_type,
            symbol="BTCUSDT",
            side="LONG",
            quantity=1,
            internal_order_id=client_id,
            position_id=position_id,
            stop_loss=90 if position_id is None else None,
            created_at=WHEN,
        )
    )
    step("journaled" if client_id == "entry" else "exit journaled")
    return order_id


def follow(run: Run, exchange: Path, order_id: int, client_id: str) -> None:
    """Send the order unless the exchange has it, and take what it says."""
    sent = cast("list[str]", json.loads(exchange.read_text())) if exchange.exists() else []
    if client_id not in sent:
        exchange.write_text(json.dumps([*sent, client_id]))
        step("sent" if client_id == "entry" else "exit sent")
    run(
        orders.update_order_status(
            order_id=order_id, status="OPEN", exchange_order_id=f"ex-{client_id}", timestamp=WHEN
        )
    )
    if client_id == "entry":
        step("acknowledged")
    for number, (fill_id, quantity, price) in enumerate(FILLS[client_id], start=1):
        run(
            orders.record_fill(
                order_id=order_id,
                exchange_fill_id=fill_id,
                quantity=quantity,
                price=price,
                commission=FEE,
                filled_at=WHEN,
            )
        )
        step(f"fill {number}" if client_id == "entry" else "exit filled")


def step(name: str) -> None:
    if os.environ.get("KILL_AFTER") == name:
        os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    main()
