"""Decisions of long ago, a thousand in a row of `decision_chunks`: moved there, back, or removed, chunk by chunk.

Each chunk is a transaction of its own, so a run that is killed has moved whole chunks, and the next one goes on.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple, cast

from atb_db.admin.access.privileges import OWNER
from atb_db.admin.backup.events import record
from atb_db.admin.connection import Connection, ask, changing
from atb_db.admin.errors import Refused
from atb_db.admin.progress import Progress, silent
from atb_db.config import Settings
from atb_db.errors import InvalidInput, NotFound
from atb_db.types import EventType

DECISIONS: Final = "strategy_executions"
CHUNKS: Final = "decision_chunks"

SIZE: Final = 1_000
"""Decisions of a chunk."""

NEWEST: Final = timedelta(days=1)
"""Younger decisions are never compacted."""


class Moved(NamedTuple):
    """The decisions of a session that were moved, or that would be."""

    session_id: int
    decisions: int
    chunks: int


def compactable(
    settings: Settings, *, before: datetime, session_id: int | None = None, size: int = SIZE
) -> list[Moved]:
    """What `compact` would move, session by session.

    Raises:
        NotFound: there is no such session.
    """
    with changing(settings) as (connection, _):
        _known(connection, session_id)
        return ask(connection, "compactable", Moved, values=[before, size, session_id])


def compact(
    settings: Settings,
    *,
    before: datetime,
    session_id: int | None = None,
    size: int = SIZE,
    progress: Progress = silent,
) -> list[Moved]:
    """Move decisions from before a moment into chunks of `size`, the oldest first; what was moved.

    What does not fill a chunk stays until it does, or until its session has ended. The newest decision of a session
    and those with a trade stay.

    Raises:
        NotFound: there is no such session.
        InvalidInput: the moment is less than a day ago.
        Refused: the login lacks a right.
    """
    if before > datetime.now(UTC) - NEWEST:
        raise InvalidInput("decisions of the last day are not compacted")
    done: dict[int, Moved] = {}
    with changing(settings) as (connection, _):
        _refuse_without_rights(connection)
        _known(connection, session_id)
        for found in ask(connection, "compactable", Moved, values=[before, size, session_id]):
            moved = Moved(found.session_id, 0, 0)
            for decisions in _compacted(connection, found.session_id, before, size):
                moved = moved._replace(decisions=moved.decisions + decisions, chunks=moved.chunks + 1)
                progress(f"session {found.session_id}", moved.decisions, found.decisions)
            done[found.session_id] = moved
    return [one for one in done.values() if one.chunks]


def _compacted(connection: Connection, session_id: int, before: datetime, size: int) -> Iterator[int]:
    """How many decisions each chunk took."""
    since: object = "-infinity"
    statement = "SELECT decisions, last_time FROM compact_decisions(%s, %s, %s, %s::timestamptz)"
    while row := connection.execute(statement, [session_id, before, size, since]).fetchone():
        # Not from the beginning each time: there stands what was moved until it is vacuumed.
        decisions, since = row
        yield cast("int", decisions)


def packed(settings: Settings, *, session_id: int | None = None) -> list[Moved]:
    """What is in chunks, session by session, but for sessions that are being purged.

    Raises:
        NotFound: there is no such session.
    """
    with changing(settings) as (connection, _):
        _known(connection, session_id)
        return ask(connection, "packed", Moved, values=[session_id])


def unpack(settings: Settings, *, session_id: int | None = None, progress: Progress = silent) -> list[Moved]:
    """Move what is in chunks back into rows, each as it was recorded, the newest first; what was moved.

    Raises:
        NotFound: there is no such session.
        Refused: the login lacks a right.
        IdempotencyConflict: somebody recorded another decision under the same request_id; that chunk stays.
    """
    done = []
    with changing(settings) as (connection, _):
        _refuse_without_rights(connection)
        _known(connection, session_id)
        for found in ask(connection, "packed", Moved, values=[session_id]):
            moved = Moved(found.session_id, 0, 0)
            for decisions in _unpacked(connection, found.session_id):
                moved = moved._replace(decisions=moved.decisions + decisions, chunks=moved.chunks + 1)
                progress(f"session {found.session_id}", moved.decisions, found.decisions)
            done.append(moved)
    return done


def unpack_session(connection: Connection, session_id: int) -> None:
    """Move a session's decisions back into rows, also those of one that is being purged."""
    for _ in _unpacked(connection, session_id, also_purged=True):
        pass


def unpack_around(connection: Connection, moment: datetime) -> None:
    """Move those chunks back into rows that begin before the moment and end at it or later."""
    chunks = "SELECT id FROM decision_chunks WHERE first_time < %(at)s AND last_time >= %(at)s ORDER BY id"
    for (chunk,) in connection.execute(chunks, {"at": moment}).fetchall():
        connection.execute("SELECT unpack_decisions(%s)", [chunk])


def count_packed(connection: Connection, *, before: datetime) -> int:
    """How many decisions from before the moment are in chunks."""
    count = (
        "SELECT coalesce(sum(CASE WHEN c.last_time < %(before)s THEN c.decisions ELSE"
        " (SELECT count(*) FROM unnest(c.packed) AS u WHERE u.timestamp < %(before)s) END), 0)::bigint"
        " FROM decision_chunks AS c WHERE c.first_time < %(before)s"
    )
    return cast("int", connection.execute(count, {"before": before}).fetchall()[0][0])


def remove_packed(connection: Connection, *, before: datetime, batch: int = 100) -> Iterator[int]:
    """Remove chunks that end before the moment, so many in a transaction; the decisions of each of these."""
    delete = (
        "WITH removed AS (DELETE FROM decision_chunks WHERE id = any(ARRAY("
        "SELECT id FROM decision_chunks WHERE last_time < %s LIMIT %s)) RETURNING decisions)"
        " SELECT coalesce(sum(decisions), 0)::bigint FROM removed"
    )
    while removed := cast("int", connection.execute(delete, [before, batch]).fetchall()[0][0]):
        yield removed


def announce(settings: Settings, message: str, found: list[Moved]) -> tuple[str, ...]:
    """Record a MAINTENANCE event with what is about to be moved; notes about what could not be recorded.

    Raises:
        Refused: the login may not move them; nothing is recorded.
    """
    with changing(settings) as (connection, _):
        _refuse_without_rights(connection)
    details = {"sessions": [one.session_id for one in found], "decisions": sum(one.decisions for one in found)}
    return record(settings, EventType.MAINTENANCE, message, details)


def _refuse_without_rights(connection: Connection) -> None:
    for table in (DECISIONS, CHUNKS):
        row = connection.execute("SELECT has_table_privilege(%s, 'DELETE')", [f"public.{table}"]).fetchone()
        if row != (True,):
            login = connection.info.user
            raise Refused(f"{login} may not delete {table}: only a member of {OWNER} compacts; nothing was changed")


def _unpacked(connection: Connection, session_id: int, *, also_purged: bool = False) -> Iterator[int]:
    chunks = "SELECT id FROM decision_chunks WHERE session_id = %s ORDER BY last_time DESC, id DESC"
    for (chunk,) in connection.execute(chunks, [session_id]).fetchall():
        [(decisions,)] = connection.execute("SELECT unpack_decisions(%s, %s)", [chunk, also_purged]).fetchall()
        if decisions:
            yield cast("int", decisions)


def _known(connection: Connection, session_id: int | None) -> None:
    if session_id is not None:
        exists = connection.execute("SELECT FROM trading_sessions WHERE id = %s", [session_id]).fetchone()
        if exists is None:
            raise NotFound(f"session {session_id} does not exist")
