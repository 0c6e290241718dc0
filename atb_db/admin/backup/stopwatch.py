"""How long the steps of a long operation take."""

from __future__ import annotations

from collections.abc import Mapping
from time import perf_counter


class Stopwatch:
    """Seconds of one step after the other."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._last = perf_counter()

    def start(self) -> None:
        """What comes before does not count."""
        self._last = perf_counter()

    def lap(self, step: str) -> None:
        """This step has ended, and the next begins."""
        now = perf_counter()
        self.seconds[step] = round(now - self._last, 3)
        self._last = now

    def laps(self, seconds: Mapping[str, float]) -> None:
        """These steps have ended, by another watch, and the next begins."""
        self.seconds.update(seconds)
        self.start()
