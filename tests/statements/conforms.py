"""Whether a result is what its annotation says, checked value by value."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from datetime import datetime, timedelta
from types import UnionType
from typing import Union, get_args, get_origin, get_type_hints

from atb_db.rows import is_row_type, without_none
from atb_db.statement import Declaration, Statement
from atb_db.types import Json


def differences(statement: Statement[object], result: object) -> list[str]:
    """Every place where the result is not what the statement declares; empty when there is none."""
    assert isinstance(statement.declaration, Declaration)
    annotation = get_type_hints(inspect.unwrap(statement.declaration))["return"]
    return list(_differences(result, annotation, "result"))


def _differences(value: object, annotation: object, where: str) -> Iterator[str]:
    inner, optional = without_none(annotation)
    if get_origin(inner) in {Union, UnionType} and set(get_args(inner)) != set(get_args(Json)):
        inner = get_args(inner)[0]  # of `SomeEnum | str`: with this version's schema every label is known
    container = get_origin(inner)
    if (value is None and optional) or (inner == Json and isinstance(value, (dict, list))):
        return
    if type(value) is not (container or inner):
        yield f"{where} is {value!r}, which is no {inner}"
    elif container is list or container is tuple:
        for item in value:  # type: ignore[attr-defined]  # its type was just compared
            yield from _differences(item, get_args(inner)[0], f"{where}[]")
    elif is_row_type(inner):
        for (name, hint), item in zip(get_type_hints(inner).items(), value, strict=True):  # type: ignore[call-overload]
            yield from _differences(item, hint, f"{where}.{name}")
    elif isinstance(value, datetime) and value.utcoffset() != timedelta(0):
        yield f"{where} is not in UTC"
