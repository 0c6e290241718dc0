"""Observers of statements: their interface, and the one that counts for `Database.metrics`."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from datetime import UTC, datetime
from math import ceil
from threading import Lock
from time import monotonic
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from atb_db.database.forking import renew_in_children
from atb_db.database.retry import log

if TYPE_CHECKING:
    from collections.abc import Sequence

    from atb_db.database.retry import OnRetry, RetryEvent
    from atb_db.errors import AtbDbError
    from atb_db.statement import Statement

BATCH: Final = "batch"
"""The name of different statements that were sent in one round trip."""
BOUNDS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Seconds up to which a bucket counts calls; the last bucket counts those that took longer than all of them."""

_QUIET: Final = 60.0
"""Seconds in which what an observer raises again is not logged again."""


class Observer(Protocol):
    """Hears of each round trip, on the thread or in the task that waited for it.

    Streams, frames and bulk loads are no round trips, and not heard of. What an observer raises is logged, each kind of
    it at most once a minute, and changes nothing: the call may have been committed.
    """

    def ran(self, name: str, *, seconds: float, error: AtbDbError | None, together: int) -> None:
        """A statement was answered, or several `together`: "batch" if they are different ones."""
        ...

    def retried(self, event: RetryEvent) -> None:
        """An attempt failed and there will be another."""
        ...


class StatementMetrics(NamedTuple):
    """What running one statement took, in seconds, with the network and without waiting for a connection."""

    name: str
    """Such as positions.open_position; `batch` for different statements in one round trip."""
    calls: int
    """Round trips, those that failed too."""
    errors: int
    """Those that failed, also if another attempt succeeded."""
    seconds: float
    """All together."""
    slowest: float
    buckets: tuple[int, ...]
    """How many took at most each of `observing.BOUNDS`, and in the last place how many took longer; not cumulated."""

    @property
    def mean(self) -> float:
        """Of a call."""
        return self.seconds / self.calls

    def within(self, fraction: float) -> float:
        """Seconds in which this fraction of the calls was done: the bound of a bucket, or the slowest call's time."""
        due, done = ceil(self.calls * fraction), 0
        for bound, number in zip(BOUNDS, self.buckets, strict=False):
            done += number
            if done >= due:
                return min(bound, self.slowest)
        return self.slowest


class ErrorCount(NamedTuple):
    """How often an error was met."""

    error: str
    """The name of its class, such as Unavailable."""
    number: int


class PoolStatistics(NamedTuple):
    """The connection pool at this moment."""

    open: int
    """Connections that are open or being opened."""
    idle: int
    """Connections that nobody uses."""
    waiting: int
    """Callers that wait for a connection."""
    limit: int
    """Connections that may be open at the most."""


class Metrics(NamedTuple):
    """What a `Database` has done since it was made, and its pool at this moment."""

    since: datetime
    pool: PoolStatistics
    statements: tuple[StatementMetrics, ...] = ()
    """The one that took the longest of all first; nothing unless DATABASE_METRICS=1."""
    errors: tuple[ErrorCount, ...] = ()
    """Of all round trips, the most frequent first."""
    retries: tuple[ErrorCount, ...] = ()
    """Attempts after which there was another, by what made them necessary."""


class _Counts:
    """Of one statement."""

    __slots__ = ("buckets", "errors", "seconds", "slowest")

    def __init__(self) -> None:
        self.buckets = [0] * (len(BOUNDS) + 1)
        self.errors = 0
        self.seconds = 0.0
        self.slowest = 0.0


class Counting:
    """Counts round trips, their times and errors; threads may share it."""

    def __init__(self) -> None:
        self._renew()
        renew_in_children(self, Counting._renew)

    def _renew(self) -> None:
        """In a forked child: begin again; a thread of the parent may hold the lock."""
        self._lock = Lock()
        self._since = datetime.now(UTC)
        self._statements: dict[str, _Counts] = {}
        self._errors: Counter[str] = Counter()
        self._retries: Counter[str] = Counter()

    def ran(self, name: str, *, seconds: float, error: AtbDbError | None, together: int) -> None:  # noqa: ARG002
        """Count it."""
        with self._lock:
            counts = self._statements.get(name)
            if counts is None:
                counts = self._statements[name] = _Counts()
            counts.buckets[bisect_left(BOUNDS, seconds)] += 1
            counts.seconds += seconds
            counts.slowest = max(counts.slowest, seconds)
            if error is not None:
                counts.errors += 1
                self._errors[type(error).__name__] += 1

    def retried(self, event: RetryEvent) -> None:
        """Count it."""
        with self._lock:
            self._retries[type(event.error).__name__] += 1

    def metrics(self, pool: PoolStatistics) -> Metrics:
        """Counts so far."""
        with self._lock:
            found = [
                StatementMetrics(
                    name, sum(counts.buckets), counts.errors, counts.seconds, counts.slowest, tuple(counts.buckets)
                )
                for name, counts in self._statements.items()
            ]
            errors, retries = _frequent(self._errors), _frequent(self._retries)
        found.sort(key=lambda one: one.seconds, reverse=True)
        return Metrics(self._since, pool, tuple(found), errors, retries)


class _Shielded:
    """The caller's observers; whatever they raise, a call ends as it would without them."""

    def __init__(self, observers: Sequence[Observer], on_retry: OnRetry | None) -> None:
        self._observers = observers
        self._on_retry = on_retry
        self._quiet_until: dict[tuple[str, type[Exception]], float] = {}

    def ran(self, name: str, *, seconds: float, error: AtbDbError | None, together: int) -> None:
        for one in self._observers:
            try:
                one.ran(name, seconds=seconds, error=error, together=together)
            except Exception as raised:  # noqa: BLE001  of code that is not ours
                self._log(f"{type(one).__qualname__}.ran", raised)

    def retried(self, event: RetryEvent) -> None:
        for one in self._observers:
            try:
                one.retried(event)
            except Exception as raised:  # noqa: BLE001
                self._log(f"{type(one).__qualname__}.retried", raised)
        if self._on_retry is not None:
            try:
                self._on_retry(event)
            except Exception as raised:  # noqa: BLE001
                self._log("on_retry", raised)

    def _log(self, name: str, raised: Exception) -> None:
        now, kind = monotonic(), (name, type(raised))
        if now >= self._quiet_until.get(kind, now):
            self._quiet_until[kind] = now + _QUIET
            log.error("%s raised; no call ends otherwise for that", name, exc_info=raised)


def observers(
    counting: Counting | None, observer: Observer | None, on_retry: OnRetry | None
) -> tuple[Observer | None, OnRetry | None]:
    """The observer of round trips, and the function for retries; None where nothing has to be called."""
    there: list[Observer] = [one for one in (counting, observer) if one is not None]
    if observer is None and on_retry is None:
        return counting, counting.retried if counting is not None else None
    shielded = _Shielded(there, on_retry)
    # Our own counters raise nothing, and need no shield that would cost each call something.
    return (counting if observer is None else shielded), shielded.retried


def heard(observer: Observer, sent: Sequence[Statement[object]], *, seconds: float, error: AtbDbError | None) -> None:
    """Let it hear of statements that were sent together; they are called by their name if they are all the same one."""
    names = {statement.name for statement in sent}
    observer.ran(names.pop() if len(names) == 1 else BATCH, seconds=seconds, error=error, together=len(sent))


def _frequent(counter: Counter[str]) -> tuple[ErrorCount, ...]:
    return tuple(ErrorCount(name, number) for name, number in counter.most_common())
