"""Engines that write through a journal until each is killed.

python -m tests.journal.engines sync|async PATH URL SESSION SEED ENGINES

What `record` has taken goes, synced, to PATH.acknowledged, one request_id a line: what must be stored exactly once.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path
from random import Random

from atb_db import AsyncDatabase, AsyncJournal, Database, Journal, Settings
from atb_db.errors import ResourceFull
from atb_db.repository import account, events
from atb_db.statement import Statement

LIMIT = 1 << 16
LONGEST = 60.0
"""Seconds until an engine has had its first acknowledgement, on the busiest machine."""
PAUSE = 0.002
"""Seconds between two attempts while the journal is full."""


def work(path: Path, url: str, session_id: int) -> None:
    """Write until the end comes."""
    acknowledged = open_acknowledged(path)
    journal = Journal(path, Database(settings(url)), limit=LIMIT, patience=0.05)
    for statement in commands(session_id):
        try:
            journal.record(statement)
        except ResourceFull:
            time.sleep(PAUSE)
        else:
            note(acknowledged, statement)


async def work_in_a_loop(path: Path, url: str, session_id: int) -> None:
    """As `work`."""
    acknowledged = open_acknowledged(path)
    journal = AsyncJournal(path, AsyncDatabase(settings(url)), limit=LIMIT, patience=0.05)
    for statement in commands(session_id):
        try:
            await journal.record(statement)
        except ResourceFull:
            await asyncio.sleep(PAUSE)  # the replay is a task of the same loop
        else:
            note(acknowledged, statement)


def settings(url: str) -> Settings:
    """One connection."""
    return Settings.load(url, environ={})._replace(pool_max=1)


def open_acknowledged(path: Path) -> int:
    """The file of what `record` has taken."""
    return os.open(f"{path}.acknowledged", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)


def note(acknowledged: int, statement: Statement[object]) -> None:
    """Append it, on the disk."""
    os.write(acknowledged, f"{statement.request_id}\n".encode())
    os.fsync(acknowledged)


def commands(session_id: int) -> Iterator[Statement[object]]:
    """Fees and events, for ever."""
    for number in count():
        if number % 2:
            yield account.adjust_balance(session_id=session_id, delta=-1, reason="fee")
        else:
            yield events.log_event(session_id=session_id, event_type="TEST", message=str(time.time_ns()))


def wait_until_longer(file: int, size: int) -> None:
    """Until an engine has appended something to it."""
    end = time.monotonic() + LONGEST
    while os.fstat(file).st_size == size:
        assert time.monotonic() < end, "an engine acknowledges nothing"
        time.sleep(0.001)


def main(arguments: Sequence[str]) -> None:
    """Start the engines one after the other, and kill each at a random moment: half of them while they work."""
    kind, path, url, session_id, seed, engines = arguments
    random = Random(int(seed))  # noqa: S311  a schedule
    acknowledged = open_acknowledged(Path(path))
    for number in range(int(engines)):
        before = os.fstat(acknowledged).st_size
        child = os.fork()
        if not child:
            try:
                if kind == "async":
                    asyncio.run(work_in_a_loop(Path(path), url, int(session_id)))
                else:
                    work(Path(path), url, int(session_id))
            finally:
                os._exit(1)
        if number % 2:  # else it may not even have begun, on a busy machine
            wait_until_longer(acknowledged, before)
        time.sleep(random.uniform(0.005, 0.2))
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        assert os.WIFSIGNALED(status), "an engine ended by itself"


if __name__ == "__main__":
    main(sys.argv[1:])
