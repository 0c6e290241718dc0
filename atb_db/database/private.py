"""Uses of psycopg's private parts; where a release does not have them, the public API is used."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Iterator, Mapping, MutableSequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from typing import Final, NamedTuple

import psycopg

NAMES: Final = "psycopg: Connection._prepared._names"
CONNECT_GEN: Final = "psycopg: Connection._connect_gen"
RECONNECT: Final = "psycopg_pool: AddConnection"
QUEUE: Final = "psycopg_pool: ConnectionPool._lock and ._waiting"


class Missing(NamedTuple):
    """A private part that the installed release does not have as we know it."""

    part: str
    without: str
    """The difference without it."""


def prepared_names(connection: object) -> Mapping[object, object]:
    """The names of what psycopg has prepared on the connection, by query and types; empty where they are not known.

    psycopg takes out what it deallocates, all of them after a ROLLBACK, and gives no name twice.
    """
    names = getattr(getattr(connection, "_prepared", None), "_names", None)
    return names if isinstance(names, Mapping) else {}


def lock_of(pool: object) -> AbstractContextManager[object] | None:
    """The lock under which a pool for threads changes its queue; None where it is not known."""
    lock = getattr(pool, "_lock", None)
    return lock if isinstance(lock, AbstractContextManager) else None


def async_lock_of(pool: object) -> AbstractAsyncContextManager[object] | None:
    """The same of a pool for tasks."""
    lock = getattr(pool, "_lock", None)
    return lock if isinstance(lock, AbstractAsyncContextManager) else None


def queue_of(pool: object) -> MutableSequence[object] | None:
    """The callers that wait for a connection; None where they are not known."""
    waiting = getattr(pool, "_waiting", None)
    return waiting if isinstance(waiting, deque) else None


def remove_late(waiting: MutableSequence[object]) -> None:
    """Forget who gave up: psycopg_pool counts them until a connection is given back."""
    for late in [one for one in waiting if getattr(one, "error", None)]:
        waiting.remove(late)


def is_unfinished(connection: object) -> bool:
    """Whether psycopg counts a transaction or pipeline on the connection; an interruption may have left one."""
    return bool(getattr(connection, "_num_transactions", 0)) or getattr(connection, "_pipeline", None) is not None


def is_of_pool(connection: object, pool: object) -> bool:
    """Whether this pool has lent the connection."""
    return getattr(connection, "_pool", pool) is pool


def leave_to_parent(pool: object) -> None:
    """In a forked child: keep a pool's end from waiting for threads that only its parent has."""
    vars(pool)["_closed"] = True


def connect_one_more(pool: object) -> None:
    """Connect again for a lost connection, as the pool does for a broken one; nothing where that is not known."""
    task = getattr(sys.modules[type(pool).__module__], "AddConnection", None)
    run_task = getattr(pool, "run_task", None)
    if task is not None and run_task is not None:
        run_task(task(pool))


def missing(connection: object) -> Iterator[Missing]:
    """What the installed releases of psycopg and psycopg_pool lack; the connection may be any of psycopg's."""
    if not isinstance(getattr(getattr(connection, "_prepared", None), "_names", None), Mapping):
        yield Missing(NAMES, "each call takes about 30 to 140 µs longer")
    if not hasattr(psycopg.Connection, "_connect_gen"):
        yield Missing(CONNECT_GEN, "open() without asyncio ends by connect_timeout, whole seconds and at least two")
    from psycopg_pool import ConnectionPool  # noqa: PLC0415  who asks for no pool loads none

    pool = ConnectionPool("", min_size=0, max_size=1, open=False)
    if not hasattr(pool, "run_task") or not hasattr(sys.modules[ConnectionPool.__module__], "AddConnection"):
        yield Missing(RECONNECT, "a connection that an interruption lost is missing until the database is opened again")
    if lock_of(pool) is None or queue_of(pool) is None:
        yield Missing(QUEUE, "during an outage who gave up waiting is still counted, up to DATABASE_POOL_WAITING")
