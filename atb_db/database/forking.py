"""A forked process shares no connection with its parent: the child's are cut off before any of its code runs."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar, cast
from weakref import WeakKeyDictionary, WeakSet

import psycopg
from psycopg.pq import ConnStatus

T = TypeVar("T")
Forked = psycopg.Connection[tuple[object, ...]] | psycopg.AsyncConnection[tuple[object, ...]]


_connections: WeakSet[Forked] = WeakSet()
_renewals: WeakKeyDictionary[object, Callable[[object], object]] = WeakKeyDictionary()


def cut_in_children(connection: Forked) -> None:
    """Close this connection in every child, without a word to the server."""
    _connections.add(connection)


def renew_in_children(owner: T, renew: Callable[[T], object]) -> None:
    """Call this in every child with the owner, which forgets its parent's connections, threads and held locks."""
    _renewals[owner] = cast("Callable[[object], object]", renew)


def _begin_child() -> None:
    nowhere = os.open(os.devnull, os.O_RDWR)
    for connection in _connections:
        pgconn = connection.pgconn
        # Whatever libpq still says to its socket is not heard, and the number is not another socket's.
        with suppress(psycopg.Error, OSError):
            if pgconn.status == ConnStatus.OK:
                os.dup2(nowhere, pgconn.socket, inheritable=False)
                if not connection.lock.locked():  # else a thread of the parent may be in the middle of libpq
                    pgconn.finish()
    os.close(nowhere)
    for owner, renew in _renewals.items():
        renew(owner)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_child)
