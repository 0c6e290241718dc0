"""The audit: whether the books of a session agree with each other."""

from __future__ import annotations

from typing import NamedTuple

from atb_db.statement import query


class BookFinding(NamedTuple):
    """One identity that the books violate.

    `identity` is the rule's name, such as ``ledger sum``; `subject` is what violates it, such as ``position 17``;
    `expected` follows from the other books, `actual` is what is stored. None stands for what is missing.
    """

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
    """What contradicts itself in a session's books, by identity and subject; none when they balance.

    Reads everything that the session recorded but its events, decisions and snapshots. The identities are:

    - ``ledger sum``: the ledger's deltas add up to the current balance.
    - ``ledger chain``: entries are numbered from 1 without gaps, each starts from the balance before it.
    - ``ledger cause``: every entry of a trade or partial exit has it, and the other way round, with its amount.
    - ``balance``: initial balance + net P&L of trades + partial exits of open positions + adjustments.
    - ``final figures``: an ended session's figures are those of its books.
    - ``position size``, ``position quantity``, ``entry value``, ``partial count``: a position is its entry with its
      partial trades, the fractions being of the original size.
    - ``realized P&L``: a position's is that of its partial exits and, once it is closed, its trade's.
    - ``entry order``, ``exit order``: a position has the filled order that opened it and the one that closed it.
    - ``one trade``: a CLOSED position has exactly one trade, of everything entered, an OPEN one has none.
    - ``fills``: no order has filled more than it asked for, what it says of its single fills is their sum, and where
      they are all of what it has filled, so are its average price and its commission.
    - ``metrics``: performance_metrics says what recomputed_metrics says, in every column.
    """
    ...


@query
def audit_across_sessions() -> list[BookFinding]:
    """What contradicts itself between sessions, by identity and subject; none when all is well.

    `expected` and `actual` are ids of sessions, but for ``trade source`` and ``ledger currency``. The identities are:

    - ``one order, one session``: an order of the exchange is recorded in one LIVE session only.
    - ``ledger cause``: a ledger entry and the trade that caused it belong to the same session.
    - ``decision``: a decision and the trade that it led to belong to the same session.
    - ``trade source``: a trade's source is its session's mode.
    - ``ledger currency``: a ledger is kept in its session's base currency.
    """
    ...


@query
def get_session_ids() -> list[int]:
    """The ids of all sessions but those that are being removed, newest first."""
    ...
