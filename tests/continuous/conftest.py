"""A durable server of the test's own, and an archiver that follows it as its users start it."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import psycopg
import pytest

from atb_db import Database, Settings, embedded
from atb_db.admin.continuous.layout import ArchiverState, read_state
from atb_db.admin.continuous.status import stop_archiver
from atb_db.admin.errors import Unusable
from atb_db.admin.migrations import migrate
from atb_db.embedded import Server
from atb_db.repository import events, sessions
from tests.cli.conftest import COMMAND, Ended, call, environment, run

__all__ = ["call", "run"]

PATIENCE = 120.0


class Scene(NamedTuple):
    """A server with an archive of it."""

    server: Server
    url: str
    archive: Path
    archivers: list[subprocess.Popen[bytes]]

    @property
    def settings(self) -> Settings:
        return Settings.load(self.url, environ={})

    def cli(self, *arguments: str, url: str | None = None) -> Ended:
        done = subprocess.run(
            (*COMMAND, *arguments),
            env=environment(url or self.url),
            cwd=self.archive.parent,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert "Traceback" not in done.stderr, done.stderr
        return Ended(done.returncode, done.stdout, done.stderr)

    def launch(self, *more: str) -> subprocess.Popen[bytes]:
        """An archiver in the foreground, in a process of its own."""
        with (self.archive.parent / "archiver.err").open("ab") as said:
            archiver = subprocess.Popen(
                (*COMMAND, "archive", "start", "--foreground", "--archive-dir", str(self.archive), *more),
                env=environment(self.url),
                cwd=self.archive.parent,
                stdout=subprocess.DEVNULL,
                stderr=said,
            )
        self.archivers.append(archiver)
        return archiver

    def record(self, *numbers: int) -> datetime:
        """Record an event for each number; when the last was there, by the server's clock."""
        with Database(self.settings) as db:
            for number in numbers:
                db.run(events.log_event(event_type="TEST", message=f"number {number}"))
        return self.now()

    def now(self) -> datetime:
        with psycopg.connect(self.url) as connection:
            [(now,)] = connection.execute("SELECT clock_timestamp()").fetchall()
        assert isinstance(now, datetime)
        return now

    def forget(self) -> None:
        """What somebody does at 03:00."""
        with psycopg.connect(self.url) as connection:
            connection.execute("DELETE FROM system_events WHERE event_type = 'TEST'")

    def until(self, is_so: Callable[[ArchiverState], bool]) -> ArchiverState:
        """Wait until the archiver says so."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            with suppress(OSError):
                state = read_state(self.archive)
                if state is not None and is_so(state):
                    return state
            time.sleep(0.05)
        pytest.fail(f"it never was so: {read_state(self.archive)}")

    def protects(self, moment: datetime) -> ArchiverState:
        """Wait until the moment can be restored."""
        return self.until(lambda state: state.protected_until is not None and state.protected_until >= moment)


def numbers(settings: Settings) -> list[int]:
    """The numbers that are recorded in a database."""
    with psycopg.connect(settings.conninfo) as connection:
        found = connection.execute("SELECT message FROM system_events WHERE event_type = 'TEST' ORDER BY id").fetchall()
    return [int(str(message).split()[1]) for (message,) in found]


@contextmanager
def opened(folder: Path, *, bin_dir: Path | None = None, settings: Mapping[str, str] | None = None) -> Iterator[Scene]:
    """A server, and a folder for the archive of it; whatever archiver is left over is ended."""
    limited = {"max_slot_wal_keep_size": "256MB", **(settings or {})}
    with embedded.postgresql(durable=True, bin_dir=bin_dir, settings=limited) as server:
        url = server.create_database("books")
        migrate(Settings.load(url, environ={}))
        with Database(Settings.load(url, environ={})) as db:
            db.run(
                sessions.create_trading_session(
                    strategy_name="trend", symbol="BTCUSDT", timeframe="1h", mode="PAPER", initial_balance=1000
                )
            )
        scene = Scene(server, url, folder / "archive", [])
        try:
            yield scene
        finally:
            with suppress(Unusable, OSError):
                stop_archiver(scene.archive)
            for archiver in scene.archivers:
                archiver.kill()
                archiver.wait()


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    with opened(tmp_path) as scene:
        yield scene


def receivers() -> list[str]:
    """The command lines of every pg_receivewal on this machine."""
    found = subprocess.run(["/bin/ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    return [line for line in found.splitlines() if "pg_receivewal" in line and "--slot" in line]
