"""Progress bars, on a terminal only."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from atb_db.admin.progress import UNITS
from atb_db.admin.readable import counted, shown_size

if TYPE_CHECKING:
    from atb_db.admin.progress import Progress


@contextmanager
def progress_bar() -> Iterator[Progress | None]:
    """What is to be shown; None when nobody watches. The line is removed at the end, whatever that is."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich import progress as bars
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[amount]}"), TimeElapsedColumn())
    with bars.Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("Starting", total=None, amount="")
        yield lambda what, done, total: bar.update(
            task, description=what, completed=done, total=total, amount=amount(what, done, total)
        )


def amount(what: str, done: int, total: int | None) -> str:
    """How much is done of how much, such as `1,200 of 9,000 rows` or `8.4 MB`; nothing where nothing can be counted."""
    unit = UNITS.get(what) or UNITS.get(what.partition(" ")[0], "row")
    if unit == "byte":
        return shown_size(done) if total is None else f"{shown_size(done)} of {shown_size(total)}"
    if total is None:
        return counted(done, unit) if done else ""
    return f"{done:,} of {counted(total, unit)}"
