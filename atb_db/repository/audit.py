"""The audit: contradictions in the books of a session, and between sessions."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from atb_db.batch import Batch
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
    """The stored value; None for a missing row."""


class PositionBlock(NamedTuple):
    """The positions of a session whose ids begin alike, and all rows that are compared with them."""

    block: int
    """Ids of the positions, divided by the width of a block; -1 for rows without a position."""
    positions: int
    """Number of positions."""
    row_count: int
    """Number of positions, orders, fills, ledger entries and trades; those of two blocks count in both."""
    id_sum: Decimal
    """Sum of their ids: another one says that others are there."""
    newest: int
    """Transaction that wrote the newest of them."""
    oldest_running: int
    """Oldest transaction that had not ended when they were read: those before it are all there."""


class Doubts(NamedTuple):
    """Which of a session's positions are not plainly sound."""

    positions: int
    """Number of them."""
    first_position: int | None
    """The first one; -1 where something that is in no position is not sound; None without any."""
    last_position: int | None
    """The last one."""


class MonthBlock(NamedTuple):
    """A month in which a session traded, of which sums by day are kept."""

    month: datetime
    """Its first moment, in UTC."""
    row_count: int
    """Number of its trades and orders, as the sums say."""


class SessionAudit(NamedTuple):
    """What a session's books say of each other, by subject."""

    books: list[BookFinding]
    """Sums: balance, transfers, trades, final figures."""
    daily: list[BookFinding]
    """Performance metrics of days."""
    all_time: list[BookFinding]
    """Performance metrics of the whole session."""
    ledger: list[BookFinding]
    """Numbers, balances, kinds, times and causes of ledger entries."""
    positions: list[BookFinding]
    """What follows from a position's fills, ledger entries and trade: quantities, values, prices, states, times."""
    orders: list[BookFinding]
    """What follows from an order's reports and fills."""
    trades: list[BookFinding]
    """What a trade or partial trade was made of."""
    equity: list[BookFinding]
    """The equity kept by hour and day."""
    days: list[BookFinding]
    """The sums of trades and orders kept by day."""
    decisions: list[BookFinding]
    """Compacted decisions, but for their contents."""

    @property
    def findings(self) -> list[BookFinding]:
        """All of them."""
        return [one for findings in self for one in findings]


def audit_session(*, session_id: int) -> Batch[SessionAudit]:
    """Everything that `atb-db audit` compares in a session's books by default, in one round trip, as of one moment."""
    return Batch(
        SessionAudit,
        books=audit_books(session_id=session_id),
        daily=audit_metrics(session_id=session_id, daily=True),
        all_time=audit_metrics(session_id=session_id, daily=False),
        ledger=audit_ledger(session_id=session_id),
        positions=audit_positions(session_id=session_id),
        orders=audit_orders(session_id=session_id),
        trades=audit_trades(session_id=session_id),
        equity=audit_equity(session_id=session_id),
        days=audit_days(session_id=session_id),
        decisions=audit_decision_chunks(session_id=session_id),
    )


@query
def audit_books(*, session_id: int) -> list[BookFinding]:
    """Contradictions between the sums of a session's ledger and trades and the session, by rule and subject.

    - ``ledger sum``: the ledger's deltas add up to the current balance.
    - ``ledger chain``: the session knows the number of its entries.
    - ``ledger cause``: every trade without a position is in the ledger with its amounts, and every such entry has one.
    - ``transfers``: what was transferred is the sum of the deposits and withdrawals.
    - ``balance``: initial balance + net of trades and open positions + adjustments, transfers, interest and moves.
    - ``balance set``: the session knows when its balance was last adjusted.
    - ``move``: a position that was moved has its reconciliation event.
    - ``final figures``: the final figures of an ended session are those of its books.
    - ``trade``: the percent of a trade without a position follows from its figures, its time is its entry's.
    """
    ...


@query
def audit_metrics(*, session_id: int, daily: bool) -> list[BookFinding]:
    """Contradictions between a session's performance metrics and its trades, by rule and subject.

    Those of its days, or all others.

    - ``metrics``: performance_metrics equals recomputed_metrics in every column.
    """
    ...


@query
def audit_ledger(
    *, session_id: int, first_entry: int | None = None, last_entry: int | None = None
) -> list[BookFinding]:
    """Contradictions between the numbers, balances, kinds and times of a session's ledger entries, by rule and subject.

    Of the entries whose numbers are from `first_entry` to `last_entry`; None does not limit.

    - ``ledger chain``: entries are numbered from 1 without gaps, and each starts from the balance before it.
    - ``ledger kind``: an entry carries what its kind can: P&L and fees of trading, a fill and a position of a FILL.
    - ``ledger cause``: a fill's entry names the position that took the fill up.
    - ``ledger time``: a fill's entry has its time, the first one that of the session's start.
    - ``ledger event``: the balance that an event says was set is the one that was set.
    """
    ...


@query
def audit_positions(
    *, session_id: int, first_position: int | None = None, last_position: int | None = None
) -> list[BookFinding]:
    """Contradictions between a session's positions and their fills, ledger entries and trades, by rule and subject.

    Of the positions whose ids are from `first_position` to `last_position`; None does not limit, and without a first
    one, what is in no position is compared, too.

    - ``position quantity``, ``position value``, ``position costs``, ``partial count``: a position is what its booked
      fills, its funding and its interest make of it.
    - ``position status``: what is left decides whether it is PLANNED, OPEN or CLOSED.
    - ``position price``, ``position size``: averages and fractions follow from quantities and values.
    - ``realized P&L``: is that of its fills, what the ledger booked for it, and follows from the values, with the sign
      of side and contract.
    - ``unrealized P&L``: a CLOSED position has none.
    - ``position time``: entry and exit are the times of the fills.
    - ``exit reason``: is that of one of its orders.
    - ``one trade``: a CLOSED position has exactly one trade, any other none.
    - ``trade``: a trade's order is one of its position's.
    - ``ledger cause``: every fill's P&L and fee is in the ledger with its amount, every such entry has its fill, and
      what names a position names one of the session's, or one that was moved.
    - ``continuation``: a position continues a CLOSED one of its session, symbol, side and contract.
    - ``fill position``: an order's fills are in its position, or in one that continues it.
    """
    ...


@query
def audit_orders(
    *, session_id: int, first_position: int | None = None, last_position: int | None = None
) -> list[BookFinding]:
    """Contradictions between a session's orders and what was reported and booked of them, by rule and subject.

    Of the orders of positions whose ids are from `first_position` to `last_position`; None does not limit, and without
    a first one, orders without a position are compared, too.

    - ``fills``, ``booked fills``: an order's totals are the sums of its fills, as reported and as booked.
    - ``unbooked``: what was filled and is in no position, or is worth nobody knows what.
    - ``unconverted``: P&L in another currency that waits for a rate.
    - ``order figures``: filled quantity, units, value and fees follow from the total and the single fills.
    - ``order status``: an order that is filled, in part or whole, is in no state from before.
    - ``order time``: its times fit its state and its fills.
    - ``order``: its position, whose symbol and side it has, and the order that it replaces, are of its session.
    """
    ...


@query
def audit_trades(
    *, session_id: int, first_position: int | None = None, last_position: int | None = None
) -> list[BookFinding]:
    """Contradictions between a session's trades and partial trades and what they were made of, by rule and subject.

    Of the positions whose ids are from `first_position` to `last_position`; None does not limit.

    - ``trade``: a trade says what its position says, and its percent follows from its figures.
    - ``partial trade``: a partial trade is what its order's fills moved: size, price, time and session are theirs.
    """
    ...


@query
def audit_equity(*, session_id: int) -> list[BookFinding]:
    """Contradictions between the equity kept of a session's hours and days and its snapshots, by rule and subject.

    - ``equity``: equity_spans equals what its snapshots, and its hours, make of it in every column.
    """
    ...


@query
def audit_days(*, session_id: int, start: datetime | None = None, end: datetime | None = None) -> list[BookFinding]:
    """Contradictions between a session's trades and orders and their sums by day and month.

    Of the days and months that are whole between `start` and `end`; None does not limit.

    - ``trade days``: trade_days and trade_day_parts equal what their days' trades make of them in every column.
    - ``trade months``: trade_months and trade_month_parts equal what those of their days make of them in every column.
    - ``order days``: order_day_parts equals what its days' orders make of it in every column.
    """
    ...


@query
def audit_decision_chunks(
    *, session_id: int, first_chunk: int | None = None, last_chunk: int | None = None, contents: bool = False
) -> list[BookFinding]:
    """Contradictions within a session's compacted decisions, and with those that are not, by rule and subject.

    Of the rows of decision_chunks whose ids are from `first_chunk` to `last_chunk`; None does not limit. Without
    `contents` the decisions themselves, which are nearly all of the bytes, are not read.

    - ``decision chunk``: a row can be read, has a request_id for each of its decisions, and none of the last day; with
      `contents`, they can be moved back, are in order and complete, and the row's number, times, strategies, symbols
      and actions are theirs.
    - ``decision twice``: no request_id is also in a row of strategy_executions of that time, or in the chunk before;
      with `contents`, no id is, either, and both are there once.
    """
    ...


@query
def audit_across_sessions() -> list[BookFinding]:
    """Contradictions between sessions, by rule and subject; an empty list if there are none.

    `expected` and `actual` are ids of sessions where sessions are compared. The rules are:

    - ``one order, one session``: an order of the exchange is recorded in one LIVE session only.
    - ``ledger cause``: a ledger entry and the trade that caused it belong to the same session.
    - ``decision``: a decision and the trade that it led to belong to the same session.
    - ``trade source``: a trade's source is its session's mode.
    - ``trade position``, ``order position``: a trade or an order belongs to its position's session.
    - ``ledger currency``: a ledger is kept in its session's base currency.
    - ``move``: what a position takes out of one session's books comes into another's.
    - ``hold``: nobody holds an ended session, and no hold was renewed in the future.
    - ``purge mark``: a session that is hidden as being removed has a PURGE event that names it.
    """
    ...


@query
def audit_orphans() -> list[BookFinding]:
    """Rows that refer to a missing row, by the referring row and the missing one.

    The foreign keys hold most of it while nobody turns them off; a ledger entry's fill and position have none.
    """
    ...


@query
def get_position_blocks(*, session_id: int, width: int, with_rows: bool = True) -> list[PositionBlock]:
    """How many rows a session's positions have, and which transaction wrote the newest of them, by blocks of ids.

    All that `audit_positions`, `audit_orders` and `audit_trades` compare; without `with_rows` only the positions are
    counted. A block that has as many rows with the same ids, and none of a transaction that began since, is as it was.
    """
    ...


@query
def get_doubtful_positions(
    *, session_id: int, first_position: int | None = None, last_position: int | None = None
) -> Doubts:
    """How many of a session's positions are not plainly as their rows say, and the first and the last of them.

    Of those whose ids are from `first_position` to `last_position`; None does not limit, and without a first one, what
    is in no position is looked at, too. All others, CLOSED with one entry and one exit, are sound, and so are their
    orders: `audit_positions` and `audit_orders`, which take longer, have nothing to say of them.
    """
    ...


@query
def get_months(*, session_id: int) -> list[MonthBlock]:
    """The months in which a session traded, of which sums by day are kept, in their order."""
    ...


@query
def get_decision_chunk_ids(*, session_id: int) -> list[int]:
    """The ids of the rows in which a session's compacted decisions are, in order."""
    ...


@query
def get_session_ids() -> list[int]:
    """The ids of all sessions except those that are being removed, newest first."""
    ...
