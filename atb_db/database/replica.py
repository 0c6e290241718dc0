"""How fresh a replica is known to be: proven by positions in the log, whatever any clock says."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from math import inf
from typing import Final

from atb_db.database.retry import REPLICA
from atb_db.repository.server import ServerState

_MOST_SAMPLES: Final = 1000
_LONGEST_INTERVAL: Final = 1.0

_on_primary: ContextVar[bool] = ContextVar("on_primary", default=False)


@contextmanager
def primary() -> Iterator[None]:
    """Nothing in this block, in this thread or task, is read from a replica."""
    token = _on_primary.set(True)
    try:
        yield
    finally:
        _on_primary.reset(token)


def is_on_primary() -> bool:
    """Whether this thread or task is inside `primary()`."""
    return _on_primary.get()


class Freshness:
    """The newest moment of which a replica has everything; all times are of `time.monotonic()`.

    The primary's position is sampled now and then. A replica that has replayed up to a sample has all that was
    committed before the sample was taken, and it never goes back. A replica whose connection to the primary is cut
    ages; one that is no replica any more has no freshness.
    """

    def __init__(self, bound: float) -> None:
        self._bound = bound
        self._interval = min(_LONGEST_INTERVAL, bound / 4)
        self._samples: deque[tuple[float, int]] = deque(maxlen=_MOST_SAMPLES)
        self._measured = -inf
        self._shunned = -inf
        self._fresh = -inf

    def is_due(self, now: float) -> bool:
        """Whether it is time to measure."""
        return now >= max(self._measured + self._interval, self._shunned)

    def is_usable(self, now: float) -> bool:
        """Whether what the replica has is recent enough."""
        return now >= self._shunned and now - self._fresh <= self._bound

    def lag(self, now: float) -> float | None:
        """Seconds that the replica may be behind, at the most; None if nothing is known."""
        return None if self._fresh == -inf else now - self._fresh

    def sample(self, began: float, primary: ServerState) -> None:
        """What the primary said to a question that was asked then."""
        self._measured = began
        if primary.is_primary:
            self._samples.append((began, primary.log_position))

    def measure(self, replica: ServerState) -> None:
        """What the replica said."""
        if replica.is_primary:
            self._fresh = -inf
            self._samples.clear()
            return
        while self._samples and self._samples[0][1] <= replica.log_position:
            self._fresh, _ = self._samples.popleft()

    def fail(self, now: float) -> None:
        """The replica did not answer, or not well."""
        self._shunned = now + REPLICA
