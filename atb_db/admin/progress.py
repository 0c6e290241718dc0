"""Progress reports of long operations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

Progress: TypeAlias = Callable[[str, int, int | None], None]
"""Called with what is being done, how much of it is done, and the total; None if it is unknown."""

UNITS: Final = {
    "Dumping": "byte",
    "Copying": "file",
    "Rebuilding": "index",
    "Reading": "index",
    "Reading through": "row",
    "Auditing": "database",
    "Comparing": "position",
}
"""What is counted while this is done, by its name or the first word of it; rows where neither is here."""


def silent(_what: str, _done: int, _total: int | None) -> None:
    """Report to nobody."""
