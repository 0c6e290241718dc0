"""The short forms in the model: they make an order of their own, or adopt one."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal

from tests.model.records import ENTRIES, FINAL, NOISE, ZERO, Contract, Deal, Fill, Order, Position, Refused, agrees
from tests.model.reports import Reports


class ShortForms(Reports):
    """Positions are opened, grown, reduced and closed in one call."""

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
