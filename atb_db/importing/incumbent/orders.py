"""The incumbent's orders that filled no position: pending, cancelled, failed, stops; pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Final

from atb_db.importing.errors import Unfit
from atb_db.importing.incumbent.timed import Planned, Timed, kept_beside, ready
from atb_db.importing.incumbent.times import Clock
from atb_db.importing.plan import Ids, Origin, Row, Step, Unit, quarantined
from atb_db.importing.reading import number, number_or_none, text, text_or_none
from atb_db.repository import orders
from atb_db.statement import Statement
from atb_db.types import ImportOutcome, OrderStatus, OrderType, PositionSide

_ZERO: Final = Decimal(0)


STATUS: Final = {
    **{status.value: status for status in OrderStatus},
    "PENDING_SUBMIT": OrderStatus.PENDING,
    "SUBMITTED": OrderStatus.OPEN,
    "CONFIRMED": OrderStatus.FILLED,
    "UNRESOLVED": OrderStatus.UNKNOWN,
    "REJECTED": OrderStatus.FAILED,
}
"""The incumbent's states of orders, of both generations."""


_FINAL: Final = {OrderStatus.FILLED, OrderStatus.CANCELLED, OrderStatus.FAILED, OrderStatus.EXPIRED}


def order_units(
    rows: Sequence[Row], used: set[object], held: Mapping[object, Planned], clock: Clock
) -> Iterator[Timed]:
    """A unit for each order that filled no position: pending, cancelled, failed, stops; `held` has the positions."""
    for row in rows:
        if row["id"] in used:
            continue
        key = str(row["id"])
        try:
            at = clock.at_or_none(row, "created_at") or clock.at_or_none(row, "last_update")
            if at is None:
                raise Unfit("it has no time")
            if row.get("session_id") is None:
                raise Unfit("it belongs to no session")
            unit = _order_unit(row, held.get(row.get("position_id")), at, clock)
        except (Unfit, ValueError) as why:
            yield ready(clock.about(row, "created_at", "last_update"), quarantined("orders", key, row, f"{why}"))
            continue
        # Not before the position that it belongs to.
        place = held.get(row.get("position_id"))
        yield ready(at if place is None else max(at, place.at), unit)


def _order_unit(row: Row, place: Planned | None, at: datetime, clock: Clock) -> Unit:
    status = STATUS.get(text(row, "status").upper())
    if status is None:
        raise Unfit(f"its status is {text(row, 'status')[:20]!r}")
    position, plan_key = (place.row, place.key) if place is not None else (None, None)
    kind = OrderType(text(row, "order_type"))
    notes = []
    if is_filled(row) or status is OrderStatus.FILLED:
        said = number_or_none(row, "filled_quantity") or _ZERO
        notes.append(f"it says it was filled with {said:f}; the position's partial trades and trade say what it moved")
    if position is None and row.get("position_id") is not None:
        notes.append(f"its position {row['position_id']} is not in the books")
    side = text(position, "side") if position is not None else text(row, "side")
    key = order_key(row)
    steps = [
        Step(
            partial(
                _bare_order,
                row=row,
                key=key,
                kind=kind,
                side=PositionSide(side.upper()),
                at=at,
                plan_key=plan_key,
            ),
            order=key,
        )
    ]
    closed = position is not None and str(position["status"]).upper() == "CLOSED"
    review = text(row, "status").upper() == "UNRESOLVED" or (closed and status not in _FINAL)
    if closed and status not in _FINAL:
        notes.append("its position is closed, and it is not: it needs a person's review")
    if notes and (is_filled(row) or status is OrderStatus.FILLED):
        status, review = OrderStatus.UNKNOWN, True
    if status is not OrderStatus.PENDING or review:
        ended = clock.at_or_none(row, "cancelled_at") or at
        steps.append(Step(partial(_state, key=key, status=status, review=review, at=ended)))
    origin = order_origin(row)
    if notes:
        origin = origin._replace(outcome=ImportOutcome.ADJUSTED, reason="; ".join(notes))
    return Unit(str(row["session_id"]), tuple(steps), (origin,))


def order_origin(row: Row) -> Origin:
    """The origin of what an order becomes."""
    extra = kept_beside(row, "actual_fill_price", "actual_fill_quantity", "actual_commission", "replaced_order_id")
    return Origin("orders", str(row["id"]), row, extra=extra, target_table="orders", target=order_key(row))


def order_key(row: Row) -> str:
    """Our key of an order: the client order id where there is one."""
    return text_or_none(row, "client_order_id") or text_or_none(row, "internal_order_id") or f"order {row['id']}"


def is_filled(row: Row) -> bool:
    """Whether it says that something of it was filled."""
    return text(row, "status").upper() in {"FILLED", "CONFIRMED"} or bool(number_or_none(row, "filled_quantity"))


def _bare_order(
    ids: Ids, *, row: Row, key: str, kind: OrderType, side: PositionSide, at: datetime, plan_key: str | None
) -> Statement[object]:
    return orders.create_order(
        session_id=ids.session_id,
        order_type=kind,
        symbol=text(row, "symbol"),
        side=side,
        quantity=number(row, "quantity"),
        internal_order_id=key,
        price=number_or_none(row, "price"),
        position_id=None if plan_key is None else ids.position(plan_key),
        exchange_order_id=text_or_none(row, "exchange_order_id"),
        strategy_name=text_or_none(row, "strategy_name"),
        created_at=at,
        request_id=ids.request(f"order {key}"),
    )


def _state(ids: Ids, *, key: str, status: OrderStatus, review: bool, at: datetime) -> Statement[object]:
    return orders.update_order_status(
        session_id=ids.session_id,
        internal_order_id=key,
        status=status,
        needs_review=review or None,
        timestamp=at,
    )
