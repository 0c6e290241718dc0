"""The parameters of a declaration, read from its signature: types, defaults, and what makes values exact."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from enum import Enum
from typing import Final, NamedTuple, get_args, get_origin, get_type_hints
from uuid import UUID

from atb_db.columns import ColumnOf
from atb_db.documents import to_json
from atb_db.given_rows import to_rows
from atb_db.rows import UnsupportedAnnotationError, is_row_type, without_none
from atb_db.types import NEW, NOW, UNSET, Json, Number, Span, Unset
from atb_db.values import Coerce, to_bool, to_decimal, to_int, to_label, to_span, to_text, to_time, to_uuid

MISSING: Final = inspect.Parameter.empty
"""The default of a parameter that has none."""

_COERCIONS: Final[dict[object, Coerce]] = {
    Number: to_decimal,
    Span: to_span,
    Json: to_json,
    int: to_int,
    bool: to_bool,
    str: to_text,
    datetime: to_time,
    UUID: to_uuid,
}


class Parameter(NamedTuple):
    """A parameter of a declaration."""

    name: str
    type: object
    """The annotation without None and Unset; an Enum class for an enum with its labels, a NamedTuple for a sequence."""
    optional: bool
    default: object
    coerce: Coerce

    @property
    def required(self) -> bool:
        """Whether it has no default."""
        return self.default is MISSING

    @property
    def is_number(self) -> bool:
        """Whether its values are exact numbers, which have more than one text."""
        return self.coerce in {to_decimal, to_span}


class _Text(str):
    """An annotation that signatures show without quotes."""

    __slots__ = ()
    __repr__ = str.__str__


def read_parameters(signature: inspect.Signature, hints: Mapping[str, object]) -> tuple[Parameter, ...]:
    """The parameters of a signature whose annotations are evaluated in `hints`.

    Raises:
        UnsupportedAnnotationError: one is not keyword-only, or has a type that no parameter can have.
    """
    return tuple(_parameter(parameter, hints.get(parameter.name)) for parameter in signature.parameters.values())


def shown_signature(signature: inspect.Signature, made: str) -> inspect.Signature:
    """The signature as it is shown to people, of something that makes a `made` of what the function returns."""
    parameters = [
        parameter.replace(annotation=_Text(_formatted(parameter.annotation)))
        for parameter in signature.parameters.values()
    ]
    return signature.replace(
        parameters=parameters, return_annotation=_Text(f"{made}[{_formatted(signature.return_annotation)}]")
    )


def _formatted(annotation: object) -> str:
    return annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)


def _parameter(parameter: inspect.Parameter, annotation: object) -> Parameter:
    if parameter.kind is not inspect.Parameter.KEYWORD_ONLY:
        raise UnsupportedAnnotationError(f"{parameter.name} must be keyword-only")
    kind, optional, coerce = _coercion(parameter.name, annotation)
    default = parameter.default
    if default not in (MISSING, None, UNSET) and default is not NEW and default is not NOW:
        default = coerce(parameter.name, default)
    return Parameter(parameter.name, kind, optional, default, coerce)


def _coercion(name: str, annotation: object) -> tuple[object, bool, Coerce]:
    """The annotation without None and Unset, whether it had None, and what makes such values exact."""
    inner, optional = without_none(annotation)
    members = get_args(inner)
    if Unset in members:
        inner, _ = without_none(_union(member for member in members if member is not Unset))
    if get_origin(inner) is Sequence and is_row_type(row := members[0]):
        return row, optional, to_rows(row, [_field(field, hint) for field, hint in get_type_hints(row).items()])
    enum = next(
        (member for member in (inner, *get_args(inner)) if isinstance(member, type) and issubclass(member, Enum)), None
    )
    coerce = to_label(enum) if enum is not None else _COERCIONS.get(inner)
    if coerce is None:
        raise UnsupportedAnnotationError(f"{name}: {annotation} is not a type that a parameter can have")
    return (enum if enum is not None else inner), optional, coerce


def _field(name: str, hint: object) -> ColumnOf:
    kind, optional, coerce = _coercion(name, hint)
    return ColumnOf.of(name, kind, optional=optional, coerce=coerce)


def _union(members: Iterable[object]) -> object:
    union: object = None
    for member in members:
        union = member if union is None else union | member  # type: ignore[operator]  # types, which know |
    return union
