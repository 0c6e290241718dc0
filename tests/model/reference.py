"""The books in plain Python: what a session's orders, fills and short forms make of positions, balance and trades."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from itertools import count
from typing import Final

ZERO: Final = Decimal(0)
FINAL: Final = ("FILLED", "CANCELLED", "FAILED", "EXPIRED")
ENTRIES: Final = ("ENTRY", "SCALE_IN")
BRINGS: Final = ("pnl", "commission", "FUNDING", "INTEREST", "MOVE")
"""What a position brings to a ledger: sums of columns, and of the amounts of these kinds."""
NOISE: Final = Decimal("1e-12")
"""What floats add to or take from what was meant."""
_DIGITS: Final = Decimal(1).scaleb(-18)


class Refused(Exception):  # noqa: N818  an answer, not an error
    """What the database must refuse; the argument is the name of its error."""


def rounded(value: Decimal) -> Decimal:
    return value.quantize(_DIGITS, ROUND_HALF_UP)


def share(value: Decimal, part: Decimal, whole: Decimal) -> Decimal:
    return value if part == whole else rounded(value * part / whole)


def agrees(given: Decimal | None, known: Decimal | None) -> bool:
    """Whether a figure is the known one, perhaps rounded to the digits that it is given with."""
    if given is None or known is None:
        return True
    digits = max(-int(given.as_tuple().exponent), 0)
    last = min(Decimal(5).scaleb(-digits - 1), abs(known) * Decimal("0.001"))
    return abs(given - known) <= max(last, abs(known) * Decimal("1e-9"))


def _meant(total: Decimal | None, order: Order) -> Decimal | None:
    """A total that is what was ordered but for a float's noise is what was ordered, if it is not all that is held."""
    ordered, held = order.quantity, order.position.held if order.position else None
    if total is None or total == held or abs(total - ordered) > ordered * NOISE:
        return total
    return ordered if int(total.as_tuple().exponent) < int(ordered.as_tuple().exponent) else total


@dataclass(frozen=True)
class Contract:
    """What is traded; a rate of None in a foreign currency is not known."""

    kind: str = "LINEAR"
    size: Decimal = Decimal(1)
    base_asset: str | None = None
    currency: str = "USDT"
    rate: Decimal | None = None

    def value(self, quantity: Decimal, price: Decimal) -> Decimal | None:
        if self.kind == "LINEAR":
            return rounded(quantity * self.size * price)
        if not price:
            return None
        # The server rounds a quotient first, to 24 decimals more than the numerator has.
        units = quantity * self.size
        digits = 24 + max(0, -int(units.normalize().as_tuple().exponent))
        return rounded((units / price).quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP))

    def allows(self, price: Decimal | None) -> bool:
        return price is None or price > 0 or (price == 0 and self.kind == "LINEAR")


@dataclass(eq=False)
class Position:
    """A position; what it holds is quantity - exited."""

    label: str
    side: str
    contract: Contract
    session: int = 0
    status: str = "PLANNED"
    quantity: Decimal = ZERO
    original: Decimal = ZERO
    exited: Decimal = ZERO
    unbooked: Decimal = ZERO
    entered_value: Decimal = ZERO
    exited_value: Decimal = ZERO
    cost: Decimal = ZERO
    pnl: Decimal = ZERO
    commission: Decimal = ZERO
    interest: Decimal = ZERO
    funding: Decimal = ZERO
    entry_price: Decimal | None = None
    exit_reason: str | None = None
    entry_time: datetime | None = None
    exit_time: datetime | None = None
    next: Position | None = None
    continues: bool = False

    @property
    def held(self) -> Decimal:
        return self.quantity - self.exited

    @property
    def direction(self) -> int:
        return 1 if (self.side == "LONG") == (self.contract.kind == "LINEAR") else -1


@dataclass(frozen=True)
class Deal:
    """What a short form is given of a fill."""

    quantity: Decimal | None
    price: Decimal | None
    fee: Decimal | None
    pnl: Decimal | None
    rate: Decimal | None
    at: datetime


@dataclass(eq=False)
class Fill:
    """A row of order_fills: an execution or a change, with what it moved."""

    order: Order
    kind: str
    at: datetime
    quantity: Decimal
    value: Decimal
    commission: Decimal
    name: str | None = None
    executed: tuple[Decimal, Decimal] | None = None
    fee: tuple[Decimal, str] | None = None
    known: Decimal | None = None
    position: Position | None = None
    booked: bool = False
    released: Decimal = ZERO
    pnl: Decimal = ZERO
    rest: Fill | None = None
    told_pnl: Decimal | None = None
    rate: Decimal | None = None
    unconverted: Decimal | None = None
    number: int = field(default_factory=count().__next__)


@dataclass(frozen=True)
class Truth:
    """What an order was filled with, as it is known at one moment."""

    units: Decimal
    value: Decimal
    commission: Decimal


@dataclass(eq=False)
class Order:
    """An order; its truth is its single fills once they reach the reported total, before that the total."""

    label: str
    kind: str
    side: str
    quantity: Decimal
    price: Decimal | None
    position: Position | None
    session: int = 0
    names: list[str] = field(default_factory=list)
    status: str = "PENDING"
    by_amount: bool = False
    reason: str | None = None
    total: Decimal = ZERO
    average: Decimal | None = None
    total_value: Decimal | None = None
    total_commission: Decimal | None = None
    fills: dict[str, Fill] = field(default_factory=dict)
    base_fee: Decimal = ZERO
    value: Decimal = ZERO
    corrected: Decimal = ZERO
    created: datetime | None = None
    filled_at: datetime | None = None

    @property
    def enters(self) -> bool:
        return self.kind in ENTRIES

    @property
    def contract(self) -> Contract:
        return self.position.contract if self.position else Contract()

    @property
    def recorded(self) -> Decimal:
        return sum((one.executed[0] for one in self.fills.values() if one.executed), ZERO)

    @property
    def filled(self) -> Decimal:
        return max(self.recorded, self.total)

    def truth(self) -> Truth:
        recorded = self.recorded
        known = sum((one.known for one in self.fills.values() if one.known is not None), ZERO)
        all_known = all(one.known is not None for one in self.fills.values())
        if self.total > recorded and self.total_value is not None:
            units = self.total - self.base_fee
            value = share(self.total_value, units, self.total) + self.corrected
        else:
            units, value = recorded - self.base_fee, self.value + self.corrected
        told = None if recorded >= self.total and all_known else self.total_commission
        commission = known if told is None or abs(told) < abs(known) else told
        return Truth(units, value, commission)


@dataclass
class Account:
    """A session's balance, its ledger, and what each position has brought there, but for what moves change."""

    balance: Decimal
    ended: bool = False
    ledger: list[tuple[str, Decimal, Decimal, Decimal]] = field(default_factory=list)
    brought: dict[str, dict[str, Decimal]] = field(default_factory=dict)


@dataclass
class Books:
    """The books of some sessions, and what each act does to them. Every act raises Refused, then changes nothing."""

    accounts: list[Account]
    orders: dict[str, Order] = field(default_factory=dict)
    positions: dict[str, Position] = field(default_factory=dict)
    fills: list[Fill] = field(default_factory=list)
    partials: dict[tuple[str, str], list[Decimal]] = field(default_factory=dict)
    trades: dict[str, tuple[Decimal, Decimal, Decimal, Decimal, Decimal]] = field(default_factory=dict)
    money: set[str] = field(default_factory=set)

    @classmethod
    def begin(cls, balance: Decimal, sessions: int) -> Books:
        """The books of sessions that have begun with a balance each."""
        return cls([Account(balance) for _ in range(sessions)])

    # What orders are journaled and reported with.

    def journal(
        self, label: str, *, session: int, kind: str, side: str, quantity: Decimal, price: Decimal | None,
        position: str | None, contract: Contract, at: datetime, by_amount: bool = False, reason: str | None = None,
    ) -> None:  # fmt: skip
        if label in self.orders:
            return
        self._active(session)
        held = self.positions[position] if position else None
        if held:
            self._fits(held, side, session)
        if held is None and kind == "ENTRY":
            held = self.positions[label] = Position(label, side, contract, session)
        order = Order(label, kind, side, quantity, price, held, session, by_amount=by_amount, reason=reason, created=at)
        order.names.append(f"client-{label}")
        self.orders[label] = order

    def find(self, label: str, session: int, name: str) -> None:
        """Whether an order is found in a session by one of the names that it has or had there."""
        order = self.orders[label]
        if session != order.session or name not in order.names:
            raise Refused("NotFound")

    def fill(
        self, label: str, *, name: str, quantity: Decimal, price: Decimal, fee: Decimal | None, currency: str | None,
        commission: Decimal | None, pnl: Decimal | None, rate: Decimal | None, at: datetime,
    ) -> None:  # fmt: skip
        order = self.orders[label]
        contract = order.contract
        if not contract.allows(price):
            raise Refused("InvalidInput")
        base_fee, base_value, known = self._costs(order, price, fee, currency, commission)
        told = (fee, currency) if fee is not None and currency is not None else None
        before = order.truth()
        if again := order.fills.get(name):
            if (
                again.executed != (quantity, price)
                or (again.fee and told and again.fee != told)
                or (not again.fee and again.known is not None and (base_fee or known not in (None, again.known)))
            ):
                raise Refused("Conflict")
            if again.known is None and (told or commission is not None):
                self._complete(again, before, told=told, known=known, base_fee=base_fee, base_value=base_value)
            if again.unconverted is not None:
                self._convert(again, pnl, rate)
            elif not again.booked:
                again.told_pnl = pnl if again.told_pnl is None else again.told_pnl
                again.rate = rate if again.rate is None else again.rate
            return
        fill = Fill(order, "FILL", at, ZERO, ZERO, ZERO, name, (quantity, price), told, known)
        order.fills[name] = fill
        order.base_fee += base_fee
        order.value += contract.value(quantity - base_fee, price) or ZERO
        order.filled_at = max(order.filled_at or at, at)
        if order.status not in FINAL:
            done = not order.by_amount and order.filled >= order.quantity * (1 - NOISE)
            order.status = "FILLED" if done else "PARTIALLY_FILLED"
        self._take_up(order, before, fill, pnl, rate)

    @staticmethod
    def _costs(
        order: Order, price: Decimal, fee: Decimal | None, currency: str | None, commission: Decimal | None
    ) -> tuple[Decimal, Decimal, Decimal | None]:
        """The units that a fee takes or adds, what they are worth, and what the fee is, as far as it is known."""
        contract = order.contract
        if fee and currency == contract.base_asset and currency != "USDT":
            base_fee = fee if order.enters == (order.side == "LONG") else -fee
            known = contract.value(fee, price) if commission is None else commission
            return base_fee, contract.value(base_fee, price) or ZERO, known
        if fee is not None and commission is None and (fee == 0 or currency == "USDT"):
            return ZERO, ZERO, fee
        return ZERO, ZERO, commission

    def report(
        self, label: str, *, status: str | None, total: Decimal | None, average: Decimal | None,
        commission: Decimal | None, quantity: Decimal | None, price: Decimal | None, pnl: Decimal | None,
        rate: Decimal | None, at: datetime,
    ) -> None:  # fmt: skip
        order = self.orders[label]
        before, filled, contract = order.truth(), order.filled, order.contract
        told, told_at = self._told(order, status, _meant(total, order), average, quantity)
        if average is not None and not contract.allows(average):
            raise Refused("InvalidInput")
        order.quantity = quantity or order.quantity
        if price is not None:
            order.price = price
        newest = told is not None and told >= order.total
        if told is not None and newest and told > 0:
            order.average = told_at
            order.total_value = None if told_at is None else contract.value(told, told_at)
        if commission is not None and (newest or told is None):
            order.total_commission = commission
        if told is not None:
            order.total = max(order.total, told)
        now = max(filled, told or ZERO)
        if now > filled:
            order.filled_at = max(order.filled_at or at, at)
        if order.status not in FINAL:
            order.status = self._state(order, status, now, told)
        after = order.truth()
        if after != before:
            self._take_up(order, before, Fill(order, "CHANGE", at, ZERO, ZERO, ZERO), pnl, rate)
        due = pnl if (after.units, after.value) == (before.units, before.value) else None
        waiting = [one for one in self.fills if one.order is order and one.unconverted is not None]
        for one in sorted(waiting, key=lambda one: one.number):
            self._convert(one, due, rate)
            due = None if due is None else ZERO

    def amend(self, label: str, *, name: str, at: datetime) -> None:
        """The order has another id at the exchange from now on, and is found by the former ones, too."""
        self.orders[label].names.append(name)
        self.report(
            label, status=None, total=None, average=None, commission=None, quantity=None, price=None, pnl=None,
            rate=None, at=at,
        )  # fmt: skip

    @staticmethod
    def _told(
        order: Order, status: str | None, total: Decimal | None, average: Decimal | None, quantity: Decimal | None
    ) -> tuple[Decimal | None, Decimal | None]:
        """The total that is reported, or meant, and its price."""
        if total is None and status == "FILLED" and order.filled == 0 and order.status not in FINAL:
            total = quantity or order.quantity
        if total is None and average is not None and order.total > 0:
            total = order.total
        if average is None:
            average = order.price if order.average is None else order.average
        return total, average

    @staticmethod
    def _state(order: Order, status: str | None, filled: Decimal, told: Decimal | None) -> str:
        if status in FINAL:
            return str(status)
        if not order.by_amount and filled > 0 and filled >= order.quantity * (1 - NOISE):
            return "FILLED"
        if filled > 0 and status != "UNKNOWN":
            return "PARTIALLY_FILLED"
        stays = status in (None, "PENDING") or (status == "PARTIALLY_FILLED" and not told)
        return order.status if stays else str(status)

    def link(self, label: str, position: str) -> None:
        order, held = self.orders[label], self.positions[position]
        if order.position is held:
            return
        if held.side != order.side:
            raise Refused("InvalidInput")
        if order.position and (order.position.status != "PLANNED" or order.filled > 0):
            raise Refused("Conflict")
        self._fits(held, order.side, order.session)
        self._link(order, held)

    @staticmethod
    def _fits(p: Position, side: str, session: int) -> None:
        if p.side != side:
            raise Refused("InvalidInput")
        if p.session != session:
            raise Refused("NotFound")

    # The short forms.

    def open(
        self, label: str, *, session: int, side: str, quantity: Decimal | None, price: Decimal | None,
        fee: Decimal | None, contract: Contract, adopted: str | None, rate: Decimal | None, at: datetime,
    ) -> None:  # fmt: skip
        deal = Deal(quantity, price, fee, None, rate, at)
        if adopted:
            if self.orders[adopted].session != session:
                raise Refused("NotFound")
            return self._adopt_entry(label, self.orders[adopted], contract, deal)
        if label in self.orders:
            return None
        if quantity is None or price is None or not contract.allows(price):
            raise Refused("InvalidInput")
        self._active(session)
        self.positions[label] = p = Position(label, side, contract, session)
        self._fill_at_once(Order(label, "ENTRY", side, quantity, price, p, session, created=at), price, deal)
        p.entry_price = price
        return None

    def move(
        self, label: str, *, kind: str, position: str, size: Decimal | None, quantity: Decimal | None,
        price: Decimal | None, fee: Decimal | None, pnl: Decimal | None, rate: Decimal | None,
        interest: Decimal | None, reason: str | None, adopted: str | None, at: datetime,
    ) -> None:  # fmt: skip
        p = self.positions[position]
        deal = Deal(quantity, price, fee, pnl, rate, at)
        if adopted:
            return self._adopt(self.orders[adopted], p, deal, kind=kind, size=size, interest=interest, reason=reason)
        if label in self.orders:
            return None
        if p.status != "OPEN":
            raise Refused("Conflict")
        self._active(p.session)
        if price is None or not p.contract.allows(price):
            raise Refused("InvalidInput")
        if kind == "SCALE_IN":
            if (size is None) == (quantity is None) or (size or ZERO) > 10:
                raise Refused("InvalidInput")
            moved = quantity if quantity is not None else self._fraction(p, size or ZERO, ZERO)
        else:
            moved = self._leaving(p, size, quantity)
        if interest:
            self._pay_interest(p, interest)
        order = Order(label, kind, p.side, moved, price, p, p.session, reason=reason, created=at)
        self._fill_at_once(order, price, deal)
        if any(one.order is order and one.unconverted is not None for one in self.fills):
            raise Refused("InvalidInput")
        return None

    def end(self, session: int) -> None:
        self.accounts[session].ended = True

    def _active(self, session: int) -> None:
        if self.accounts[session].ended:
            raise Refused("SessionClosed")

    def move_to(self, label: str, *, position: str, session: int, at: datetime) -> None:
        """The position goes on in another session, with its orders and all that it has brought; no balance changes."""
        del at
        p = self.positions[position]
        if label in self.money:
            return
        self.money.add(label)
        if p.session == session:
            return
        if p.status == "CLOSED":
            raise Refused("Conflict")
        self._active(session)
        mine = [one for one in self.orders.values() if one.position is p]
        if p.continues or any(one.order in mine and one.position not in (p, None) for one in self.fills):
            raise Refused("Conflict")
        brought = self._brought(p)
        left = brought["pnl"] - brought["commission"] + brought["FUNDING"] + brought["INTEREST"]
        self.accounts[p.session].brought[p.label] = dict.fromkeys(BRINGS, ZERO) | {"MOVE": brought["MOVE"] + left}
        p.session = session
        taken = self._brought(p)
        for kind in set(BRINGS) - {"MOVE"}:
            taken[kind] += brought[kind]
        taken["MOVE"] -= left
        for one in mine:
            one.session = session

    # Money that is no trade, and what a person corrects.

    def carry(self, label: str, *, kind: str, position: str, change: Decimal, at: datetime) -> None:
        """Funding of a position, or the interest that it costs."""
        del at
        p = self._entered(position)
        if label in self.money:
            return
        self.money.add(label)
        if kind == "FUNDING":
            p.funding += change
        else:
            p.interest -= change
        self._post(p, kind, amount=change)
        self._revise(p)

    def transfer(self, label: str, *, session: int, kind: str, change: Decimal, at: datetime) -> None:
        """A deposit or withdrawal, or interest of the account."""
        del at
        if label in self.money:
            return
        self._active(session)
        self.money.add(label)
        self._enter_in_ledger(session, kind, amount=change)

    def correct_quantity(
        self, label: str, *, position: str, quantity: Decimal, price: Decimal | None, at: datetime
    ) -> None:
        p = self._entered(position)
        if label in self.money:
            return
        if difference := quantity - p.held:
            if p.status == "CLOSED":
                raise Refused("Conflict")
            kind = "SCALE_IN" if difference > 0 else "PARTIAL_EXIT" if quantity else "FULL_EXIT"
            price = p.entry_price if price is None else price
            order = Order(label, kind, p.side, abs(difference), price, p, p.session, reason="found", created=at)
            order.status = "OPEN"
            self.orders[label] = order
            self.report(
                label, status="FILLED", total=abs(difference), average=price, commission=ZERO, quantity=None,
                price=None, pnl=None, rate=None, at=at,
            )  # fmt: skip
        self.money.add(label)

    def correct_price(self, label: str, *, position: str, price: Decimal, at: datetime) -> None:
        p = self._entered(position)
        if label in self.money:
            return
        entries = [one for one in self.orders.values() if one.position is p and one.kind == "ENTRY"]
        if not entries:
            raise Refused("Conflict")
        order = min(entries, key=lambda one: (one.created or at, list(self.orders).index(one.label)))
        worth = (p.contract.value(p.quantity, price) or ZERO) - p.entered_value
        order.corrected += worth
        fill = Fill(order, "CHANGE", at, ZERO, worth, ZERO)
        self._book(p, fill, None, None)
        self.fills.append(fill)
        self.money.add(label)

    def _entered(self, position: str) -> Position:
        p = self.positions[position]
        if p.status == "PLANNED":
            raise Refused("NotFound")
        return p

    # How they do it.

    def _fill_at_once(self, order: Order, price: Decimal, deal: Deal) -> None:
        before = order.truth()
        order.status, order.total, order.average, order.total_commission = "FILLED", order.quantity, price, deal.fee
        order.total_value, order.filled_at = order.contract.value(order.quantity, price), deal.at
        self.orders[order.label] = order
        self._take_up(order, before, Fill(order, "CHANGE", deal.at, ZERO, ZERO, ZERO), deal.pnl, deal.rate)

    def _leaving(self, p: Position, size: Decimal | None, quantity: Decimal | None) -> Decimal:
        if size is not None and quantity is not None:
            raise Refused("InvalidInput")
        moved = quantity if quantity is not None else p.held if size is None else self._fraction(p, size, p.held)
        if abs(moved - p.held) <= p.quantity * NOISE:
            return p.held
        if moved > p.held:
            raise Refused("InvalidInput")
        return moved

    @staticmethod
    def _fraction(p: Position, size: Decimal, held: Decimal) -> Decimal:
        """15 significant digits of the original quantity; what is held, where the two meet."""
        if p.original <= 0:
            raise Refused("InvalidInput")
        if abs(size * p.original - held) <= p.original * Decimal("1e-12"):
            return held
        digits = 15 - int(p.original.log10().to_integral_value("ROUND_CEILING"))
        return (size * p.original).quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP)

    def _adopt_entry(self, label: str, order: Order, contract: Contract, deal: Deal) -> None:
        if not order.enters:
            raise Refused("Conflict")
        if order.position is None:
            self._active(order.session)
            self.positions[label] = planned = Position(label, order.side, contract, order.session)
            self._link(order, planned)
        else:
            self._take_contract(order.position, contract)
        self._settle(order, deal)
        assert order.position
        if order.position.status == "PLANNED":
            raise Refused("InvalidInput")

    def _take_contract(self, p: Position, given: Contract) -> None:
        """A contract that is given again: what was planned stays, what was not is taken until something is filled."""
        planned, unfilled = p.contract, not any(one.filled > 0 for one in self.orders.values() if one.position is p)
        asset = given.base_asset if planned.base_asset is None and unfilled else planned.base_asset
        currency = given.currency if planned.currency == "USDT" and unfilled else planned.currency
        if (
            (given.kind == "INVERSE" and planned.kind != "INVERSE")
            or given.size not in (1, planned.size)
            or given.base_asset not in (None, asset)
            or given.currency not in ("USDT", currency)
        ):
            raise Refused("Conflict")
        rate = given.rate if planned.rate is None else planned.rate
        p.contract = replace(planned, base_asset=asset, currency=currency, rate=rate)

    def _adopt(
        self, order: Order, p: Position, deal: Deal, *, kind: str, size: Decimal | None, interest: Decimal | None,
        reason: str | None,
    ) -> None:  # fmt: skip
        if order.enters != (kind in ENTRIES):
            raise Refused("Conflict")
        if order.position is None:
            self.link(order.label, p.label)
        elif order.position is not p:
            raise Refused("Conflict")
        order.reason = order.reason or reason
        if interest and p.status == "OPEN":
            self._pay_interest(p, interest)
        if size is not None:
            if deal.quantity is not None or (order.enters and size > 10):
                raise Refused("InvalidInput")
            is_known = order.filled > 0 or order.enters
            given = self._fraction(p, size, order.filled) if is_known else self._leaving(p, size, None)
            deal = replace(deal, quantity=given)
        meant = deal.quantity or order.quantity
        if order.filled == 0 and not order.enters and abs(meant - p.held) <= p.quantity * NOISE:
            deal = replace(deal, quantity=p.held)
        self._settle(order, deal)
        if kind in ("FULL_EXIT", "STOP_LOSS") and p.label not in self.trades:
            raise Refused("InvalidInput")

    def _settle(self, order: Order, deal: Deal) -> None:
        if deal.quantity is not None and abs(deal.quantity - order.filled) <= order.filled * NOISE:
            deal = replace(deal, quantity=order.filled)
        is_final = order.status in FINAL or deal.quantity is None or deal.quantity <= order.filled
        is_settled = order.filled > 0 and is_final
        if is_settled:
            self._refuse_other_figures(order, deal)
        given = deal.quantity, deal.price, deal.fee, deal.pnl, deal.rate
        if order.filled == 0 or any(one is not None for one in given):
            self.report(
                order.label, status="FILLED", total=deal.quantity or order.filled or order.quantity,
                average=self.price_of(order) if is_settled or deal.price is None else deal.price, commission=deal.fee,
                quantity=None, price=None, pnl=deal.pnl, rate=deal.rate, at=deal.at,
            )  # fmt: skip

    def _refuse_other_figures(self, order: Order, deal: Deal) -> None:
        """What an order was filled with is a fact; what is not known of it contradicts nothing."""
        fills = order.fills.values()
        is_known = order.recorded >= order.total and all(one.known is not None for one in fills)
        fee = sum((one.known for one in fills if one.known is not None), ZERO) if is_known else order.total_commission
        booked = [one for one in self.fills if one.order is order]
        gain = sum((one.pnl for one in booked), ZERO)
        is_whole = booked and all(one.booked and one.unconverted is None for one in booked)
        if (
            (deal.quantity is not None and deal.quantity != order.filled)
            or not agrees(deal.price, self.price_of(order))
            or not agrees(deal.fee, fee)
            or not agrees(deal.pnl, gain if is_whole else None)
        ):
            raise Refused("Conflict")

    @staticmethod
    def price_of(order: Order) -> Decimal | None:
        recorded = order.recorded
        if recorded > 0 and (recorded >= order.total or order.average is None):
            notional = sum((one.executed[0] * one.executed[1] for one in order.fills.values() if one.executed), ZERO)
            return (notional / recorded).quantize(Decimal(1).scaleb(-24), ROUND_HALF_UP)
        return order.average

    def _pay_interest(self, p: Position, interest: Decimal) -> None:
        p.interest += interest
        self._post(p, "INTEREST", amount=-interest)

    def _post(
        self, p: Position, kind: str, pnl: Decimal = ZERO, commission: Decimal = ZERO, amount: Decimal = ZERO
    ) -> None:
        """Enter what a position has brought."""
        self._enter_in_ledger(p.session, kind, pnl, commission, amount)
        brought = self._brought(p)
        brought["pnl"] += pnl
        brought["commission"] += commission
        if amount:
            brought[kind] += amount

    def _enter_in_ledger(
        self, session: int, kind: str, pnl: Decimal = ZERO, commission: Decimal = ZERO, amount: Decimal = ZERO
    ) -> None:
        account = self.accounts[session]
        account.ledger.append((kind, pnl, commission, amount))
        account.balance += pnl - commission + amount

    def _brought(self, p: Position) -> dict[str, Decimal]:
        """What a position has brought to the session where it is."""
        return self.accounts[p.session].brought.setdefault(p.label, dict.fromkeys(BRINGS, ZERO))

    def _complete(
        self, fill: Fill, before: Truth, *, told: tuple[Decimal, str] | None, known: Decimal | None,
        base_fee: Decimal, base_value: Decimal,
    ) -> None:  # fmt: skip
        order = fill.order
        fill.fee = fill.fee or told
        if known is None:
            return
        fill.known = known
        order.base_fee += base_fee
        order.value -= base_value
        after = order.truth()
        if (after.units, after.value) != (before.units, before.value):
            self._take_up(order, before, Fill(order, "CHANGE", fill.at, ZERO, ZERO, ZERO), None, None)
        elif fee := after.commission - before.commission:
            fill.commission += fee
            if p := fill.position or order.position:
                p.commission += fee
                self._post(p, "FEE", commission=fee)
                self._revise(p)

    def _take_up(self, order: Order, before: Truth, fill: Fill, pnl: Decimal | None, rate: Decimal | None) -> None:
        after = order.truth()
        fill.quantity = after.units - before.units
        fill.value = after.value - before.value
        fill.commission = after.commission - before.commission
        fill.told_pnl, fill.rate = pnl, rate
        if order.position:
            self._book(order.position, fill, pnl, rate)
        self.fills.append(fill)
        if order.enters and fill.position and not fill.rest:
            self._settle_rests(fill.position, rate)

    def _link(self, order: Order, p: Position) -> None:
        order.position = p
        waiting = sorted((one for one in self.fills if one.order is order and not one.booked), key=lambda one: one.at)
        if self._values_again(order, p.contract):
            for one in waiting:
                one.position, one.booked, one.quantity, one.value, one.commission = p, True, ZERO, ZERO, ZERO
            nothing = Truth(ZERO, ZERO, ZERO)
            assert order.filled_at
            pnls, rates = self._reported(waiting)
            return self._take_up(order, nothing, Fill(order, "CHANGE", order.filled_at, ZERO, ZERO, ZERO), pnls, rates)
        for one in waiting:
            self._book(p, one, one.told_pnl, one.rate)
        if order.enters and waiting and waiting[-1].position:
            self._settle_rests(waiting[-1].position, None)
        return None

    @staticmethod
    def _reported(waiting: list[Fill]) -> tuple[Decimal | None, Decimal | None]:
        """The P&L and the rate of fills that are booked as one."""
        saying = [one for one in waiting if one.kind == "FILL" or one.told_pnl is not None or one.rate is not None]
        pnls, rates = [one.told_pnl for one in saying], {one.rate for one in saying if one.rate is not None}
        pnl = sum((one for one in pnls if one is not None), ZERO) if pnls and None not in pnls else None
        return pnl, rates.pop() if len(rates) == 1 else None

    @staticmethod
    def _values_again(order: Order, contract: Contract) -> bool:
        """Value an order by the contract that it turns out to be of; whether that changes anything."""
        before = order.base_fee, order.value, order.total_value
        order.base_fee = order.value = ZERO
        for one in order.fills.values():
            assert one.executed
            quantity, price = one.executed
            if not contract.allows(price):
                raise Refused("InvalidInput")
            base_fee = ZERO
            if one.fee and one.fee[0] and one.fee[1] == contract.base_asset:
                base_fee = one.fee[0] if order.enters == (order.side == "LONG") else -one.fee[0]
                one.known = contract.value(one.fee[0], price) if one.known is None else one.known
            order.base_fee += base_fee
            order.value += contract.value(quantity - base_fee, price) or ZERO
        if order.average is not None:
            order.total_value = contract.value(order.total, order.average)
            order.average = None if order.total_value is None else order.average
        return (order.base_fee, order.value, order.total_value) != before

    def _book(self, p: Position, fill: Fill, told_pnl: Decimal | None, rate: Decimal | None) -> None:
        order, moved, worth = fill.order, fill.quantity, fill.value
        while p.status == "CLOSED" and moved != 0 and p.next:
            p = p.next
        if p.status == "CLOSED" and order.enters and moved > 0:
            p = self._continue(p)
        before = p.status
        from_prices = self._enter(p, fill) if order.enters else self._leave(p, fill)
        taken, gain = fill.quantity, told_pnl
        fill.unconverted = None
        if gain is None or not (taken or (moved == 0 and worth)):
            known = self._rate(p, rate) if from_prices else ZERO
            gain = ZERO if known is None else rounded(from_prices * known)
            fill.unconverted = from_prices if known is None else None
        p.pnl += gain
        p.commission += fill.commission
        p.unbooked += abs(moved - taken)
        self._note_partial(p, order, taken, gain)
        fill.position, fill.booked, fill.pnl, fill.rest = p, True, gain, None
        p.status = "OPEN" if p.held > 0 else "CLOSED" if p.quantity > 0 else "PLANNED"
        p.entry_price = self._average(p)
        if p.status == "CLOSED" and before != "CLOSED":
            self._close(p, fill)
        elif gain or fill.commission:
            self._post(p, "FILL", gain, fill.commission)
        if before == "CLOSED":
            self._revise(p)
        if moved != taken:
            fill.rest = Fill(
                order, "REST", fill.at, moved - taken, worth - fill.value, ZERO, position=p, rate=fill.rate
            )
            self.fills.append(fill.rest)

    @staticmethod
    def _average(p: Position) -> Decimal | None:
        """The average price of what is open, or of all that was entered."""
        units, value = (p.held, p.cost) if p.held > 0 else (p.quantity, p.entered_value)
        units *= p.contract.size
        above, below = (value, units) if p.contract.kind == "LINEAR" else (units, value)
        return (above / below).quantize(Decimal(1).scaleb(-24), ROUND_HALF_UP) if below else None

    @staticmethod
    def _enter(p: Position, fill: Fill) -> Decimal:
        """Take up an entry; its P&L by the prices: of a corrected one the share of what has left."""
        taken = max(fill.quantity, -p.held)
        p.quantity += taken
        p.original += taken if fill.order.kind == "ENTRY" else ZERO
        p.entered_value += fill.value
        if taken:
            p.entry_time = fill.at if p.status == "PLANNED" else min(p.entry_time or fill.at, fill.at)
        if p.held == 0:
            fill.released = fill.value + p.cost
        else:
            fill.released = ZERO if taken else fill.value - share(fill.value, p.held, p.quantity)
        p.cost += fill.value - fill.released
        fill.quantity = taken
        return -p.direction * fill.released

    @staticmethod
    def _leave(p: Position, fill: Fill) -> Decimal:
        """Take up an exit, as far as there is something to exit; its P&L by the prices."""
        moved = fill.quantity
        if moved > p.held:
            fill.quantity = p.held
            fill.value = share(fill.value, p.held, moved) if p.held else ZERO
        elif moved < 0:
            fill.quantity = ZERO if p.status == "CLOSED" else max(moved, -p.exited)
        fill.released = share(p.cost, fill.quantity, p.held) if fill.quantity else ZERO
        p.cost -= fill.released
        p.exited += fill.quantity
        p.exited_value += fill.value
        return p.direction * (fill.value - fill.released)

    def _close(self, p: Position, fill: Fill) -> None:
        self._post(p, "FILL", fill.pnl, fill.commission)
        exits = [
            one.at
            for one in self.fills
            if one.position is p and one.booked and one.quantity > 0 and not one.order.enters
        ]
        assert p.entry_time
        p.exit_time = max([p.entry_time, fill.at, *exits])
        p.exit_reason = fill.order.reason or fill.order.kind.lower()
        self.trades[p.label] = (ZERO, ZERO, ZERO, ZERO, ZERO)
        self._revise(p)

    def _revise(self, p: Position) -> None:
        if p.label in self.trades:
            self.trades[p.label] = p.pnl, p.commission, p.interest, p.quantity, p.funding

    @staticmethod
    def _rate(p: Position, rate: Decimal | None) -> Decimal | None:
        if p.contract.currency == "USDT":
            return Decimal(1)
        return p.contract.rate if rate is None else rate

    def _convert(self, fill: Fill, pnl: Decimal | None, rate: Decimal | None) -> None:
        """Book the P&L of a fill for which no rate was known, if it is now."""
        if pnl is None and rate is None:
            return
        p, due = fill.position, fill.unconverted
        assert p
        assert due is not None
        known = self._rate(p, rate)
        assert pnl is not None or known is not None
        gain = rounded(due * known) if pnl is None and known is not None else pnl or ZERO
        fill.pnl += gain
        fill.unconverted = None
        p.pnl += gain
        if (key := (fill.order.label, p.label)) in self.partials and not fill.order.enters:
            self.partials[key][1] += gain
        if gain:
            self._post(p, "FILL", gain)
        self._revise(p)

    def _note_partial(self, p: Position, order: Order, quantity: Decimal, gain: Decimal) -> None:
        if order.kind not in ("PARTIAL_EXIT", "SCALE_IN"):
            return
        key = order.label, p.label
        gain = ZERO if order.enters else gain
        if key in self.partials or quantity or gain:
            sums = self.partials.setdefault(key, [ZERO, ZERO])
            sums[0] += quantity
            sums[1] += gain

    def _continue(self, closed: Position) -> Position:
        p = Position(closed.label + "+", closed.side, closed.contract, closed.session, continues=True)
        closed.next = self.positions[p.label] = p
        p.unbooked, closed.unbooked = closed.unbooked, ZERO
        for one in self.fills:
            if one.position is closed and not one.booked:
                one.position = p
        return p

    def _settle_rests(self, p: Position, rate: Decimal | None) -> None:
        """What could not be taken up is, oldest first, as far as the position now reaches."""
        rests = [one for one in self.fills if one.position is p and not one.booked]
        for one in sorted(rests, key=lambda one: one.at):
            if p.held <= 0:
                break
            if one.quantity < 0 and not one.order.enters and p.exited == 0:
                continue
            p.unbooked -= abs(one.quantity)
            self._book(p, one, None, rate if one.rate is None else one.rate)
