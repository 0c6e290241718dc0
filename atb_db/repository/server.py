"""The state of the server, for `Database.health()` and the choice of a replica."""

from __future__ import annotations

from typing import NamedTuple

from atb_db.statement import query


class ServerState(NamedTuple):
    """The state of a server."""

    is_primary: bool
    """Whether it is no replica."""
    is_writable: bool
    """False on a replica, and where something made the session read-only."""
    log_position: int
    """Bytes of write-ahead log that were written here, or on a replica replayed, since the cluster began."""


@query
def get_server_state() -> ServerState:
    """Whether the server is a primary, whether it accepts writes, and how far its log has come."""
    ...
