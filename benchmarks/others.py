"""What other processes of the machine take while it is measured: a run beside them says little."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread
from time import monotonic
from typing import Final, NoReturn

MOST: Final = 0.2
"""Processors that others may take on average."""
_EVERY: Final = 2.0
_TICKS: Final = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100
_PROC: Final = Path("/proc")


class Others:
    """Processors that others took, from one look to the next; nothing where the system has no /proc."""

    def __init__(self) -> None:
        self.taken: list[float] = []
        self._busy = self._own = self._last = 0.0

    def look(self) -> None:
        """Once more."""
        if not _PROC.joinpath("stat").exists():
            return
        now, busy, ours = monotonic(), _busy(), _ours()
        if self._last:
            self.taken.append(max(0.0, (busy - self._busy) - (ours - self._own)) / (now - self._last))
        self._last, self._busy, self._own = now, busy, ours

    @property
    def average(self) -> float:
        """Of the whole run."""
        return sum(self.taken) / len(self.taken) if self.taken else 0.0

    @property
    def are_few(self) -> bool:
        """Whether they took so little that what was measured says something."""
        return self.average <= MOST

    def __str__(self) -> str:
        return f"{self.average:.2f} processors on average, at most {max(self.taken, default=0):.2f} in {_EVERY:g} s"


@contextmanager
def watched() -> Iterator[Others]:
    """A block beside which somebody looks every two seconds."""
    others, done = Others(), Event()

    def look_on() -> None:
        others.look()
        while not done.wait(_EVERY):
            others.look()

    thread = Thread(target=look_on, daemon=True)
    thread.start()
    try:
        yield others
    finally:
        done.set()
        thread.join()


def refuse(others: Others) -> NoReturn:
    """End with a sentence, as others took too much.

    Raises:
        SystemExit: always.
    """
    sys.exit(f"docs/benchmarks.md stays as it was: other processes took {others} (--busy writes it all the same)")


def _busy() -> float:
    """Seconds that all processors have worked since the machine was started."""
    user, nice, system, _idle, _waiting, *interrupts = map(
        int, _PROC.joinpath("stat").read_text(encoding="ascii").splitlines()[0].split()[1:8]
    )
    return (user + nice + system + sum(interrupts)) / _TICKS


def _ours() -> float:
    """Seconds of this process and of all that descend from it, also of those that have ended."""
    parents: dict[int, int] = {}
    seconds: dict[int, float] = {}
    for folder in _PROC.iterdir():
        if not folder.name.isdigit():
            continue
        try:
            fields = folder.joinpath("stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        except OSError:  # it has just ended
            continue
        parents[int(folder.name)] = int(fields[1])
        seconds[int(folder.name)] = sum(map(int, fields[11:15])) / _TICKS
    own = {os.getpid()}
    while more := {pid for pid, parent in parents.items() if parent in own} - own:
        own |= more
    return sum(seconds[pid] for pid in own if pid in seconds)
