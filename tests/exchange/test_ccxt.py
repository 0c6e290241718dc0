"""Real payloads of ccxt: partial fills, maker rebates, null prices, cancels after partial fills, overlapping pages."""

from __future__ import annotations

from decimal import Decimal

import pytest

from atb_db.ccxt import record_trade, report_order
from atb_db.errors import InvalidInput
from atb_db.repository import orders
from atb_db.types import OrderStatus
from tests.exchange.conftest import Book

TRADE: dict[str, object] = {
    "info": {"symbol": "BTCUSDT", "commissionAsset": "USDT"},
    "timestamp": 1709294400123,
    "datetime": "2024-03-01T12:00:00.123Z",
    "symbol": "BTC/USDT",
    "id": "3477122001",
    "order": "24871",
    "type": "limit",
    "side": "buy",
    "takerOrMaker": "maker",
    "price": 61000.1,
    "amount": 0.004,
    "cost": 244.0004,
    "fee": {"cost": -0.024, "currency": "USDT", "rate": -0.0001},
    "fees": [{"cost": -0.024, "currency": "USDT", "rate": -0.0001}],
}
ORDER: dict[str, object] = {
    "info": {},
    "id": "24871",
    "clientOrderId": None,
    "timestamp": 1709294400000,
    "datetime": "2024-03-01T12:00:00.000Z",
    "lastTradeTimestamp": None,
    "status": "open",
    "symbol": "BTC/USDT",
    "type": "limit",
    "timeInForce": "GTC",
    "side": "buy",
    "price": 61000.1,
    "average": None,
    "amount": 0.01,
    "filled": 0.0,
    "remaining": 0.01,
    "cost": 0.0,
    "trades": [],
    "fee": {"currency": None, "cost": None},
    "fees": [],
}


def entered(book: Book, number: int) -> tuple[int, str]:
    """A journaled order, acknowledged as the exchange's."""
    entry = book.journal(quantity="0.01")
    exchange_id = f"ccxt-{entry}-{number}"
    client = book.order(entry).internal_order_id
    book.run(report_order(ORDER | {"id": exchange_id, "clientOrderId": client}, session_id=book.session_id))
    assert (book.order(entry).status, book.order(entry).exchange_order_id) == (OrderStatus.OPEN, exchange_id)
    return entry, exchange_id


def test_partial_fills_with_a_rebate_then_a_cancel(book: Book) -> None:
    entry, exchange_id = entered(book, 1)
    first = TRADE | {"order": exchange_id}
    second = TRADE | {"order": exchange_id, "id": "3477122002", "price": None, "amount": 0.002, "cost": 122.0002}
    for page in ([first], [first, second]):
        for trade in page:
            book.run(record_trade(trade, session_id=book.session_id))
    cancelled = ORDER | {
        "id": exchange_id,
        "status": "canceled",
        "filled": 0.006,
        "average": 61000.1,
        "remaining": 0.004,
    }
    book.run(report_order(cancelled, session_id=book.session_id, base_currency="USDT"))
    order = book.order(entry)
    assert (order.status, order.filled_quantity) == (OrderStatus.CANCELLED, Decimal("0.006"))
    assert order.filled_price == Decimal("61000.1")
    [held] = book.open()
    assert (held.current_quantity, held.commission) == (Decimal("0.006"), Decimal("-0.048"))
    assert book.balance() == Decimal("1000.048")
    [one, _] = book.run(orders.get_fills(order_id=entry))
    assert (one.price, one.fee, one.fee_currency) == (Decimal("61000.1"), Decimal("-0.024"), "USDT")
    assert book.balances()


def test_a_total_counts_until_the_trades_are_known(book: Book) -> None:
    entry, exchange_id = entered(book, 2)
    closed = ORDER | {
        "id": exchange_id,
        "status": "closed",
        "filled": 0.01,
        "average": 61000,
        "lastTradeTimestamp": 1709294460000,
        "fees": [{"cost": 0.61, "currency": "USDT"}],
    }
    book.run(report_order(closed, session_id=book.session_id, base_currency="USDT"))
    assert book.balance() == Decimal("999.39")
    trade = TRADE | {"order": exchange_id, "amount": 0.01, "price": 61000, "fee": None}
    book.run(record_trade(trade | {"fees": [{"cost": 0.61, "currency": "USDT"}]}, session_id=book.session_id))
    assert book.balance() == Decimal("999.39")
    [held] = book.open()
    assert (held.current_quantity, held.cost_basis) == (Decimal("0.01"), Decimal(610))
    assert book.order(entry).status is OrderStatus.FILLED
    assert book.balances()


def test_fees_in_several_currencies_need_their_sum(book: Book) -> None:
    entry, exchange_id = entered(book, 3)
    trade = TRADE | {
        "order": exchange_id,
        "fees": [{"cost": 0.01, "currency": "USDT"}, {"cost": 0.00001, "currency": "BNB"}],
    }
    with pytest.raises(InvalidInput, match="fees in BNB, USDT") as caught:
        record_trade(trade, session_id=book.session_id)
    assert caught.value.field == "commission"
    book.run(record_trade(trade, session_id=book.session_id, commission="0.016"))
    assert book.order(entry).commission == Decimal("0.016")
    assert book.balances()


@pytest.mark.parametrize("missing", ["order", "id", "amount", "timestamp"])
def test_what_is_missing_is_named(missing: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        record_trade(TRADE | {missing: None}, session_id=1)
    assert caught.value.field == missing
