"""Statements as the journal keeps them: the declaration's name, the names of the given arguments, and every value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import Enum
from functools import cache
from typing import Final

from atb_db.documents import JsonText, to_json
from atb_db.errors import InvalidInput, StatementError
from atb_db.parameters import Parameter
from atb_db.repository import statements
from atb_db.statement import Declared, Kind, Statement, declaration_of
from atb_db.types import NEW, NOW, UNSET, JsonValue
from atb_db.values import to_time

OF_THE_MOMENT: Final = frozenset(
    {
        "predictions.get_prediction",
        "sessions.release_hold",
        "sessions.renew_hold",
        "sessions.resume_or_create",
    }
)
"""Commands that are about the moment they are run in: late, they would answer nobody, or hold for the dead."""


def check_journalable(statement: Statement[object]) -> None:
    """Refuse what cannot be applied later.

    Raises:
        StatementError: it is no command that may be repeated, is about this very moment, or is not of the repository.
        TypeError: it is not a statement.
    """
    declaration = declaration_of(statement)
    if declaration.kind is not Kind.COMMAND:
        raise StatementError(
            f"is a {declaration.kind.value}, and only commands are journaled", statement=statement.name
        )
    if statement.name in OF_THE_MOMENT:
        raise StatementError("is about this moment, and cannot be applied later", statement=statement.name)
    if _declarations().get(statement.name) is not declaration:
        raise StatementError("is not of the repository, so no journal could find it again", statement=statement.name)


def stored_values(statement: Statement[object]) -> Mapping[str, object]:
    """The values in the types that JSON has, exactly; UNSET ones are left out."""
    return {name: _stored(value) for name, value in statement.args.items() if value is not UNSET}


def restored(name: str, given: Sequence[object], values: Mapping[str, JsonValue]) -> Statement[object]:
    """The same value again, also in a later version whose declaration has more parameters.

    Raises:
        StatementError: this version has no such statement, or it has other parameters.
        InvalidInput: a value is none that the parameter can have.
    """
    declaration = _declarations().get(name)
    if declaration is None:
        raise StatementError("is no statement of this version of atb_db", statement=name)
    known = {parameter.name for parameter in declaration.parameters}
    if unknown := sorted((values.keys() | set(given)) - known, key=str):
        raise StatementError(f"has no parameter {unknown[0]} in this version of atb_db", statement=name)
    try:
        found = tuple(
            _restored(parameter, values[parameter.name]) if parameter.name in values else _default(parameter)
            for parameter in declaration.parameters
        )
    except (InvalidInput, StatementError) as error:
        error.statement = name
        raise
    return Statement(declaration, found, tuple(str(one) for one in given))


@cache
def _declarations() -> Mapping[str, Declared[object]]:
    return {declaration.name: declaration for declaration in statements()}


def _stored(value: object) -> object:
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, Enum):
        return value.value
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _restored(parameter: Parameter, value: JsonValue) -> object:
    if value is None and parameter.optional:
        return None
    if isinstance(value, str):
        if parameter.coerce is to_json:
            return JsonText(value)
        if parameter.coerce is to_time:
            try:
                return to_time(parameter.name, datetime.fromisoformat(value))
            except ValueError:
                raise InvalidInput("is no moment in time", field=parameter.name) from None
    return parameter.coerce(parameter.name, value)


def _default(parameter: Parameter) -> object:
    if parameter.required or parameter.default is NEW or parameter.default is NOW:
        raise StatementError(f"needs {parameter.name} in this version of atb_db, which the entry has not")
    return parameter.default
