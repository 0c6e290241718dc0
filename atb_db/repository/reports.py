"""Reports: what a session earned and how, and how much room the books take."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from atb_db.statement import query


class ExitReasonPnl(NamedTuple):
    """The trades that ended for one reason; amounts are in the session's base currency, win_rate is a fraction."""

    exit_reason: str
    total_trades: int
    winning_trades: int
    win_rate: Decimal
    gross_pnl: Decimal
    costs: Decimal
    """Commission and margin interest."""
    net_pnl: Decimal


class EquityPoint(NamedTuple):
    """The account at a moment, in the session's base currency; drawdown is a fraction of the peak before it."""

    timestamp: datetime
    balance: Decimal
    equity: Decimal
    drawdown: Decimal | None


class TableSize(NamedTuple):
    """How much a table holds; bytes on disk with its indexes and long values."""

    table_name: str
    row_count: int
    total_bytes: int


@query
def get_pnl_by_exit_reason(*, session_id: int) -> list[ExitReasonPnl]:
    """A session's P&L by the reason for which its trades ended, best first."""
    ...


@query
def get_equity_curve(*, session_id: int, points: int = 500) -> list[EquityPoint]:
    """A session's equity over time from at most so many snapshots, evenly taken, the newest included; oldest first."""
    ...


@query
def get_table_sizes() -> list[TableSize]:
    """The tables of the books by size, largest first.

    Rows are counted, which reads every table.
    """
    ...
