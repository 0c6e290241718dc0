"""A series of numbers in one line of text."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

BLOCKS: Final = "▁▂▃▄▅▆▇█"
ASCII_BLOCKS: Final = "_.-=+*%#"


def sparkline(values: Sequence[Decimal], blocks: str = BLOCKS) -> str:
    """One block a value, the lowest for the least of them and the highest for the greatest."""
    low, high = min(values), max(values)
    if low == high:
        return blocks[0] * len(values)
    top = len(blocks) - 1
    return "".join(blocks[round((value - low) / (high - low) * top)] for value in values)


def blocks_for(encoding: str) -> str:
    """The blocks that the encoding can express."""
    try:
        BLOCKS.encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return ASCII_BLOCKS
    return BLOCKS
