"""The primary dies and its synchronous standby takes over: what was acknowledged is there, once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from random import Random
from threading import Event
from time import monotonic, sleep
from typing import Final

import psycopg
import pytest

from atb_db.errors import OutcomeUnknown
from atb_db.repository import events
from atb_db.statement import Statement
from tests.faults.client import Client, clients
from tests.faults.conftest import FULL, Record, only_in_full
from tests.faults.engine import Answered, Engine, trading
from tests.faults.oracle import judge
from tests.faults.results import Line
from tests.faults.scene import begin_sessions, wait_for_answers
from tests.faults.standby import Pair, pair

DEADLINE: Final = 2.0
HEALS: Final = 2.0
"""Seconds from the promotion until every engine has an answer again."""
SLACK: Final = 0.0 if FULL else 20.0
WAITS: Final = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND application_name = 'atb_db'"


@pytest.mark.parametrize(
    ("name", "frozen", "times"),
    [
        ("primary killed, standby promoted", False, 5 if FULL else 1),
        pytest.param("the same with a frozen walsender", True, 5, marks=only_in_full),
    ],
    ids=["killed", "frozen"],
)
@pytest.mark.slow
def test_nothing_is_lost_at_a_failover(  # noqa: PLR0917  fixtures
    name: str,
    frozen: bool,  # noqa: FBT001
    times: int,
    chance: Random,
    tmp_path: Path,
    is_async: bool,  # noqa: FBT001
    record: Record,
) -> None:
    if is_async and not FULL:
        pytest.skip("part of make faults")
    answers = lost = double = 0
    recovery = 0.0
    errors: Counter[str] = Counter()
    for number in range(times):
        with pair() as servers:
            engines, healed = fail_over(servers, tmp_path / str(number), chance, is_async=is_async, frozen=frozen)
            verdict = judge(servers.standby.url(), Answered.read(*(engine.path for engine in engines)))
        assert verdict.holds, verdict
        answers, lost, double = answers + verdict.answers, lost + verdict.lost, double + verdict.double
        recovery = max(recovery, healed)
        errors += sum((engine.errors for engine in engines), Counter())
    told = ", ".join(f"{count} {kind}" for kind, count in errors.items()) or "0"
    promised = f"≤ promotion + {HEALS:g} s"
    kind = "async" if is_async else "sync"
    record(Line(name, kind, times, answers, lost, double, errors=told, recovery=recovery, promised=promised))
    assert answers > 0
    assert recovery < HEALS + SLACK


def fail_over(
    servers: Pair, folder: Path, chance: Random, *, is_async: bool, frozen: bool
) -> tuple[list[Engine], float]:
    """Engines that met it, and the seconds from the promotion until each had an answer."""
    folder.mkdir()
    ids = begin_sessions(servers.url, 2)
    client = Client(servers.url, is_async=is_async, pool_max=4, deadline=DEADLINE)
    names = [f"engine-{number}-{folder.name}" for number in range(4)]
    seed = chance.random()
    engines = [Engine(client, trading(ids[one // 2], name, seed), folder / name) for one, name in enumerate(names)]
    stop = Event()
    with ThreadPoolExecutor(4) as threads, ExitStack() as stack:
        working = [threads.submit(engine.work, stop) for engine in engines]
        try:
            wait_for_answers(engines, monotonic())
            sleep(chance.uniform(0.2, 1.0))
            if frozen:
                stack.enter_context(servers.frozen_sender())
                sleep(chance.uniform(0.1, DEADLINE))
            servers.kill_primary()
            sleep(chance.uniform(0.0, 0.5))
            servers.promote()
            healed = wait_for_answers(engines, monotonic())
            sleep(0.3)
        finally:
            stop.set()
            for one in working:
                one.result()
            client.close()
    return engines, healed


@pytest.fixture(scope="module")
def servers() -> Iterator[Pair]:
    with pair() as made:
        yield made


@pytest.fixture
def connect(is_async: bool) -> Iterator[Callable[..., Client]]:  # noqa: FBT001
    with clients(is_async=is_async) as made:
        yield made


def begin_to_wait(
    servers: Pair, client: Client, statement: Statement[int], threads: ThreadPoolExecutor
) -> Future[object]:
    """Run the statement until its commit waits for the standby."""
    running: Future[object] = threads.submit(client.run, statement)
    while servers.value(WAITS) is None:
        assert not running.done(), running.result()
        sleep(0.01)
    return running


@only_in_full
def test_a_terminated_wait_is_answered_when_the_standby_has_it(
    servers: Pair,
    connect: Callable[..., Client],
    record: Record,
    is_async: bool,  # noqa: FBT001
) -> None:
    client = connect(servers.url, deadline=20.0)
    [session_id] = begin_sessions(servers.url, 1)
    statement = events.log_event(session_id=session_id, event_type="TEST", message="terminated")
    with ThreadPoolExecutor(1) as threads:
        with servers.frozen_sender():
            running = begin_to_wait(servers, client, statement, threads)
            servers.value(WAITS.replace("SELECT pid", "SELECT pg_terminate_backend(pid)"))
            sleep(1)
            # The attempt after it waits as the first one did: its key is written again.
            assert not running.done()
        event_id = running.result()
    with psycopg.connect(servers.standby.url()) as connection:
        found = connection.execute("SELECT id FROM system_events WHERE request_id = %s", [statement.request_id])
        assert found.fetchall() == [(event_id,)]
    kind = "async" if is_async else "sync"
    record(Line("a synchronous wait terminated", kind, 1, 1, 0, 0, errors="0", promised="the row is on both nodes"))


@only_in_full
def test_a_cancelled_wait_is_no_success(
    servers: Pair,
    connect: Callable[..., Client],
    record: Record,
    is_async: bool,  # noqa: FBT001
) -> None:
    client = connect(servers.url, deadline=3.0)
    [session_id] = begin_sessions(servers.url, 1)
    statement = events.log_event(session_id=session_id, event_type="TEST", message="cancelled")
    with ThreadPoolExecutor(1) as threads, servers.frozen_sender():
        running = begin_to_wait(servers, client, statement, threads)
        servers.value(WAITS.replace("SELECT pid", "SELECT pg_cancel_backend(pid)"))
        with pytest.raises(OutcomeUnknown):
            running.result()
    assert isinstance(client.run(statement), int)
    kind = "async" if is_async else "sync"
    record(Line("a synchronous wait cancelled", kind, 1, 1, 0, 0, errors="1 OutcomeUnknown", promised="OutcomeUnknown"))
