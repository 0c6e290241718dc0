"""`migrate` killed, cut off, raced and kept waiting: it heals by itself and keeps nobody from writing."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from random import Random

import psycopg
import pytest

from atb_db import embedded
from atb_db.admin.errors import LockHeld
from atb_db.admin.migrations import Event, Happened, Release, State, migrate, rehearse, status, yoyo_backend
from atb_db.admin.scratch import Purpose
from atb_db.config import Settings
from atb_db.embedded import Server
from atb_db.errors import Unavailable
from tests.admin.conftest import Write
from tests.faults.conftest import FULL

KILLS = 20 if FULL else 6
SLOW_SECONDS = 3
# One process, which says when it begins.
WORKER = """
import sys
from pathlib import Path
from atb_db.admin.migrations import Release, migrate
from atb_db.admin.scratch import Purpose
from atb_db.config import Settings
import atb_db.admin.migrations.engine
settings = Settings.load(sys.argv[1])
print("begins", flush=True)
print(*migrate(settings, release=Release(Path(sys.argv[2]))).applied, flush=True)
"""


@contextmanager
def worker(url: str, release: Release) -> Iterator[subprocess.Popen[str]]:
    """A process that migrates, once it has begun."""
    command = [sys.executable, "-c", WORKER, url, str(release.root)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            yield process
        finally:
            process.kill()


def tables(url: str) -> list[str]:
    with psycopg.connect(url) as connection:
        rows = connection.execute(
            "SELECT relname::text FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'i')"
            " AND relname NOT LIKE '%yoyo%' AND relname NOT LIKE '\\_atb%' ORDER BY 1"
        )
        return [name for (name,) in rows]


@pytest.fixture
def slow(write: Write) -> Release:
    """Four files that take 0.1 s each, in two statements."""
    files = {
        f"m{number:04}_t": f"CREATE TABLE a{number} (); SELECT pg_sleep(0.1); CREATE TABLE b{number} ();"
        for number in range(1, 5)
    }
    return write(**files)


@pytest.mark.slow
def test_killed_at_any_moment_the_next_run_goes_on(server: Server, slow: Release, chance: Random) -> None:
    kills = round_ = 0
    while kills < KILLS:
        round_ += 1
        url = server.create_database(f"killed_{round_}", template="template0")
        while kills < KILLS and status(Settings.load(url), release=slow).pending:
            with worker(url, slow) as process:
                time.sleep(chance.uniform(0, 0.35))
                if process.poll() is None:
                    process.send_signal(chance.choice([signal.SIGKILL, signal.SIGTERM]))
                    kills += 1
                process.wait(60)
            done = 4 - len(status(Settings.load(url), release=slow).pending)
            # Nothing of a file, or all of it.
            assert len([name for name in tables(url) if name.startswith("a")]) in {done, done + 1}
        begun = time.monotonic()
        left = len(status(Settings.load(url), release=slow).pending)
        migrate(Settings.load(url), release=slow)
        assert time.monotonic() - begun < 0.1 * left + 2 + 10, "the next run took too long"
        assert tables(url) == sorted(f"{letter}{number}" for letter in "ab" for number in range(1, 5))


def test_a_killed_index_build_is_healed_or_told(empty_url: str, write: Write) -> None:
    settings = Settings.load(empty_url)
    migrate(settings, release=write(m0001_t="CREATE TABLE one AS SELECT 1 AS id;"))
    release = write(m0002_i="-- transactional: false\nCREATE INDEX CONCURRENTLY IF NOT EXISTS one_id_idx ON one (id);")
    with psycopg.connect(empty_url) as reader:
        reader.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
        reader.execute("SELECT count(*) FROM one")
        reader.execute("LOCK TABLE one IN ROW EXCLUSIVE MODE")
        with worker(empty_url, release) as process:
            while status(settings, release=release).migrations[1].state is not State.RUNNING:
                assert process.poll() is None, "it has ended"
                time.sleep(0.05)
            process.kill()
        deadline = time.monotonic() + 30
        while (found := status(settings, release=release).migrations[1]).state is State.RUNNING:
            assert time.monotonic() < deadline, "the orphan did not let go"
            time.sleep(0.05)
    assert found.state is State.DIRTY
    assert 'DROP INDEX CONCURRENTLY IF EXISTS "one_id_idx"' in (found.repair or "")
    with psycopg.connect(empty_url, autocommit=True) as connection:
        connection.execute("DROP INDEX CONCURRENTLY IF EXISTS one_id_idx")
    assert migrate(settings, release=release).applied == ("0002-i",)


def test_a_cut_connection_is_unavailable_and_the_next_run_goes_on(empty_url: str, write: Write) -> None:
    settings = Settings.load(empty_url)
    cut = "CREATE TABLE one (); SELECT pg_terminate_backend(pg_backend_pid());"
    with pytest.raises(Unavailable, match="run it again"):
        migrate(settings, release=write(m0001_one=cut))
    assert tables(empty_url) == []
    assert migrate(settings, release=write(m0001_one="CREATE TABLE one ();")).applied == ("0001-one",)


@pytest.mark.slow
def test_a_restart_of_the_server_in_the_middle(write: Write) -> None:
    release = write(m0001_one="CREATE TABLE one ();", m0002_two="CREATE TABLE two (); SELECT pg_sleep(30);")
    with embedded.postgresql() as server:
        url = server.create_database("restarted", template="template0")
        with worker(url, release) as process:
            while "one" not in tables(url):
                time.sleep(0.02)
            time.sleep(0.2)
            server.terminate()
            _, said = process.communicate(timeout=60)
            assert "run it again, and it goes on from where it was" in said
        server.start()
        settings = Settings.load(server.url(database="restarted"))
        quick = write(m0002_two="CREATE TABLE two ();")
        assert migrate(settings, release=quick).applied == ("0002-two",)


@pytest.mark.slow
def test_four_at_once_with_a_slow_migration_all_succeed(empty_url: str, write: Write) -> None:
    release = write(
        m0001_one="CREATE TABLE one ();", m0002_slow=f"SELECT pg_sleep({SLOW_SECONDS}); CREATE TABLE two ();"
    )
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", WORKER, empty_url, str(release.root)], stdout=subprocess.PIPE, text=True
        )
        for _ in range(4)
    ]
    outputs = [process.communicate(timeout=60)[0] for process in processes]
    assert [process.returncode for process in processes] == [0] * 4
    assert sorted(text.split()[1:] for text in outputs) == [[], [], [], ["0001-one", "0002-slow"]]


def test_a_migration_that_waits_lets_others_write(empty_url: str, write: Write) -> None:
    settings = Settings.load(empty_url)
    migrate(settings, release=write(m0001_one="CREATE TABLE one (id integer);"))
    release = write(m0002_two="ALTER TABLE one ADD COLUMN two integer;")
    events: list[Event] = []
    waiting = threading.Event()

    def report(event: Event) -> None:
        events.append(event)
        if event.happened is Happened.WAITING:
            waiting.set()

    done: list[tuple[str, ...]] = []
    with psycopg.connect(empty_url) as holder, psycopg.connect(empty_url, autocommit=True) as writer:
        holder.execute("SELECT * FROM one")
        thread = threading.Thread(
            target=lambda: done.append(migrate(settings, release=release, progress=report).applied)
        )
        thread.start()
        assert waiting.wait(10), "it never gave way"
        # A writer waits for one attempt at the most, although the reader still has the table.
        writer.execute("SET lock_timeout = '3s'")
        for number in range(20):
            writer.execute("INSERT INTO one VALUES (%s)", [number])
        holder.rollback()
        thread.join()
        assert writer.execute("SELECT count(*) FROM one").fetchall() == [(20,)]
    assert done == [("0002-two",)]
    assert events[-1].happened is Happened.DONE


def test_waiting_for_a_table_is_bounded_and_keeps_nothing(empty_url: str, write: Write) -> None:
    settings = Settings.load(empty_url)
    migrate(settings, release=write(m0001_one="CREATE TABLE one (id integer);"))
    release = write(m0002_two="CREATE TABLE two (); ALTER TABLE one ADD COLUMN two integer;")
    with psycopg.connect(empty_url) as holder:
        holder.execute("SELECT * FROM one")
        with pytest.raises(LockHeld, match="migration 0002-two: a table that it changes was in use"):
            migrate(settings, release=release, wait=0)
    assert tables(empty_url) == ["one"]


def test_who_locks_a_table_is_named_although_nothing_can_be_read(live: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yoyo_backend, "LOCK_TIMEOUT", 0.1)
    with psycopg.connect(live) as holder:
        holder.execute("LOCK TABLE trades")
        with pytest.raises(LockHeld, match=f"locked for 0 s; nothing was done.*process {holder.info.backend_pid} "):
            migrate(Settings.load(live), wait=0)


@pytest.mark.slow
def test_a_rehearsal_touches_nothing_and_leaves_nothing(server: Server, empty_url: str) -> None:
    settings = Settings.load(empty_url)
    before = tables(empty_url)
    found = rehearse(settings)
    assert (found.clean, found.beside, found.applied) == (True, True, status(settings).pending)
    assert tables(empty_url) == before
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute("CREATE ROLE rehearser LOGIN IN ROLE pg_read_all_data")
        assert connection.execute("SELECT datname FROM pg_database WHERE datname ~ 'rehearsal'").fetchall() == []
    elsewhere = rehearse(Settings.load(empty_url.replace("postgres@", "rehearser@")))
    assert (elsewhere.clean, elsewhere.beside) == (True, False)


def test_what_a_killed_rehearsal_left_is_removed_by_the_next(server: Server, empty_url: str) -> None:
    left = Purpose.REHEARSAL.prefix + "left"
    server.create_database(left, template="template0")
    with psycopg.connect(server.create_database(Purpose.REHEARSAL.prefix + "used", template="template0")):
        assert rehearse(Settings.load(empty_url)).removed == (left,)


def test_a_rehearsal_finds_what_a_migration_would_break(empty_url: str, write: Write) -> None:
    settings = Settings.load(empty_url)
    migrate(settings, release=(release := write(m0001_one="CREATE TABLE one ();")))
    found = rehearse(settings, release=release)
    assert not found.clean
    assert found.mismatches
