"""Four engines at work while a fault strikes: nothing acknowledged is lost, nothing is there twice, and it heals."""

from __future__ import annotations

from pathlib import Path
from typing import Final, NamedTuple

import pytest

from tests.faults import breaking
from tests.faults.conftest import FULL, Record
from tests.faults.results import Line
from tests.faults.scene import Fault, Scene, suffer

GRACE: Final = 0.5
"""Seconds past its deadline by which a call has ended."""
SLACK: Final = 0.0 if FULL else 20.0
"""Seconds on top of what is promised: the quick selection is no measurement."""


class Row(NamedTuple):
    """A fault, how often it strikes, and what is promised."""

    name: str
    fault: Fault
    times: int
    """In the whole suite."""
    few: int
    """In the quick selection; 0 leaves it out."""
    heals: float
    """Seconds until each engine has an answer again."""
    hides: bool = True
    """Whether callers see no error at all."""
    deadline: float = 5.0
    """Seconds that a call has."""
    writers: int = 4
    pause: tuple[float, float] = (0.05, 0.3)
    at_once: bool = False


ROWS: Final = [
    Row("idle backends killed", breaking.IDLE_KILLED, 50, 2, 0.5),
    Row("backends killed in a transaction", breaking.KILLED_IN_TRANSACTION, 50, 3, 0.5),
    Row("60 kill-storms in 3 s", breaking.STORM, 3, 0, 0.5),
    Row("connections cut", breaking.CUT, 50, 3, 0.5),
    Row("immediate shutdown and restart", breaking.RESTART, 20, 1, 2.0, deadline=30.0),
    Row("answer lost after it was committed", breaking.LOST_ANSWER, 1000, 10, 0.5, pause=(0, 0.06), at_once=True),
    Row("answer of COMMIT lost", breaking.LOST_COMMIT, 1000, 10, 0.5, pause=(0, 0.06), at_once=True),
    Row("three answers lost in a row", breaking.THREE_LOST, 50, 2, 0.5, writers=1),
    Row("black hole of 2 s", breaking.BLACK_HOLE, 5, 1, 1.0, hides=False, deadline=1.0),
    Row("server stopped for 2 s (SIGSTOP)", breaking.FROZEN, 5, 0, 1.0, hides=False, deadline=1.0),
    Row("deaf port for 2 s", breaking.DEAF, 5, 0, 1.0, hides=False, deadline=1.0),
    Row("answers slow by 0.1 s", breaking.SLOW, 3, 0, 1.0),
    Row("answers slow by 3 s", breaking.TOO_SLOW, 3, 0, 1.0, hides=False, deadline=1.0),
    Row("connection storm past max_connections for 2 s", breaking.CROWDED, 3, 0, 5.0, hides=False, deadline=1.0),
]

QUICK: Final = [row for row in ROWS if row.few]
CHOSEN: Final = (
    [(row, is_async) for row in ROWS for is_async in (False, True)]
    if FULL
    else [(row, bool(number % 2)) for number, row in enumerate(QUICK)]
)


@pytest.mark.parametrize(
    ("row", "is_async"), CHOSEN, ids=[f"{row.name}-{'async' if is_async else 'sync'}" for row, is_async in CHOSEN]
)
def test_nothing_is_lost_or_doubled(row: Row, scene: Scene, tmp_path: Path, is_async: bool, record: Record) -> None:  # noqa: FBT001
    times = row.times if FULL else row.few
    outcome = suffer(
        scene, row.fault, tmp_path, is_async=is_async, times=times, writers=row.writers, pause=row.pause,
        at_once=row.at_once, deadline=row.deadline,
    )  # fmt: skip
    verdict = outcome.verdict
    bound = f"≤ {row.heals:g} s"
    if not row.hides:
        bound += f", calls ≤ {row.deadline + GRACE:g} s (at most {outcome.longest:.2f} s)"
    record(
        Line(
            fault=row.name,
            client="async" if is_async else "sync",
            times=times,
            answers=verdict.answers,
            lost=verdict.lost,
            double=verdict.double,
            errors=", ".join(f"{number} {name}" for name, number in outcome.errors.items()) or "0",
            recovery=outcome.recovery,
            promised=bound,
        )
    )
    assert verdict.holds
    assert verdict.answers > 0
    assert outcome.recovery < row.heals + SLACK
    if row.hides:
        assert outcome.errors == {}
    else:
        assert outcome.longest < row.deadline + GRACE + SLACK
