from __future__ import annotations

from collections.abc import Callable, Iterator

import psycopg
import pytest

from atb_db import Database
from atb_db.repository import events
from atb_db.statement import Statement

Messages = Callable[[], list[str]]


def note(session_id: int, message: str) -> Statement[int]:
    """A small write."""
    return events.log_event(session_id=session_id, event_type="TEST", message=message)


@pytest.fixture
def messages(db: Database, session_id: int) -> Messages:
    """The messages of the session's events that are committed, oldest first."""

    def read() -> list[str]:
        found = db.run(events.get_recent_events(session_id=session_id, limit=10**6))
        return [event.message for event in found[::-1] if not event.message.startswith("Session started")]

    return read


def wait_until_blocking(url: str, pid: int) -> None:
    """Until somebody waits for a lock that the backend holds."""
    with psycopg.connect(url, autocommit=True) as connection:
        waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND %s = ANY (pg_blocking_pids(pid))"
        while connection.execute(waiting, [pid]).fetchone() == (0,):
            pass


@pytest.fixture
def other(url: str) -> Iterator[psycopg.Connection]:
    """Somebody else's connection to the shared database."""
    with psycopg.connect(url, autocommit=True) as connection:
        yield connection
