"""Recomputing the sums by hour and day that are kept beside the rows of a session, in bounded steps."""

from __future__ import annotations

from typing import Final, NamedTuple, cast

from atb_db.admin.connection import Connection, changing, perform
from atb_db.admin.progress import Progress, silent
from atb_db.config import Settings
from atb_db.errors import NotFound
from atb_db.repository.audit import get_session_ids

STEP: Final = 100_000
"""Snapshots, trades or orders that are read in one transaction."""


class Rebuilt(NamedTuple):
    """Sums of one session that were computed again."""

    session_id: int
    discarded: int
    """Rows that were kept of it before; 0 where only missing ones were added."""
    rows: int
    """Snapshots, trades and orders that were added."""


def rebuild(
    settings: Settings,
    *,
    session_id: int | None = None,
    only_missing: bool = False,
    step: int = STEP,
    progress: Progress = silent,
) -> list[Rebuilt]:
    """Compute the sums of equity, trades and orders by hour and day again: of all sessions, or of one.

    Each step is a transaction of its own, for which the session's writers wait. No figure is wrong meanwhile, or after
    a run that was killed: days without sums are read row by row, and the next run with `only_missing` goes on.

    Raises:
        NotFound: there is no such session.
        Timeout: somebody else held a session's lock for longer than `settings.lock_timeout`.
    """
    done = []
    with changing(settings) as (connection, _):
        known = perform(connection, get_session_ids())
        if session_id is not None and session_id not in known:
            raise NotFound(f"session {session_id} does not exist")
        for number in sorted(known) if session_id is None else [session_id]:
            discarded = 0 if only_missing else _discard(connection, number)
            rows = 0
            while added := _roll_up(connection, number, step):
                rows += added
                progress(f"session {number}", rows, None)
            done.append(Rebuilt(number, discarded, rows))
    return done


def _discard(connection: Connection, session_id: int) -> int:
    [(rows,)] = connection.execute("SELECT discard_rollups(%s)", [session_id]).fetchall()
    return cast("int", rows)


def _roll_up(connection: Connection, session_id: int, step: int) -> int:
    """How many rows one step added; 0 = nothing is missing."""
    [(rows,)] = connection.execute("SELECT roll_up(%s, %s)", [session_id, step]).fetchall()
    return cast("int", rows)
