"""From single executions, oldest first, to orders and positions: who opens, who grows, who closes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Final, NamedTuple

from atb_db.importing.plan import Ids, Origin, Row, Step, Unit
from atb_db.repository import orders
from atb_db.statement import Statement
from atb_db.types import ContractType, ImportOutcome, OrderStatus, OrderType, PositionSide

_ZERO: Final = Decimal(0)
TOO_LARGE: Final = Decimal("1e30")
_FIRST: Final = datetime(2009, 1, 3, tzinfo=UTC)
_AHEAD: Final = timedelta(days=1)
"""For clocks that are wrong, and times that were written in a zone of their own."""
LONGEST_SYMBOL: Final = 128
_LONGEST_ORDER: Final = 240
"""Room is left for the number of the part that an order plays."""


class Execution(NamedTuple):
    """One execution as an exchange reported it."""

    key: str
    """Identifies it in the source."""
    row: Row
    book: str
    """Key of the session that it goes into."""
    symbol: str
    is_buy: bool
    quantity: Decimal
    """Units of the base asset, or contracts."""
    price: Decimal
    at: datetime
    base: str | None
    order: str | None = None
    """The exchange's id of the order; None where the file has none."""
    fee: Decimal | None = None
    fee_currency: str | None = None
    commission: Decimal | None = None
    """The fee in the book's currency, where it is neither in it nor in the base asset; None = not known."""
    contract: ContractType = ContractType.LINEAR
    contract_size: Decimal = Decimal(1)
    settlement_currency: str | None = None
    reason: str | None = None
    note: str | None = None
    """What was adjusted in it."""
    extra: Row | None = None
    ordered: Decimal | None = None
    """What was ordered, where that is known to be more than the executions."""
    status: OrderStatus | None = None
    """Where the order ended, if not FILLED."""
    table: str = "trades"

    @property
    def units(self) -> Decimal:
        """What it moves: positive for a buy, and less or more by a fee in the base asset."""
        fee = self.fee if self.fee is not None and self.fee_currency == self.base else _ZERO
        return self.quantity - fee if self.is_buy else -self.quantity - fee


def unbookable(execution: Execution, now: datetime) -> str | None:
    """Why the books would refuse it, whatever is held; None where they would not.

    Found out before the others are made into orders: those that follow it in its position would be refused, too.
    """
    figures = {"quantity": execution.quantity, "price": execution.price, "fee": execution.fee or _ZERO}
    for name, figure in figures.items():
        if abs(figure) >= TOO_LARGE:
            return f"{name} is {figure}, which is none"
    names = {"symbol": (execution.symbol, LONGEST_SYMBOL), "the order's id": (execution.order or "", _LONGEST_ORDER)}
    for name, (text, most) in names.items():
        if len(text) > most:
            return f"{name} has {len(text)} characters, more than {most}"
    if execution.quantity <= 0 or execution.price < 0:
        return f"quantity is {execution.quantity}, price is {execution.price}"
    if execution.units * (1 if execution.is_buy else -1) <= 0:
        return f"its fee is {execution.fee} {execution.fee_currency} of {execution.quantity} {execution.base}"
    return untimely(execution.at, now)


def untimely(at: datetime, now: datetime) -> str | None:
    """Why nothing was traded at that time; None where it may have been."""
    if at < _FIRST:
        return f"time is {at:%Y-%m-%d}: no exchange had trades then"
    if at > now + _AHEAD:
        # All that comes until then would be older than the newest trade in the books.
        return f"time is {at:%Y-%m-%d}, which is to come"
    return None


class Held(NamedTuple):
    """An open position, from earlier files or in the course of this one."""

    entry: str
    """Key of its ENTRY order."""
    units: Decimal
    """Positive when LONG."""


class Piece(NamedTuple):
    """An execution's figures, or those of what of it lies on one side of zero."""

    quantity: Decimal
    fee: Decimal | None
    commission: Decimal | None
    suffix: str
    """Behind the execution's key, so that two pieces are two fills."""


class _Part(NamedTuple):
    """A piece, and what it does."""

    execution: Execution
    order: str
    """Key of our order."""
    order_type: OrderType
    side: PositionSide
    position: str
    quantity: Decimal
    fee: Decimal | None
    commission: Decimal | None
    suffix: str


def units_of(
    executions: Iterable[Execution], held: Mapping[tuple[str, str], Held], *, strategy_name: str, exchange: str | None
) -> list[Unit]:
    """A unit for each execution, which must be in order of time; `held` is by book and symbol."""
    positions = _Positions(held)
    parts = [positions.take(execution) for execution in executions]
    totals: dict[tuple[str, str], Decimal] = {}
    last: dict[tuple[str, str], OrderType] = {}
    for split in parts:
        for part in split:
            ours = (part.execution.book, part.order)
            totals[ours] = totals.get(ours, _ZERO) + (part.execution.ordered or part.quantity)
            last[ours] = part.order_type
    return [_unit(split, totals, last, strategy_name=strategy_name, exchange=exchange) for split in parts]


class _Positions:
    """What is held while the executions go by."""

    def __init__(self, held: Mapping[tuple[str, str], Held]) -> None:
        self._held = dict(held)
        self._roles: dict[tuple[str, str, bool, str], str] = {}
        self._named: Counter[tuple[str, str]] = Counter()

    def take(self, execution: Execution) -> list[_Part]:
        """What an execution does: one part, or two where it goes through zero."""
        place = (execution.book, execution.symbol)
        held, units = self._held.get(place), execution.units
        if held is None or held.units * units > 0:
            return [self._enter(execution, held, units)]
        if abs(units) <= abs(held.units):
            rest = held.units + units
            kind = OrderType.PARTIAL_EXIT if rest else OrderType.FULL_EXIT
            if rest:
                self._held[place] = held._replace(units=rest)
            else:
                del self._held[place]
            whole = Piece(execution.quantity, execution.fee, execution.commission, "")
            return [self._exit(execution, held, kind, whole)]
        closing = abs(held.units)
        first, second = through_zero(execution, closing)
        exit_ = self._exit(execution, held, OrderType.FULL_EXIT, first)
        return [exit_, self._enter(execution, None, units + held.units, second)]

    def _exit(self, execution: Execution, held: Held, kind: OrderType, piece: Piece) -> _Part:
        key = self._order_key(execution, held.entry, enters=False)
        side = PositionSide.LONG if held.units > 0 else PositionSide.SHORT
        return _Part(execution, key, kind, side, held.entry, *piece)

    def _enter(self, execution: Execution, held: Held | None, units: Decimal, piece: Piece | None = None) -> _Part:
        whole = Piece(execution.quantity, execution.fee, execution.commission, "")
        side = PositionSide.LONG if execution.is_buy else PositionSide.SHORT
        order = execution.order or execution.key
        if held is None:
            key = entry = self._order_key(execution, f"#{self._named[execution.book, order]}", enters=True)
            kind = OrderType.ENTRY
            self._roles[execution.book, order, True, entry] = key
        else:
            entry = held.entry
            key = self._order_key(execution, entry, enters=True)
            kind = OrderType.ENTRY if key == entry else OrderType.SCALE_IN
        before = held.units if held is not None else _ZERO
        self._held[execution.book, execution.symbol] = Held(entry, before + units)
        return _Part(execution, key, kind, side, entry, *(piece or whole))

    def _order_key(self, execution: Execution, position: str, *, enters: bool) -> str:
        """The key of our order: one for each part that an order of the exchange plays in a position."""
        order = execution.order or execution.key
        role = (execution.book, order, enters, position)
        if role not in self._roles:
            number = self._named[execution.book, order] = self._named[execution.book, order] + 1
            self._roles[role] = order if number == 1 else f"{order}/{number}"
        return self._roles[role]


def through_zero(execution: Execution, closing: Decimal) -> tuple[Piece, Piece]:
    """What closes, then what opens; a fee in the base asset stays with what opens."""
    share = closing / execution.quantity
    fee, commission = execution.fee, execution.commission
    first_fee = None if fee is None else _ZERO if execution.fee_currency == execution.base else fee * share
    first = None if commission is None else commission * share
    return (
        Piece(closing, first_fee, first, "/1"),
        Piece(
            execution.quantity - closing,
            None if fee is None or first_fee is None else fee - first_fee,
            None if commission is None or first is None else commission - first,
            "/2",
        ),
    )


def _unit(
    parts: list[_Part],
    totals: Mapping[tuple[str, str], Decimal],
    last: Mapping[tuple[str, str], OrderType],
    *,
    strategy_name: str,
    exchange: str | None,
) -> Unit:
    execution = parts[0].execution
    steps: list[Step] = []
    for part in parts:
        ours = (execution.book, part.order)
        steps += (
            Step(
                partial(
                    _order,
                    part=part,
                    quantity=totals[ours],
                    order_type=last[ours],
                    strategy_name=strategy_name,
                    exchange=exchange,
                ),
                order=part.order,
                plans=last[ours] is OrderType.ENTRY,
            ),
            Step(partial(_fill, part=part), target="fill"),
        )
    if execution.status is not None:
        steps.append(Step(partial(_ended, key=parts[-1].order, status=execution.status, at=execution.at)))
    note = execution.note
    if len(parts) > 1:
        crossed = f"it crossed zero: {parts[0].quantity} closed a position and {parts[1].quantity} opened another"
        note = f"{note}; {crossed}" if note else crossed
    origin = Origin(
        execution.table,
        execution.key,
        execution.row,
        ImportOutcome.RECORD if note is None else ImportOutcome.ADJUSTED,
        note,
        execution.extra,
        "order_fills",
        "fill",
    )
    return Unit(execution.book, tuple(steps), (origin,))


def _order(
    ids: Ids, *, part: _Part, quantity: Decimal, order_type: OrderType, strategy_name: str, exchange: str | None
) -> Statement[object]:
    execution = part.execution
    opens = order_type is OrderType.ENTRY
    return orders.create_order(
        session_id=ids.session_id,
        order_type=order_type,
        symbol=execution.symbol,
        side=part.side,
        quantity=quantity,
        internal_order_id=part.order,
        position_id=None if opens else ids.position(part.position),
        status="OPEN",
        exchange_order_id=execution.order if part.order == execution.order else None,
        strategy_name=strategy_name,
        reason=execution.reason,
        exchange=exchange,
        contract=execution.contract,
        contract_size=execution.contract_size,
        base_asset=execution.base,
        settlement_currency=execution.settlement_currency,
        created_at=execution.at,
        request_id=ids.request(f"order {execution.book} {part.order}"),
    )


def _ended(ids: Ids, *, key: str, status: OrderStatus, at: datetime) -> Statement[object]:
    return orders.update_order_status(session_id=ids.session_id, internal_order_id=key, status=status, timestamp=at)


def _fill(ids: Ids, *, part: _Part) -> Statement[object]:
    execution = part.execution
    return orders.record_fill(
        session_id=ids.session_id,
        internal_order_id=part.order,
        exchange_fill_id=execution.key + part.suffix,
        quantity=part.quantity,
        price=execution.price,
        fee=part.fee,
        fee_currency=execution.fee_currency if part.fee is not None else None,
        commission=part.commission,
        filled_at=execution.at,
    )
