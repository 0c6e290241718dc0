"""The figures of a row of metrics, computed in Python: one trade after the other."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Protocol

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Booked(Protocol):
    """What is read of a trade."""

    pnl: Decimal
    net_pnl: Decimal
    commission: Decimal
    margin_interest_cost: Decimal


Figures = dict[str, object]


def day_of(moment: datetime) -> tuple[datetime, datetime]:
    """The first moment of its UTC day, and that of the next."""
    start = moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return start, start + timedelta(days=1)


def figures(opening: Decimal, trades: Iterable[Booked]) -> Figures:
    """Those of a period that begins with a balance."""
    row: Figures = {
        "opening_balance": opening,
        **dict.fromkeys(("total_trades", "winning_trades", "losing_trades"), 0),
        **dict.fromkeys(("gross_profit", "gross_loss", "commission", "margin_interest_cost"), Decimal(0)),
        **dict.fromkeys(("current_streak", "largest_win_streak", "largest_loss_streak"), 0),
        "best_trade_pnl": None,
        "worst_trade_pnl": None,
        "peak_balance": opening,
        "max_drawdown": Decimal(0),
    }
    balance = opening
    for trade in trades:
        row |= carried_on(row, trade, balance)
        balance += trade.net_pnl
    return row


def carried_on(row: Figures, trade: Booked, balance: Decimal) -> Figures:
    """The figures after one more trade; `balance` is that of the period before it."""
    outcome = (trade.pnl > 0) - (trade.pnl < 0)
    streak = row["current_streak"]
    streak = streak + outcome if outcome and streak * outcome > 0 else outcome
    best, worst = row["best_trade_pnl"], row["worst_trade_pnl"]
    after = balance + trade.net_pnl
    peak = max(row["peak_balance"], after)
    fallen = round((peak - after) / peak, 12) if peak > 0 else Decimal(0)
    return {
        "total_trades": row["total_trades"] + 1,
        "winning_trades": row["winning_trades"] + (outcome > 0),
        "losing_trades": row["losing_trades"] + (outcome < 0),
        "gross_profit": row["gross_profit"] + max(trade.pnl, 0),
        "gross_loss": row["gross_loss"] + max(-trade.pnl, 0),
        "commission": row["commission"] + trade.commission,
        "margin_interest_cost": row["margin_interest_cost"] + trade.margin_interest_cost,
        "best_trade_pnl": trade.pnl if best is None else max(best, trade.pnl),
        "worst_trade_pnl": trade.pnl if worst is None else min(worst, trade.pnl),
        "current_streak": streak,
        "largest_win_streak": max(row["largest_win_streak"], streak),
        "largest_loss_streak": max(row["largest_loss_streak"], -streak),
        "peak_balance": peak,
        "max_drawdown": max(row["max_drawdown"], fallen),
    }


def max_drawdown(equities: Iterable[Decimal]) -> Decimal:
    """The deepest fall below the running peak, as a fraction of it."""
    peak, deepest = Decimal(0), Decimal(0)
    for equity in equities:
        peak = max(peak, equity)
        if peak > 0:
            deepest = max(deepest, (peak - equity) / peak)
    return deepest
