"""The database layer of a trading bot: PostgreSQL, hand-written SQL, typed Python."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from atb_db.batch import Batch
    from atb_db.config import Settings
    from atb_db.database import AsyncDatabase, Database
    from atb_db.errors import AtbDbError
    from atb_db.journal import AsyncJournal, Journal
    from atb_db.types import NEW, NOW, UNSET
    from atb_db.values import request_id_of

__all__ = [
    "NEW",
    "NOW",
    "UNSET",
    "AsyncDatabase",
    "AsyncJournal",
    "AtbDbError",
    "Batch",
    "Database",
    "Journal",
    "Settings",
    "request_id_of",
]

_HOMES: Final = {
    "AsyncDatabase": "atb_db.database",
    "AsyncJournal": "atb_db.journal",
    "AtbDbError": "atb_db.errors",
    "Batch": "atb_db.batch",
    "Database": "atb_db.database",
    "Journal": "atb_db.journal",
    "NEW": "atb_db.types",
    "NOW": "atb_db.types",
    "Settings": "atb_db.config",
    "UNSET": "atb_db.types",
    "request_id_of": "atb_db.values",
}


def __getattr__(name: str) -> object:
    # The driver is loaded when it is asked for: `atb-db --help` is not.
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
