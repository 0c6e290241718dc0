"""The errors: one class for each thing that a caller can do about one."""

from __future__ import annotations

from typing import Final
from uuid import UUID

LONGEST_VALUE: Final = 80


def shortened(value: object) -> str:
    """`repr` of the value for an error message, at most 80 characters."""
    try:
        text = repr(value)
    except ValueError:  # it has a whole number of more digits than Python writes
        text = f"<{type(value).__name__}>"
    return text if len(text) <= LONGEST_VALUE else text[: LONGEST_VALUE - 1] + "…"


class AtbDbError(Exception):
    """The database layer failed.

    Attributes:
        statement: Name of the statement that failed, such as ``positions.close_position``.
        field: Name of the parameter that caused it, if one did.
        constraint: Name of the violated constraint, if one was.
        sqlstate: PostgreSQL's five-character code, if the server answered.
        request_id: The id under which the command is recorded once, if it has one.
        row: Number of the row that caused it, from 1, in a bulk load.
        attempts: How often it was tried before the error was raised.
    """

    retryable: bool = False
    attempts: int = 1
    row: int | None = None

    def __init__(
        self,
        message: str | None = None,
        *,
        statement: str | None = None,
        field: str | None = None,
        constraint: str | None = None,
        sqlstate: str | None = None,
        request_id: UUID | None = None,
    ) -> None:
        self.message = message or (type(self).__doc__ or "").splitlines()[0]
        self.statement = statement
        self.field = field
        self.constraint = constraint
        self.sqlstate = sqlstate
        self.request_id = request_id
        super().__init__(self.message)

    def __str__(self) -> str:
        where = f"{self.statement}: " if self.statement else ""
        row = f"row {self.row}: " if self.row is not None else ""
        about = f"{self.field}: " if self.field else ""
        code = f" [{self.sqlstate}]" if self.sqlstate else ""
        often = f" (after {self.attempts} attempts)" if self.attempts > 1 else ""
        return f"{where}{row}{about}{self.message}{code}{often}"


class InvalidInput(AtbDbError, ValueError):
    """A value cannot be stored; nothing was written. Retrying does not help."""


class NotFound(AtbDbError, LookupError):
    """The row does not exist."""


class Conflict(AtbDbError):
    """The stored data contradicts the request; nothing was changed."""


class IdempotencyConflict(Conflict):
    """The request_id was already used with other content."""


class SessionClosed(Conflict):
    """The trading session has ended and takes no more entries."""


class SessionHeld(Conflict):
    """Another engine holds the trading session; the message names it."""


class Halted(Conflict):
    """A control flag forbids it; the message names the flag, who raised it and why."""


class TransactionAborted(AtbDbError):
    """An earlier statement of the transaction failed; the transaction can only be rolled back."""


class SerializationRetry(AtbDbError):
    """Concurrent transactions collided and this one was rolled back; run it again."""

    retryable = True


class Unavailable(AtbDbError):
    """The database cannot be reached; nothing was written, and a later attempt may succeed."""

    retryable = True


class PoolExhausted(Unavailable):
    """Every connection of the pool is in use, and waiting for one took too long or the queue is full."""


class OutcomeUnknown(AtbDbError):
    """The request was sent and its answer was lost; run the same value again, it writes nothing twice."""

    retryable = True


class NotRepeatable(OutcomeUnknown):
    """The answer to a COMMIT was lost, and the function would make other requests if it ran again: check the data."""

    retryable = False


class Timeout(AtbDbError):
    """No answer came in time, or the server gave up waiting for a lock; nothing was changed."""


class ResourceFull(AtbDbError):
    """The server is out of disk space, memory, or numbers to give; an operator must act."""


class PermissionDenied(AtbDbError):
    """The role lacks the privilege."""


class SchemaMismatch(AtbDbError):
    """The database's schema is not the one that this version needs; run `atb-db verify`."""


class StatementError(AtbDbError):
    """A statement's declaration and its SQL file do not match, or the statement is used in the wrong place."""


class ConfigurationError(AtbDbError):
    """A setting is missing or invalid."""


class JournalHeld(AtbDbError):
    """Another process, or another Journal in this process, has the journal open."""


class JournalUnusable(AtbDbError):
    """The journal's file cannot be read or written, or is not a journal; nothing was recorded."""
