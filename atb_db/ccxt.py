"""What ccxt reports, as statements: its unified trade and order structures, without ccxt itself.

    for trade in exchange.fetch_my_trades("BTC/USDT"):
        db.run(record_trade(trade, session_id=session_id))
    for order in exchange.fetch_orders("BTC/USDT"):
        db.run(report_order(order, session_id=session_id))

Both may be repeated, in any order, with pages that overlap: a trade's id makes it the same fill again.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final, cast
from uuid import UUID

from atb_db.errors import InvalidInput
from atb_db.repository import orders
from atb_db.statement import Statement
from atb_db.types import Number, OrderStatus

_STATUS: Final = {
    "open": OrderStatus.OPEN,
    "closed": OrderStatus.FILLED,
    "canceled": OrderStatus.CANCELLED,
    "canceling": None,
    "expired": OrderStatus.EXPIRED,
    "rejected": OrderStatus.FAILED,
}


def record_trade(
    trade: Mapping[str, object], *, session_id: int, commission: Number | None = None, token: UUID | None = None
) -> Statement[int]:
    """`orders.record_fill` of a trade as `fetchMyTrades` or `watchMyTrades` returns it; the order is found by its id.

    price may be null where cost is not. `fee` and `fees` repeat the same fee; of several fees in one currency the sum
    is recorded. commission is the fee in the session's base currency, where it is in neither base currency nor base
    asset.

    Raises:
        InvalidInput: the trade names no order or has no time; it has fees in several currencies and no commission.
    """
    fees = _fees(trade)
    if len(fees) > 1 and commission is None:
        raise InvalidInput(f"there are fees in {', '.join(sorted(fees))}: give their sum", field="commission")
    [(currency, fee)] = fees.items() if len(fees) == 1 else [(None, None)]
    quantity = _number(trade, "amount")
    price = _number(trade, "price")
    cost = _number(trade, "cost")
    if price is None and cost is not None and quantity:
        price = cost / quantity
    return orders.record_fill(
        session_id=session_id,
        exchange_order_id=_text(trade, "order"),
        exchange_fill_id=_text(trade, "id"),
        quantity=_known(quantity, "amount"),
        price=_known(price, "price"),
        fee=fee,
        fee_currency=currency,
        commission=commission,
        filled_at=_time(trade, "timestamp"),
        token=token,
    )


def report_order(
    order: Mapping[str, object],
    *,
    session_id: int,
    base_currency: str | None = None,
    commission: Number | None = None,
    token: UUID | None = None,
) -> Statement[int]:
    """`orders.update_order_status` of an order as `fetchOrder`, `fetchOrders` or `watchOrders` returns it.

    The order is found by clientOrderId, and gets the exchange's id; without one by the exchange's id. What is filled is
    a total, which single trades replace as soon as they reach it. Its fee is taken if it is in base_currency, the
    session's; else commission says what it is worth, or it comes with the trades.

    Raises:
        InvalidInput: the order has no time, or a status that ccxt does not define.
    """
    status = order.get("status")
    if status is not None and status not in _STATUS:
        raise InvalidInput(f"is {status}, and one of {', '.join(_STATUS)} was expected", field="status")
    filled = _number(order, "filled")
    fees = _fees(order)
    if commission is None and base_currency is not None and set(fees) == {base_currency}:
        commission = fees[base_currency]
    client_id = order.get("clientOrderId")
    moment = "lastTradeTimestamp" if order.get("lastTradeTimestamp") is not None else "timestamp"
    return orders.update_order_status(
        session_id=session_id,
        internal_order_id=str(client_id) if client_id else None,
        exchange_order_id=_text(order, "id"),
        status=_STATUS[str(status)] if status is not None else None,
        filled_quantity=filled or None,
        filled_price=_number(order, "average") if filled else None,
        commission=commission if filled else None,
        timestamp=_time(order, moment),
        token=token,
    )


def _fees(structure: Mapping[str, object]) -> dict[str, Decimal]:
    """The fees by currency; ccxt gives one as `fee`, and the same again, or several, as `fees`."""
    listed = structure.get("fees") or ([structure["fee"]] if structure.get("fee") else [])
    sums: dict[str, Decimal] = {}
    for fee in cast("list[Mapping[str, object]]", listed):
        cost, currency = _number(fee, "cost"), fee.get("currency")
        if cost is not None and currency is not None:
            sums[str(currency)] = sums.get(str(currency), Decimal(0)) + cost
    return sums


def _number(structure: Mapping[str, object], name: str) -> Decimal | None:
    found = structure.get(name)
    # A float's shortest text is what the exchange sent; its exact value is not.
    return None if found is None else Decimal(str(found))


def _known(number: Decimal | None, name: str) -> Decimal:
    if number is None:
        raise InvalidInput("is missing", field=name)
    return number


def _text(structure: Mapping[str, object], name: str) -> str:
    found = structure.get(name)
    if found is None or found == "":
        raise InvalidInput("is missing", field=name)
    return str(found)


def _time(structure: Mapping[str, object], name: str) -> datetime:
    found = structure.get(name)
    if not isinstance(found, int | float):
        raise InvalidInput("is missing: milliseconds since 1970 are needed", field=name)
    return datetime.fromtimestamp(found / 1000, UTC)
