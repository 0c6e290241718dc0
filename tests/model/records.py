"""What the model keeps: contracts, positions, orders, fills, accounts, in plain Python."""

from __future__ import annotations

from dataclasses import dataclass, field
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


def _decimals(value: Decimal) -> int:
    return max(0, -int(value.normalize().as_tuple().exponent))


def share(value: Decimal, part: Decimal, whole: Decimal) -> Decimal:
    return value if part == whole else rounded(value * part / whole)


def agrees(given: Decimal | None, known: Decimal | None) -> bool:
    """Whether a figure is the known one, perhaps rounded to the digits that it is given with."""
    if given is None or known is None:
        return True
    digits = max(-int(given.as_tuple().exponent), 0)
    last = min(Decimal(5).scaleb(-digits - 1), abs(known) * Decimal("0.001"))
    return abs(given - known) <= max(last, abs(known) * Decimal("1e-9"))


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
        # The server rounds a quotient first, to 24 decimals more than quantity and size have.
        digits = 24 + _decimals(quantity) + _decimals(self.size)
        return rounded((quantity * self.size / price).quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP))

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
