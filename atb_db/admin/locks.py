"""Locks that keep admin commands apart, and that nobody else can hold against them."""

from __future__ import annotations

from secrets import randbits
from typing import Final

from atb_db.admin.connection import Connection, ask

MIGRATIONS: Final = 0x6174625F6462
"""Key of the process that changes the schema: "atb_db"."""
COLLATIONS: Final = int.from_bytes(b"atb_coll")
"""Key of the process that rebuilds indexes."""
_LOW_BITS: Final = 32


def try_lock(connection: Connection, key: int, *, until_commit: bool = False) -> bool:
    """Hold a lock until the connection closes, or `until_commit`; whether that could be done.

    Every role can take any advisory lock. So what counts is whether a session of a role that may change the schema has
    one whose key has the same upper half: where somebody else has the key itself, any other lower half will do.
    """
    lock = "SELECT pg_try_advisory_xact_lock(%s::bigint)" if until_commit else "SELECT pg_try_advisory_lock(%s::bigint)"
    own = key
    while connection.execute(lock, [own]).fetchone() != (True,):
        if is_held(connection, key):
            return False
        own = key >> _LOW_BITS << _LOW_BITS | randbits(_LOW_BITS)
    if not is_held(connection, key):
        return True
    if not until_commit:
        connection.execute("SELECT pg_advisory_unlock(%s::bigint)", [own])
    return False


def is_held(connection: Connection, key: int) -> bool:
    """Whether another session holds the lock, of a role that may."""
    return bool(ask(connection, "lock_holders", values=[key]))
