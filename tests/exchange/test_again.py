"""The same thing told again, by another name or in a batch, is the same thing."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from atb_db.errors import Conflict
from atb_db.repository import orders, positions, trades
from atb_db.repository.trades import NewTrade
from tests.exchange.conftest import START, Book
from tests.exchange.test_short_forms import open_short


def new_trade(order_id: str | None, pnl: int = 1) -> NewTrade:
    return NewTrade(
        symbol="BTCUSDT",
        side="LONG",
        entry_price=100,
        exit_price=101,
        size="0.1",
        entry_time=START,
        exit_time=START + timedelta(hours=1),
        pnl=pnl,
        exit_reason="target",
        strategy_name="test",
        order_id=order_id,
    )


def test_a_trade_of_an_order_that_is_known_is_that_trade(book: Book) -> None:
    opened = open_short(book)
    closed = book.run(
        positions.close_position(
            position_id=opened, exit_price=110, exit_reason="x", exit_order_id=f"again-{book.session_id}"
        )
    )
    log = trades.log_trade.value({"session_id": book.session_id, **new_trade(f"again-{book.session_id}")._asdict()})
    assert book.run(log) == closed
    first = book.run(trades.log_trade.value({"session_id": book.session_id, **new_trade("one")._asdict()}))
    found = book.run(
        trades.log_trades(
            session_id=book.session_id,
            trades=[
                new_trade("one"),
                new_trade(None),
                new_trade("two"),
                new_trade("two"),
                new_trade(f"again-{book.session_id}"),
            ],
        )
    )
    assert (found[0], found[2] == found[3], found[4]) == (first, True, closed)
    assert len(book.trades()) == 4
    assert book.balance() == Decimal(1000 + 10 + 3)
    assert book.balances()


def test_a_trade_of_an_order_that_its_fills_will_complete_is_not_logged_beside_it(book: Book) -> None:
    opened = open_short(book)
    closing = book.journal("FULL_EXIT", position_id=opened)
    book.run(orders.update_order_status(order_id=closing, status="OPEN", exchange_order_id=f"exit-{book.session_id}"))
    log = trades.log_trade.value({"session_id": book.session_id, **new_trade(f"exit-{book.session_id}")._asdict()})
    with pytest.raises(Conflict, match=f"is journaled as order {closing} of a position"):
        book.run(log)
    book.fill(closing, "1", 1, 110)
    [trade] = book.trades()
    assert book.run(log) == trade.id
    assert book.balance() == 1010
    assert book.balances()
