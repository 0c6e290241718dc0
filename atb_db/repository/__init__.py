"""The repository: what can be read from and written to the books, one function per SQL file.

    from atb_db.repository import positions, trades

Each module is a subject, and is loaded when it is imported.
"""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

from atb_db.statement import Declared, declarations

__all__ = ["statements"]


def __getattr__(name: str) -> object:
    if any(module.name == name for module in iter_modules(__path__)):
        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def statements() -> list[Declared[object]]:
    """Every declared statement, by name."""
    return declarations([import_module(f"{__name__}.{module.name}") for module in iter_modules(__path__)])
