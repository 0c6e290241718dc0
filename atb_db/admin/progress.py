"""Progress reports of long operations."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

Progress: TypeAlias = Callable[[str, int, int | None], None]
"""Called with what is being done, how much of it is done, and the total; None if it is unknown."""


def silent(_what: str, _done: int, _total: int | None) -> None:
    """Report to nobody."""
