"""A session that trades on an exchange, run by threads and by tasks alike."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Protocol, TypeVar

import pytest

from atb_db import AsyncDatabase, Database
from atb_db.repository import account, audit, events, orders, positions, trades
from atb_db.repository.orders import Order
from atb_db.repository.positions import Position
from atb_db.repository.trades import Trade
from atb_db.statement import Statement
from atb_db.types import OrderTypeLabel, PositionSideLabel

R = TypeVar("R")

START = datetime(2024, 3, 1, 12, tzinfo=UTC)
_names = count(1)


class Run(Protocol):
    """Runs a statement, whichever way."""

    def __call__(self, statement: Statement[R]) -> R: ...


@pytest.fixture(params=["threads", "tasks"])
def run(request: pytest.FixtureRequest, url: str, db: Database) -> Iterator[Run]:
    if request.param == "threads":
        yield db.run
        return
    with asyncio.Runner() as runner:
        own = AsyncDatabase(url)
        runner.run(own.open())

        def run_async(statement: Statement[R]) -> R:
            return runner.run(own.run(statement))

        yield run_async
        runner.run(own.close())


@dataclass
class Book:
    """One session, and short words for what an engine does in it."""

    run: Run
    session_id: int
    moments: Iterator[datetime] = field(
        default_factory=lambda: (START + timedelta(minutes=minute) for minute in count(1))
    )

    def journal(
        self,
        order_type: OrderTypeLabel = "ENTRY",
        quantity: object = 1,
        *,
        position_id: int | None = None,
        side: PositionSideLabel = "LONG",
        symbol: str = "BTCUSDT",
        stop_loss: object = None,
        base_asset: str | None = None,
        reason: str | None = None,
    ) -> int:
        return self.run(
            orders.create_order(
                session_id=self.session_id,
                order_type=order_type,
                symbol=symbol,
                side=side,
                quantity=Decimal(str(quantity)),
                internal_order_id=f"client-{next(_names)}",
                position_id=position_id,
                stop_loss=None if stop_loss is None else Decimal(str(stop_loss)),
                base_asset=base_asset,
                reason=reason,
                created_at=next(self.moments),
            )
        )

    def fill(self, order_id: int, fill_id: str, quantity: object, price: object, fee: object = None) -> int:
        return self.run(
            orders.record_fill(
                order_id=order_id,
                exchange_fill_id=fill_id,
                quantity=Decimal(str(quantity)),
                price=Decimal(str(price)),
                commission=None if fee is None else Decimal(str(fee)),
                filled_at=next(self.moments),
            )
        )

    def order(self, order_id: int) -> Order:
        return self.run(orders.get_order(order_id=order_id))

    def position_of(self, order_id: int) -> int:
        position_id = self.order(order_id).position_id
        assert position_id is not None
        return position_id

    def position(self, position_id: int) -> Position:
        return self.run(positions.get_position(position_id=position_id))

    def open(self) -> list[Position]:
        return self.run(positions.get_active_positions(session_id=self.session_id))

    def trades(self) -> list[Trade]:
        return self.run(trades.get_recent_trades(session_id=self.session_id))

    def balance(self) -> Decimal:
        return self.run(account.get_current_balance(session_id=self.session_id))

    def warnings(self) -> list[str]:
        found = self.run(events.get_recent_events(session_id=self.session_id))
        return [event.message for event in found if event.component == "books"]

    def balances(self) -> bool:
        """Whether the books agree with themselves."""
        everything = audit.audit_session(session_id=self.session_id)
        assert everything.assemble([self.run(one) for one in everything.statements]).findings == []
        return True


@pytest.fixture
def book(run: Run, start_session: Callable[..., int]) -> Book:
    return Book(run, start_session())
