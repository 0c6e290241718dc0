"""What an archive loses when the server and its disk vanish (RPO), and how long bringing everything back takes (RTO).

    make protection                          some ten minutes
    make protection ARGS="--rounds 3 --decisions 70000"

A throwaway PostgreSQL with default durability and an archiver of it, both on this machine; as Markdown on stdout. A
round writes at a fixed rate, kills the server with SIGKILL at a random moment, restores from the archive alone, and
looks which acknowledged writes are missing.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from random import Random
from signal import SIGKILL
from statistics import median
from tempfile import TemporaryDirectory
from threading import Event, Thread
from time import monotonic, perf_counter, sleep
from typing import Final, NamedTuple

import psycopg

from atb_db import Database, Settings
from atb_db.admin.continuous.layout import read_archive, read_state
from atb_db.admin.continuous.plan import plan
from atb_db.admin.continuous.recover import scratch
from atb_db.admin.readable import shown_size
from atb_db.embedded import Server
from atb_db.repository import events
from atb_db.sqlfile import schema_sql
from benchmarks.growth import filled
from benchmarks.serving import server_apart

PATIENCE: Final = 300.0
STORED: Final = "SELECT message::bigint FROM system_events WHERE event_type = 'TEST'"
ROWS: Final = "SELECT sum(n_live_tup) FROM pg_stat_user_tables"


class Write(NamedTuple):
    """An acknowledged write."""

    number: int
    at: float
    """When it was acknowledged, by the monotonic clock."""
    seconds: float
    """How long that took."""


class Round(NamedTuple):
    """What a round came to."""

    acknowledged: int
    lost: int
    rpo: float
    """Seconds from the acknowledgement of the oldest write that was lost until the server was killed; 0 if none was."""
    milliseconds: list[float]
    rate: float


class Writer(Thread):
    """Records an event so many times a second, until the server is gone."""

    def __init__(self, settings: Settings, first: int, rate: float) -> None:
        super().__init__()
        self._settings = settings
        self._first = first
        self._rate = rate
        self.over = Event()
        self.written: list[Write] = []

    def run(self) -> None:
        with psycopg.connect(self._settings.conninfo, autocommit=True) as connection:
            due = monotonic()
            number = self._first
            while not self.over.is_set():
                due += 1 / self._rate
                sleep(max(0.0, due - monotonic()))
                number += 1
                began = perf_counter()
                try:
                    connection.execute(
                        "INSERT INTO system_events (timestamp, event_type, severity, message) "
                        "VALUES (clock_timestamp(), 'TEST', 'INFO', %s)",
                        [str(number)],
                    )
                except psycopg.OperationalError:
                    return
                self.written.append(Write(number, monotonic(), perf_counter() - began))


@contextmanager
def archiver(settings: Settings, folder: Path) -> Iterator[None]:
    """An archiver in a process of its own, as its users start it; the block begins when it protects something."""
    child = subprocess.Popen(
        [sys.executable, "-m", "atb_db", "archive", "start", "--foreground", "--archive-dir", str(folder)],
        env={**os.environ, "DATABASE_URL": settings.conninfo},
        stderr=subprocess.DEVNULL,
    )
    try:
        end = monotonic() + PATIENCE
        while monotonic() < end:
            state = read_state(folder) if folder.exists() else None
            if state is not None and state.pid == child.pid and state.streaming and state.protected_until is not None:
                break
            sleep(0.1)
        else:
            raise SystemExit("the archiver does not begin")
        yield
    finally:
        child.terminate()
        child.wait()


def lose(server: Server, settings: Settings, folder: Path, *, first: int, rate: float, seconds: float) -> Round:
    """Write, lose the server with its disk, and see what the archive brings back; then the server is there again."""
    with archiver(settings, folder):
        writer = Writer(settings, first, rate)
        began = monotonic()
        writer.start()
        sleep(seconds)
        gone = monotonic()
        server._end(SIGKILL)
        writer.join()
    written = writer.written
    with scratch(plan(folder, None), settings) as recovered, psycopg.connect(recovered.settings.conninfo) as connection:
        found = {number for (number,) in connection.execute(STORED).fetchall()}
    server.start()
    lost = [one for one in written if one.number not in found]
    rpo = max(0.0, gone - lost[0].at) if lost else 0.0
    rate = len(written) / (written[-1].at - began)
    return Round(len(written), len(lost), rpo, [one.seconds * 1000 for one in written], rate)


def wait_for_archive(settings: Settings, folder: Path, *, waits: bool) -> None:
    """Set whether commits wait until the archive has them."""
    archive = read_archive(folder)
    slot = archive.slot if archive is not None and waits else ""
    with psycopg.connect(settings.conninfo, autocommit=True) as connection:
        connection.execute(f"ALTER SYSTEM SET synchronous_standby_names = '{slot}'".encode())
        connection.execute("SELECT pg_reload_conf()")
    sleep(1)


def recovery_point(server: Server, folder: Path, *, rounds: int, rate: float, chance: Random) -> None:
    """The table of what is lost."""
    server.create_database("books", template="template0")
    settings = Settings.load(server.url(database="books"), environ={})
    with psycopg.connect(settings.conninfo) as connection:
        connection.execute(schema_sql())
    with archiver(settings, folder):
        pass
    print("| commits | rounds | writes/s | acknowledged | lost | RPO, largest | commit, median | 99 % |")
    print("|---|---|---|---|---|---|---|---|")
    first = 0
    for name, waits in (("do not wait", False), ("wait for the archive", True)):
        done: list[Round] = []
        for _ in range(rounds):
            wait_for_archive(settings, folder, waits=waits)
            done.append(lose(server, settings, folder, first=first, rate=rate, seconds=chance.uniform(8, 12)))
            first += 1_000_000
        times = sorted(time for one in done for time in one.milliseconds)
        print(
            f"| {name} | {rounds} | {median(one.rate for one in done):.0f} | {sum(one.acknowledged for one in done)} "
            f"| {sum(one.lost for one in done)} | {max(one.rpo for one in done):.3f} s "
            f"| {median(times):.1f} ms | {times[len(times) * 99 // 100]:.1f} ms |"
        )
    wait_for_archive(settings, folder, waits=False)


def recovery_time(server: Server, folder: Path, *, decisions: int) -> None:
    """How long bringing back takes."""
    settings = filled(server, decisions)
    with psycopg.connect(settings.conninfo) as connection:
        [(rows,)] = connection.execute(ROWS).fetchall()
    with archiver(settings, folder), Database(settings) as db:
        db.run(events.log_event(event_type="TEST", message="0"))
        sleep(2)
    began = perf_counter()
    with scratch(plan(folder, None), settings) as recovered:
        took = perf_counter() - began
        steps = ", ".join(f"{step} {seconds:.1f}" for step, seconds in recovered.seconds.items())
        size = shown_size(recovered.base.bytes)
    print(f"\nRTO of {rows:,} rows, a base backup of {size}: {took:.1f} s ({steps}).")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=10, help="how often the server is lost, for each kind of commit")
    parser.add_argument("--rate", type=float, default=100, help="writes a second")
    parser.add_argument("--decisions", type=int, default=750_000, help="of the database that is brought back")
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    begun_at = datetime.now().astimezone()
    with TemporaryDirectory() as name, server_apart({"max_wal_size": "4GB"}) as server:
        recovery_point(
            server,
            Path(name, "small"),
            rounds=options.rounds,
            rate=options.rate,
            chance=Random(options.seed),
        )
        if options.decisions:
            recovery_time(server, Path(name, "large"), decisions=options.decisions)
    print(f"\n{begun_at:%Y-%m-%d}, {os.cpu_count()} cores.")


if __name__ == "__main__":
    main()
