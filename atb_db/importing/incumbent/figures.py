"""What the incumbent says of its sessions, to be compared with the books; and by what its database is known again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from decimal import Decimal
from typing import Final

from atb_db.importing.errors import Unfit
from atb_db.importing.plan import (
    Figure,
    Row,
)
from atb_db.importing.reading import number, number_or_none

_ZERO: Final = Decimal(0)


def source_figures(sessions: Sequence[Row], rows: Mapping[str, Sequence[Row]]) -> Iterator[Figure]:
    """Trades, net P&L, open positions and the last balance of each session."""
    for row in sessions:
        key = str(row["id"])
        own = [trade for trade in rows["trades"] if trade.get("session_id") == row["id"]]
        yield Figure(key, "trades", Decimal(len(own)))
        yield Figure(key, "net_pnl", sum((_net(trade) for trade in own), _ZERO))
        yield Figure(
            key,
            "open_positions",
            Decimal(
                sum(
                    one.get("session_id") == row["id"] and str(one["status"]).upper() == "OPEN"
                    for one in rows["positions"]
                )
            ),
        )
        balances = [one for one in rows["account_balances"] if one.get("session_id") == row["id"]]
        if (last := _last_balance(balances)) is not None:
            yield Figure(key, "balance", last)


def _last_balance(balances: Sequence[Row]) -> Decimal | None:
    for row in reversed(balances):
        with suppress(Unfit):
            return number(row, "total_balance")
    return None


def _net(trade: Row) -> Decimal:
    """P&L less costs; nothing of a trade whose P&L is no number, which the incumbent does not add up either."""
    try:
        return (
            number(trade, "pnl")
            - (number_or_none(trade, "commission") or _ZERO)
            - (number_or_none(trade, "margin_interest_cost") or _ZERO)
        )
    except Unfit:
        return _ZERO


def fingerprint(sessions: Sequence[Row]) -> str:
    """The first session, which does not change while the bot trades on."""
    if not sessions:
        return "empty"
    first = sessions[0]
    return f"{first['id']} {first['session_name']} {first['start_time']}"[:255]
