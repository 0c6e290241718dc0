"""What orders are journaled and reported with, in the model."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from tests.model.booking import Booking
from tests.model.records import FINAL, NOISE, ZERO, Contract, Fill, Order, Position, Refused, Truth


def _meant(total: Decimal | None, order: Order) -> Decimal | None:
    """A total that is what was ordered but for a float's noise is what was ordered, if it is not all that is held."""
    ordered, held = order.quantity, order.position.held if order.position else None
    if total is None or total == held or abs(total - ordered) > ordered * NOISE:
        return total
    return ordered if int(total.as_tuple().exponent) < int(ordered.as_tuple().exponent) else total


class Reports(Booking):
    """Orders are journaled, filled, reported, amended and linked."""

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
        base_fee, known = self._costs(order, price, fee, currency, commission)
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
                self._complete(again, before, told=told, known=known, base_fee=base_fee)
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
    ) -> tuple[Decimal, Decimal | None]:
        """The units that a fee takes or adds, and what the fee is, as far as it is known."""
        contract = order.contract
        if fee and currency == contract.base_asset and currency != "USDT":
            base_fee = fee if order.enters == (order.side == "LONG") else -fee
            known = contract.value(fee, price) if commission is None else commission
            return base_fee, known
        if fee is not None and commission is None and (fee == 0 or currency == "USDT"):
            return ZERO, fee
        return ZERO, commission

    def _complete(
        self, fill: Fill, before: Truth, *, told: tuple[Decimal, str] | None, known: Decimal | None,
        base_fee: Decimal,
    ) -> None:  # fmt: skip
        order = fill.order
        fill.fee = fill.fee or told
        if known is None:
            return
        fill.known = known
        order.base_fee += base_fee
        # As if it had been known at once, to the last digit.
        assert fill.executed is not None
        quantity, price = fill.executed
        order.value += (order.contract.value(quantity - base_fee, price) or ZERO) - (
            order.contract.value(quantity, price) or ZERO
        )
        after = order.truth()
        if (after.units, after.value) != (before.units, before.value):
            self._take_up(order, before, Fill(order, "CHANGE", fill.at, ZERO, ZERO, ZERO), None, None)
        elif fee := after.commission - before.commission:
            fill.commission += fee
            if p := fill.position or order.position:
                p.commission += fee
                self._post(p, "FEE", commission=fee)
                self._revise(p)

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
