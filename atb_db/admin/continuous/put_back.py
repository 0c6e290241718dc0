"""Putting a session back: all that a recovered server has of it, into a live database where it was deleted.

Everybody else trades on meanwhile: rows are only added, and no table is locked.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple, cast

import psycopg
from psycopg import ClientCursor, sql

from atb_db.admin.audit import session_findings
from atb_db.admin.backup.events import record
from atb_db.admin.compacting import CHUNKS, DECISIONS, unpack_session
from atb_db.admin.connection import CATALOG_SETTINGS, Connection, ask, changing, reading, writing
from atb_db.admin.errors import Refused
from atb_db.admin.purge import DERIVED_TABLES, SESSION_TABLES
from atb_db.admin.readable import counted
from atb_db.config import Settings
from atb_db.types import EventType

_STEP: Final = 1_000_000
_SESSIONS: Final = "trading_sessions"
_MARK: Final = ("purge_started_at", "ledger_entries")
"""What the beginning of a purge changes in a session's row."""
_SHOWN: Final = 40


class PutBack(NamedTuple):
    """What was put back of one session."""

    session_id: int
    session_name: str
    rows: dict[str, int]
    """How many rows each table got again; tables without any are left out."""
    present: int
    """How many rows were still there, as they had been."""


class Done(NamedTuple):
    """What `put_back` did."""

    sessions: tuple[PutBack, ...]
    notes: tuple[str, ...]
    """What somebody should know, one sentence each."""


class _Columns(NamedTuple):
    names: tuple[str, ...]
    keys: tuple[str, ...]


def check_may_put_back(settings: Settings) -> None:
    """Look whether sessions can be put back into the database: before anything that takes long.

    Raises:
        Refused: the role may not write into the tables of a session.
        Unavailable: the server cannot be reached.
    """
    with changing(settings) as (connection, _):
        for table in SESSION_TABLES:
            row = connection.execute("SELECT has_table_privilege(%s, 'INSERT')", [f"public.{table}"]).fetchone()
            if row != (True,):
                raise Refused(
                    f"{connection.info.user} may not write into {table} itself: only the owner of the tables puts a "
                    "session back"
                )


def put_back(source: Settings, live: Settings, session_ids: Sequence[int]) -> Done:
    """Put sessions back as the source has them, with their ids, in one transaction of the live database.

    Rows that are still there and equal stay; those that came since stay, too. The mark of a purge is taken off. What is
    kept by hours and days is computed again, and each session's books are audited before the commit. A RESTORE event is
    recorded.

    Raises:
        Refused: the source has no such session, or it was being purged there; a row in the live database differs from
            it, or has taken its place; or the books would contradict themselves. Nothing was changed.
        Unavailable: a server cannot be reached.
    """
    with reading(source) as (before, _), writing(live) as (connection, _):
        connection.execute(CATALOG_SETTINGS)
        done = tuple(_put_back(before, connection, session_id) for session_id in dict.fromkeys(session_ids))
    notes: tuple[str, ...] = ()
    for one in done:
        message = f"Put session {one.session_id} back: {counted(sum(one.rows.values()), 'row')}."
        notes += record(live, EventType.RESTORE, message, one._asdict())
    return Done(done, notes)


def _put_back(before: Connection, live: Connection, session_id: int) -> PutBack:
    name = _name(before, session_id)
    is_marked = live.execute(
        "SELECT FROM trading_sessions WHERE id = %s AND purge_started_at IS NOT NULL FOR UPDATE", [session_id]
    ).fetchall()
    live.execute("SET CONSTRAINTS ALL DEFERRED")
    rows: dict[str, int] = {}
    present = 0
    # Decisions are compared and put back as rows, wherever they were and are.
    unpack_session(live, session_id)
    for table in reversed(SESSION_TABLES):
        if table in DERIVED_TABLES or table == CHUNKS:
            continue
        if table == "account_history":
            _hold_back_equity(live, session_id)
        columns = _columns(before, live, table)
        staged = _stage(before, live, table, columns, session_id)
        kept = _compare(live, table, columns, session_id, ignored=_MARK if is_marked and table == _SESSIONS else ())
        if added := _add(live, table, columns, session_id):
            rows[table] = added
        present += kept
        assert staged == kept + added  # noqa: S101  each is either there or missing
    if is_marked:
        _take_mark_off(live, session_id)
    live.execute("SET CONSTRAINTS ALL IMMEDIATE")
    _roll_up(live, session_id)
    known = session_findings(before, session_id)
    if found := [one for one in session_findings(live, session_id) if one not in known]:
        first = found[0].finding
        raise Refused(
            f"the books of session {session_id} would contradict themselves ({first.subject}: {first.identity}, "
            f"{first.actual} instead of {first.expected}); nothing was changed"
        )
    return PutBack(session_id, name, rows, present)


def _name(before: Connection, session_id: int) -> str:
    found = before.execute(
        "SELECT session_name, purge_started_at IS NOT NULL FROM trading_sessions WHERE id = %s", [session_id]
    ).fetchone()
    if found is None:
        raise Refused(f"there was no session {session_id} at that moment")
    name, was_marked = found
    if was_marked:
        raise Refused(f"session {session_id} was being purged at that moment already: take an earlier one")
    return str(name)


def _hold_back_equity(live: Connection, session_id: int) -> None:
    """Have the snapshots that follow not rolled up one by one, as those are that come late."""
    live.execute(
        "INSERT INTO equity_rolls (session_id, unrolled_in) VALUES (%s, pg_current_xact_id()::text::bigint) "
        "ON CONFLICT (session_id) DO UPDATE SET unrolled_in = excluded.unrolled_in",
        [session_id],
    )


def _roll_up(live: Connection, session_id: int) -> None:
    live.execute("SELECT discard_rollups(%s)", [session_id])
    while live.execute("SELECT roll_up(%s, %s)", [session_id, _STEP]).fetchall() != [(0,)]:
        pass


def _columns(before: Connection, live: Connection, table: str) -> _Columns:
    found = ask(live, "row_columns", values=[f"public.{table}"])
    names = tuple(str(name) for name, _ in found)
    had = {str(name) for name, _ in ask(before, "row_columns", values=[f"public.{table}"])}
    if had != set(names):
        differing = ", ".join(sorted(had ^ set(names)))
        raise Refused(
            f"{table} has other columns than at that moment ({differing}): atb-db migrate on both sides first"
        )
    return _Columns(names, tuple(str(name) for name, is_key in found if is_key))


def _stage(before: Connection, live: Connection, table: str, columns: _Columns, session_id: int) -> int:
    """Copy the session's rows of a table into a temporary one beside it; how many."""
    names = _list(columns.names)
    live.execute(
        sql.SQL("CREATE TEMPORARY TABLE {} ON COMMIT DROP AS SELECT {} FROM {} WITH NO DATA").format(
            _staged(table, session_id), names, sql.Identifier("public", table)
        )
    )
    rows = sql.SQL("COPY (SELECT {} FROM {} WHERE {}) TO STDOUT").format(
        names, _read_from(before, table), SESSION_TABLES[table]
    )
    into = sql.SQL("COPY {} ({}) FROM STDIN").format(_staged(table, session_id), names)
    with ClientCursor(before).copy(rows, {"session": session_id}) as found, live.cursor() as cursor:
        with cursor.copy(into) as copy:
            for block in found:
                copy.write(block)
        return cursor.rowcount


def _read_from(before: Connection, table: str) -> sql.Composable:
    """What had the rows of a table at that moment, perhaps by an older release."""
    if table == DECISIONS and before.execute("SELECT to_regclass('public.decision_chunks')").fetchone() != (None,):
        return sql.SQL("public.every_decision()")
    return sql.Identifier("public", table)


def _compare(live: Connection, table: str, columns: _Columns, session_id: int, *, ignored: Sequence[str]) -> int:
    """How many of the rows are still there; refuses if one of them is another one now."""
    compared = [name for name in columns.names if name not in ignored]
    pairs = sql.SQL("FROM {} AS s JOIN {} AS l USING ({})").format(
        _staged(table, session_id), sql.Identifier("public", table), _list(columns.keys)
    )
    differing = sql.SQL("SELECT {}, {} {} WHERE ROW({})::text <> ROW({})::text LIMIT 1").format(
        _texts("s", compared), _texts("l", compared), pairs, _list(compared, "s"), _list(compared, "l")
    )
    if (found := live.execute(differing).fetchone()) is not None:
        then, now = found[: len(compared)], found[len(compared) :]
        values = dict(zip(compared, zip(then, now, strict=True), strict=True))
        what = ", ".join(f"{key} {values[key][0]}" for key in columns.keys)
        changes = [
            f"{name} is {_shown(after)} and was {_shown(value)}"
            for name, (value, after) in values.items()
            if value != after
        ]
        raise Refused(
            f"session {session_id} cannot be put back: {table} has another row with {what} now "
            f"({'; '.join(changes[:3])}); nothing was changed"
        )
    return cast("int", live.execute(sql.SQL("SELECT count(*) {}").format(pairs)).fetchall()[0][0])


def _add(live: Connection, table: str, columns: _Columns, session_id: int) -> int:
    """Insert the rows that are missing; how many."""
    missing = sql.SQL(
        "INSERT INTO {table} ({names}) OVERRIDING SYSTEM VALUE SELECT {names} FROM {staged} AS s "
        "WHERE NOT EXISTS (SELECT FROM {table} AS l WHERE ({keys}) = ({own}))"
    ).format(
        table=sql.Identifier("public", table),
        names=_list(columns.names),
        staged=_staged(table, session_id),
        keys=_list(columns.keys, "l"),
        own=_list(columns.keys, "s"),
    )
    try:
        return live.execute(missing).rowcount
    except psycopg.errors.UniqueViolation as error:
        raise Refused(
            f"session {session_id} cannot be put back: something that has come since has the place of a row of {table} "
            f"({error.diag.constraint_name}); nothing was changed"
        ) from error
    except psycopg.errors.ForeignKeyViolation as error:
        raise Refused(
            f"session {session_id} cannot be put back: what a row of {table} refers to is gone, and no part of the "
            f"session ({error.diag.constraint_name}); nothing was changed"
        ) from error


def _take_mark_off(live: Connection, session_id: int) -> None:
    live.execute(
        sql.SQL(
            "UPDATE trading_sessions AS t SET purge_started_at = NULL, ledger_entries = s.ledger_entries FROM {} AS s "
            "WHERE t.id = s.id"
        ).format(_staged(_SESSIONS, session_id))
    )


def _staged(table: str, session_id: int) -> sql.Identifier:
    return sql.Identifier("pg_temp", f"{table}_of_{session_id}")


def _list(names: Sequence[str], alias: str | None = None) -> sql.Composed:
    return sql.SQL(", ").join(sql.Identifier(*((alias, name) if alias else (name,))) for name in names)


def _texts(alias: str, names: Sequence[str]) -> sql.Composed:
    return sql.SQL(", ").join(sql.SQL("{}::text").format(sql.Identifier(alias, name)) for name in names)


def _shown(value: object) -> str:
    text = "NULL" if value is None else str(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
