"""Tasks on several connections at once, and what came of them in their order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from queue import SimpleQueue
from typing import TypeVar

from atb_db.admin.connection import Connection

R = TypeVar("R")
T = TypeVar("T")


def side_by_side(
    connections: Sequence[Connection], tasks: Iterable[T], work: Callable[[Connection, T], R]
) -> Generator[tuple[T, R], None, None]:
    """Each task with its result, in their order; as many are under way as there are connections, each on one of them.

    Whoever stops early, or meets an error, has the rest cancelled.
    """
    if len(connections) == 1:
        yield from ((task, work(connections[0], task)) for task in tasks)
        return
    idle: SimpleQueue[Connection] = SimpleQueue()
    for connection in connections:
        idle.put(connection)

    def take(task: T) -> R:
        connection = idle.get()
        try:
            return work(connection, task)
        finally:
            idle.put(connection)

    with ThreadPoolExecutor(len(connections)) as threads:
        due: deque[tuple[T, Future[R]]] = deque()
        try:
            for task in tasks:
                due.append((task, threads.submit(take, task)))
                # Enough ahead that none waits while the first is long, and not a whole history of them.
                if len(due) > 4 * len(connections):
                    yield due[0][0], due[0][1].result()
                    due.popleft()
            while due:
                yield due[0][0], due[0][1].result()
                due.popleft()
        finally:
            under_way = {future for _, future in due if not future.cancel()}
            while under_way:
                # Again and again: one that was about to begin has nothing to be cancelled yet.
                for connection in connections:
                    connection.cancel_safe()
                under_way = wait(under_way, timeout=0.1).not_done
