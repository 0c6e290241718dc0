"""The books in plain Python: what orders, fills and short forms make of positions, balances and trades."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from tests.model.records import BRINGS, ZERO, Account, Fill, Order, Position, Refused
from tests.model.short_forms import ShortForms


@dataclass
class Books(ShortForms):
    """The books of some sessions, and what each act does to them. Every act raises Refused, then changes nothing.

    Here are moves between sessions, money that is no trade, and what a person corrects.
    """

    @classmethod
    def begin(cls, balance: Decimal, sessions: int) -> Books:
        """The books of sessions that have begun with a balance each."""
        return cls([Account(balance) for _ in range(sessions)])

    def end(self, session: int) -> None:
        self.accounts[session].ended = True

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
