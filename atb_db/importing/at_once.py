"""Positions that one statement books with all their orders: which steps fit in, as nearly all do; pure."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Final, NamedTuple, cast
from uuid import UUID

from atb_db.importing.plan import Ids, Step, Unit
from atb_db.repository import orders, positions
from atb_db.repository.bookings import NewOrder, NewReport
from atb_db.types import OrderStatus, OrderType, PositionSide

_ZERO: Final = Decimal(0)
_ENTERING: Final = {OrderType.ENTRY, OrderType.SCALE_IN}
_WITHOUT_FILL: Final = {OrderStatus.OPEN, OrderStatus.CANCELLED, OrderStatus.FAILED, OrderStatus.EXPIRED}
_OF_ALL: Final = {name: name for name in ("internal_order_id", "commission", "pnl", "settlement_rate")}
_OF_ORDER: Final = {name: name for name in NewOrder._fields if name != "entry"}
_OF_TOTAL: Final = {
    **_OF_ALL,
    **{name: name for name in ("status", "failure_reason", "timestamp")},
    "filled_quantity": "quantity",
    "filled_price": "price",
}
_OF_FILL: Final = {
    **_OF_ALL,
    **{name: name for name in ("exchange_fill_id", "quantity", "price", "fee", "fee_currency")},
    "filled_at": "timestamp",
}
_OF_FUNDING: Final = {"amount": "funding", "timestamp": "timestamp"}
_OF_INTEREST: Final = {"cost": "margin_interest_cost", "timestamp": "timestamp"}
_NAMED: Final = frozenset({"session_id", "position_id", "request_id"})
"""What of the arguments says which row it is, and becomes a key here."""
_ANY_REQUEST: Final = UUID(int=0)


class Reported(NamedTuple):
    """What a report is of."""

    order: str
    """Key of the order."""
    results: dict[str, int | None]
    """Of its unit."""
    target: str | None
    """The name under which the id of a fill is wanted."""


class _Apart(Exception):  # noqa: N818
    """A step is to be carried out by its own statement."""


class _Position(NamedTuple):
    """A position in the making, as far as it decides what fits."""

    side: PositionSide
    base: str | None
    held: Decimal = _ZERO
    closed: bool = False


class _Order(NamedTuple):
    """An order in the making."""

    kind: OrderType
    entry: str
    filled: Decimal = _ZERO
    by_total: bool | None = None
    """Whether its reports are totals, or single executions; None before the first."""


class AtOnce:
    """Positions of a session for `bookings.log_positions`; one that is still open goes on with the next unit."""

    def __init__(self, session_id: int) -> None:
        self.session_id = session_id
        self.orders: list[NewOrder] = []
        self.reports: list[NewReport] = []
        self.reported: list[Reported] = []
        """One for each report."""
        self._orders: dict[str, _Order] = {}
        self._positions: dict[str, _Position] = {}

    def takes(self, unit: Unit, results: dict[str, int | None], *, knows: Callable[[str], bool]) -> bool:
        """Take a unit's steps, all or none; the ids of its results will be in `results`.

        What fits are orders of positions that begin here, and their fills, funding and interest, up to the close.
        `knows` are the orders that are in the books. What does not fit is carried out by single commands.
        """
        adding = _Adding(self.session_id, self._orders, self._positions)
        try:
            for step in unit.steps:
                if step.order is not None and step.order not in adding.orders and knows(step.order):
                    return False
                if step.order is None or step.order not in adding.orders:
                    adding.add(step)
        except _Apart:
            return False
        if adding.unreported:
            return False
        self._orders.update(adding.orders.maps[0])
        self._positions.update(adding.positions.maps[0])
        self.orders += adding.made
        self.reports += adding.reports
        self.reported += [Reported(one.internal_order_id, results, name) for one, name in adding.named()]
        return True


class _Adding(Ids):
    """The steps of one unit; `Ids` for them, whose ids are not known yet."""

    def __init__(self, session_id: int, known: dict[str, _Order], held: dict[str, _Position]) -> None:
        self.session_id = session_id
        self.orders, self.positions = ChainMap({}, known), ChainMap({}, held)
        self.made: list[NewOrder] = []
        self.reports: list[NewReport] = []
        self.targets: list[str | None] = []
        self.unreported: set[str] = set()
        """Keys of orders whose ids no report would bring."""
        self._entries: list[str] = []

    def order(self, key: str) -> int:
        """Those that name an order by its id are of earlier imports."""
        raise _Apart(key)

    def position(self, key: str) -> int:
        """A number that stands for the position."""
        if key not in self.positions:
            raise _Apart
        self._entries.append(key)
        return len(self._entries) - 1

    def request(self, key: str) -> UUID:
        """All of them are one request, whatever the key."""
        del key
        return _ANY_REQUEST

    def named(self) -> list[tuple[NewReport, str | None]]:
        """Each report, and the name of what its fill is wanted as."""
        return list(zip(self.reports, self.targets, strict=True))

    def add(self, step: Step) -> None:
        """Add a step.

        Raises:
            _Apart: it does not fit.
        """
        try:
            statement = step.make(self)
        except ArithmeticError:
            raise _Apart from None  # said where it is carried out by itself
        given = {name: value for name, value in statement.args.items() if name in statement.given}
        if statement.name == "orders.create_order":
            self._create(given)
            return
        if statement.name not in _BY_COMMAND:
            raise _Apart
        fields = _renamed(given, _BY_COMMAND[statement.name])
        if "position_id" in given:
            key = self._entries[cast("int", given["position_id"])]
            fields["internal_order_id"] = key
            self._may_move(self.positions[key])
        else:
            self._fill(NewReport(**fields))  # type: ignore[arg-type]  # values of the statement that it stands for
        self.unreported.discard(str(fields["internal_order_id"]))
        self.reports.append(NewReport(**fields))  # type: ignore[arg-type]
        self.targets.append(step.target)

    def _create(self, given: Mapping[str, object]) -> None:
        fields = _renamed({name: value for name, value in given.items() if name != "status"}, _OF_ORDER)
        if given.get("status") is not OrderStatus.OPEN:
            raise _Apart
        order = NewOrder(**fields)  # type: ignore[arg-type]
        key, kind, side = order.internal_order_id, OrderType(order.order_type), PositionSide(order.side)
        if "position_id" in given:
            order = order._replace(entry=self._entries[cast("int", given["position_id"])])
        elif kind is OrderType.ENTRY:
            self.positions[key] = _Position(side, order.base_asset)
        else:
            raise _Apart
        self.orders[key] = _Order(kind, order.entry or key)
        self.unreported.add(key)
        self.made.append(order)

    def _fill(self, report: NewReport) -> None:
        key = report.internal_order_id
        if key not in self.orders:
            raise _Apart
        order = self.orders[key]
        position = self.positions[order.entry]
        by_total = report.exchange_fill_id is None
        if report.quantity is None:
            if report.status not in _WITHOUT_FILL:
                raise _Apart
            return
        if order.by_total not in {None, by_total} or report.price == 0:
            raise _Apart
        quantity = cast("Decimal", report.quantity)
        moved = quantity - order.filled if by_total else quantity - _base_fee(report, order.kind, position)
        self.orders[key] = order._replace(filled=quantity if by_total else order.filled + quantity, by_total=by_total)
        self._may_move(position)
        held = position.held + (moved if order.kind in _ENTERING else -moved)
        if moved <= 0 or held < 0:
            raise _Apart
        self.positions[order.entry] = position._replace(held=held, closed=held == 0)

    def _may_move(self, position: _Position) -> None:
        if position.closed:
            raise _Apart


def _base_fee(report: NewReport, kind: OrderType, position: _Position) -> Decimal:
    """What a fee in the traded asset takes of a purchase, and less than nothing of a sale."""
    if report.fee is None or (report.fee_currency or "").upper() != (position.base or "-").upper():
        return _ZERO
    fee = cast("Decimal", report.fee)
    return fee if (kind in _ENTERING) == (position.side is PositionSide.LONG) else -fee


def _renamed(given: Mapping[str, object], names: Mapping[str, str]) -> dict[str, object]:
    """Arguments of a command as fields of a row.

    Raises:
        _Apart: there is one that rows do not have.
    """
    found = {}
    for name, value in given.items():
        if name in names:
            found[names[name]] = value
        elif name not in _NAMED:
            raise _Apart
    return found


_BY_COMMAND: Final[Mapping[str, Mapping[str, str]]] = {
    orders.update_order_status.name: _OF_TOTAL,
    orders.record_fill.name: _OF_FILL,
    positions.record_funding.name: _OF_FUNDING,
    positions.record_margin_interest.name: _OF_INTEREST,
}
