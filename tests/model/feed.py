"""What an exchange reports of a few positions, in no particular order, and what the balance must be in the end."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal, localcontext
from random import Random
from typing import Final, NamedTuple, TypeAlias
from uuid import UUID, uuid5

from atb_db.repository import orders
from atb_db.statement import Statement
from atb_db.types import ContractType, OrderType, PositionSide
from tests.model.records import Contract, Position

Run: TypeAlias = Callable[[Statement[object]], object]
NAMESPACE: Final = UUID("5d2f4a3e-7a39-4a55-8c4b-0f6b6f0d8a11")
START: Final = datetime(2026, 3, 1, tzinfo=UTC)
INITIAL: Final = Decimal(1000)
CONTRACTS: Final = (
    Contract(), Contract(base_asset="BTC"), Contract(base_asset="BTC"), Contract(size=Decimal("0.01")),
    Contract("INVERSE", Decimal(100)),
)  # fmt: skip
QUANTITIES: Final = ("1", "3", "0.7", "0.000116967819813412", "12.5")
PRICES: Final = ("100", "101.3333", "99", "112.7", "87.0001")


class Plan(NamedTuple):
    """An order to be journaled: of which leg, and what it does to its position."""

    leg: int
    name: str
    kind: OrderType
    side: PositionSide
    contract: Contract


class Feed(NamedTuple):
    """The orders, what is reported of them, each fact at least once, and the balance when all of it is booked."""

    session_id: int
    plans: list[Plan]
    exits: list[Statement[object]]
    entries: list[Statement[object]]
    balance: Decimal

    def journal(self, run: Run) -> None:
        """Journal every order, as an engine does before it sends one; again is the same."""
        for plan in self.plans:
            position_id = None
            if plan.kind != "ENTRY":
                entry = run(orders.get_order(session_id=self.session_id, internal_order_id=f"{plan.leg}-entry"))
                position_id = entry.position_id  # type: ignore[attr-defined]
            run(
                orders.create_order(
                    session_id=self.session_id, order_type=plan.kind, symbol="BTCUSDT", side=plan.side, quantity=20,
                    internal_order_id=plan.name, position_id=position_id, contract=ContractType(plan.contract.kind),
                    contract_size=plan.contract.size, base_asset=plan.contract.base_asset, created_at=START,
                    request_id=uuid5(NAMESPACE, f"{self.session_id}:{plan.name}"),
                )
            )  # fmt: skip


def feed(session_id: int, chance: Random, legs: int = 3) -> Feed:
    """Everything that is entered is exited; fills come twice, or without their fee at first, before or after totals."""
    plans: list[Plan] = []
    exits: list[Statement[object]] = []
    entries: list[Statement[object]] = []
    balance = INITIAL
    with localcontext() as context:
        context.prec = 100
        for leg in range(legs):
            side, contract = chance.choice(["LONG", "SHORT"]), chance.choice(CONTRACTS)
            writer = _Leg(session_id, chance, leg, side, contract)
            writer.write()
            plans += writer.plans
            exits += writer.exits
            entries += writer.entries
            balance += Position("", side, contract).direction * (writer.exited - writer.entered) - writer.fees
    chance.shuffle(exits)
    chance.shuffle(entries)
    return Feed(session_id, plans, exits, entries, balance)


class _Leg:
    def __init__(self, session_id: int, chance: Random, leg: int, side: str, contract: Contract) -> None:
        self.plans: list[Plan] = []
        self.exits: list[Statement[object]] = []
        self.entries: list[Statement[object]] = []
        self._filled: dict[str, Decimal] = {}
        self.entered = self.exited = self.fees = Decimal(0)
        self._session_id, self._chance, self._leg, self._side, self._contract = session_id, chance, leg, side, contract
        self._number = 0

    def write(self) -> None:
        chance = self._chance
        entry, more = self._order("entry", OrderType.ENTRY), self._order("more", OrderType.SCALE_IN)
        some, rest = self._order("some", OrderType.PARTIAL_EXIT), self._order("rest", OrderType.STOP_LOSS)
        units = Decimal(0)
        for _ in range(chance.randint(2, 4)):
            units += self._fill(chance.choice([entry, more]), Decimal(chance.choice(QUANTITIES)), enters=True)
        while units:
            part = min(units, Decimal(chance.choice(QUANTITIES)))
            units -= self._fill(chance.choice([some, rest]), part, enters=False)
        for order in self._filled:
            self._total(order, enters=order in (entry, more))

    def _order(self, name: str, kind: OrderType) -> str:
        self.plans.append(Plan(self._leg, f"{self._leg}-{name}", kind, PositionSide(self._side), self._contract))
        return f"{self._leg}-{name}"

    def _fill(self, order: str, units: Decimal, *, enters: bool) -> Decimal:
        """Report a fill that moves so many units, or about as many at an entry; how many it moves."""
        chance, contract, price = self._chance, self._contract, Decimal(self._chance.choice(PRICES))
        fee: Decimal | None = None
        currency = commission = None
        quantity = units
        is_purchase = enters == (self._side == "LONG")
        draw = chance.random()
        if contract.base_asset and draw < 0.5:
            fee, currency = Decimal("0.00001"), contract.base_asset
            taken = fee if is_purchase else -fee
            quantity, units = (units, units - taken) if enters else (units + taken, units)
            self.fees += contract.value(fee, price) or 0
        elif draw < 0.8:
            fee, currency = Decimal(chance.choice(["0.01", "-0.003"])), chance.choice(["USDT", "BNB"])
            commission = Decimal("0.013") if currency == "BNB" else None
            self.fees += fee if commission is None else commission
        else:
            commission = Decimal("0.02")
            self.fees += commission
        value = contract.value(units, price) or Decimal(0)
        if enters:
            self.entered += value
        else:
            self.exited += value
        self._number += 1
        at = START + timedelta(minutes=chance.randrange(5000))
        whole = orders.record_fill(
            session_id=self._session_id, internal_order_id=order, exchange_fill_id=str(self._number), quantity=quantity,
            price=price, fee=fee, fee_currency=currency, commission=commission, filled_at=at,
        )  # fmt: skip
        facts = self.entries if enters else self.exits
        facts += [whole] * chance.randint(1, 2)
        self._filled[order] = self._filled.get(order, Decimal(0)) + quantity
        # Less was bought back than it seemed at first: such a fee is known with its fill, or it is a person's matter.
        if (enters or not is_purchase or currency != "BTC") and chance.random() < 0.3:
            facts.append(
                orders.record_fill(
                    session_id=self._session_id, internal_order_id=order, exchange_fill_id=str(self._number),
                    quantity=quantity, price=price, filled_at=at,
                )
            )  # fmt: skip
        return units

    def _total(self, order: str, *, enters: bool) -> None:
        """Report a total of the order, and what it is at the end; its single fills are exact."""
        if self._contract.base_asset and self._side == "SHORT" and not enters:
            return
        facts, chance = self.entries if enters else self.exits, self._chance
        for total in (self._filled[order] / 2, self._filled[order]):
            facts.append(
                orders.update_order_status(
                    session_id=self._session_id, internal_order_id=order, filled_quantity=total,
                    filled_price=chance.choice(PRICES), status=chance.choice(["PARTIALLY_FILLED", "OPEN", "CANCELLED"]),
                    commission=chance.choice([None, "0.05"]), timestamp=START,
                )
            )  # fmt: skip
