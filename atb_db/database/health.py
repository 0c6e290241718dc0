"""Whether the database can be worked with, as a value."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from atb_db.database.observing import PoolStatistics
from atb_db.database.retry import is_disconnection
from atb_db.errors import AtbDbError
from atb_db.repository import control, server
from atb_db.repository.control import ControlFlag
from atb_db.repository.server import ServerState
from atb_db.statement import Statement

QUESTIONS: tuple[Statement[object], ...] = (server.get_server_state(), control.get_active_control_flags())


class JournalDepth(NamedTuple):
    """What a journal still has; see `atb_db.journal`."""

    waiting: int
    """Entries that are not applied yet."""
    set_aside: int
    """Entries that the server refused for good."""


class Health(NamedTuple):
    """The database at a moment; see `Database.health`."""

    reachable: bool
    """Whether the server answered."""
    writable: bool
    """Whether it takes writes."""
    reason: str | None
    """Why it is not reachable, or what else went wrong."""
    latency: float | None
    """Seconds that the round trip took."""
    replica_lag: float | None
    """Seconds that the replica may be behind, as last measured; None without one, or if that is not known."""
    control_flags: tuple[ControlFlag, ...] | None
    """The active ones; None if that is not known, which is not "none"."""
    pool: PoolStatistics
    journal: JournalDepth | None = None
    """Of the attached journal; None without one."""

    @property
    def ok(self) -> bool:
        """Whether writes can be expected to succeed; it says nothing about control flags."""
        return self.reachable and self.writable and self.reason is None


def healthy(
    answers: Sequence[object],
    latency: float,
    replica_lag: float | None,
    pool: PoolStatistics,
    journal: JournalDepth | None,
) -> Health:
    """The health according to the answers to `QUESTIONS`."""
    state, flags = answers
    assert isinstance(state, ServerState)  # noqa: S101  the questions' types
    assert isinstance(flags, list)  # noqa: S101
    return Health(
        reachable=True,
        writable=state.is_writable,
        reason=None,
        latency=latency,
        replica_lag=replica_lag,
        control_flags=tuple(flags),
        pool=pool,
        journal=journal,
    )


def unhealthy(
    error: AtbDbError, replica_lag: float | None, pool: PoolStatistics, journal: JournalDepth | None
) -> Health:
    """The health according to an error: a server that refuses a question is reachable, and no more is known."""
    return Health(
        reachable=error.statement is not None and not is_disconnection(error),
        writable=False,
        reason=str(error),
        latency=None,
        replica_lag=replica_lag,
        control_flags=None,
        pool=pool,
        journal=journal,
    )
