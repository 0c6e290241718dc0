"""Retention: old rows are removed in bounded batches, and sessions whose engine has died are ended.

Each batch is a transaction of its own, so that writers of other sessions never wait for long and a run that was killed
is continued by the next one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple, cast

from psycopg import errors, sql

from atb_db.admin.access.privileges import OWNER
from atb_db.admin.audit import session_findings
from atb_db.admin.compacting import DECISIONS, count_packed, remove_packed, unpack_around
from atb_db.admin.connection import Connection, changing
from atb_db.admin.errors import Refused
from atb_db.admin.progress import Progress, silent
from atb_db.admin.readable import counted
from atb_db.config import Settings
from atb_db.database import Database
from atb_db.errors import NotFound
from atb_db.repository import events, sessions
from atb_db.repository.sessions import SilentSession
from atb_db.types import TradeSource

BATCH: Final = 10_000

_OF_SESSION: Final = sql.SQL("session_id = %(session)s")
_OF_ORDER: Final = sql.SQL("order_id IN (SELECT id FROM orders WHERE session_id = %(session)s)")
_OF_POSITION: Final = sql.SQL("position_id IN (SELECT id FROM positions WHERE session_id = %(session)s)")

# What refers to a row goes before it.
SESSION_TABLES: Final[dict[str, sql.SQL]] = {
    "imported_rows": _OF_SESSION,
    "strategy_executions": _OF_SESSION,
    "decision_chunks": _OF_SESSION,
    "dynamic_performance_metrics": _OF_SESSION,
    "risk_adjustments": _OF_SESSION,
    "optimization_cycles": _OF_SESSION,
    "reconciliation_audit_events": _OF_SESSION,
    "system_events": _OF_SESSION,
    "equity_spans": _OF_SESSION,
    "equity_rolls": _OF_SESSION,
    "account_history": _OF_SESSION,
    "trades": _OF_SESSION,
    "trade_day_parts": _OF_SESSION,
    "trade_days": _OF_SESSION,
    "partial_trades": _OF_POSITION,
    "order_fills": _OF_ORDER,
    "orders": _OF_SESSION,
    "order_day_parts": _OF_SESSION,
    "order_days": _OF_SESSION,
    "positions": _OF_SESSION,
    "performance_metrics": _OF_SESSION,
    "account_balances": _OF_SESSION,
    "session_holds": _OF_SESSION,
    "trading_sessions": sql.SQL("id = %(session)s"),
}
"""Every table with rows of a session, in the order in which they are removed, and what makes them the session's."""

DERIVED_TABLES: Final = {
    **dict.fromkeys(("equity_spans", "equity_rolls"), "computed again from the snapshots"),
    **dict.fromkeys(("trade_days", "trade_day_parts"), "computed again from the trades"),
    **dict.fromkeys(("order_days", "order_day_parts"), "computed again from the orders"),
}
"""Those of a session that say only what others say, and from what they are made again."""

LOG_TABLES: Final = (
    *("system_events", "strategy_executions", "prediction_performance", "correlation_history", "exposure_history"),
)
"""What only records what happened; no figure and no book is computed from it."""

_GO_ON: Final = "run the purge again, which goes on with it"
_INSTANT: Final = timedelta(microseconds=1)

# An entry of the ledger is referred to by the one behind it.
_NEWEST_FIRST: Final = {"account_balances": sql.SQL(" ORDER BY entry_number DESC")}


class Removed(NamedTuple):
    """Rows of one table that were removed, or that would be."""

    table: str
    rows: int


class PurgedSession(NamedTuple):
    """A session that was removed, or that would be."""

    session_id: int
    session_name: str
    mode: TradeSource
    end_time: datetime
    removed: tuple[Removed, ...]
    """Tables that had rows of it."""


def ended_sessions(
    settings: Settings,
    *,
    ended_before: datetime,
    modes: Sequence[TradeSource] = (TradeSource.BACKTEST, TradeSource.PAPER),
    named: Sequence[int] = (),
) -> list[PurgedSession]:
    """The sessions that `purge_session` may remove, with their rows counted, oldest first; nothing is removed.

    With `named`, exactly those, whatever their mode or age; else the ended ones of the modes.

    Raises:
        NotFound: a named session does not exist.
        Refused: a named session has not ended.
    """
    chosen = (
        "SELECT id, session_name, mode::text, end_time FROM trading_sessions"
        " WHERE id = any(%(named)s) OR (%(named)s = '{}' AND end_time < %(before)s AND mode::text = any(%(modes)s))"
        " ORDER BY end_time, id"
    )
    with changing(settings) as (connection, _):
        given = {"named": list(named), "before": ended_before, "modes": [str(mode) for mode in modes]}
        rows = cast("list[tuple[int, str, str, datetime | None]]", connection.execute(chosen, given).fetchall())
        for missing in set(named) - {row[0] for row in rows}:
            raise NotFound(f"session {missing} does not exist")
        found = []
        for session_id, name, mode, end_time in rows:
            if end_time is None:
                raise Refused(
                    f"session {session_id} has not ended: end it first (atb-db end-crashed, if its engine is dead)"
                )
            removed = tuple(_rows_of(connection, session_id))
            found.append(PurgedSession(session_id, name, TradeSource(mode), end_time, removed))
    return found


def purge_session(
    settings: Settings, session_id: int, *, batch: int = BATCH, progress: Progress = silent
) -> tuple[Removed, ...]:
    """Remove an ended session with all its rows, `batch` rows a transaction; what was removed.

    From the first batch on the session is marked: no engine takes it up again, and a run that was killed is gone on
    with, or taken back (`take_back_purge`).

    Raises:
        Refused: the session has not ended, or was taken up again; or the login may not remove it: nothing is marked.
        NotFound: the session does not exist.
    """
    mark = (
        "UPDATE trading_sessions SET purge_started_at = coalesce(purge_started_at, clock_timestamp()),"
        " ledger_entries = NULL WHERE id = %s AND end_time IS NOT NULL RETURNING id"
    )
    removed: list[Removed] = []
    with changing(settings) as (connection, _):
        _refuse_without_rights(connection)
        if connection.execute(mark, [session_id]).fetchone() is None:
            exists = connection.execute("SELECT FROM trading_sessions WHERE id = %s", [session_id]).fetchone()
            if exists is None:
                raise NotFound(f"session {session_id} does not exist")
            raise Refused(f"session {session_id} has not ended")
        for table, belongs in SESSION_TABLES.items():
            delete = sql.SQL(
                "DELETE FROM {table} WHERE ctid = any(ARRAY("
                "SELECT ctid FROM {table} WHERE {belongs}{order} LIMIT {batch}))"
            ).format(
                table=sql.Identifier(table), belongs=belongs, order=_NEWEST_FIRST.get(table, sql.SQL("")), batch=batch
            )
            rows = 0
            while deleted := _removed(connection, delete, session_id):
                rows += deleted
                progress(table, rows, None)
            if rows:
                removed.append(Removed(table, rows))
    return tuple(removed)


def _removed(connection: Connection, delete: sql.Composed, session_id: int) -> int:
    """How many rows a batch has removed.

    Only an index of the session passes over what the batches before have removed; any other plan would read it again
    for each. The settings are of the transaction, as a pooler gives the session to somebody else.
    """
    with connection.transaction():
        connection.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off")
        return connection.execute(delete, {"session": session_id}).rowcount


def take_back_purge(settings: Settings, session_id: int) -> None:
    """Take the mark of a purge off a session whose books are complete and balance; logs of it may be removed.

    Raises:
        Refused: no purge was started, part of the books is removed, or the login may not do it.
        NotFound: the session does not exist.
    """
    unmark = (
        "UPDATE trading_sessions AS s SET purge_started_at = NULL,"
        " (ledger_entries, current_balance) = (SELECT l.entry_number, l.total_balance FROM account_balances AS l"
        " WHERE l.session_id = s.id ORDER BY l.entry_number DESC LIMIT 1)"
        " WHERE id = %s AND purge_started_at IS NOT NULL RETURNING id"
    )
    with changing(settings) as (connection, _), connection.transaction():
        _refuse_without_rights(connection)
        try:
            unmarked = connection.execute(unmark, [session_id]).fetchone()
        except (errors.CheckViolation, errors.NotNullViolation) as error:
            raise Refused(f"session {session_id} has no ledger any more: {_GO_ON}") from error
        if unmarked is None:
            if connection.execute("SELECT FROM trading_sessions WHERE id = %s", [session_id]).fetchone() is None:
                raise NotFound(f"session {session_id} does not exist")
            raise Refused(f"no purge of session {session_id} was started")
        if found := session_findings(connection, session_id):
            first = found[0].finding
            lost = f"{first.subject}: {first.identity}, {first.actual} instead of {first.expected}"
            raise Refused(f"part of session {session_id} is removed ({lost}): {_GO_ON}")


def _refuse_without_rights(connection: Connection) -> None:
    """Before anything is marked: what is marked and cannot be removed would be hidden.

    Raises:
        Refused: the login lacks a right.
    """
    for table in SESSION_TABLES:
        row = connection.execute("SELECT has_table_privilege(%s, 'DELETE')", [f"public.{table}"]).fetchone()
        if row != (True,):
            login = connection.info.user
            raise Refused(f"{login} may not delete {table}: only a member of {OWNER} purges; nothing was changed")


def count_log(settings: Settings, table: str, *, before: datetime) -> Removed:
    """How many rows `purge_log` would remove."""
    with changing(settings) as (connection, _):
        count = sql.SQL("SELECT count(*) FROM {} WHERE timestamp < %s").format(sql.Identifier(_log(table)))
        packed = count_packed(connection, before=before) if table == DECISIONS else 0
        return Removed(table, _number(connection, count, before) + packed)


def purge_log(
    settings: Settings, table: str, *, before: datetime, batch: int = BATCH, progress: Progress = silent
) -> Removed:
    """Remove a log table's rows from before a moment, going through it once by id, `batch` ids a transaction.

    Raises:
        Refused: the table is none of LOG_TABLES.
    """
    name = sql.Identifier(_log(table))
    delete = sql.SQL("DELETE FROM {} WHERE id >= %s AND id < %s AND timestamp < %s").format(name)
    ids = sql.SQL("SELECT coalesce({}(id), 0) FROM {}")
    rows = 0
    with changing(settings) as (connection, _):
        if table == DECISIONS:
            unpack_around(connection, before)
        first, last = (_number(connection, ids.format(sql.Identifier(end), name)) for end in ("min", "max"))
        for start in range(first, last + 1, batch):
            rows += connection.execute(delete, [start, start + batch, before]).rowcount
            progress(table, rows, None)
        # Last: decisions are moved from the table to the chunks meanwhile.
        for removed in remove_packed(connection, before=before) if table == DECISIONS else ():
            rows += removed
            progress(table, rows, None)
    return Removed(table, rows)


def _log(table: str) -> str:
    if table not in LOG_TABLES:
        raise Refused(f"{table} is no log: only {', '.join(LOG_TABLES)} can be purged by age")
    return table


def announce_purge(settings: Settings, *, session_ids: Sequence[int], removed: Sequence[Removed]) -> None:
    """Record a PURGE event with what is about to be removed: a purge that is killed has left its event too.

    Raises:
        Refused: the login may not purge.
    """
    rows: dict[str, int] = {}
    for one in removed:
        rows[one.table] = rows.get(one.table, 0) + one.rows
    details = {"sessions": list(session_ids), "rows": rows}
    message = f"Purging {counted(len(session_ids), 'session')} and {counted(sum(rows.values()), 'row')}"
    with changing(settings) as (connection, _):
        _refuse_without_rights(connection)
    with Database(settings) as database:
        database.run(events.log_event(event_type="PURGE", message=message, details=details, component="atb-db"))


def crashed_sessions(settings: Settings, *, idle: timedelta) -> list[SilentSession]:
    """The active sessions without a sign of life for so long, the longest silent first."""
    with Database(settings) as database:
        return database.run(sessions.get_silent_sessions(silent_since=datetime.now(UTC) - idle))


def end_crashed_sessions(settings: Settings, found: Sequence[SilentSession]) -> list[SilentSession]:
    """End sessions at their last sign of life, with their final figures; those that were ended.

    One that gave a sign of life since it was found goes on. An engine can take an ended one up again.
    """
    newest = max((one.last_sign_of_life for one in found), default=datetime.now(UTC))
    with Database(settings) as database:
        silent_now = database.run(sessions.get_silent_sessions(silent_since=newest + _INSTANT))
        ended = [one for one in found if one in silent_now]
        for one in ended:
            database.run(sessions.end_trading_session(session_id=one.session_id, end_time=one.last_sign_of_life))
    return ended


def _rows_of(connection: Connection, session_id: int) -> Iterator[Removed]:
    for table, belongs in SESSION_TABLES.items():
        count = sql.SQL("SELECT count(*) FROM {} WHERE {}").format(sql.Identifier(table), belongs)
        if rows := cast("int", connection.execute(count, {"session": session_id}).fetchall()[0][0]):
            yield Removed(table, rows)


def _number(connection: Connection, query: sql.Composed, *arguments: object) -> int:
    return cast("int", connection.execute(query, arguments).fetchall()[0][0])
