"""Retries: which errors, after which pauses, how often; one decision for threads and tasks, and all of its numbers."""

from __future__ import annotations

import logging
from collections.abc import Callable
from random import random
from time import monotonic
from typing import Final, NamedTuple
from uuid import UUID

from atb_db.errors import (
    AtbDbError,
    NotRepeatable,
    OutcomeUnknown,
    PoolExhausted,
    ResourceFull,
    SerializationRetry,
    Timeout,
    Unavailable,
)
from atb_db.statement import Statement

log: Final = logging.getLogger("atb_db")

_DOUBLINGS: Final = 10


class Pauses(NamedTuple):
    """Seconds between attempts: `first`, and twice as many after each further failure, up to `longest`."""

    first: float
    longest: float

    def after(self, failures: int) -> float:
        """The pause after that many failures in a row, at least 1."""
        return min(self.longest, self.first * (1 << min(failures - 1, _DOUBLINGS)))


CALLS: Final = Pauses(0.02, 0.5)
"""Of a statement or transaction; each is multiplied by a random number from 0 to 1."""
COLLISIONS: Final = 5
"""Serialization failures and deadlocks after which a call gives up."""
CONNECTING: Final = 0.5
"""Seconds between the pool's attempts to connect while the server cannot be reached."""
REPLICA: Final = 2.0
"""Seconds for which a replica that failed is left alone."""
JOURNAL: Final = Pauses(0.5, 8.0)
"""Of a journal's next entry, while the database does not take it."""
MIGRATIONS: Final = Pauses(0.5, 5.0)
"""Of a migration, while a table that it changes is in use."""


class RetryEvent(NamedTuple):
    """An attempt failed and there will be another."""

    statement: str | None
    """None for a transaction as a whole."""
    request_id: UUID | None
    """That of the statement; the error may have one of a transaction's."""
    error: AtbDbError
    attempt: int
    """The one that failed; the first is 1."""
    pause: float
    """Seconds until the next."""
    elapsed: float
    """Seconds since the call began."""


OnRetry = Callable[[RetryEvent], object]


def pause_after(error: AtbDbError, *, attempt: int, left: float, jitter: float) -> float | None:
    """Seconds to wait before the next attempt, or None if there is to be none.

    A lost connection is worth as many attempts as the deadline allows, a collision of transactions five more, anything
    else none. The pause is `jitter`, a number from 0 to 1, times a bound that doubles with each attempt ("full jitter",
    Brooker, "Exponential Backoff And Jitter", 2015).
    """
    match error:
        case PoolExhausted() | NotRepeatable():
            return None
        case Unavailable() | OutcomeUnknown():
            pass
        case SerializationRetry() if attempt <= COLLISIONS:
            pass
        case _:
            return None
    pause = jitter * CALLS.after(attempt)
    return pause if pause < left else None


def is_disconnection(error: AtbDbError) -> bool:
    """Whether other connections of the pool are suspect, too."""
    return isinstance(error, (Unavailable, OutcomeUnknown, Timeout)) and not isinstance(error, PoolExhausted)


class Attempts:
    """The attempts of one call until its deadline."""

    __slots__ = ("_began", "_count", "_hook", "_reason", "_statement", "_unknown", "_until")

    def __init__(self, until: float, statement: Statement[object] | None = None, hook: OnRetry | None = None) -> None:
        self._until = until
        self._statement = statement
        self._hook = hook
        self._began = monotonic()
        self._count = 1
        self._unknown: OutcomeUnknown | None = None
        self._reason: AtbDbError | None = None

    def again(self, error: AtbDbError) -> float:
        """Seconds to wait before the next attempt.

        Raises:
            AtbDbError: the attempt's error, if there is to be no other. It is OutcomeUnknown when an earlier attempt
                may have written and this one does not say, and the earlier one's when only time ran out in this one.
        """
        now = monotonic()
        statement = self._statement
        request_id = None
        error.attempts = self._count
        if statement is not None:  # else the error may know which one of a transaction it was
            request_id = error.request_id = statement.request_id
        pause = pause_after(error, attempt=self._count, left=self._until - now, jitter=random())  # noqa: S311  no secret
        if pause is None:
            unknown = self._unknown
            if unknown is not None and isinstance(error, (Unavailable, Timeout, SerializationRetry, ResourceFull)):
                unknown.attempts = self._count
                raise unknown from error
            reason = self._reason
            if reason is not None and error.sqlstate is None and isinstance(error, (PoolExhausted, Timeout)):
                reason.attempts = self._count
                raise reason from error
            raise error
        self._reason = error
        if isinstance(error, OutcomeUnknown):
            self._unknown = error
        name = statement.name if statement is not None else None
        log.warning("%s: attempt %d failed, the next in %.3f s: %s", name or "transaction", self._count, pause, error)
        if self._hook is not None:
            self._hook(RetryEvent(name, request_id, error, self._count, pause, now - self._began))
        self._count += 1
        return pause


class Requests:
    """The request_ids of a transaction function: after a lost COMMIT, only the same ones may be sent again."""

    def __init__(self) -> None:
        self._sent: set[UUID] = set()
        self._known: frozenset[UUID] | None = None

    def send(self, statement: Statement[object]) -> None:
        """Note a statement.

        Raises:
            NotRepeatable: the transaction may be committed, and this request was not in it.
        """
        request_id = statement.request_id if statement.declaration.keyed else None
        if request_id is None:
            return
        if self._known is not None and request_id not in self._known:
            raise NotRepeatable(statement=statement.name, request_id=request_id)
        self._sent.add(request_id)

    def repeat(self, error: AtbDbError) -> None:
        """Prepare for another run of the function."""
        if isinstance(error, OutcomeUnknown) and self._known is None:
            self._known = frozenset(self._sent)
        self._sent.clear()
