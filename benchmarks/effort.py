"""What a call asks of the client, in counts that do not depend on the machine: functions called, memory taken."""

from __future__ import annotations

import sys
import tracemalloc
from collections.abc import Callable
from contextlib import closing
from types import FrameType
from typing import NamedTuple

from benchmarks.contenders import Contender
from benchmarks.measuring import WARM
from benchmarks.operations import Operation
from benchmarks.world import World


class Effort(NamedTuple):
    """Of one warm call, what is made of its arguments included if that is part of it."""

    functions: int
    """Python's and C's, as the interpreter calls them."""
    allocated: int
    """Bytes at the peak that had not been there before."""


def effort_of(run: Callable[[], object]) -> Effort:
    """That of running it once, when it is warm already."""
    functions = 0

    def called(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal functions
        functions += event in {"call", "c_call"}

    sys.setprofile(called)
    try:
        run()
    finally:
        sys.setprofile(None)
    tracemalloc.start()
    try:
        run()
        before, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        run()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # The profiler's own removal is a call, too.
    return Effort(functions - 1, peak - before)


def effort(url: str, world: World, operation: Operation, contender: type[Contender], *, after: int) -> Effort:
    """What a warm call of the operation asks, after so many of them have been made."""
    with closing(contender(url, world)) as running:
        running.timed(operation, range(after, after + WARM))
        numbers = range(after + WARM, after + WARM + 3)
        prepared = [running.prepare(operation, operation.arguments(world, number)) for number in numbers]
        return effort_of(lambda: running.call(operation, prepared.pop()))
