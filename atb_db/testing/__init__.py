"""For a bot's own tests: migrated throwaway databases, pytest fixtures, outage drills; see docs/testing.md."""

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from atb_db.testing.databases import Databases, settings_of
    from atb_db.testing.migrating import migrate

__all__ = ["Databases", "migrate", "settings_of"]

_HOMES: Final = {
    "Databases": "atb_db.testing.databases",
    "migrate": "atb_db.testing.migrating",
    "settings_of": "atb_db.testing.databases",
}


def __getattr__(name: str) -> object:
    # pytest imports the package for its plugin in every run; only a test that asks for a database pays for one.
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
