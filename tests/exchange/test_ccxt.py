"""Real payloads of ccxt: partial fills, maker rebates, null prices, cancels after partial fills, overlapping pages."""

from __future__ import annotations

from decimal import Decimal

import pytest

from atb_db.ccxt import record_trade, report_order, traded
from atb_db.errors import InvalidInput, NotFound
from atb_db.repository import orders
from atb_db.types import ContractType, OrderStatus
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


def test_fees_in_several_currencies_wait_for_their_sum(book: Book) -> None:
    entry, exchange_id = entered(book, 3)
    trade = TRADE | {
        "order": exchange_id,
        "fees": [{"cost": 0.01, "currency": "USDT"}, {"cost": 0.00001, "currency": "BNB"}],
    }
    book.run(record_trade(trade, session_id=book.session_id))
    [fill] = book.run(orders.get_fills(order_id=entry))
    assert (fill.quantity, fill.commission) == (Decimal("0.004"), None)
    book.run(record_trade(trade, session_id=book.session_id, commission="0.016"))
    assert book.order(entry).commission == Decimal("0.016")
    assert book.balances()


def test_a_fee_in_the_base_asset_beside_another_takes_its_units(book: Book) -> None:
    entry = book.journal(quantity="0.01", base_asset="BTC")
    exchange_id = f"ccxt-fees-{entry}"
    book.run(orders.update_order_status(order_id=entry, exchange_order_id=exchange_id))
    trade = TRADE | {
        "order": exchange_id,
        "price": 61000,
        "fees": [{"cost": 0.01, "currency": "USDT"}, {"cost": 0.000001, "currency": "BTC"}],
    }
    with pytest.raises(InvalidInput, match="fees in BTC, USDT") as caught:
        record_trade(trade, session_id=book.session_id)
    assert caught.value.field == "commission"
    book.run(record_trade(trade, session_id=book.session_id, base_currency="USDT"))
    [held] = book.open()
    assert (held.current_quantity, held.commission) == (Decimal("0.003999"), Decimal("0.071"))
    assert book.balances()


def test_a_null_average_follows_from_the_cost(book: Book) -> None:
    entry, exchange_id = entered(book, 4)
    closed = ORDER | {"id": exchange_id, "status": "closed", "filled": 0.01, "average": None, "cost": 609.5}
    book.run(report_order(closed, session_id=book.session_id))
    assert book.order(entry).filled_price == 60950
    assert book.balances()


SWAP: dict[str, object] = {
    "symbol": "BTC/USDT:USDT", "base": "BTC", "quote": "USDT", "settle": "USDT", "contract": True, "linear": True,
    "inverse": False, "contractSize": 0.001,
}  # fmt: skip
INVERSE: dict[str, object] = {
    "symbol": "BTC/USD:BTC", "base": "BTC", "quote": "USD", "settle": "BTC", "contract": True, "linear": False,
    "inverse": True, "contractSize": 100,
}  # fmt: skip


@pytest.mark.parametrize(
    ("market", "cost", "price", "value"), [(SWAP, 183, 61000, 183), (INVERSE, 0.006, 50000, Decimal("0.006"))]
)
def test_a_contract_is_of_the_size_that_its_market_says(
    book: Book, market: dict[str, object], cost: float, price: int, value: Decimal
) -> None:
    entry = book.run(
        orders.create_order(
            session_id=book.session_id,
            order_type="ENTRY",
            symbol=str(market["symbol"]),
            side="LONG",
            quantity=3,
            internal_order_id=f"swap-{book.session_id}",
            exchange_order_id=f"swap-{book.session_id}",
            settlement_rate=1,
            **traded(market),
        )
    )
    trade = TRADE | {"symbol": market["symbol"], "order": f"swap-{book.session_id}", "fee": None, "fees": []}
    trade |= {"amount": 3, "price": None, "cost": cost}
    with pytest.raises(InvalidInput, match="is missing"):
        record_trade(trade, session_id=book.session_id)
    book.run(record_trade(trade, session_id=book.session_id, market=market))
    [held] = book.open()
    assert (book.position_of(entry), held.entry_price, held.entry_notional) == (held.id, Decimal(price), value)
    assert book.balances()


def test_a_market_says_what_is_traded() -> None:
    assert traded({"base": "BTC", "quote": "USDT", "spot": True, "contractSize": None}) == {
        "contract": ContractType.LINEAR,
        "contract_size": 1,
        "base_asset": "BTC",
        "settlement_currency": "USDT",
    }
    assert traded(INVERSE)["settlement_currency"] == "BTC"


def test_the_answer_to_a_cancel_carries_an_id_of_its_own(book: Book) -> None:
    entry, exchange_id = entered(book, 5)
    client = book.order(entry).internal_order_id
    answer = ORDER | {"id": exchange_id, "clientOrderId": "web_cancel_1", "status": "canceled"}
    book.run(report_order(answer, session_id=book.session_id))
    order = book.order(entry)
    assert (order.status, order.internal_order_id, order.exchange_order_id) == (
        OrderStatus.CANCELLED,
        client,
        exchange_id,
    )
    # Also by an id that it had before it was amended, which it does not get back.
    book.run(orders.update_order_status(order_id=entry, exchange_order_id=f"{exchange_id}-amended"))
    book.run(report_order(answer, session_id=book.session_id))
    assert book.order(entry).exchange_order_id == f"{exchange_id}-amended"
    with pytest.raises(NotFound, match="no order web_cancel_1"):
        book.run(report_order(answer | {"id": "nobody's"}, session_id=book.session_id))


@pytest.mark.parametrize("missing", ["order", "id", "amount", "timestamp"])
def test_what_is_missing_is_named(missing: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        record_trade(TRADE | {missing: None}, session_id=1)
    assert caught.value.field == missing
