"""The server that is measured, and which processors it and its clients run on.

Left alone they share them in one of two ways, which is settled by chance when a connection begins and stays so for as
long as it lives; in one of them each answer wakes a processor that has gone to sleep: a small read takes twice as long.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from atb_db.embedded import Server, postgresql


@contextmanager
def server_apart(settings: Mapping[str, str]) -> Iterator[Server]:
    """A throwaway server with default durability on all processors but one, which is this process's.

    So every answer wakes somebody, as it does when the server is another machine; on one processor there is no choice.
    """
    if sys.platform != "linux" or len(every := os.sched_getaffinity(0)) == 1:
        with postgresql(durable=True, settings=settings) as server:
            yield server
        return
    ours = {min(every)}
    try:
        os.sched_setaffinity(0, every - ours)
        with postgresql(durable=True, settings=settings) as server:
            os.sched_setaffinity(0, ours)
            yield server
    finally:
        os.sched_setaffinity(0, every)


def spread(server: Server) -> None:
    """From now on, new connections are served on all processors, this process's own included."""
    if sys.platform == "linux":
        os.sched_setaffinity(server.pid, range(os.cpu_count() or 1))
