"""The incumbent's positions, orders, partial trades and trades, replayed as fills; pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Final, NamedTuple

from atb_db.importing.errors import Unfit
from atb_db.importing.incumbent.times import Clock
from atb_db.importing.plan import Difference, Ids, Origin, Row, Step, Unit, quarantined
from atb_db.importing.reading import number, number_or_none, text, text_or_none
from atb_db.repository import orders, positions, trades
from atb_db.statement import Statement
from atb_db.types import ImportOutcome, OrderStatus, OrderType, PositionSide

_ZERO: Final = Decimal(0)
_DIGITS: Final = Decimal("1e-18")
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


class Timed(NamedTuple):
    """A unit, and when what it ends with happened: books are made in that order."""

    at: datetime
    unit: Unit


class Planned(NamedTuple):
    """A position that is in the books."""

    row: Row
    key: str
    """Of the ENTRY order that planned it."""
    at: datetime
    """When its unit is carried out."""


class _Position(NamedTuple):
    """A position with everything that belongs to it."""

    row: Row
    orders: Sequence[Row]
    partials: Sequence[Row]
    trade: Row | None


class _Replay:
    """Makes the steps of one position, and remembers what had to be adjusted."""

    def __init__(self, of: _Position, clock: Clock, *, later_generation: bool) -> None:
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
        entry = next((one for one in self.of.orders if one["order_type"] == "ENTRY" and _filled(one)), None)
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
            self.differences.append(Difference(f"{self.name}: partial exit {row['id']}", f"{size:f}", why))
        pnl = self._pnl(quantity, price)
        told = number_or_none(row, "pnl")
        self._order(key, OrderType.PARTIAL_EXIT, quantity, None, at=at, level=row.get("target_level"))
        self._fill(quantity, price, at, key=key, pnl=pnl if told is None else told)
        if told is None and row["id"] not in self.partial_notes:
            self.partial_notes[row["id"]] = f"it had no pnl: {pnl:f} follows from the prices"
        self.realized += pnl if told is None else told
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
        self.steps.append(Step(made, order=key))

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
        told = partial(
            _filled_with,
            key=key or self._plan_key,
            quantity=quantity,
            price=price,
            at=at,
            pnl=pnl,
            commission=commission or None,
        )
        self.steps.append(Step(told))


def position_units(
    rows: Mapping[str, Sequence[Row]], clock: Clock, *, later_generation: bool
) -> Iterator[tuple[Timed, tuple[Difference, ...]]]:
    """A unit for each position with its filled orders, partial trades and trade, and what is different in it."""
    by_position = _grouped(rows["orders"])
    partials = _grouped(rows["partial_trades"])
    matched = match_trades(rows["positions"], rows["trades"])
    for row in rows["positions"]:
        own = [one for one in by_position.get(row["id"], ()) if one["order_type"] in {"ENTRY", "FULL_EXIT"}]
        of = _Position(row, own, partials.get(row["id"], ()), matched.get(row["id"]))
        yield _position_unit(of, clock, later_generation=later_generation)


def _position_unit(of: _Position, clock: Clock, *, later_generation: bool) -> tuple[Timed, tuple[Difference, ...]]:
    row = of.row
    everything = [("positions", row), *(("partial_trades", one) for one in of.partials)]
    everything += [("trades", of.trade)] if of.trade is not None else []
    try:
        if row.get("session_id") is None:
            raise Unfit("it belongs to no session")
        replay = _Replay(of, clock, later_generation=later_generation)
        replay.run()
    except (Unfit, ValueError) as why:
        sentence = f"position {row['id']}: {why}"
        return (
            Timed(
                clock.at(row, "entry_time"),
                Unit(
                    None,
                    (),
                    tuple(
                        Origin(table, str(one["id"]), one, ImportOutcome.QUARANTINED, sentence)
                        for table, one in everything
                    ),
                ),
            ),
            (),
        )
    plan_key = str(replay.steps[0].order)
    made = {step.order for step in replay.steps}
    origins = [
        Origin(
            *("positions", str(row["id"]), row),
            ImportOutcome.ADJUSTED if replay.notes else ImportOutcome.RECORD,
            "; ".join(replay.notes) or None,
            _extra(row, "mfe", "mae", "unrealized_pnl_percent", "client_order_id", "entry_order_id"),
            *("positions", plan_key),
            of_position=True,
        )
    ]
    for one in of.partials:
        note = replay.partial_notes.get(one["id"])
        key = f"partial {one['id']}"
        origins.append(
            Origin(
                *("partial_trades", str(one["id"]), one),
                ImportOutcome.RECORD if note is None else ImportOutcome.ADJUSTED,
                note,
                None,
                "orders" if key in made else None,
                key if key in made else None,
            )
        )
    if of.trade is not None:
        origins.append(
            Origin(
                *("trades", str(of.trade["id"]), of.trade),
                extra=_extra(of.trade, "confidence_score", "pnl_percent", "mfe", "mae"),
                target_table="positions",
                target=plan_key,
                of_position=True,
            )
        )
    origins += [_order_origin(one) for one in of.orders if order_key(one) in made]
    return Timed(replay.closed or replay.opened, Unit(str(row["session_id"]), tuple(replay.steps), tuple(origins))), (
        tuple(replay.differences)
    )


def match_trades(held: Sequence[Row], made: Sequence[Row]) -> dict[object, Row]:
    """The trade of each closed position: the one that names it, else the first of its symbol, side, entry and price."""
    found: dict[object, Row] = {}
    taken: set[object] = set()
    closed = {row["id"]: row for row in held if str(row["status"]).upper() == "CLOSED"}
    for trade in made:
        position = trade.get("position_id")
        if position in closed and position not in found and _is_bookable(trade):
            found[position] = trade
            taken.add(trade["id"])
    places: dict[tuple[object, ...], list[Row]] = {}
    for trade in made:
        if trade["id"] not in taken and _is_bookable(trade):
            places.setdefault(_place(trade), []).append(trade)
    for key, row in closed.items():
        candidates = places.get(_place(row))
        if key not in found and candidates:
            found[key] = candidates.pop(0)
    return found


def _place(row: Row) -> tuple[object, ...]:
    return (row.get("session_id"), row["symbol"], str(row["side"]).upper(), row["entry_price"], row["entry_time"])


def _is_bookable(trade: Row) -> bool:
    try:
        number(trade, "pnl")
        number_or_none(trade, "commission")
        number(trade, "exit_price")
    except Unfit:
        return False
    return True


def trade_units(rows: Sequence[Row], used: set[object], clock: Clock) -> Iterator[Timed]:
    """A unit for each trade that closed no position of ours; a repetition of another one is in quarantine."""
    seen: dict[tuple[object, ...], object] = {}
    for row in rows:
        if row["id"] in used:
            continue
        key = str(row["id"])
        content = (*_place(row), row["exit_price"], row["exit_time"], row["pnl"])
        try:
            at = max(clock.at(row, "exit_time"), clock.at(row, "entry_time"))
            if row.get("session_id") is None:
                raise Unfit("it belongs to no session")
            if content in seen:
                raise Unfit(f"it repeats trade {seen[content]}: the same position was closed twice")
            made, notes = _new_trade(row, clock)
        except Unfit as why:
            yield Timed(
                clock.at_or_none(row, "entry_time") or clock.at(row, "exit_time"),
                quarantined("trades", key, row, f"{why}"),
            )
            continue
        seen[content] = row["id"]
        origin = Origin(
            *("trades", key, row),
            ImportOutcome.ADJUSTED if notes else ImportOutcome.RECORD,
            "; ".join(notes) or None,
            _extra(row, "confidence_score", "position_id") if notes else None,
            *("trades", "trade"),
        )
        step = Step(partial(_log, trade=made, key=key), target="trade")
        yield Timed(at, Unit(str(row["session_id"]), (step,), (origin,)))


def _new_trade(row: Row, clock: Clock) -> tuple[trades.NewTrade, list[str]]:
    notes = []
    quantity, confidence = number_or_none(row, "quantity"), number_or_none(row, "confidence_score")
    size = number_or_none(row, "size")
    if quantity is not None and quantity <= 0:
        notes.append(f"its quantity was {quantity:f}, and is not known")
        quantity = None
    if confidence is not None and not 0 <= confidence <= 1:
        notes.append(f"its confidence was {confidence:f}, which is none")
        confidence = None
    entered, left = clock.at(row, "entry_time"), clock.at(row, "exit_time")
    if left < entered:
        notes.append(f"its exit was at {left:%Y-%m-%d %H:%M:%S} UTC, before its entry, and is then")
    reason = text_or_none(row, "exit_reason")
    if reason is None:
        notes.append("it had no exit_reason")
    if not size or size <= 0:
        raise Unfit(f"its size is {size}")
    made = trades.NewTrade(
        symbol=text(row, "symbol"),
        side=PositionSide(text(row, "side").upper()),
        entry_price=number(row, "entry_price"),
        exit_price=number(row, "exit_price"),
        size=size,
        entry_time=entered,
        exit_time=left,
        pnl=number(row, "pnl"),
        exit_reason=reason or "unknown",
        strategy_name=text(row, "strategy_name"),
        quantity=quantity,
        commission=number_or_none(row, "commission") or _ZERO,
        margin_interest_cost=number_or_none(row, "margin_interest_cost") or _ZERO,
        stop_loss=number_or_none(row, "stop_loss"),
        take_profit=number_or_none(row, "take_profit"),
        strategy_config=row.get("strategy_config"),  # type: ignore[arg-type]  # as the driver read it
        confidence_score=confidence,
        order_id=text_or_none(row, "order_id"),
        exchange=text_or_none(row, "exchange"),
        timeframe=text_or_none(row, "timeframe"),
        mfe=number_or_none(row, "mfe"),
        mfe_price=number_or_none(row, "mfe_price"),
        mfe_time=clock.at_or_none(row, "mfe_time"),
        mae=number_or_none(row, "mae"),
        mae_price=number_or_none(row, "mae_price"),
        mae_time=clock.at_or_none(row, "mae_time"),
    )
    return made, notes


def _log(ids: Ids, *, trade: trades.NewTrade, key: str) -> Statement[object]:
    return trades.log_trade(session_id=ids.session_id, request_id=ids.request(f"trade {key}"), **trade._asdict())


def order_units(
    rows: Sequence[Row], used: set[object], held: Mapping[object, Planned], clock: Clock
) -> Iterator[Timed]:
    """A unit for each order that filled no position: pending, cancelled, failed, stops; `held` has the positions."""
    for row in rows:
        if row["id"] in used:
            continue
        key = str(row["id"])
        at = clock.at_or_none(row, "created_at") or clock.at_or_none(row, "last_update")
        try:
            if at is None:
                raise Unfit("it has no time")
            if row.get("session_id") is None:
                raise Unfit("it belongs to no session")
            unit = _order_unit(row, held.get(row.get("position_id")), at, clock)
        except (Unfit, ValueError) as why:
            yield Timed(at or datetime.max.replace(tzinfo=clock.zone), quarantined("orders", key, row, f"{why}"))
            continue
        # Not before the position that it belongs to.
        place = held.get(row.get("position_id"))
        yield Timed(at if place is None else max(at, place.at), unit)


def _order_unit(row: Row, place: Planned | None, at: datetime, clock: Clock) -> Unit:
    status = STATUS.get(text(row, "status").upper())
    if status is None:
        raise Unfit(f"its status is {text(row, 'status')[:20]!r}")
    position, plan_key = (place.row, place.key) if place is not None else (None, None)
    kind = OrderType(text(row, "order_type"))
    notes = []
    if _filled(row) or status is OrderStatus.FILLED:
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
    if notes and (_filled(row) or status is OrderStatus.FILLED):
        status, review = OrderStatus.UNKNOWN, True
    if status is not OrderStatus.PENDING or review:
        ended = clock.at_or_none(row, "cancelled_at") or at
        steps.append(Step(partial(_state, key=key, status=status, review=review, at=ended)))
    origin = _order_origin(row)
    if notes:
        origin = origin._replace(outcome=ImportOutcome.ADJUSTED, reason="; ".join(notes))
    return Unit(str(row["session_id"]), tuple(steps), (origin,))


def _order_origin(row: Row) -> Origin:
    extra = _extra(row, "actual_fill_price", "actual_fill_quantity", "actual_commission", "replaced_order_id")
    return Origin("orders", str(row["id"]), row, extra=extra, target_table="orders", target=order_key(row))


def order_key(row: Row) -> str:
    """Our key of an order: the client order id where there is one."""
    return text_or_none(row, "client_order_id") or text_or_none(row, "internal_order_id") or f"order {row['id']}"


def _filled(row: Row) -> bool:
    return text(row, "status").upper() in {"FILLED", "CONFIRMED"} or bool(number_or_none(row, "filled_quantity"))


def _extra(row: Row, *names: str) -> Row | None:
    return {name: row[name] for name in names if row.get(name) is not None} or None


def _grouped(rows: Sequence[Row]) -> dict[object, list[Row]]:
    found: dict[object, list[Row]] = {}
    for row in rows:
        found.setdefault(row["position_id"], []).append(row)
    return found


def _create(
    ids: Ids,
    *,
    replay: _Replay,
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
        order_id=ids.order(key),
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
    return orders.update_order_status(order_id=ids.order(key), status=status, needs_review=review or None, timestamp=at)
