"""The audit: contradictions in the books of a session, and between sessions."""

from __future__ import annotations

from typing import NamedTuple

from atb_db.statement import query


class BookFinding(NamedTuple):
    """One rule that the books violate."""

    identity: str
    """Name of the rule, such as ledger sum."""
    subject: str
    """What violates it, such as position 17."""
    expected: str | None
    """What follows from the other books; None for what should not be there."""
    actual: str | None
    """What is stored; None for what is missing."""


@query
def audit_books(*, session_id: int) -> list[BookFinding]:
    """Contradictions in a session's books, by rule and subject; an empty list if the books balance.

    Reads everything that the session recorded except its events, decisions and snapshots. The rules are:

    - ``ledger sum``: the ledger's deltas add up to the current balance.
    - ``ledger chain``: entries are numbered from 1 without gaps, and each starts from the balance before it.
    - ``ledger cause``: every trade and partial exit has its ledger entry with its amount, and every such entry its
      cause.
    - ``balance``: initial balance + net P&L of trades + partial exits of open positions + adjustments.
    - ``final figures``: the final figures of an ended session are those of its books.
    - ``position size``, ``position quantity``, ``entry value``, ``partial count``: a position is its entry plus its
      partial trades; fractions are of the original size.
    - ``realized P&L``: a position's realized P&L is that of its partial exits and, once it is closed, its trade's.
    - ``entry order``, ``exit order``: a position has the filled order that opened it and the one that closed it.
    - ``one trade``: a CLOSED position has exactly one trade, for everything entered; an OPEN position has none.
    - ``fills``: no order has filled more than its quantity; its totals are the sums of its single fills and, if these
      are complete, so are its average price and its commission.
    - ``metrics``: performance_metrics equals recomputed_metrics in every column.
    """
    ...


@query
def audit_across_sessions() -> list[BookFinding]:
    """Contradictions between sessions, by rule and subject; an empty list if there are none.

    `expected` and `actual` are ids of sessions, except for ``trade source`` and ``ledger currency``. The rules are:

    - ``one order, one session``: an order of the exchange is recorded in one LIVE session only.
    - ``ledger cause``: a ledger entry and the trade that caused it belong to the same session.
    - ``decision``: a decision and the trade that it led to belong to the same session.
    - ``trade source``: a trade's source is its session's mode.
    - ``ledger currency``: a ledger is kept in its session's base currency.
    """
    ...


@query
def get_session_ids() -> list[int]:
    """The ids of all sessions except those that are being removed, newest first."""
    ...
