"""What is told while something takes long."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

Progress: TypeAlias = Callable[[str, int, int | None], None]
"""Is told what is being done, how much of it is done, and of how much; None: nobody knows."""


def silent(_what: str, _done: int, _total: int | None) -> None:
    """Tell nobody."""
