"""A throwaway PostgreSQL on this machine, for tests, the demo and drills."""

from importlib import import_module
from typing import TYPE_CHECKING

from atb_db.embedded.binaries import OLDEST_MAJOR, find_binaries, version_of, wheel_binaries

if TYPE_CHECKING:
    from atb_db.embedded.server import Server, postgresql

__all__ = ["OLDEST_MAJOR", "Server", "find_binaries", "postgresql", "version_of", "wheel_binaries"]


def __getattr__(name: str) -> object:
    # Only the server needs the extra; pg_dump and psql are found without it.
    if name not in {"Server", "postgresql"}:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module("atb_db.embedded.server"), name)
