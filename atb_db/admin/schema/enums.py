"""The code's enums beside the schema's: one name, the same labels in the same order."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Mapping
from enum import Enum
from typing import TypeGuard

from atb_db import types
from atb_db.admin.findings import Finding, Level
from atb_db.admin.quoting import literal
from atb_db.admin.schema.catalog import Catalog


def is_enum(declared: object) -> TypeGuard[type[Enum]]:
    """Whether a declared type is one of the code's enums."""
    return isinstance(declared, type) and issubclass(declared, Enum)


def schema_name(kind: type[Enum]) -> str:
    """The schema's name for an enum of the code: `TradeSource` is `trade_source`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", kind.__name__).lower()


def labels_of(kind: type[Enum]) -> tuple[str, ...]:
    """Its labels in order, as the schema must have them."""
    return tuple(str(member.value) for member in kind)


def code_enums() -> Mapping[str, tuple[str, ...]]:
    """The labels of each enum of the code that stands for one of the schema, by the schema's name for it."""
    classes = (kind for _, kind in inspect.getmembers(types, is_enum))
    return {
        schema_name(kind): labels_of(kind)
        for kind in classes
        if kind is not types.Unset and kind.__module__ == types.__name__
    }


def enum_findings(actual: Catalog) -> Iterator[Finding]:
    """Where the code's enums have other labels than the database's, or another order; both must be there."""
    code = code_enums()
    for entry in actual:
        if entry.kind == "enum" and entry.name in code:
            labels = ", ".join(literal(label) for label in code[entry.name])
            if labels != entry.definition:
                repair = "install the version of atb-db that belongs to this schema"
                yield Finding("Python enum", entry.name, "different", entry.definition, labels, Level.ERROR, repair)
