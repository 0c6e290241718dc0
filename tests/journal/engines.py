"""Engines that write through a journal until each is killed: `python -m tests.journal.engines PATH URL SESSION SEED`.

What `record` has taken goes, synced, to PATH.acknowledged, one request_id a line: what must be stored exactly once.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from itertools import count
from pathlib import Path
from random import Random

from atb_db import Database, Journal, Settings
from atb_db.errors import ResourceFull
from atb_db.repository import account, events
from atb_db.statement import Statement

ENGINES = 20
LIMIT = 1 << 16


def work(path: Path, url: str, session_id: int) -> None:
    """Write until the end comes."""
    settings = Settings.load(url, environ={})._replace(pool_max=1)
    journal = Journal(path, Database(settings), limit=LIMIT, patience=0.05)
    acknowledged = os.open(f"{path}.acknowledged", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for number in count():
        statement: Statement[object]
        if number % 2:
            statement = account.adjust_balance(session_id=session_id, delta=-1, reason="fee")
        else:
            statement = events.log_event(session_id=session_id, event_type="TEST", message=str(time.time_ns()))
        try:
            journal.record(statement)
        except ResourceFull:
            continue
        os.write(acknowledged, f"{statement.request_id}\n".encode())
        os.fsync(acknowledged)


def main(path: str, url: str, session_id: str, seed: str) -> None:
    """Start the engines one after the other, and kill each at a random moment."""
    random = Random(int(seed))  # noqa: S311  a schedule
    for _ in range(ENGINES):
        child = os.fork()
        if not child:
            try:
                work(Path(path), url, int(session_id))
            finally:
                os._exit(1)
        time.sleep(random.uniform(0.005, 0.2))
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        assert os.WIFSIGNALED(status), "an engine ended by itself"


if __name__ == "__main__":
    main(*sys.argv[1:])
