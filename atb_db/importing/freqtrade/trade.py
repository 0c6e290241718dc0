"""One trade of freqtrade's with what its orders did; pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final, NamedTuple

from atb_db.importing.errors import Unfit
from atb_db.importing.plan import Difference, Row
from atb_db.importing.reading import number, number_or_none, text, text_or_none, utc
from atb_db.types import OrderStatus, PositionSide

_ZERO: Final = Decimal(0)


STATUS: Final = {
    "open": OrderStatus.OPEN,
    "closed": OrderStatus.FILLED,
    "canceled": OrderStatus.CANCELLED,
    "cancelled": OrderStatus.CANCELLED,
    "expired": OrderStatus.EXPIRED,
    "rejected": OrderStatus.FAILED,
}


class ReplayedTrade(NamedTuple):
    """A trade with what its orders did."""

    row: Row
    orders: Sequence[Row]
    book: str
    side: PositionSide
    entries: tuple[Row, ...]
    """Filled entry orders."""
    exits: tuple[Row, ...]
    filled: Decimal
    """Usable quantity of all entries: without what fees took of it."""
    dust: Decimal
    """What the exchange's step size left of it, which freqtrade counts as gone."""
    notes: tuple[str, ...]
    differences: tuple[Difference, ...]


def replayed(row: Row, own: Sequence[Row]) -> ReplayedTrade:
    """A trade with what its orders did.

    Raises:
        Unfit: its orders contradict it.
    """
    short, is_open = bool(row.get("is_short")), bool(row.get("is_open"))
    entering = "sell" if short else "buy"
    for one in own:
        if text(one, "status") not in STATUS:
            raise Unfit(f"order {one['order_id']} is {text(one, 'status')[:20]!r}, which is no state of ccxt's")
    filled = [one for one in own if number_or_none(one, "filled")]
    entries = tuple(one for one in filled if text(one, "ft_order_side") == entering)
    exits = tuple(one for one in filled if text(one, "ft_order_side") != entering)
    bought = sum((number(one, "filled") - fee_in_base(one) for one in entries), _ZERO)
    sold = sum((number(one, "filled") for one in exits), _ZERO)
    if not is_open and not exits:
        raise Unfit("it is closed, and none of its exit orders was filled")
    if not is_open and sold > bought:
        raise Unfit(f"its exits sold {sold}, and its entries bought {bought}")
    notes: list[str] = []
    if is_open:
        dust, differences = _left_open(row, entries, exits, bought - sold)
    else:
        dust, differences = bought - sold, []
        if dust > _tolerable(row, entries, bought):
            raise Unfit(f"its entries bought {bought}, its exits sold {sold}, and it is closed")
    if dust:
        notes.append(f"{dust:f} {row.get('base_currency') or ''} that fees and step size left are written off".strip())
    running = number_or_none(row, "funding_fee_running") or _ZERO
    if running and not is_open:
        notes.append(f"funding of {running} was paid after its last order, and is in no profit of freqtrade's")
        differences.append(
            Difference(f"trade {row['id']} of {row['pair']}: funding", str(running), "0: it is not booked")
        )
    return ReplayedTrade(
        row,
        own,
        book_of(row),
        PositionSide.SHORT if short else PositionSide.LONG,
        entries,
        exits,
        bought,
        dust,
        tuple(notes),
        tuple(differences),
    )


def _tolerable(row: Row, entries: Sequence[Row], bought: Decimal) -> Decimal:
    """What fees and the exchange's step size may leave."""
    steps = (number_or_none(row, "amount_precision") or _ZERO) * len(entries)
    return max(steps, bought * Decimal("0.002"))


def _left_open(
    row: Row, entries: Sequence[Row], exits: Sequence[Row], held: Decimal
) -> tuple[Decimal, list[Difference]]:
    """What is to be written off of an open trade, and where its quantity is not what freqtrade says."""
    if not entries:
        return _ZERO, []
    said = number_or_none(row, "amount") or _ZERO
    leaving = sum((number(one, "filled") for one in exits if text(one, "status") == "open"), _ZERO)
    entering = sum((number(one, "filled") for one in entries if text(one, "status") == "open"), _ZERO)
    dust = held - (said - leaving + entering)
    subject = f"trade {row['id']} of {row['pair']}: open quantity"
    if not 0 <= dust <= _tolerable(row, entries, held):
        return _ZERO, [Difference(subject, f"{said:f}", f"{held:f}")]
    if leaving or entering:
        so_far = f"{held - dust:f}, with what its open orders were filled with so far"
        return dust, [Difference(subject, f"{said:f}", so_far)]
    return dust, []


def stake_currency(row: Row) -> str:
    """The currency that its profit is counted in."""
    return text_or_none(row, "stake_currency") or text(row, "pair").partition("/")[2].partition(":")[0]


def book_of(row: Row) -> str:
    """The key of its session: exchange and stake currency."""
    return f"{text_or_none(row, 'exchange') or 'unknown'} {stake_currency(row)}"


def trade_key(row: Row) -> str:
    """Freqtrade uses the ids of deleted trades again: with the time of opening it is one trade."""
    return f"{row['id']} {row['open_date']}"


def order_key(row: Row) -> str:
    """Our key of an order: the trade and the exchange's id."""
    return f"{row['id']}:{row['order_id']}"


def fee_in_base(row: Row) -> Decimal:
    """What the fee took of what was bought."""
    return number_or_none(row, "ft_fee_base") or _ZERO


def moment_of(row: Row) -> datetime:
    """When an order was filled, or else last changed.

    Raises:
        Unfit: it has no time.
    """
    for name in ("order_filled_date", "order_update_date", "order_date"):
        if row.get(name):
            return utc(row, name)
    raise Unfit(f"order {row['order_id']} has no time")
