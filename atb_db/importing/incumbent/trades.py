"""The incumbent's trades that closed no position, such as a backtest's; pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from functools import partial
from typing import Final

from atb_db.importing.errors import Unfit
from atb_db.importing.incumbent.positions import place_of
from atb_db.importing.incumbent.timed import Timed, kept_beside, ready
from atb_db.importing.incumbent.times import Clock
from atb_db.importing.plan import Ids, Origin, Row, Step, Unit, quarantined
from atb_db.importing.reading import number, number_or_none, object_or_none, text, text_or_none
from atb_db.repository import trades
from atb_db.statement import Statement
from atb_db.types import ImportOutcome, PositionSide

_ZERO: Final = Decimal(0)


def trade_units(rows: Sequence[Row], closing: Mapping[object, Row], clock: Clock) -> Iterator[Timed]:
    """A unit for each trade that closed no position of ours; a repetition of another one is in quarantine.

    `closing` has the trades that did, by position.
    """
    used = {row["id"] for row in closing.values()}
    seen = {_content_of(row): row["id"] for row in closing.values()}
    for row in rows:
        if row["id"] in used:
            continue
        key, content = str(row["id"]), _content_of(row)
        try:
            at = max(clock.at(row, "exit_time"), clock.at(row, "entry_time"))
            if row.get("session_id") is None:
                raise Unfit("it belongs to no session")
            if content in seen:
                raise Unfit(f"it repeats trade {seen[content]}: the same position was closed twice")
            made, notes = _new_trade(row, clock)
        except (Unfit, ValueError) as why:
            yield ready(
                clock.about(row, "entry_time", "exit_time"),
                quarantined("trades", key, row, f"{why}"),
            )
            continue
        seen[content] = row["id"]
        if (closed := closing.get(row.get("position_id"))) is not None:
            notes.append(f"its position {row['position_id']} was closed by trade {closed['id']}: it stands for itself")
        origin = Origin(
            *("trades", key, row),
            ImportOutcome.ADJUSTED if notes else ImportOutcome.RECORD,
            "; ".join(notes) or None,
            kept_beside(row, "confidence_score", "position_id", "strategy_config") if notes else None,
            *("trades", "trade"),
        )
        step = Step(partial(_log, trade=made, key=key), target="trade")
        yield ready(at, Unit(str(row["session_id"]), (step,), (origin,)))


def _content_of(row: Row) -> tuple[object, ...]:
    return (*place_of(row), row["exit_price"], row["exit_time"], row["pnl"])


def _new_trade(row: Row, clock: Clock) -> tuple[trades.NewTrade, list[str]]:
    notes = []
    quantity, confidence = number_or_none(row, "quantity"), number_or_none(row, "confidence_score")
    size = number_or_none(row, "size")
    if quantity is not None and quantity <= 0:
        notes.append(f"its quantity was {quantity:f}, and is not known")
        quantity = None
    if confidence is not None and not 0 <= confidence <= 1:
        notes.append(f"its confidence was {confidence:f}, which is none")
        confidence = None
    entered, left = clock.at(row, "entry_time"), clock.at(row, "exit_time")
    if left < entered:
        notes.append(f"its exit was at {left:%Y-%m-%d %H:%M:%S} UTC, before its entry, and is then")
    if row.get("strategy_config") is not None and object_or_none(row, "strategy_config") is None:
        notes.append("its strategy_config is no object, and is kept beside it")
    reason = text_or_none(row, "exit_reason")
    if reason is None:
        notes.append("it had no exit_reason")
    if not size or size <= 0:
        raise Unfit(f"its size is {size}")
    made = trades.NewTrade(
        symbol=text(row, "symbol"),
        side=PositionSide(text(row, "side").upper()),
        entry_price=number(row, "entry_price"),
        exit_price=number(row, "exit_price"),
        size=size,
        entry_time=entered,
        exit_time=left,
        pnl=number(row, "pnl"),
        exit_reason=reason or "unknown",
        strategy_name=text(row, "strategy_name"),
        quantity=quantity,
        commission=number_or_none(row, "commission") or _ZERO,
        margin_interest_cost=number_or_none(row, "margin_interest_cost") or _ZERO,
        stop_loss=number_or_none(row, "stop_loss"),
        take_profit=number_or_none(row, "take_profit"),
        strategy_config=object_or_none(row, "strategy_config"),
        confidence_score=confidence,
        order_id=text_or_none(row, "order_id"),
        exchange=text_or_none(row, "exchange"),
        timeframe=text_or_none(row, "timeframe"),
        mfe=number_or_none(row, "mfe"),
        mfe_price=number_or_none(row, "mfe_price"),
        mfe_time=clock.at_or_none(row, "mfe_time"),
        mae=number_or_none(row, "mae"),
        mae_price=number_or_none(row, "mae_price"),
        mae_time=clock.at_or_none(row, "mae_time"),
    )
    return made, notes


def _log(ids: Ids, *, trade: trades.NewTrade, key: str) -> Statement[object]:
    return trades.log_trade(session_id=ids.session_id, request_id=ids.request(f"trade {key}"), **trade._asdict())
