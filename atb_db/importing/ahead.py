"""Units that a thread makes ahead: the source is read while the server is busy with what came before."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from queue import Full, Queue
from threading import Event, Thread
from typing import Final, TypeAlias

from atb_db.importing.plan import Unit

_ROWS: Final = 500
"""About so many rows change hands at a time."""
_WAITING: Final = 4
"""So many times that may be made and not yet taken."""

_Made: TypeAlias = list[Unit] | Exception | None


@contextmanager
def made_ahead(units: Iterable[Unit]) -> Iterator[Iterator[Unit]]:
    """The same units, for the block; what making them raises is raised where they are taken."""
    made: Queue[_Made] = Queue(_WAITING)
    over = Event()
    thread = Thread(target=_make, args=(units, made, over), name="atb-db import", daemon=True)
    thread.start()
    try:
        yield _taken(made)
    finally:
        # Nobody but this thread may use the source's connection before it has ended.
        over.set()
        thread.join()


def _make(units: Iterable[Unit], made: Queue[_Made], over: Event) -> None:
    some: list[Unit] = []
    rows = 0
    try:
        for unit in units:
            some.append(unit)
            rows += len(unit.origins)
            if rows >= _ROWS:
                _put(made, some, over)
                some, rows = [], 0
            if over.is_set():
                return
        _put(made, some, over)
        _put(made, None, over)
    except Exception as error:  # noqa: BLE001  raised where it is taken
        _put(made, error, over)


def _put(made: Queue[_Made], item: _Made, over: Event) -> None:
    while not over.is_set():
        try:
            made.put(item, timeout=0.1)
        except Full:
            continue
        return


def _taken(made: Queue[_Made]) -> Iterator[Unit]:
    while (item := made.get()) is not None:
        if isinstance(item, Exception):
            raise item
        yield from item
