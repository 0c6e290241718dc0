"""From psycopg's exceptions to ours: what a caller can do about it, and which statement and field it was."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import psycopg

from atb_db.constraints import VIOLATIONS
from atb_db.database.connections import DeadlinePassed, Guarded
from atb_db.errors import (
    LONGEST_VALUE,
    AtbDbError,
    Conflict,
    Halted,
    IdempotencyConflict,
    InvalidInput,
    NotFound,
    OutcomeUnknown,
    PermissionDenied,
    ResourceFull,
    SchemaMismatch,
    SerializationRetry,
    SessionClosed,
    SessionHeld,
    StatementError,
    Timeout,
    TransactionAborted,
    Unavailable,
)
from atb_db.statement import Declared, Kind, Statement

_BY_SQLSTATE: Final[dict[str, type[AtbDbError]]] = {
    "AT404": NotFound,
    "AT409": Conflict,
    "AT410": SessionClosed,
    "AT412": IdempotencyConflict,
    "AT422": InvalidInput,
    "AT423": SessionHeld,
    "AT451": Halted,
    "25006": Unavailable,
    "25P02": TransactionAborted,
    "42501": PermissionDenied,
    "55P03": Timeout,
    "57014": Timeout,
    "25P03": Timeout,
    "40002": Conflict,
    "40003": OutcomeUnknown,
    "53300": Unavailable,
}
_BY_CLASS: Final[dict[str, type[AtbDbError]]] = {
    "22": InvalidInput,
    "23": Conflict,
    "40": SerializationRetry,
    "42": SchemaMismatch,
    "53": ResourceFull,
    "57": Unavailable,
}

# The server names the parameter at fault by its number, or the column of a bulk load.
_PARAMETER: Final = re.compile(r"\$(\d+)")
_WORD: Final = re.compile(r"\w+")
_QUOTED: Final = re.compile(rf'"([^"]{{{LONGEST_VALUE}}})[^"]*"')


# The server ended the connection: on demand, in a crash, after idling.
_ENDED: Final = frozenset({"57P01", "57P02", "57P05"})

DRIVER_ERRORS: Final = (psycopg.Error, UnicodeEncodeError)


@contextmanager
def translated(declaration: Declared[object] | None = None, *, writes: bool | None = None) -> Iterator[None]:
    """Raise psycopg's errors as ours.

    `writes` tells whether a lost connection leaves open what was written; by default the declaration's kind does.
    psycopg's own error stays in `__context__` and out of the traceback: it may quote whole rows.
    """
    if writes is None:
        writes = declaration is not None and declaration.kind is not Kind.QUERY
    try:
        yield
    except DRIVER_ERRORS as error:
        forward_interrupt(error)
        raise translation(error, declaration, writes=writes) from None


def forward_interrupt(error: BaseException) -> None:
    """Raise the KeyboardInterrupt in whose wake an error came: cleaning up after Ctrl-C may fail, and hides it."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, KeyboardInterrupt):
            raise cause from None
        cause = cause.__context__


def failure(connection: Guarded, error: Exception, statement: Statement[object] | None, *, writes: bool) -> AtbDbError:
    """Our error for psycopg's on a connection of the pool, which is closed if its server is no primary any more."""
    if isinstance(error, psycopg.errors.ReadOnlySqlTransaction):
        connection.abandon()
    forward_interrupt(error)
    if statement is None:
        return translation(error, writes=writes)
    ours = translation(error, statement.declaration, writes=writes)
    ours.request_id = statement.request_id
    return ours


def check_replicated(connection: Guarded, name: str | None = None) -> None:
    """Refuse a COMMIT that the server answered without its standby.

    Raises:
        OutcomeUnknown: the wait for the synchronous standby was cancelled; a failover would lose what was written.
    """
    if connection.replication.waived:
        connection.replication.waived = False
        raise OutcomeUnknown("committed, but the wait for the standby was cancelled", statement=name)


def translation(error: Exception, declaration: Declared[object] | None = None, *, writes: bool = False) -> AtbDbError:
    """Our error for psycopg's."""
    name = declaration.name if declaration else None
    if not isinstance(error, psycopg.Error):
        return InvalidInput("contains text that is not UTF-8", statement=name)
    if isinstance(error, DeadlinePassed):
        return (OutcomeUnknown if writes else Timeout)(str(error), statement=name)
    state = error.sqlstate
    if state is None or state in _ENDED or state[:2] == "08":
        return _lost(error, name, writes=writes)
    diag = error.diag
    field = diag.column_name or _field(diag.context, declaration)
    constraint = diag.constraint_name
    message = _QUOTED.sub(r'"\1…"', diag.message_primary or "")
    if state[:2] == "23" and constraint in VIOLATIONS:
        kind, meant, sentence = VIOLATIONS[constraint]
        if kind is IdempotencyConflict and declaration is not None and declaration.kind is Kind.COPY:
            sentence = "a row with this request_id is there already; nothing was loaded"
        return kind(sentence, statement=name, field=meant or field, constraint=constraint, sqlstate=state)
    if state == "23502":
        return InvalidInput("must not be NULL", statement=name, field=field, sqlstate=state)
    kind = _BY_SQLSTATE.get(state) or _BY_CLASS.get(state[:2]) or AtbDbError
    return kind(message, statement=name, field=field, constraint=constraint, sqlstate=state)


def _lost(error: psycopg.Error, name: str | None, *, writes: bool) -> AtbDbError:
    message = str(error).strip().splitlines()[0] if str(error).strip() else "the connection was lost"
    if isinstance(error, psycopg.DataError):
        return InvalidInput(message, statement=name)
    if isinstance(error, (psycopg.OperationalError, psycopg.InterfaceError)):
        kind = OutcomeUnknown if writes else Unavailable
        return kind(message, statement=name, sqlstate=error.sqlstate)
    return StatementError(message, statement=name)


def _field(context: str | None, declaration: Declared[object] | None) -> str | None:
    if not context or declaration is None:
        return None
    if declaration.kind is Kind.COPY:
        # Whatever the server's language, the column's name is the last word before the colon and the value.
        words = _WORD.findall(context.partition(":")[0])
        return words[-1] if words and words[-1] in declaration.order else None
    # Inside a function, $n counts the function's own parameters.
    number = None if "PL/pgSQL" in context else _PARAMETER.search(context)
    return declaration.order[int(number[1]) - 1] if number else None
