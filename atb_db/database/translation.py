"""From psycopg's exceptions to ours: what a caller can do about it, and which statement and field it was."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Final

import psycopg

from atb_db.constraints import VIOLATIONS
from atb_db.database.connections import DeadlinePassed, Guarded
from atb_db.errors import (
    LONGEST_VALUE,
    AtbDbError,
    ConfigurationError,
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
    shortened,
)
from atb_db.statement import Declared, Kind, Statement

_BY_SQLSTATE: Final[dict[str, type[AtbDbError]]] = {
    "AT404": NotFound,
    "AT409": Conflict,
    "AT410": SessionClosed,
    "AT412": IdempotencyConflict,
    "AT422": InvalidInput,
    "AT423": SessionHeld,
    "2200H": ResourceFull,  # a sequence has no more numbers
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
    "3F": SchemaMismatch,
    "40": SerializationRetry,
    "42": SchemaMismatch,
    "53": ResourceFull,
    "57": Unavailable,
}

# The server names the parameter at fault by its number, or the column of a bulk load.
_PARAMETER: Final = re.compile(r"\$(\d+)")
_LINE: Final = re.compile(r"\b\d+\b")
_WORD: Final = re.compile(r"\w+")
_QUOTED: Final = re.compile(rf'"([^"]{{{LONGEST_VALUE}}})[^"]*"')
_NUMBER: Final = re.compile(rf"([\d.]{{{LONGEST_VALUE}}})[\d.]+")


# The server ended the connection: on demand, in a crash, after idling.
_ENDED: Final = frozenset({"57P01", "57P02", "57P05"})

DRIVER_ERRORS: Final = (psycopg.Error, UnicodeEncodeError)

# 54000 is a value that is too large for what stores it, or from these: ids have run out, or a table cannot grow.
_OUT_OF_NUMBERS: Final = frozenset({"GetNewTransactionId", "GetNewMultiXactId", "mdextend", "mdzeroextend"})

# A prepared statement is gone, or its name belongs to another client's: a pooler's doing, or DISCARD ALL.
_NOT_PREPARED: Final = frozenset({"26000", "42P05"})
_BROKEN_CHECK: Final = "23514"
# Table, column, function or type that a statement of ours names, and the database does not have.
_UNKNOWN_THINGS: Final = frozenset({"42P01", "42703", "42883", "42704", "3F000"})
# PostgreSQL's internal messages are the same in every language.
# What PgBouncer and RDS Proxy say to the settings that go with a connection; not the server, so in English.
_NO_SETTINGS: Final = ("unsupported startup parameter", "command-line options")
# libpq has no code of why it could not connect, only what the server said, in the server's language.
_NO_DATABASE: Final = re.compile(r'FATAL: +database ".*" does not exist$')
_DROPPED: Final = ("cache lookup failed", "could not open relation with OID")


@contextmanager
def translated(declaration: Declared[object] | None = None, *, writes: bool | None = None) -> Iterator[None]:
    """Raise psycopg's errors as ours.

    `writes` says whether a lost connection leaves open what was written; by default the declaration's kind does.
    psycopg's own error stays in `__context__` and out of the traceback: it may quote whole rows.
    """
    if writes is None:
        writes = declaration is not None and declaration.kind is not Kind.QUERY
    handled = sys.exception()
    try:
        yield
    except DRIVER_ERRORS as error:
        forward_interruption(error, handled)
        raise translation(error, declaration, writes=writes) from None


def forward_interruption(error: BaseException, handled: BaseException | None) -> None:
    """Raise the interruption in whose wake an error came: cleaning up after it may fail, and hides it.

    What the caller was handling already when the block began is past, and so is what has become a TimeoutError.
    """
    cause: BaseException | None = error
    while cause is not None and cause is not handled and not isinstance(cause, TimeoutError):
        if not isinstance(cause, Exception):
            raise cause from None
        cause = cause.__context__


def failure(connection: Guarded, error: Exception, statement: Statement[object] | None, *, writes: bool) -> AtbDbError:
    """Our error for psycopg's on a connection of the pool.

    The connection is closed if its server is no primary any more, or if what it has prepared is out of date.
    """
    ran = statement is not None and statement.declaration.sql in connection.prepared.ran
    stale = is_stale(error, ran=ran)
    if stale or isinstance(error, psycopg.errors.ReadOnlySqlTransaction):
        connection.abandon()
    declaration = statement.declaration if statement is not None else None
    ours = _stale(error, declaration) if stale else translation(error, declaration, writes=writes)
    if statement is not None:
        ours.request_id = statement.request_id
        if ours.sqlstate == _BROKEN_CHECK and ours.field is not None and ours.message.startswith("must be"):
            ours.message += f", not {_shown(statement.args.get(ours.field))}"
    return ours


def _shown(value: object) -> str:
    return f"{value:.20g}" if isinstance(value, Decimal) else shortened(value)


def is_stale(error: Exception, *, ran: bool = False) -> bool:
    """Whether an error says no more than that a prepared statement is out of date; nothing was run then.

    The server keeps a prepared statement's parameter and result types for as long as the connection lives. After a
    migration they may be wrong, and how that shows depends on what was changed: so if the statement `ran` on the same
    connection before, an error about the schema is taken for one about the preparation. On another connection, where
    the statement has not run yet, the same error is the schema's.
    """
    if not isinstance(error, psycopg.Error):
        return False
    state, diag = error.sqlstate or "", error.diag
    if state in _NOT_PREPARED or (state == "0A000" and diag.source_function == "RevalidateCachedQuery"):
        return True
    if state == "XX000":
        return ran and (diag.message_primary or "").startswith(_DROPPED)
    return ran and _BY_SQLSTATE.get(state, _BY_CLASS.get(state[:2])) is SchemaMismatch


def _stale(error: Exception, declaration: Declared[object] | None) -> AtbDbError:
    name = declaration.name if declaration is not None else None
    state = error.sqlstate if isinstance(error, psycopg.Error) else None
    hint = "; if this goes on, is a pooler between? DATABASE_PGBOUNCER=1" if state in _NOT_PREPARED else ""
    return Unavailable(f"what the connection had prepared is out of date{hint}", statement=name, sqlstate=state)


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
    ours = _translation(error, declaration, writes=writes)
    if declaration is not None and declaration.kind is Kind.COPY and isinstance(error, psycopg.Error):
        ours.row = _row(error.diag.context)
    return ours


def _translation(error: Exception, declaration: Declared[object] | None, *, writes: bool) -> AtbDbError:
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
    message = _NUMBER.sub(r"\1…", _QUOTED.sub(r'"\1…"', diag.message_primary or ""))
    if state[:2] == "23" and constraint in VIOLATIONS:
        kind, meant, sentence = VIOLATIONS[constraint]
        if kind is IdempotencyConflict and declaration is not None and declaration.kind is Kind.COPY:
            sentence = "a row with this request_id is there already; nothing was loaded"
        return kind(sentence, statement=name, field=meant or field, constraint=constraint, sqlstate=state)
    if state == "23502":
        return InvalidInput("must not be NULL", statement=name, field=field, sqlstate=state)
    kind = _BY_SQLSTATE.get(state) or _BY_CLASS.get(state[:2]) or AtbDbError
    if state in _UNKNOWN_THINGS and declaration is not None:
        message += "; is the schema up to date? atb-db migrate"
    if state == "54000" and diag.source_function in _OUT_OF_NUMBERS:
        kind = ResourceFull
    return kind(message, statement=name, field=field, constraint=constraint, sqlstate=state)


def _lost(error: psycopg.Error, name: str | None, *, writes: bool) -> AtbDbError:
    message = str(error).strip().splitlines()[0] if str(error).strip() else "the connection was lost"
    if isinstance(error, psycopg.DataError):
        return InvalidInput(message, statement=name)
    if any(refusal in str(error) for refusal in _NO_SETTINGS):
        return ConfigurationError(f"a pooler is between: set DATABASE_PGBOUNCER=1 ({message})", statement=name)
    if _NO_DATABASE.search(message):
        message += "; create it first: CREATE DATABASE"
    if isinstance(error, (psycopg.OperationalError, psycopg.InterfaceError)):
        kind = OutcomeUnknown if writes else Unavailable
        return kind(message, statement=name, sqlstate=error.sqlstate)
    return StatementError(message, statement=name)


def _row(context: str | None) -> int | None:
    """The row of a bulk load; whatever the server's language, its number is the first one where COPY is named."""
    for line in (context or "").splitlines():
        number = _LINE.search(line.partition(":")[0]) if "COPY" in line and "PL/pgSQL" not in line else None
        if number:
            return int(number[0])
    return None


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
