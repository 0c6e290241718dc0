"""From psycopg's exceptions to ours: what a caller can do about it, and which statement and field it was."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import psycopg
from psycopg_pool import PoolTimeout

from atb_db.constraints import VIOLATIONS
from atb_db.errors import (
    LONGEST_VALUE,
    AtbDbError,
    Conflict,
    IdempotencyConflict,
    InvalidInput,
    NotFound,
    OutcomeUnknown,
    PermissionDenied,
    ResourceFull,
    SchemaMismatch,
    SerializationRetry,
    SessionClosed,
    StatementError,
    Timeout,
    TransactionAborted,
    Unavailable,
)
from atb_db.statement import Declared, Kind

_BY_SQLSTATE: Final[dict[str, type[AtbDbError]]] = {
    "AT404": NotFound,
    "AT409": Conflict,
    "AT410": SessionClosed,
    "AT412": IdempotencyConflict,
    "AT422": InvalidInput,
    "25006": Unavailable,
    "25P02": TransactionAborted,
    "42501": PermissionDenied,
    "55P03": Timeout,
    "57014": Timeout,
    "25P03": Timeout,
}
_BY_CLASS: Final[dict[str, type[AtbDbError]]] = {
    "08": Unavailable,
    "22": InvalidInput,
    "23": Conflict,
    "40": SerializationRetry,
    "42": SchemaMismatch,
    "53": ResourceFull,
    "57": Unavailable,
}

# The server names the parameter at fault by its number, or the column of a bulk load.
_PARAMETER: Final = re.compile(r"\$(\d+)")
_COPY_COLUMN: Final = re.compile(r"\bcolumn (\w+)")
_QUOTED: Final = re.compile(rf'"([^"]{{{LONGEST_VALUE}}})[^"]*"')


@contextmanager
def translated(declaration: Declared[object] | None = None) -> Iterator[None]:
    """Raise psycopg's errors as ours.

    psycopg's own stays in `__context__` and out of the traceback: it may quote whole rows.
    """
    try:
        yield
    except (psycopg.Error, UnicodeEncodeError) as error:
        raise translation(error, declaration) from None


def translation(error: Exception, declaration: Declared[object] | None = None) -> AtbDbError:
    """Our error for psycopg's."""
    name = declaration.name if declaration else None
    if not isinstance(error, psycopg.Error):
        return InvalidInput("contains text that is not UTF-8", statement=name)
    if isinstance(error, PoolTimeout):
        return Unavailable(f"no connection was to be had: {error}", statement=name)
    state = error.sqlstate
    if state is None:
        return _without_sqlstate(error, declaration)
    diag = error.diag
    field = diag.column_name or _field(diag.context, declaration)
    constraint = diag.constraint_name
    message = _QUOTED.sub(r'"\1…"', diag.message_primary or "")
    if state[:2] == "23" and constraint in VIOLATIONS:
        kind, meant, sentence = VIOLATIONS[constraint]
        return kind(sentence, statement=name, field=meant or field, constraint=constraint, sqlstate=state)
    if state == "23502":
        return InvalidInput("must not be NULL", statement=name, field=field, sqlstate=state)
    kind = _BY_SQLSTATE.get(state) or _BY_CLASS.get(state[:2]) or AtbDbError
    return kind(message, statement=name, field=field, constraint=constraint, sqlstate=state)


def _without_sqlstate(error: psycopg.Error, declaration: Declared[object] | None) -> AtbDbError:
    name = declaration.name if declaration else None
    message = str(error).strip().splitlines()[0] if str(error).strip() else "the connection was lost"
    if isinstance(error, psycopg.DataError):
        return InvalidInput(message, statement=name)
    if isinstance(error, (psycopg.OperationalError, psycopg.InterfaceError)):
        sent = declaration is not None and declaration.kind is not Kind.QUERY
        return OutcomeUnknown(message, statement=name) if sent else Unavailable(message, statement=name)
    return StatementError(message, statement=name)


def _field(context: str | None, declaration: Declared[object] | None) -> str | None:
    if not context or declaration is None:
        return None
    if declaration.kind is Kind.COPY:
        column = _COPY_COLUMN.search(context)
        return column[1] if column else None
    # Inside a function, $n counts the function's own parameters.
    number = None if "PL/pgSQL" in context else _PARAMETER.search(context)
    return declaration.order[int(number[1]) - 1] if number else None
