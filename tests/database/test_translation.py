"""Lost answers, collisions, deaf ports and frozen servers: retried, or the right error in time; sync and async."""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Barrier, Thread
from time import monotonic, sleep

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from atb_db import Database, Settings, embedded
from atb_db.database import RetryEvent
from atb_db.embedded import Server
from atb_db.errors import NotRepeatable, OutcomeUnknown, PoolExhausted, Timeout, Unavailable
from atb_db.repository import account, control
from atb_db.repository.server import get_server_state
from atb_db.statement import Statement
from tests.database.conftest import Messages, note
from tests.faults.client import Client, clients
from tests.faults.proxy import deaf_port, proxied
from tests.tcp import over_tcp


@pytest.fixture(params=[False, True], ids=["sync", "async"])
def connect(request: pytest.FixtureRequest) -> Iterator[Callable[..., Client]]:
    with clients(is_async=request.param) as make:
        yield make


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """A bound with room for a busy machine, below the 5 s and 30 s that a wait without this deadline takes."""
    start = monotonic()
    yield
    assert monotonic() - start < seconds + 3


def test_lost_answers_are_retried_and_nothing_doubles(
    connect: Callable[..., Client],
    url: str,
    session_id: int,
    messages: Messages,
    caplog: pytest.LogCaptureFixture,
) -> None:
    secret = conninfo_to_dict(over_tcp(url))["password"]
    with proxied(url) as proxy, caplog.at_level(logging.WARNING, "atb_db"):
        db = connect(proxy.url)
        statement = note(session_id, "one")
        db.run(note(session_id, "zero"))
        proxy.lose_answers(3)
        db.run(statement)
        assert proxy.lost == 3
        assert [event.attempt for event in db.events] == [1, 2, 3]
        assert {event.statement for event in db.events} == {"events.log_event"}
        assert {event.request_id for event in db.events} == {statement.request_id}
        assert all(isinstance(event.error, OutcomeUnknown) for event in db.events)
        assert len([record for record in caplog.records if record.name == "atb_db"]) == 3
        assert str(secret) not in caplog.text
    assert sorted(messages()) == ["one", "zero"]


def test_a_lost_commit_is_repeated_with_the_same_requests_only(
    connect: Callable[..., Client], url: str, session_id: int, messages: Messages
) -> None:
    with proxied(url) as proxy:
        db = connect(proxy.url)
        statement = note(session_id, "once")
        proxy.lose_answers(1, tag="COMMIT")
        db.retrying(lambda: [statement])
        assert proxy.lost == 1
        proxy.lose_answers(1, tag="COMMIT")
        made: list[Statement[object]] = []

        def make() -> list[Statement[object]]:
            made.append(note(session_id, "another each time"))
            return made[-1:]

        with pytest.raises(NotRepeatable) as caught:
            db.retrying(make)
        assert (caught.value.attempts, caught.value.request_id) == (2, made[1].request_id)
    assert messages() == ["once", "another each time"]


def test_deadlocks_are_retried(
    connect: Callable[..., Client],
    url: str,
    start_session: Callable[..., int],
    other: psycopg.Connection,
) -> None:
    one, two = start_session(), start_session()
    adjust = [account.adjust_balance(session_id=session, delta=1, reason="test") for session in (one, two)]
    barrier = Barrier(2)
    db = connect(url)

    def cross() -> None:
        with other.transaction():
            other.execute("SET LOCAL deadlock_timeout = '10s'")
            other.execute("SELECT FROM trading_sessions WHERE id = %s FOR UPDATE", [two])
            barrier.wait()
            other.execute("SELECT FROM trading_sessions WHERE id = %s FOR UPDATE", [one])

    first = True

    def make() -> Iterator[Statement[object]]:
        nonlocal first
        yield adjust[0]
        if first:
            barrier.wait()
            first = False
        yield adjust[1]

    thread = Thread(target=cross)
    thread.start()
    assert db.retrying(make) == [1001, 1001]  # a generator is read one by one
    thread.join()
    assert [event.error.sqlstate for event in db.events] == ["40P01"]


def test_a_deaf_port_and_a_black_hole_end_at_the_deadline(
    connect: Callable[..., Client], url: str, session_id: int
) -> None:
    read, write = account.get_current_balance(session_id=session_id), note(session_id, "maybe")
    with deaf_port() as port, within(0.5), pytest.raises(Unavailable):
        connect(f"postgresql://bot@127.0.0.1:{port}/books").run(read, timeout=0.5)
    with proxied(url) as proxy:
        db = connect(proxy.url)
        assert db.run(read) == 1000
        proxy.swallow()
        with within(0.5), pytest.raises(Timeout):
            db.run(read, timeout=0.5)
        with within(0.5), pytest.raises(Unavailable, match="did not accept") as unanswered:
            db.run(read, timeout=0.5)
        assert not isinstance(unanswered.value, PoolExhausted)
        proxy.flow()
        assert db.run(read) == 1000
        proxy.swallow()
        with within(0.5), pytest.raises(OutcomeUnknown) as caught:
            db.run(write, timeout=0.5)
        assert caught.value.request_id == write.request_id
        health = db.health()
        assert not health.reachable
        assert health.reason
        proxy.flow()
        assert db.run(write) == db.run(write)
        assert db.health().ok


def test_what_a_block_raises_goes_before_its_rollback(
    connect: Callable[..., Client], url: str, session_id: int, messages: Messages
) -> None:
    class Mine(Exception):  # noqa: N818  nobody handles it
        pass

    with proxied(url) as proxy:
        db = connect(proxy.url, deadline=0.5)

        def work() -> Iterator[Statement[object]]:
            yield note(session_id, "undone")
            proxy.swallow()
            raise Mine

        for run in (db.transaction, db.retrying):
            with within(0.5), pytest.raises(Mine):
                run(work)
            proxy.flow()
            proxy.cut()
    assert messages() == []


@pytest.fixture(scope="module")
def own_server() -> Iterator[Server]:
    with embedded.postgresql() as running:
        yield running


def test_a_stopped_server_ends_at_the_deadline(connect: Callable[..., Client], own_server: Server) -> None:
    db = connect(own_server.url())
    assert db.run(get_server_state()).is_primary
    with psycopg.connect(own_server.url(), autocommit=True) as watcher:
        pids = [row[0] for row in watcher.execute("SELECT pid FROM pg_stat_activity WHERE application_name = 'atb_db'")]
    for pid in (own_server.pid, *pids):
        os.kill(pid, signal.SIGSTOP)
    try:
        with within(0.5), pytest.raises((Timeout, Unavailable)):
            db.run(get_server_state(), timeout=0.5)
    finally:
        for pid in (own_server.pid, *pids):
            os.kill(pid, signal.SIGCONT)
    assert db.run(get_server_state()).is_primary


def test_an_exhausted_pool_answers_at_once_or_in_time(url: str, session_id: int) -> None:
    settings = Settings.load(url, environ={})._replace(pool_max=1, pool_waiting=1)
    read = account.get_current_balance(session_id=session_id)
    late = pytest.raises(PoolExhausted, match=r"in use for 0\.\d+ s")
    with Database(settings) as db:
        with db.transaction(), within(0.2), late:
            db.run(read, timeout=0.2)
        with ThreadPoolExecutor(1) as threads:
            with db.transaction():
                waiting = threads.submit(db.run, read)
                while not db.statistics().waiting:
                    pass
                with within(0), pytest.raises(PoolExhausted, match="all 1 are in use and 1 wait"):
                    db.run(read)
            assert waiting.result() == 1000


@pytest.mark.parametrize("connect", [False, pytest.param(True, marks=pytest.mark.slow)], indirect=True)
def test_who_gave_up_waiting_does_not_count_as_waiting(
    connect: Callable[..., Client], url: str, session_id: int
) -> None:
    read = account.get_current_balance(session_id=session_id)
    with proxied(url) as proxy:
        db = connect(proxy.url, pool_max=1, pool_waiting=2)
        assert db.run(read) == 1000
        proxy.refuse()
        for _ in range(4):
            with pytest.raises(Unavailable) as caught:
                db.run(read, timeout=0.5)
            assert not isinstance(caught.value, PoolExhausted)
        assert db.statistics().waiting == 0
        proxy.listen()
        assert db.run(read) == 1000


@pytest.mark.parametrize(
    ("connect", "most"),
    [
        pytest.param(way, most, marks=[pytest.mark.slow] if way == (most == 2) else [])
        for way in (False, True)
        for most in (1, 2)
    ],
    indirect=["connect"],
)
def test_who_waits_is_answered_soon_after_the_outage(
    connect: Callable[..., Client], url: str, session_id: int, most: int
) -> None:
    """psycopg_pool gives up connecting after half a second, and tries again for the next caller only."""
    read = account.get_current_balance(session_id=session_id)
    with proxied(url) as proxy, ThreadPoolExecutor(1) as threads:
        db = connect(proxy.url, pool_min=1, pool_max=most, pool_timeout=0)
        assert db.run(read) == 1000
        proxy.refuse()
        waiting = threads.submit(db.run, read, 20)
        sleep(3)
        assert not waiting.done()
        proxy.listen()
        listening = monotonic()
        assert waiting.result() == 1000
        assert monotonic() - listening < 10


def test_a_read_only_server_is_left_and_tried_again(fresh_url: str) -> None:
    events: list[RetryEvent] = []
    settings = Settings.load(fresh_url, environ={})._replace(pool_max=1)
    with Database(settings, on_retry=events.append) as db:
        with db._pool.connection() as pooled:
            pooled.execute("SET default_transaction_read_only = on")
        assert not db.health().writable
        db.run(control.set_control_flag(name="stop", reason="test", source="test"))
        assert [event.error.sqlstate for event in events] == ["25006"]
        health = db.health()
        assert health.ok
        assert [flag.name for flag in health.control_flags or ()] == ["stop"]
