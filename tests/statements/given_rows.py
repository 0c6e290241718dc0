"""The rows that statements take as one argument."""

from __future__ import annotations

import inspect
from typing import get_type_hints

from atb_db.parameters import Parameter, read_parameters


def fields_of(row: type[tuple[object, ...]]) -> tuple[Parameter, ...]:
    """The fields of such rows, each as the parameter that it would be."""
    defaults: dict[str, object] = getattr(row, "_field_defaults", {})
    hints = get_type_hints(row)
    return read_parameters(
        inspect.Signature(
            [
                inspect.Parameter(
                    name, inspect.Parameter.KEYWORD_ONLY, default=defaults.get(name, inspect.Parameter.empty)
                )
                for name in hints
            ]
        ),
        hints,
    )
