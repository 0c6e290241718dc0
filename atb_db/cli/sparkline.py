"""A series of numbers in one line of text."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult
    from rich.measure import Measurement

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


class Spark:
    """A series in one line, as rich draws it: of more values than there is room for, the last of each equal part."""

    def __init__(self, values: Sequence[Decimal], blocks: str, style: str = "") -> None:
        self._values, self._blocks, self._style = values, blocks, style

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        from rich.measure import Measurement

        return Measurement(1, max(1, min(len(self._values), options.max_width)))

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        from rich.text import Text

        yield Text(sparkline(_thinned(self._values, options.max_width), self._blocks), style=self._style)


def _thinned(values: Sequence[Decimal], most: int) -> list[Decimal]:
    parts = max(1, min(most, len(values)))
    return [values[(part + 1) * len(values) // parts - 1] for part in range(parts)]
