"""Random acts on the books, as the model and the database both perform them; a list of them is a script."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Final, NamedTuple, TypeVar, cast

from tests.model.records import FINAL, Contract
from tests.model.reference import Books

T = TypeVar("T")
START: Final = datetime(2026, 3, 1, tzinfo=UTC)
KINDS: Final = ("ENTRY", "SCALE_IN", "PARTIAL_EXIT", "FULL_EXIT", "STOP_LOSS")
STATES: Final = ("OPEN", "PARTIALLY_FILLED", "FILLED", "CANCELLED", "FAILED", "EXPIRED", "UNKNOWN", "PENDING", None)
CONTRACTS: Final = (
    *(3 * [Contract()]),
    *(5 * [Contract(base_asset="BTC")]),
    Contract(size=Decimal("0.01")),
    Contract("INVERSE", Decimal(100), currency="BTC", rate=Decimal(60000)),
    Contract("INVERSE", Decimal(1), currency="BTC"),
    Contract(currency="EUR", rate=Decimal("1.1")),
    Contract(currency="EUR"),
)
MOVED: Final = "moved"
"""The reason of a move, in the ledger too."""
SIZES: Final = ("0.5", "0.25", "0.3333333333333333", "1", "0.1", "2", "50")


class Act(NamedTuple):
    """One act: what is done to what, and with what."""

    name: str
    label: str
    given: Mapping[str, object]

    def __repr__(self) -> str:
        return f"Act({self.name!r}, {self.label!r}, {dict(self.given)!r}),"


class Chance:
    """Draws acts that make sense often, and none often enough."""

    def __init__(self, chance: Random, sessions: int) -> None:
        self._chance = chance
        self._sessions = sessions
        self._number = 0
        self._done: list[Act] = []

    def act(self, books: Books) -> Act:
        """The next act upon the books as they are."""
        draw = self._chance.random()
        if self._done and draw < 0.06:
            return self._chance.choice(self._done)
        act = self._draw(books)
        self._done.append(act)
        return act

    def _draw(self, books: Books) -> Act:
        weights = {
            self._journal: 3, self._fill: 8, self._report: 4, self._link: 1.5, self._open: 1, self._move: 3,
            self._amend: 1, self._carry: 1, self._transfer: 0.3, self._correct: 0.6, self._end: 0.03,
        }  # fmt: skip
        if self._sessions > 1:
            weights |= {self._move_to: 3, self._end: 0.1}
        if len(books.orders) < 2:
            return self._journal(books)
        [draw] = self._chance.choices(list(weights), list(weights.values()))
        return draw(books)

    def _maybe(self, value: T, likelihood: float = 0.5) -> T | None:
        return value if self._chance.random() < likelihood else None

    def _label(self) -> str:
        self._number += 1
        return f"{self._number}"

    def _quantity(self) -> Decimal:
        return Decimal(self._chance.choice(["1", "1", "2", "3", "0.5", "0.1", "0.000116967819813412", "7.77", "12"]))

    def _price(self) -> Decimal:
        return Decimal(self._chance.choice(["100", "110", "95.5", "103.3333", "99", "120.01", *self._rarely("0")]))

    def _rarely(self, value: str) -> list[str]:
        return [value] if self._chance.random() < 0.03 else []

    def _fee(self) -> Decimal:
        return Decimal(self._chance.choice(["0.1", "0.07", "-0.05", "0", "0.001", "0.0003"]))

    def _at(self) -> datetime:
        return START + timedelta(minutes=self._chance.randrange(10_000))

    def _position(self, books: Books) -> str:
        live = [label for label, one in books.positions.items() if one.status == "OPEN"]
        if live and self._chance.random() < 0.7:
            return self._chance.choice(live)
        return self._chance.choice(list(books.positions))

    def _order(self, books: Books) -> str:
        live = [label for label, one in books.orders.items() if one.status not in FINAL]
        if live and self._chance.random() < 0.6:
            return self._chance.choice(live)
        return self._chance.choice(list(books.orders))

    def _adopted(self, books: Books, kinds: tuple[str, ...], likelihood: float) -> str | None:
        fitting = [label for label, one in books.orders.items() if one.kind in kinds]
        return self._maybe(self._chance.choice(fitting), likelihood) if fitting else None

    def _session(self) -> int:
        return self._chance.randrange(self._sessions)

    def _session_of(self, known: int | None) -> int:
        """The session that something is in, or sometimes any."""
        return self._session() if known is None or self._chance.random() < 0.03 else known

    def _journal(self, books: Books) -> Act:
        kind = self._chance.choice(KINDS) if books.positions else "ENTRY"
        position = None if kind == "ENTRY" else self._maybe(self._position(books) if books.positions else None, 0.85)
        side = self._chance.choice(["LONG", "SHORT"])
        if position and self._chance.random() < 0.98:
            side = books.positions[position].side
        session = self._session_of(books.positions[position].session if position else None)
        return Act("journal", self._label(), {
            "session": session, "kind": kind, "side": side, "quantity": self._quantity(),
            "price": self._maybe(self._price()), "position": position, "contract": self._chance.choice(CONTRACTS),
            "by_amount": self._chance.random() < 0.05,
            "reason": self._maybe("target"), "at": self._at(),
        })  # fmt: skip

    def _fill(self, books: Books) -> Act:
        label = self._order(books)
        known = list(books.orders[label].fills)
        order = books.orders[label]
        name = self._chance.choice(known) if known and self._chance.random() < 0.2 else self._label()
        quantity, price = self._quantity(), self._price()
        if name in known and self._chance.random() < 0.9 and (executed := order.fills[name].executed):
            quantity, price = executed
        elif self._chance.random() < 0.5:
            quantity = order.quantity - order.recorded if order.recorded < order.quantity else quantity
        fee = self._maybe(self._fee())
        return Act("fill", label, {
            "name": name, "quantity": quantity, "price": price, "fee": fee,
            "currency": None if fee is None else self._chance.choice(["USDT", "BTC", "BTC", "BNB"]),
            "commission": self._maybe(self._fee(), 0.3),
            "pnl": self._maybe(Decimal(self._chance.randrange(-9, 9)), 0.05),
            "rate": self._maybe(Decimal("1.07"), 0.1), "at": self._at(),
            "known_as": self._name(books, label),
        })  # fmt: skip

    def _name(self, books: Books, label: str) -> tuple[int, str] | None:
        """A name of the order in its session: the client id, or one that the exchange has given it; None is our id."""
        order = books.orders[label]
        return self._maybe((order.session, self._chance.choice(order.names))) if order.names else None

    def _report(self, books: Books) -> Act:
        label = self._order(books)
        total = self._maybe(self._chance.choice([self._quantity(), *(2 * [books.orders[label].quantity])]), 0.6)
        return Act("report", label, {
            "status": self._chance.choice(STATES), "total": total, "average": self._maybe(self._price()),
            "commission": self._maybe(self._fee(), 0.4), "quantity": self._maybe(self._quantity(), 0.1),
            "price": self._maybe(self._price(), 0.1), "pnl": self._maybe(Decimal(3), 0.05),
            "rate": self._maybe(Decimal("1.07"), 0.1), "at": self._at(), "known_as": self._name(books, label),
        })  # fmt: skip

    def _link(self, books: Books) -> Act:
        loose = [label for label, one in books.orders.items() if one.position is None]
        label = self._chance.choice(loose) if loose else self._order(books)
        side, session = books.orders[label].side, books.orders[label].session
        fitting = [
            held
            for held, one in books.positions.items()
            if (one.side == side and one.session == session) or self._chance.random() < 0.05
        ]
        given = {"position": self._chance.choice(fitting) if fitting else None, "at": self._at()}
        return Act("link", label, {**given, "known_as": self._name(books, label)})

    def _open(self, books: Books) -> Act:
        adopted = self._adopted(books, ("ENTRY", "ENTRY", "SCALE_IN"), 0.5)
        given = 0.3 if adopted else 0.97
        contract = self._chance.choice(CONTRACTS)
        if adopted and self._chance.random() < 0.8:
            contract = books.orders[adopted].contract
        return Act("open", self._label(), {
            "session": self._session_of(books.orders[adopted].session if adopted else None),
            "side": books.orders[adopted].side if adopted else self._chance.choice(["LONG", "SHORT"]),
            "quantity": self._maybe(self._quantity(), given), "price": self._maybe(self._price(), given),
            "fee": self._maybe(self._fee(), given), "contract": contract, "adopted": adopted, "at": self._at(),
        })  # fmt: skip

    def _move(self, books: Books) -> Act:
        position = self._position(books)
        kind = self._chance.choice(["SCALE_IN", "PARTIAL_EXIT", "PARTIAL_EXIT", "FULL_EXIT"])
        mine = {label for label, one in books.orders.items() if one.position in (books.positions[position], None)}
        fitting = [
            label for label in mine if (books.orders[label].kind in ("ENTRY", "SCALE_IN")) == (kind == "SCALE_IN")
        ]
        same_side = [
            label
            for label in sorted(fitting)
            if books.orders[label].side == books.positions[position].side
            and (books.orders[label].session == books.positions[position].session or self._chance.random() < 0.1)
        ]
        adopted = self._maybe(self._chance.choice(same_side), 0.4) if same_side else None
        is_whole = kind == "FULL_EXIT"
        return Act("move", self._label(), {
            "kind": kind, "position": position,
            "size": None if is_whole else self._maybe(Decimal(self._chance.choice(SIZES)), 0.5),
            "quantity": None if is_whole else self._maybe(self._quantity(), 0.4),
            "price": self._maybe(self._price(), 0.4 if adopted else 0.97), "fee": self._maybe(self._fee()),
            "pnl": None if kind == "SCALE_IN" else self._maybe(Decimal(5), 0.1),
            "rate": None if kind == "SCALE_IN" else self._maybe(Decimal("1.07"), 0.1),
            "interest": self._maybe(Decimal("0.02"), 0.2) if is_whole else None,
            "reason": None if kind == "SCALE_IN" else "stop" if is_whole else self._maybe("trim"), "adopted": adopted,
            "at": self._at(),
        })  # fmt: skip

    def _amend(self, books: Books) -> Act:
        """The order has another id at the exchange from now on."""
        return Act("amend", self._order(books), {"name": f"amended-{self._label()}", "at": self._at()})

    def _carry(self, books: Books) -> Act:
        kind, change = self._chance.choice([("FUNDING", "0.3"), ("FUNDING", "-0.2"), ("INTEREST", "-0.04")])
        given = {"kind": kind, "position": self._position(books), "change": Decimal(change), "at": self._at()}
        return Act("carry", self._label(), given)

    def _move_to(self, books: Books) -> Act:
        """The position goes on in another session, or stays where it is."""
        position = self._position(books)
        others = [one for one in range(self._sessions) if one != books.positions[position].session]
        session = self._session() if self._chance.random() < 0.1 else self._chance.choice(others)
        return Act("move_to", self._label(), {"position": position, "session": session, "at": self._at()})

    def _transfer(self, _books: Books) -> Act:
        kind, change = self._chance.choice([("TRANSFER", "50"), ("TRANSFER", "-20"), ("INTEREST", "0.5")])
        given = {"session": self._session(), "kind": kind, "change": Decimal(change), "at": self._at()}
        return Act("transfer", self._label(), given)

    def _correct(self, books: Books) -> Act:
        position = self._position(books)
        if self._chance.random() < 0.5:
            price = self._price() or Decimal(100)
            return Act("correct_price", self._label(), {"position": position, "price": price, "at": self._at()})
        held = books.positions[position].held
        quantity = self._chance.choice([Decimal(0), held, held / 2, held + 1, self._quantity()])
        given = {"position": position, "quantity": quantity, "price": self._maybe(self._price()), "at": self._at()}
        return Act("correct_quantity", self._label(), given)

    def _end(self, _books: Books) -> Act:
        return Act("end", "", {"session": self._session(), "at": self._at()})


def perform(books: Books, act: Act) -> None:
    """Do it to the model; raises Refused."""
    given = dict(act.given)
    if act.name == "end":
        return books.end(cast("int", given["session"]))
    if known_as := given.pop("known_as", None):
        books.find(act.label, *cast("tuple[int, str]", known_as))
    if act.name == "link":
        del given["at"]
    contract = given.get("contract")
    if act.name == "open" and isinstance(contract, Contract):
        given["rate"] = contract.rate
    getattr(books, act.name)(act.label, **given)
    return None
