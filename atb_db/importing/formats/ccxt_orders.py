"""What ccxt's `fetchOrders` returned, saved as JSON: totals of orders, usually without their fees."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Final

from atb_db.importing.errors import Unfit
from atb_db.importing.executions import Execution
from atb_db.importing.formats.ccxt import market, whole_units
from atb_db.importing.formats.keys import key_of
from atb_db.importing.plan import Ids, Origin, Row, Step, Unit, quarantined, repeated
from atb_db.importing.reading import number, number_or_none, text, utc
from atb_db.repository import orders
from atb_db.statement import Statement
from atb_db.types import ImportOutcome, OrderStatus, OrderType, PositionSide

COLUMNS: Final = frozenset({"symbol", "side", "amount", "timestamp", "status", "filled"})
_STATUS: Final = {
    "open": OrderStatus.OPEN,
    "closed": OrderStatus.FILLED,
    "canceled": OrderStatus.CANCELLED,
    "expired": OrderStatus.EXPIRED,
    "rejected": OrderStatus.FAILED,
}
_ALL: Final = 1 - Decimal("1e-12")
"""How much of what was ordered is all of it: sums of floats have the rest."""


def executions(rows: Sequence[Row]) -> tuple[list[Execution], list[Unit]]:
    """What the orders were filled with, oldest first, and the units of those that were not.

    Of an order that comes more than once, as overlapping pages have it, the newest row counts.
    """
    newest: dict[str, Row] = {}
    apart: list[Unit] = []
    for number_, row in enumerate(rows, 1):
        try:
            key = key_of(text(row, "symbol"), text(row, "id"))
        except Unfit as why:
            apart.append(quarantined("orders", f"row {number_}", row, f"{why}"))
            continue
        if key in newest:
            older, row = sorted((newest[key], row), key=_updated)  # noqa: PLW2901  the newer of the two
            twice = "another row of the file has the same id: it is recorded once, with the newest figures"
            apart.append(repeated("orders", f"{key} (again before row {number_})", older, twice))
        newest[key] = row
    filled: list[Execution] = []
    for key, row in newest.items():
        try:
            if number_or_none(row, "filled"):
                filled.append(_execution(key, row))
            else:
                apart.append(_unfilled(key, row))
        except Unfit as why:
            apart.append(quarantined("orders", key, row, f"{why}"))
    return sorted(filled, key=lambda one: one.at), apart


def _updated(row: Row) -> Decimal:
    for name in ("lastUpdateTimestamp", "timestamp"):
        with suppress(Unfit):  # then it does not say that it is the newer one
            if found := number_or_none(row, name):
                return found
    return Decimal(0)


def _ending(row: Row) -> tuple[OrderStatus, str | None]:
    """Where it is, or has ended, and what was adjusted for that."""
    status = _STATUS.get(text(row, "status"))
    if status is None:
        raise Unfit(f"status is {text(row, 'status')[:20]!r}, which ccxt does not define")
    if status is not OrderStatus.FILLED:
        return status, None
    filled, amount = number_or_none(row, "filled"), number(row, "amount")
    if filled is None:
        raise Unfit("it is closed, and does not say what was filled")
    if filled >= amount * _ALL:
        return status, None
    # Of a FILLED order the books take what is not reported for filled.
    return OrderStatus.CANCELLED, f"it was closed with {filled} of {amount} filled: the rest counts as cancelled"


def _moment(row: Row) -> datetime:
    return utc(row, "lastTradeTimestamp" if row.get("lastTradeTimestamp") is not None else "timestamp")


def _execution(key: str, row: Row) -> Execution:
    symbol, (status, note) = text(row, "symbol"), _ending(row)
    base, _, settle, contract, is_contract = market(symbol)
    filled, cost = number(row, "filled"), number_or_none(row, "cost")
    price = number_or_none(row, "average") or (cost / filled if cost and not is_contract else None)
    if price is None:
        raise Unfit("it has no average price")
    size = Decimal(1)
    if contract.value == "INVERSE" and cost:
        size = whole_units(cost * price / filled)
    return Execution(
        key=key,
        row=row,
        book=settle,
        symbol=symbol,
        is_buy=_is_buy(row),
        quantity=filled,
        price=price,
        at=_moment(row),
        base=None if is_contract else base,
        order=text(row, "id"),
        contract=contract,
        contract_size=size,
        settlement_currency=settle if is_contract else None,
        ordered=number(row, "amount"),
        status=None if status is OrderStatus.FILLED else status,
        note=note,
        extra={name: row.get(name) for name in ("clientOrderId", "type", "timeInForce", "reduceOnly", "triggerPrice")},
        table="orders",
    )


def _is_buy(row: Row) -> bool:
    side = text(row, "side").lower()
    if side not in {"buy", "sell"}:
        raise Unfit(f"side is {side[:20]!r}, not buy or sell")
    return side == "buy"


def _unfilled(key: str, row: Row) -> Unit:
    _, _, settle, _, _ = market(text(row, "symbol"))
    _is_buy(row)
    order, (status, note) = text(row, "id"), _ending(row)
    steps = (
        Step(partial(_order, row=row, key=order, at=utc(row, "timestamp"), quantity=number(row, "amount")), order),
        Step(partial(_ended, key=order, status=status, at=_moment(row))),
    )
    outcome = ImportOutcome.RECORD if note is None else ImportOutcome.ADJUSTED
    return Unit(settle, steps, (Origin("orders", key, row, outcome, note, target_table="orders", target=order),))


def _order(ids: Ids, *, row: Row, key: str, at: datetime, quantity: Decimal) -> Statement[object]:
    is_buy, leaves = _is_buy(row), bool(row.get("reduceOnly"))
    return orders.create_order(
        session_id=ids.session_id,
        order_type=OrderType.STOP_LOSS if leaves else OrderType.ENTRY,
        symbol=text(row, "symbol"),
        side=PositionSide.LONG if is_buy != leaves else PositionSide.SHORT,
        quantity=quantity,
        price=number_or_none(row, "price") or number_or_none(row, "triggerPrice"),
        internal_order_id=key,
        status=OrderStatus.OPEN,
        exchange_order_id=key,
        created_at=at,
        request_id=ids.request(f"order {key}"),
    )


def _ended(ids: Ids, *, key: str, status: OrderStatus, at: datetime) -> Statement[object]:
    return orders.update_order_status(order_id=ids.order(key), status=status, timestamp=at)
