"""Engines under REINDEX, VACUUM FULL, purges and analytics: none of our commands deadlocks with another of ours."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Final

import psycopg
import pytest
from psycopg import sql

from atb_db import Database, Settings, embedded
from atb_db.admin.audit import audit
from atb_db.admin.purge import LOG_TABLES, purge_log, purge_session
from atb_db.embedded import Server
from atb_db.repository import events, sessions
from atb_db.sqlfile import schema_sql
from tests.conftest import TEMPLATE
from tests.database.conftest import wait_until_blocking
from tests.faults.conftest import FULL, Record
from tests.faults.results import Line
from tests.faults.scene import Fault, Scene, begin_sessions, scene_on, suffer

ROUNDS: Final = 8 if FULL else 2
REPORT: Final = re.compile(r"deadlock detected\n(?:.*\n)*?(?=.*(?:HINT|CONTEXT|STATEMENT):)")
STATEMENT: Final = re.compile(r"Process \d+: (\w+)")
LONG: Final = 120.0
"""Seconds: a VACUUM FULL holds its table for as long as it takes."""
OPERATORS_OWN: Final = {"REINDEX", "VACUUM"}


@pytest.fixture
def logging() -> Iterator[Server]:
    """A server that looks for deadlocks soon, and logs which statements were in each."""
    with embedded.postgresql(settings={"deadlock_timeout": "20ms", "log_min_messages": "error"}) as running:
        with psycopg.connect(running.create_database(TEMPLATE, template="template0")) as connection:
            connection.execute(schema_sql())
        yield running


@pytest.fixture
def scene(logging: Server, chance: Random) -> Iterator[Scene]:
    with scene_on(logging, chance) as made:
        yield made


def names(scene: Scene, kind: str, schema: str) -> list[sql.Identifier]:
    query = f"SELECT relname FROM pg_class WHERE relkind = '{kind}' AND relnamespace = '{schema}'::regnamespace"
    return [sql.Identifier(schema, str(name)) for (name,) in scene.execute(query)]


def patient(scene: Scene) -> Settings:
    limits = {"lock_timeout": 0.0, "statement_timeout": 0.0, "deadline": LONG, "query_deadline": LONG}
    return Settings.load(scene.url, environ={})._replace(**limits)  # type: ignore[arg-type]


def each_table(statement: str) -> Callable[[Scene], None]:
    def do(scene: Scene) -> None:
        with psycopg.connect(scene.url, autocommit=True) as connection:
            for table in names(scene, "r", "public"):
                with suppress(psycopg.errors.DeadlockDetected):
                    connection.execute(statement.encode() + b" " + table.as_string(None).encode())

    return do


def purge(scene: Scene) -> None:
    settings = patient(scene)
    for _ in range(2):
        with Database(settings) as db:
            session_id = db.run(
                sessions.create_trading_session(
                    strategy_name="purged", symbol="BTCUSDT", timeframe="1h", mode="PAPER", initial_balance=1
                )
            )
            db.run(events.log_event(session_id=session_id, event_type="TEST", message="to be purged"))
            db.run(sessions.end_trading_session(session_id=session_id))
        purge_session(settings, session_id)
    for table in LOG_TABLES:
        purge_log(settings, table, before=datetime(2020, 1, 1, tzinfo=UTC))


def look(scene: Scene) -> None:
    audit(patient(scene))
    with psycopg.connect(scene.url, autocommit=True) as connection:
        for view in names(scene, "v", "reporting"):
            with suppress(psycopg.errors.DeadlockDetected):
                connection.execute(sql.SQL("SELECT count(*) FROM {}").format(view))


WORK: Final = (
    each_table("REINDEX TABLE"),
    each_table("REINDEX TABLE CONCURRENTLY"),
    each_table("VACUUM (FULL, ANALYZE)"),
    purge,
    look,
)


def all_at_once(scene: Scene) -> None:
    with ThreadPoolExecutor(len(WORK)) as threads:
        for done in [threads.submit(work, scene) for work in WORK]:
            done.result()


def deadlocks(server: Server) -> list[set[str]]:
    """The first words of the statements that were in each."""
    return [set(STATEMENT.findall(report)) for report in REPORT.findall(server._log_file.read_text(errors="replace"))]


def test_a_deadlock_of_ours_is_seen(scene: Scene) -> None:
    """What the test below relies on."""
    first, second = begin_sessions(scene.url, 2)
    lock = "SELECT FROM trading_sessions WHERE id = %s FOR UPDATE"
    with psycopg.connect(scene.url) as one, psycopg.connect(scene.url) as other, ThreadPoolExecutor(1) as threads:
        one.execute(lock, [first])
        other.execute(lock, [second])
        waiting = threads.submit(one.execute, lock, [second])
        wait_until_blocking(scene.url, other.info.backend_pid)
        with suppress(psycopg.errors.DeadlockDetected):
            other.execute(lock, [first])
        other.rollback()
        with suppress(psycopg.errors.DeadlockDetected):
            waiting.result()
    assert deadlocks(scene.server) == [{"SELECT"}]


@pytest.mark.parametrize("is_async", [False, pytest.param(True, marks=pytest.mark.slow)], indirect=True)
def test_our_commands_do_not_deadlock_with_each_other(
    scene: Scene,
    tmp_path: Path,
    is_async: bool,  # noqa: FBT001
    record: Record,
) -> None:
    outcome = suffer(
        scene, Fault(all_at_once), tmp_path, is_async=is_async, times=ROUNDS,
        lock_timeout=0.0, statement_timeout=0.0, deadline=LONG, query_deadline=LONG,
    )  # fmt: skip
    found = deadlocks(scene.server)
    ours = [words for words in found if not words & OPERATORS_OWN]
    promised = f"0 deadlocks between ours ({len(ours)}; {len(found)} with REINDEX or VACUUM FULL, run again)"
    errors = ", ".join(f"{number} {kind}" for kind, number in outcome.errors.items()) or "0"
    verdict = outcome.verdict
    kind = "async" if is_async else "sync"
    counts = ROUNDS, verdict.answers, verdict.lost, verdict.double
    record(Line("REINDEX, VACUUM FULL, purges, analytics", kind, *counts, errors=errors, promised=promised))
    assert verdict.holds
    assert ours == []
