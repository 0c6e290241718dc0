"""Transactions that collide or wait: run again at most five times more, or the right class of error."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Barrier
from time import monotonic, sleep
from typing import Final

import psycopg
import pytest

from atb_db.database.retry import COLLISIONS
from atb_db.errors import PoolExhausted, SerializationRetry, Timeout
from atb_db.repository import account
from tests.database.conftest import note, wait_until_blocking
from tests.faults.client import Client, clients
from tests.faults.conftest import FULL, Record
from tests.faults.results import Line
from tests.faults.scene import Scene, begin_sessions

Connect = Callable[..., Client]


@pytest.fixture
def connect(scene: Scene, is_async: bool) -> Iterator[Connect]:  # noqa: FBT001
    """Clients of the scene's database, which are closed afterwards."""
    with clients(is_async=is_async) as make:
        yield partial(make, scene.url)


@pytest.fixture
def kind(is_async: bool) -> str:  # noqa: FBT001
    return "async" if is_async else "sync"


SLOW_UPDATES: Final = """
CREATE FUNCTION linger() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.01); RETURN NULL; END $$;
CREATE TRIGGER linger AFTER UPDATE ON trading_sessions FOR EACH ROW EXECUTE FUNCTION linger()
"""


def test_crossed_updates(scene: Scene, connect: Connect, kind: str, record: Record) -> None:
    times = 100 if FULL else 10
    ids = begin_sessions(scene.url, 2)
    with psycopg.connect(scene.url) as connection:
        connection.execute(SLOW_UPDATES)
    db = connect()
    given_up: list[SerializationRetry] = []
    both = Barrier(2, timeout=60)

    def work(order: list[int]) -> None:
        for number in range(times):
            both.wait()
            steps = [account.adjust_balance(session_id=one, delta=1, reason=f"step {number}") for one in order]
            while True:
                try:
                    assert len(db.retrying(lambda steps=steps: steps)) == 2  # type: ignore[misc]
                    break
                except SerializationRetry as error:
                    given_up.append(error)

    with ThreadPoolExecutor(2) as threads:
        for done in [threads.submit(work, ids), threads.submit(work, ids[::-1])]:
            done.result()
    balances = [db.run(account.get_current_balance(session_id=one)) for one in ids]
    deadlocks = [event for event in db.events if event.error.sqlstate == "40P01"]
    assert balances == [1000 + 2 * times] * 2
    assert deadlocks
    assert max(event.attempt for event in db.events) <= COLLISIONS
    assert all(error.attempts == COLLISIONS + 1 for error in given_up)
    promised = f"{len(deadlocks)} deadlocks, each run again ≤ {COLLISIONS} times"
    errors = f"{len(given_up)} SerializationRetry" if given_up else "0"
    record(Line("deadlocks of crossed updates", kind, 2 * times, 4 * times, 0, 0, errors=errors, promised=promised))


def fail_at_commit(scene: Scene) -> None:
    """Let COMMITs of test events fail to serialize: five times, counted by a sequence, which nothing rolls back.

    Those with the message 'never' always do.
    """
    with psycopg.connect(scene.url, autocommit=True) as connection:
        connection.execute(
            f"""
            CREATE SEQUENCE collisions;
            CREATE FUNCTION collide() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
              IF new.message = 'never' OR nextval('collisions') <= {COLLISIONS} THEN RAISE SQLSTATE '40001'; END IF;
              RETURN NULL;
            END $$;
            CREATE CONSTRAINT TRIGGER collide AFTER INSERT ON system_events DEFERRABLE INITIALLY DEFERRED
               FOR EACH ROW WHEN (new.event_type = 'TEST') EXECUTE FUNCTION collide()
            """.encode()
        )


def test_failing_to_serialize_at_commit(scene: Scene, connect: Connect, kind: str, record: Record) -> None:
    [session_id] = begin_sessions(scene.url, 1)
    fail_at_commit(scene)
    db = connect()
    once = note(session_id, "once")
    db.retrying(lambda: [once])
    assert [event.error.sqlstate for event in db.events] == ["40001"] * COLLISIONS
    with pytest.raises(SerializationRetry) as caught:
        db.run(note(session_id, "never"))
    assert caught.value.attempts == COLLISIONS + 1
    assert scene.execute("SELECT message FROM system_events WHERE event_type = 'TEST'") == [("once",)]
    promised = f"run again ≤ {COLLISIONS} times"
    record(Line("serialization failure at COMMIT", kind, 11, 1, 0, 0, errors="1 SerializationRetry", promised=promised))


@pytest.mark.parametrize("limit", ["lock_timeout", "statement_timeout"])
def test_waiting_for_a_lock(scene: Scene, connect: Connect, kind: str, record: Record, limit: str) -> None:
    [session_id] = begin_sessions(scene.url, 1)
    db = connect(**{"lock_timeout": 0, "statement_timeout": 0, limit: 0.1})
    statement = account.adjust_balance(session_id=session_id, delta=1, reason="waits")
    with psycopg.connect(scene.url) as holder:
        holder.execute("SELECT FROM trading_sessions WHERE id = %s FOR UPDATE", [session_id])
        with pytest.raises(Timeout) as caught:
            db.run(statement)
    assert caught.value.attempts == 1
    assert connect().run(statement) == 1001
    record(Line(f"{limit} of 0.1 s", kind, 1, 1, 0, 0, errors="1 Timeout", promised="Timeout, not run again"))


def test_an_exhausted_pool(scene: Scene, connect: Connect, kind: str, record: Record) -> None:
    [session_id] = begin_sessions(scene.url, 1)
    db = connect(pool_max=1, pool_waiting=1)
    ask = account.get_current_balance(session_id=session_id)
    keep = account.adjust_balance(session_id=session_id, delta=1, reason="waits for a lock with the only connection")

    def seconds(why: str, timeout: float | None = None) -> float:
        began = monotonic()
        with pytest.raises(PoolExhausted, match=why):
            db.run(ask, timeout)
        return monotonic() - began

    with ThreadPoolExecutor(2) as threads, psycopg.connect(scene.url) as holder:
        holder.execute("SELECT FROM trading_sessions WHERE id = %s FOR UPDATE", [session_id])
        keeping = threads.submit(db.run, keep)
        wait_until_blocking(scene.url, holder.info.backend_pid)
        late = seconds("all 1 were in use for", 0.3)
        waiting = threads.submit(db.run, ask)
        while not db.statistics().waiting:
            sleep(0.001)
        at_once = seconds("all 1 are in use and 1 wait")
        holder.rollback()
        freed = monotonic()
        assert {keeping.result(), waiting.result()} == {1001}
        recovery = monotonic() - freed
    promised = f"refused after its 0.3 s ({late:.2f} s), at once when too many wait ({at_once * 1000:.0f} ms)"
    record(Line("pool exhausted", kind, 2, errors="2 PoolExhausted", recovery=recovery, promised=promised))
    slack = 0.0 if FULL else 20.0
    assert 0.3 <= late < 0.4 + slack
    assert at_once < 0.1 + slack
    assert recovery < 5 + slack
    assert late >= 0.3
