"""Bybit's closed P&L: net results of closed positions, without opening time and without fees."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Context, Decimal
from functools import partial
from typing import Final, NamedTuple

from atb_db.importing.errors import Unfit
from atb_db.importing.executions import untimely
from atb_db.importing.formats.keys import Keys
from atb_db.importing.plan import Ids, Origin, Row, Step, Unit, quarantined
from atb_db.importing.reading import number, text, text_or_none, utc
from atb_db.repository import trades
from atb_db.statement import Statement
from atb_db.types import ImportOutcome, PositionSide

COLUMNS: Final = frozenset({"Contracts", "Closing Direction", "Qty", "Entry Price", "Exit Price", "Closed P&L"})
_NOTE: Final = "the file has no opening time: its entry_time is its exit_time; its commission is gross P&L - Closed P&L"
_DIRECTIONS: Final = {"Close Long": PositionSide.LONG, "Close Short": PositionSide.SHORT}
_DIGITS: Final = Decimal("1e-18")
_WIDE: Final = Context(prec=1000)
"""Digits enough for all that `number` takes: how many are too many is for the books to say."""


class Closed(NamedTuple):
    """A closed position."""

    key: str
    row: Row
    settle: str
    at: datetime
    side: PositionSide
    quantity: Decimal
    entry_price: Decimal
    exit_price: Decimal
    gross: Decimal
    net: Decimal
    reason: str


def units(rows: Sequence[Row], *, strategy_name: str) -> tuple[list[Unit], list[Closed]]:
    """A unit for each row, oldest first; rows that are equal in every column are all real."""
    keys = Keys(sorted(COLUMNS | {"Order No.", "Trade Time(UTC+0)"}))
    closed, bad = [], []
    now = datetime.now(UTC)
    for row in reversed(rows):
        key = keys.next(row)
        try:
            closed.append(_closed(key, row, now))
        except Unfit as why:
            bad.append(quarantined("closed_pnl", key, row, f"{why}"))
    closed.sort(key=lambda one: one.at)
    made = [
        Unit(
            one.settle,
            (Step(partial(_trade, one=one, strategy_name=strategy_name), target="trade"),),
            (
                Origin(
                    *("closed_pnl", one.key, one.row, ImportOutcome.ADJUSTED, _NOTE),
                    {"Order No.": one.row.get("Order No."), "Exit Type": one.row.get("Exit Type")},
                    *("trades", "trade"),
                ),
            ),
        )
        for one in closed
    ]
    return [*bad, *made], closed


def settle_coin(contract: str) -> str:
    """The currency of a contract's P&L: USDT, USDC of BTCPERP, the base coin of the inverse BTCUSD.

    Raises:
        Unfit: the name says none.
    """
    if contract.endswith("USDT"):
        return "USDT"
    if contract.endswith(("PERP", "USDC")):
        return "USDC"
    if contract.endswith("USD") and len(contract) > len("USD"):
        return contract.removesuffix("USD")
    raise Unfit(f"the contract {contract[:40]!r} does not say in which coin it settles")


def _closed(key: str, row: Row, now: datetime) -> Closed:
    contract, direction = text(row, "Contracts"), text(row, "Closing Direction")
    side = _DIRECTIONS.get(direction)
    if side is None:
        raise Unfit(f"Closing Direction is {direction[:20]!r}, not Close Long or Close Short")
    settle = settle_coin(contract)
    quantity, entry, exit_ = number(row, "Qty"), number(row, "Entry Price"), number(row, "Exit Price")
    if quantity <= 0 or entry <= 0 or exit_ <= 0:
        raise Unfit("quantity and prices must be above zero")
    inverse = settle not in {"USDT", "USDC"}
    move = 1 / entry - 1 / exit_ if inverse else exit_ - entry
    gross = (quantity * move * (1 if side is PositionSide.LONG else -1)).quantize(_DIGITS, context=_WIDE)
    at = utc(row, "Trade Time(UTC+0)")
    if why := untimely(at, now):
        raise Unfit(why)
    reason = text_or_none(row, "Exit Type") or "closed"
    return Closed(key, row, settle, at, side, quantity, entry, exit_, gross, number(row, "Closed P&L"), reason)


def _trade(ids: Ids, *, one: Closed, strategy_name: str) -> Statement[object]:
    return trades.log_trade(
        session_id=ids.session_id,
        symbol=text(one.row, "Contracts"),
        side=one.side,
        entry_price=one.entry_price,
        exit_price=one.exit_price,
        size=1,
        entry_time=one.at,
        exit_time=one.at,
        pnl=one.gross,
        exit_reason=one.reason,
        strategy_name=strategy_name,
        quantity=one.quantity,
        commission=one.gross - one.net,
        exchange="bybit",
        request_id=ids.request(f"closed P&L {one.key}"),
    )
