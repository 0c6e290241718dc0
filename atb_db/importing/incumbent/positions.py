"""The incumbent's positions with their orders, partial trades and trades; pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final, NamedTuple

from atb_db.importing.errors import Unfit
from atb_db.importing.incumbent.orders import order_key, order_origin
from atb_db.importing.incumbent.replay import HeldPosition, Replay
from atb_db.importing.incumbent.timed import kept_beside
from atb_db.importing.incumbent.times import Clock
from atb_db.importing.plan import Difference, Origin, Row, Unit
from atb_db.importing.reading import number, number_or_none
from atb_db.types import ImportOutcome

_BESIDE: Final = ("mfe", "mae", "unrealized_pnl_percent", "client_order_id", "entry_order_id")


class PositionUnit(NamedTuple):
    """What a position becomes."""

    at: datetime
    """When what it ends with happened."""
    unit: Unit
    differences: tuple[Difference, ...]


def held_positions(rows: Mapping[str, Sequence[Row]]) -> Iterator[HeldPosition]:
    """Each position with its orders, partial trades and trade."""
    by_position = _grouped(rows["orders"])
    partials = _grouped(rows["partial_trades"])
    matched = match_trades(rows["positions"], rows["trades"])
    for row in rows["positions"]:
        own = [one for one in by_position.get(row["id"], ()) if one["order_type"] in {"ENTRY", "FULL_EXIT"}]
        yield HeldPosition(row, own, partials.get(row["id"], ()), matched.get(row["id"]))


def position_unit(of: HeldPosition, clock: Clock, *, later_generation: bool) -> PositionUnit:
    """The unit of a position, and what is different in it."""
    row = of.row
    everything = [("positions", row), *(("partial_trades", one) for one in of.partials)]
    everything += [("trades", of.trade)] if of.trade is not None else []
    try:
        if row.get("session_id") is None:
            raise Unfit("it belongs to no session")
        replay = Replay(of, clock, later_generation=later_generation)
        replay.run()
    except (Unfit, ValueError, ArithmeticError) as refusal:
        why = refusal if not isinstance(refusal, ArithmeticError) else "its figures are out of all proportion"
        elsewhere = f"position {row['id']}: {why}"
        origins = [
            Origin(table, str(one["id"]), one, ImportOutcome.QUARANTINED, f"{why}" if one is row else elsewhere)
            for table, one in everything
        ]
        return PositionUnit(clock.about(row, "entry_time"), Unit(None, (), tuple(origins)), ())
    plan_key = str(replay.steps[0].order)
    made = {step.order for step in replay.steps}
    origins = [
        Origin(
            *("positions", str(row["id"]), row),
            ImportOutcome.ADJUSTED if replay.notes else ImportOutcome.RECORD,
            "; ".join(replay.notes) or None,
            kept_beside(row, *_BESIDE, *(("confidence_score",) if replay.notes else ())),
            *("positions", plan_key),
            of_position=True,
        )
    ]
    for one in of.partials:
        note = replay.partial_notes.get(one["id"])
        key = f"partial {one['id']}"
        origins.append(
            Origin(
                *("partial_trades", str(one["id"]), one),
                ImportOutcome.RECORD if note is None else ImportOutcome.ADJUSTED,
                note,
                None,
                "orders" if key in made else None,
                key if key in made else None,
            )
        )
    if of.trade is not None:
        origins.append(
            Origin(
                *("trades", str(of.trade["id"]), of.trade),
                extra=kept_beside(of.trade, "confidence_score", "pnl_percent", "mfe", "mae"),
                target_table="positions",
                target=plan_key,
                of_position=True,
            )
        )
    origins += [order_origin(one) for one in of.orders if order_key(one) in made]
    unit = Unit(str(row["session_id"]), tuple(replay.steps), tuple(origins))
    return PositionUnit(replay.closed or replay.opened, unit, tuple(replay.differences))


def match_trades(held: Sequence[Row], made: Sequence[Row]) -> dict[object, Row]:
    """The trade of each closed position: the one that names it, else the first of its symbol, side, entry and price."""
    found: dict[object, Row] = {}
    taken: set[object] = set()
    closed = {row["id"]: row for row in held if str(row["status"]).upper() == "CLOSED"}
    for trade in made:
        position = trade.get("position_id")
        if position in closed and position not in found and _is_bookable(trade):
            found[position] = trade
            taken.add(trade["id"])
    places: dict[tuple[object, ...], list[Row]] = {}
    for trade in made:
        if trade["id"] not in taken and _is_bookable(trade):
            places.setdefault(place_of(trade), []).append(trade)
    for key, row in closed.items():
        candidates = places.get(place_of(row))
        if key not in found and candidates:
            found[key] = candidates.pop(0)
    return found


def place_of(row: Row) -> tuple[object, ...]:
    """What a position and its trade have in common."""
    return (row.get("session_id"), row["symbol"], str(row["side"]).upper(), row["entry_price"], row["entry_time"])


def _is_bookable(trade: Row) -> bool:
    try:
        number(trade, "pnl")
        number_or_none(trade, "commission")
        number(trade, "exit_price")
    except Unfit:
        return False
    return True


def _grouped(rows: Sequence[Row]) -> dict[object, list[Row]]:
    found: dict[object, list[Row]] = {}
    for row in rows:
        found.setdefault(row["position_id"], []).append(row)
    return found
