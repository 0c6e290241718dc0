"""What ccxt reports, as statements: its unified trade and order structures, without ccxt itself.

    for trade in exchange.fetch_my_trades("BTC/USDT"):
        db.run(record_trade(trade, session_id=session_id))
    for order in exchange.fetch_orders("BTC/USDT"):
        db.run(report_order(order, session_id=session_id))

Both may be repeated, in any order, with pages that overlap: a trade's id makes it the same fill again. What is traded
is journaled as the market says: `orders.create_order(…, **traded(exchange.market("BTC/USDT")))`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final, TypedDict, cast
from uuid import UUID

from atb_db.errors import InvalidInput
from atb_db.repository import orders
from atb_db.statement import Statement
from atb_db.types import ContractType, Number, OrderStatus

_STATUS: Final = {
    "open": OrderStatus.OPEN,
    "closed": OrderStatus.FILLED,
    "canceled": OrderStatus.CANCELLED,
    "canceling": None,
    "expired": OrderStatus.EXPIRED,
    "rejected": OrderStatus.FAILED,
}


class Traded(TypedDict):
    """What a market says is traded: arguments of `orders.create_order` and `positions.open_position`."""

    contract: ContractType
    contract_size: Decimal
    base_asset: str | None
    settlement_currency: str | None


def traded(market: Mapping[str, object]) -> Traded:
    """What ccxt's market structure says of its contract: kind, size, settlement currency; of spot the base asset.

    A fee in the base asset lowers a spot position's quantity; a contract's fees are in its settlement currency.
    """
    is_contract = bool(market.get("contract"))
    settles_in = market.get("settle") or market.get("quote")
    base = market.get("base")
    return {
        "contract": ContractType.INVERSE if market.get("inverse") else ContractType.LINEAR,
        "contract_size": _contract_size(market),
        "base_asset": str(base) if base and not is_contract else None,
        "settlement_currency": str(settles_in) if settles_in else None,
    }


def record_trade(
    trade: Mapping[str, object],
    *,
    session_id: int,
    base_currency: str | None = None,
    commission: Number | None = None,
    market: Mapping[str, object] | None = None,
    token: UUID | None = None,
) -> Statement[int]:
    """`orders.record_fill` of a trade as `fetchMyTrades` or `watchMyTrades` returns it; the order is found by its id.

    price may be null where cost is not; of a contract that takes the market, for its contractSize. `fee` and `fees`
    repeat the same fee; of several fees in one currency the sum is recorded. commission is the fee in the session's
    base currency, where it is in neither base currency nor base asset.

    Of fees in several currencies the one in the symbol's base asset is recorded as it is reported, because it lowers
    the position's quantity; the cost of all is commission, or follows from the price where the others are in
    base_currency, the session's. Else it is not known until the same trade is recorded again with its commission.

    Raises:
        InvalidInput: the trade names no order or has no time, or no price can be found; it has a fee in the base asset
            beside others whose cost is not known, so that commission is needed.
    """
    quantity = _known(_number(trade, "amount"), "amount")
    price = _known(_price(trade, "price", quantity, market), "price")
    currency, fee, commission = _fee(trade, price, base_currency=base_currency, commission=commission)
    return orders.record_fill(
        session_id=session_id,
        exchange_order_id=_text(trade, "order"),
        exchange_fill_id=_text(trade, "id"),
        quantity=quantity,
        price=price,
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
    market: Mapping[str, object] | None = None,
    token: UUID | None = None,
) -> Statement[int]:
    """`orders.update_order_status` of an order as `fetchOrder`, `fetchOrders` or `watchOrders` returns it.

    The order is found by clientOrderId, and gets the exchange's id; by the exchange's id without one, or where it is
    not ours (the answer to a cancel may carry the cancel's own). The filled quantity is a total, which single trades
    replace as soon as they reach it. A null average follows from the cost; of a contract that takes the market. Its
    fee is taken if it is in base_currency, the session's; else commission says what it is worth, or it comes with
    the trades.

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
        filled_price=_price(order, "average", filled, market) if filled else None,
        commission=commission if filled else None,
        timestamp=_time(order, moment),
        token=token,
    )


def _fee(
    trade: Mapping[str, object], price: Decimal, *, base_currency: str | None, commission: Number | None
) -> tuple[str | None, Decimal | None, Number | None]:
    """The currency and amount of the fee that is recorded as it was reported, and what all of them cost."""
    fees = _fees(trade)
    if len(fees) <= 1:
        return next(((currency, fee, commission) for currency, fee in fees.items()), (None, None, commission))
    base = str(trade.get("symbol", "")).partition("/")[0]
    own = {base, base_currency} if base in fees else {base_currency}
    if commission is None and fees.keys() <= own:
        commission = sum((fee * price if currency == base else fee for currency, fee in fees.items()), Decimal(0))
    if base not in fees:
        return None, None, commission
    if commission is None:
        raise InvalidInput(f"there are fees in {', '.join(sorted(fees))}: give their sum", field="commission")
    return base, fees[base], commission


def _price(
    structure: Mapping[str, object], name: str, quantity: Decimal, market: Mapping[str, object] | None
) -> Decimal | None:
    """The price, or else the one that the cost of so much makes; None where neither is known."""
    price, cost = _number(structure, name), _number(structure, "cost")
    is_contract = ":" in str(structure.get("symbol", ""))
    if price is not None or not cost or not quantity or (is_contract and market is None):
        return price
    size = Decimal(1) if market is None else _contract_size(market)
    return quantity * size / cost if market is not None and market.get("inverse") else cost / (quantity * size)


def _contract_size(market: Mapping[str, object]) -> Decimal:
    return _number(market, "contractSize") or Decimal(1)


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
