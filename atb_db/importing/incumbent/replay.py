"""One position of the incumbent's, replayed as orders and fills; pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Final, NamedTuple

from atb_db.importing.errors import Unfit
from atb_db.importing.incumbent.orders import is_filled, order_key
from atb_db.importing.incumbent.times import Clock
from atb_db.importing.plan import Difference, Ids, Row, Step
from atb_db.importing.reading import number, number_or_none, text, text_or_none
from atb_db.repository import orders, positions
from atb_db.statement import Statement
from atb_db.types import OrderStatus, OrderType, PositionSide

_ZERO: Final = Decimal(0)


_DIGITS: Final = Decimal("1e-18")


class HeldPosition(NamedTuple):
    """A position with everything that belongs to it."""

    row: Row
    orders: Sequence[Row]
    partials: Sequence[Row]
    trade: Row | None


class Replay:
    """Makes the steps of one position, and remembers what had to be adjusted."""

    def __init__(self, of: HeldPosition, clock: Clock, *, later_generation: bool) -> None:
        self.of, self.clock, self.later = of, clock, later_generation
        self.steps: list[Step] = []
        self.notes: list[str] = []
        self.differences: list[Difference] = []
        self.partial_notes: dict[object, str] = {}
        self.key = f"position {of.row['id']}"
        self.side = PositionSide(text(of.row, "side").upper())
        self.sign = 1 if self.side is PositionSide.LONG else -1
        self.symbol = text(of.row, "symbol")
        self.name = f"position {of.row['id']} of {self.symbol}"
        self.held = self.cost = self.realized = self.original = _ZERO
        self.opened = clock.at(of.row, "entry_time")
        self.closed = self._close_time()

    def _close_time(self) -> datetime | None:
        if text(self.of.row, "status").upper() != "CLOSED":
            return None
        if self.of.trade is not None:
            return max(self.clock.at(self.of.trade, "exit_time"), self.opened)
        return self.clock.at_or_none(self.of.row, "last_update") or self.opened

    def run(self) -> None:
        """Make the steps.

        Raises:
            Unfit: the position has no quantity, and none follows from what it has.
        """
        confidence = number_or_none(self.of.row, "confidence_score")
        if confidence is not None and not 0 <= confidence <= 1:
            self.notes.append(f"its confidence was {confidence:f}, which is none")
        entry = next((one for one in self.of.orders if one["order_type"] == "ENTRY" and is_filled(one)), None)
        quantity, price = self._quantity(entry), number(self.of.row, "entry_price")
        self._order(self.key if entry is None else order_key(entry), OrderType.ENTRY, quantity, entry, plans=True)
        commission = self._entry_fee(entry)
        self._fill(quantity, price, self.opened, commission=commission)
        self.held = self.original = quantity
        self.cost = quantity * price
        for one in self.of.partials:
            self._partial(one)
        if self.closed is not None:
            self._close(commission)
        else:
            self._compare_open()

    def _entry_fee(self, entry: Row | None) -> Decimal:
        paid = (number_or_none(entry, "commission") or _ZERO) if entry is not None else _ZERO
        total = (number_or_none(self.of.trade, "commission") or _ZERO) if self.of.trade is not None else None
        return paid if total is None else min(paid, total)

    def _quantity(self, entry: Row | None) -> Decimal:
        row = self.of.row
        filled = number_or_none(entry, "filled_quantity") if entry is not None else None
        quantity = number_or_none(row, "quantity")
        if filled:
            if quantity is not None and filled != quantity:
                self.differences.append(Difference(f"{self.name}: quantity", f"{quantity:f}", f"{filled:f}, as filled"))
                self.notes.append(f"its quantity was {quantity:f}, and its entry order was filled with {filled:f}")
            return filled
        if quantity:
            return quantity
        size, balance = number_or_none(row, "size"), number_or_none(row, "entry_balance")
        price = number(row, "entry_price")
        if not size or not balance or not price:
            raise Unfit("it has no quantity, and none follows from size, entry_balance and entry_price")
        made = (size * balance / price).quantize(Decimal("1e-12"))
        self.notes.append(f"it had no quantity: {made.normalize():f} is size x entry_balance / entry_price")
        return made

    def _partial(self, row: Row) -> None:
        size = number(row, "size")
        if self.later:
            whole = number_or_none(self.of.row, "original_size") or number(self.of.row, "size")
            size = size / whole if whole else _ZERO
        at = self.clock.at(row, "timestamp")
        if self.closed is not None and at > self.closed:
            at = self.closed
            self.partial_notes[row["id"]] = "its time was after the position's exit, and is that now"
        at = max(at, self.opened)
        quantity, price = round(self.original * size, 12), number(row, "price")
        key = f"partial {row['id']}"
        if text(row, "operation_type") == "SCALE_IN":
            self._order(key, OrderType.SCALE_IN, quantity, None, at=at, level=row.get("target_level"))
            self._fill(quantity, price, at, key=key)
            self.held += quantity
            self.cost += quantity * price
            return
        if quantity > self.held or (self.closed is not None and quantity == self.held):
            why = f"it takes {quantity:f} of the {self.held:f} that are left"
            if self.closed is None and self.held > 0:
                self.partial_notes[row["id"]] = f"{why}: {self.held:f} are exited"
                quantity = self.held
            else:
                # A closed position keeps something for the exit that closed it.
                self.partial_notes[row["id"]] = f"{why}: its exit has them"
                return
            self.differences.append(
                Difference(f"{self.name}: partial exit {row['id']}", f"{size:f}", f"{quantity:f} units: {why}")
            )
        pnl = self._pnl(quantity, price)
        stated = number_or_none(row, "pnl")
        self._order(key, OrderType.PARTIAL_EXIT, quantity, None, at=at, level=row.get("target_level"))
        self._fill(quantity, price, at, key=key, pnl=pnl if stated is None else stated)
        if stated is None and row["id"] not in self.partial_notes:
            self.partial_notes[row["id"]] = f"it had no pnl: {pnl:f} follows from the prices"
        self.realized += pnl if stated is None else stated
        self._release(quantity)

    def _pnl(self, quantity: Decimal, price: Decimal) -> Decimal:
        return ((price - self.cost / self.held) * quantity * self.sign).quantize(_DIGITS)

    def _release(self, quantity: Decimal) -> None:
        self.cost -= self.cost * quantity / self.held
        self.held -= quantity

    def _close(self, entry_fee: Decimal) -> None:
        row, trade = self.of.row, self.of.trade
        closed = self.closed
        assert closed is not None  # noqa: S101  as the caller has seen
        exit_order = next((one for one in self.of.orders if one["order_type"] == "FULL_EXIT"), None)
        key = f"exit of {self.key}" if exit_order is None else order_key(exit_order)
        reason = text_or_none(trade, "exit_reason") if trade is not None else None
        price = number(row, "current_price") if trade is None else number(trade, "exit_price")
        total = number_or_none(row, "unrealized_pnl") if trade is None else number(trade, "pnl")
        interest = number_or_none(trade, "margin_interest_cost") if trade is not None else None
        if interest:
            self.steps.append(Step(partial(_interest, key=self._plan_key, cost=interest, at=closed, name=self.name)))
        self._order(key, OrderType.FULL_EXIT, self.held, exit_order, at=closed, reason=reason or "unknown")
        fee = (number_or_none(trade, "commission") or _ZERO) if trade is not None else _ZERO
        pnl = None if total is None else total - self.realized
        self._fill(self.held, price, closed, key=key, pnl=pnl, commission=fee - entry_fee)
        if trade is None:
            self.notes.append("it is closed without a trade: its exit is its last price")
        elif reason is None:
            self.notes.append("its trade had no exit_reason")

    def _compare_open(self) -> None:
        said = number_or_none(self.of.row, "current_size")
        size = number_or_none(self.of.row, "original_size") or number_or_none(self.of.row, "size")
        if said is None or not size:
            return
        share = self.held / self.original
        theirs = said / size if self.later else said
        if abs(theirs - share) > Decimal("0.000001"):
            self.differences.append(
                Difference(f"{self.name}: current size of its original", f"{theirs:.8f}", f"{share:.8f}")
            )
            self.notes.append(f"its current_size was {said:f}; its partial trades leave {share:.8f} of it")

    @property
    def _plan_key(self) -> str:
        return str(self.steps[0].order)

    def _order(
        self,
        key: str,
        kind: OrderType,
        quantity: Decimal,
        row: Row | None,
        *,
        at: datetime | None = None,
        level: object = None,
        reason: str | None = None,
        plans: bool = False,
    ) -> None:
        made = partial(
            _create,
            replay=self,
            key=key,
            kind=kind,
            quantity=quantity,
            row=row,
            at=at or self.opened,
            level=level if isinstance(level, int) else None,
            reason=reason,
            plan_key=None if plans else self._plan_key,
        )
        self.steps.append(Step(made, order=key, plans=plans))

    def _fill(
        self,
        quantity: Decimal,
        price: Decimal,
        at: datetime,
        *,
        key: str | None = None,
        pnl: Decimal | None = None,
        commission: Decimal | None = None,
    ) -> None:
        report = partial(
            _filled_with,
            key=key or self._plan_key,
            quantity=quantity,
            price=price,
            at=at,
            pnl=pnl,
            commission=commission or None,
        )
        self.steps.append(Step(report))


def _create(
    ids: Ids,
    *,
    replay: Replay,
    key: str,
    kind: OrderType,
    quantity: Decimal,
    row: Row | None,
    at: datetime,
    level: int | None,
    reason: str | None,
    plan_key: str | None,
) -> Statement[object]:
    position = replay.of.row
    plans = plan_key is None
    confidence = number_or_none(position, "confidence_score") if plans else None
    size = number_or_none(position, "size") if plans else None
    return orders.create_order(
        session_id=ids.session_id,
        order_type=kind,
        symbol=replay.symbol,
        side=replay.side,
        quantity=(number_or_none(row, "quantity") if row is not None else None) or quantity,
        internal_order_id=key,
        price=number_or_none(row, "price") if row is not None else None,
        position_id=None if plan_key is None else ids.position(plan_key),
        status=OrderStatus.OPEN,
        exchange_order_id=text_or_none(row, "exchange_order_id") if row is not None else None,
        strategy_name=text_or_none(position, "strategy_name"),
        target_level=level,
        reason=reason,
        size=size if size and size > 0 else None,
        entry_balance=number_or_none(position, "entry_balance") if plans else None,
        stop_loss=number_or_none(position, "stop_loss") if plans else None,
        take_profit=number_or_none(position, "take_profit") if plans else None,
        trailing_stop=plans and bool(position.get("trailing_stop")),
        confidence_score=confidence if confidence is not None and 0 <= confidence <= 1 else None,
        exchange=text_or_none(position, "exchange") if plans else None,
        max_holding_until=replay.clock.at_or_none(position, "max_holding_until") if plans else None,
        end_of_day_exit=plans and bool(position.get("end_of_day_exit")),
        weekend_exit=plans and bool(position.get("weekend_exit")),
        time_restriction_group=text_or_none(position, "time_restriction_group") if plans else None,
        created_at=at,
        request_id=ids.request(f"order {key}"),
    )


def _filled_with(
    ids: Ids,
    *,
    key: str,
    quantity: Decimal,
    price: Decimal,
    at: datetime,
    pnl: Decimal | None,
    commission: Decimal | None,
) -> Statement[object]:
    return orders.update_order_status(
        session_id=ids.session_id,
        internal_order_id=key,
        status=OrderStatus.FILLED,
        filled_quantity=quantity,
        filled_price=price,
        commission=commission,
        pnl=pnl,
        timestamp=at,
    )


def _interest(ids: Ids, *, key: str, cost: Decimal, at: datetime, name: str) -> Statement[object]:
    return positions.record_margin_interest(
        position_id=ids.position(key), cost=cost, timestamp=at, request_id=ids.request(f"interest of {name}")
    )
