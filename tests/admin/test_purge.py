"""Retention: sessions go with all they have, logs by age, and nothing else goes."""

from __future__ import annotations

import json
import signal
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic, sleep

import psycopg
import pytest

from atb_db import Database, Settings
from atb_db.admin import purge
from atb_db.admin.access.roles import Members, set_roles
from atb_db.admin.errors import Refused
from atb_db.admin.purge import LOG_TABLES, SESSION_TABLES, purge_log, purge_session, take_back_purge
from atb_db.cli.exits import ExitCode
from atb_db.embedded import Server
from atb_db.errors import NotFound
from atb_db.repository import audit, events, sessions
from atb_db.repository.audit import get_session_ids
from atb_db.types import SessionClaim, TradeSource
from tests.admin.roles import execute, remove_roles
from tests.cli.conftest import COMMAND, Run, call, environment
from tests.statements.books import row_counts
from tests.statements.examples import World, opening, prepare

__all__ = ["call"]

FAR = datetime(2199, 1, 1, tzinfo=UTC)


def contradictions(db: Database, session_id: int) -> list[audit.BookFinding]:
    """What the audit says of a session, but for the rest that its world leaves unbooked."""
    found = db.run_batch(audit.audit_session(session_id=session_id)).findings
    return [one for one in found if one.identity != "unbooked"]


@pytest.fixture
def world(fresh_db: Database) -> World:
    return prepare(fresh_db)


@pytest.fixture
def settings(fresh_url: str) -> Settings:
    return Settings.load(fresh_url, environ={})


def counts(url: str) -> dict[str, int]:
    return {table: rows for table, rows in row_counts(url).items() if rows}


def test_every_table_that_refers_to_a_session_is_known(fresh_url: str) -> None:
    """And what refers to a row goes before it."""
    with psycopg.connect(fresh_url) as connection:
        references = connection.execute(
            "SELECT conrelid::regclass::text, confrelid::regclass::text FROM pg_constraint WHERE contype = 'f'"
            # A session refers to its ledger too, until its removal begins.
            " AND conname <> 'trading_sessions_balance_fkey'"
        ).fetchall()
    reached = {"trading_sessions"}
    while more := {child for child, parent in references if parent in reached} - reached:
        reached |= more
    assert reached == set(SESSION_TABLES)
    order = list(SESSION_TABLES)
    for child, parent in references:
        if parent in reached and child != parent:
            assert order.index(child) < order.index(parent), (child, parent)


def test_a_session_goes_with_all_its_rows_and_no_other(
    fresh_db: Database, fresh_url: str, world: World, settings: Settings
) -> None:
    fresh_db.run(sessions.end_trading_session(session_id=world.session_id))
    before = counts(fresh_url)
    [found] = purge.ended_sessions(settings, ended_before=FAR)
    assert (found.session_id, found.mode) == (world.session_id, TradeSource.PAPER)
    told: list[tuple[str, int]] = []
    removed = purge_session(
        settings, world.session_id, batch=2, progress=lambda what, rows, _: told.append((what, rows))
    )
    assert removed == found.removed
    assert {one.table for one in removed} >= {"positions", "orders", "order_fills", "trades", "account_balances"}
    gone = {one.table: one.rows for one in removed}
    assert counts(fresh_url) == {
        table: rows - gone.get(table, 0) for table, rows in before.items() if rows > gone.get(table, 0)
    }
    assert max(rows for what, rows in told if what == "trades") == gone["trades"]
    assert contradictions(fresh_db, world.other_session_id) == []
    with pytest.raises(NotFound):
        purge_session(settings, world.session_id)


def test_no_batch_reads_what_the_ones_before_it_have_removed(
    fresh_url: str, fresh_db: Database, world: World, settings: Settings
) -> None:
    fresh_db.run_many(
        [
            events.log_event(session_id=world.session_id, event_type="TEST", message=f"event {number}")
            for number in range(500)
        ]
    )
    fresh_db.run(sessions.end_trading_session(session_id=world.session_id))
    told = "SELECT seq_tup_read, n_tup_del FROM pg_stat_user_tables WHERE relname = 'system_events'"
    with psycopg.connect(fresh_url, autocommit=True) as connection:
        connection.execute("ANALYZE system_events")  # so small a table would be read as a whole by anybody's choice
        [(read, removed)] = connection.execute(told).fetchall()
        purge_session(settings, world.session_id, batch=20)
        until = monotonic() + 30
        [(read_then, removed_then)] = connection.execute(told).fetchall()
        while removed_then < removed + 500 and monotonic() < until:
            sleep(0.1)  # its connection reports when it ends, the collector of PostgreSQL 14 some time later
            [(read_then, removed_then)] = connection.execute(told).fetchall()
    assert removed_then >= removed + 500
    assert read_then == read


def test_a_purge_that_is_killed_has_left_its_event_and_is_gone_on_with(
    fresh_db: Database, fresh_url: str, world: World, settings: Settings, tmp_path: Path
) -> None:
    for number in range(400):
        fresh_db.run(events.log_event(session_id=world.session_id, event_type="TEST", message=f"{number}"))
    fresh_db.run(sessions.end_trading_session(session_id=world.session_id))
    arguments = ("purge", "--session", str(world.session_id), "--batch", "1", "--yes")
    with psycopg.connect(fresh_url, autocommit=True) as connection:
        running = subprocess.Popen((*COMMAND, *arguments), env=environment(fresh_url), cwd=tmp_path)
        left = "SELECT count(*) FROM system_events WHERE message ~ '^[0-9]+$'"
        while connection.execute(left).fetchall() == [(400,)]:
            assert running.poll() is None
        running.kill()
        assert running.wait() == -signal.SIGKILL
        assert connection.execute(left.replace("count(*)", "count(*) > 0")).fetchall() == [(True,)]
        assert fresh_db.run(get_session_ids()) == [world.empty_session_id, world.other_session_id]
        assert connection.execute(
            "SELECT details -> 'sessions' FROM system_events WHERE event_type = 'PURGE'"
        ).fetchall() == [([world.session_id],)]
    purge_session(settings, world.session_id)
    with pytest.raises(NotFound):
        fresh_db.run(sessions.get_trading_session(session_id=world.session_id))
    assert [contradictions(fresh_db, kept) for kept in fresh_db.run(get_session_ids())] == [[], []]


def test_a_session_that_has_not_ended_stays(fresh_url: str, world: World, settings: Settings) -> None:
    before = counts(fresh_url)
    with pytest.raises(Refused, match=f"session {world.session_id} has not ended"):
        purge_session(settings, world.session_id)
    with pytest.raises(Refused, match="end it first"):
        purge.ended_sessions(settings, ended_before=FAR, named=[world.session_id])
    assert counts(fresh_url) == before


def test_an_interrupted_purge_is_gone_on_with_and_nobody_takes_the_session_up(
    fresh_db: Database, world: World, settings: Settings
) -> None:
    fresh_db.run(sessions.end_trading_session(session_id=world.session_id))

    def give_up(what: str, _rows: int, _total: int | None) -> None:
        if what == "trades":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        purge_session(settings, world.session_id, batch=1, progress=give_up)
    claim = sessions.resume_or_create(
        strategy_name="example", symbol="BTCUSDT", timeframe="1h", mode="PAPER", initial_balance=1, holder="engine",
        max_age=300_000_000,
    )  # fmt: skip
    held = fresh_db.run(claim)
    assert held.claim is SessionClaim.CREATED
    assert held.session_id != world.session_id
    assert {one.table for one in purge_session(settings, world.session_id)} >= {"trades", "trading_sessions"}


def test_writers_of_another_session_do_not_wait(fresh_db: Database, world: World, settings: Settings) -> None:
    fresh_db.run(sessions.end_trading_session(session_id=world.session_id))
    written: list[int] = []

    def write(_what: str, _rows: int, _total: int | None) -> None:
        written.append(fresh_db.run(opening(world.other_session_id, f"S{len(written)}")))

    purge_session(settings, world.session_id, batch=3, progress=write)
    assert len(written) > len(SESSION_TABLES)


def test_modes_are_chosen_and_live_ones_are_kept(fresh_db: Database, settings: Settings) -> None:
    made = {}
    for mode in TradeSource:
        made[mode] = fresh_db.run(
            sessions.create_trading_session(
                strategy_name="modes", symbol="X", timeframe="1h", mode=mode, initial_balance=1
            )
        )
        fresh_db.run(sessions.end_trading_session(session_id=made[mode]))

    def found(**choice: object) -> set[int]:
        return {one.session_id for one in purge.ended_sessions(settings, ended_before=FAR, **choice)}  # type: ignore[arg-type]

    assert found() == {made[TradeSource.BACKTEST], made[TradeSource.PAPER]}
    assert found(modes=[TradeSource.PAPER]) == {made[TradeSource.PAPER]}
    assert found(named=[made[TradeSource.LIVE]]) == {made[TradeSource.LIVE]}
    assert purge.ended_sessions(settings, ended_before=datetime(2000, 1, 1, tzinfo=UTC)) == []
    with pytest.raises(NotFound, match="session 99 does not exist"):
        found(named=[99])


def test_logs_go_by_age(fresh_db: Database, fresh_url: str, settings: Settings) -> None:
    now = datetime.now(UTC)
    for days in (400, 300, 10, 0):
        fresh_db.run(events.log_event(event_type="TEST", message="note", timestamp=now - timedelta(days=days)))
    before = now - timedelta(days=180)
    assert purge.count_log(settings, "system_events", before=before).rows == 2
    assert purge_log(settings, "system_events", before=before, batch=1).rows == 2
    assert counts(fresh_url) == {"system_events": 2}
    assert purge_log(settings, "strategy_executions", before=before).rows == 0
    with pytest.raises(Refused, match="trades is no log"):
        purge_log(settings, "trades", before=before)
    assert not set(LOG_TABLES) & {"account_history", "account_balances", "trades", "orders"}


def test_purge_asks_counts_and_records(call: Run, fresh_db: Database, fresh_url: str, world: World) -> None:
    fresh_db.run(sessions.end_trading_session(session_id=world.session_id, end_time=datetime(2024, 4, 1, tzinfo=UTC)))
    before = counts(fresh_url)
    assert call("purge", url=fresh_url).code == ExitCode.REFUSED
    dry = call("purge", "--dry-run", "--json", url=fresh_url)
    assert counts(fresh_url) == before
    assert call("purge", "--mode", "live", url=fresh_url).code == ExitCode.USAGE
    assert call("purge", "--session", "99", "--yes", url=fresh_url).code == ExitCode.FAILED
    assert call("purge", "--older-than", "30000d", "--yes", url=fresh_url).code == ExitCode.OK
    assert counts(fresh_url) == before
    done = call("purge", "--yes", "--json", url=fresh_url)
    assert (done.code, json.loads(done.out)["rows"]) == (ExitCode.OK, json.loads(dry.out)["rows"])
    with psycopg.connect(fresh_url) as connection:
        assert connection.execute("SELECT count(*) FROM trades").fetchone() == (1,)
        [(details,)] = connection.execute("SELECT details FROM system_events WHERE event_type = 'PURGE'").fetchall()
        assert details["sessions"] == [world.session_id]
        assert sum(details["rows"].values()) == json.loads(dry.out)["rows"]
    logs = call("purge-logs", "--older-than", "30d", "--yes", "--json", url=fresh_url)
    assert (logs.code, json.loads(logs.out)["rows"] > 0) == (ExitCode.OK, True)
    again = call("purge-logs", "--older-than", "30d", "--dry-run", "--json", url=fresh_url)
    assert json.loads(again.out)["rows"] == 0


def test_crashed_sessions_end_at_their_last_sign_of_life(
    call: Run, fresh_db: Database, fresh_url: str, world: World
) -> None:
    alive = fresh_db.run(
        sessions.create_trading_session(
            strategy_name="alive", symbol="X", timeframe="1h", mode="LIVE", initial_balance=1
        )
    )
    assert call("end-crashed", url=fresh_url).code == ExitCode.REFUSED
    dry = call("end-crashed", "--dry-run", "--json", url=fresh_url)
    found = {one["session_id"]: one["last_sign_of_life"] for one in json.loads(dry.out)["sessions"]}
    # The example's session was claimed just now.
    assert set(found) == {world.other_session_id, world.empty_session_id}
    assert call("end-crashed", "--idle", "12h", "--yes", url=fresh_url).code == ExitCode.OK
    ended = fresh_db.run(sessions.get_trading_session(session_id=world.other_session_id))
    assert ended.end_time == datetime.fromisoformat(found[world.other_session_id])
    assert ended.total_trades == 1
    assert fresh_db.run(sessions.get_trading_session(session_id=alive)).is_active
    again = call("end-crashed", "--yes", url=fresh_url)
    assert (again.code, again.err) == (ExitCode.OK, "Ended 0 sessions.\n")
    assert contradictions(fresh_db, world.other_session_id) == []


def test_a_session_that_comes_back_before_it_is_ended_goes_on(
    fresh_db: Database, world: World, settings: Settings
) -> None:
    found = purge.crashed_sessions(settings, idle=timedelta(hours=1))
    assert {one.session_id for one in found} == {world.other_session_id, world.empty_session_id}
    fresh_db.run(events.log_event(session_id=world.other_session_id, event_type="TEST", message="back"))
    ended = purge.end_crashed_sessions(settings, found)
    assert [one.session_id for one in ended] == [world.empty_session_id]
    assert fresh_db.run(sessions.get_trading_session(session_id=world.other_session_id)).is_active
    assert purge.end_crashed_sessions(settings, []) == []


def mark(url: str, session_id: int) -> None:
    with psycopg.connect(url) as connection:
        connection.execute(
            "UPDATE trading_sessions SET purge_started_at = now(), ledger_entries = NULL WHERE id = %s", [session_id]
        )


def test_whoever_may_not_remove_a_session_does_not_mark_it(
    server: Server, fresh_url: str, fresh_db: Database, settings: Settings, world: World
) -> None:
    fresh_db.run(sessions.end_trading_session(session_id=world.session_id, end_time=FAR))
    execute(server.url(), "CREATE ROLE engine LOGIN")
    try:
        assert set_roles(settings, Members(engines=("engine",))).undone == ()
        before = counts(fresh_url)
        engine = Settings.load(fresh_url.replace("postgres@", "engine@"), environ={})
        with pytest.raises(Refused, match="may not delete"):
            purge.announce_purge(engine, session_ids=[world.session_id], removed=[])
        with pytest.raises(Refused, match="may not delete"):
            purge_session(engine, world.session_id)
    finally:
        remove_roles(server, "engine")
    assert counts(fresh_url) == before
    with psycopg.connect(fresh_url) as connection:
        assert connection.execute(
            "SELECT count(*) FROM trading_sessions WHERE purge_started_at IS NOT NULL"
        ).fetchone() == (0,)


def test_a_purge_that_was_started_is_taken_back(
    fresh_url: str, fresh_db: Database, settings: Settings, world: World
) -> None:
    fresh_db.run(sessions.end_trading_session(session_id=world.session_id, end_time=FAR))
    with psycopg.connect(fresh_url) as connection:
        query = "SELECT to_jsonb(s) FROM trading_sessions AS s WHERE id = %s"
        before = connection.execute(query, [world.session_id]).fetchone()
    mark(fresh_url, world.session_id)
    take_back_purge(settings, world.session_id)
    with psycopg.connect(fresh_url) as connection:
        assert connection.execute(query, [world.session_id]).fetchone() == before
    with pytest.raises(Refused, match="no purge of session"):
        take_back_purge(settings, world.session_id)
    with pytest.raises(NotFound):
        take_back_purge(settings, 999)
    purge_session(settings, world.session_id)


@pytest.mark.parametrize(
    "removal",
    [
        "DELETE FROM trades WHERE session_id = %s",
        "DELETE FROM account_balances WHERE id = (SELECT max(id) FROM account_balances WHERE session_id = %s)",
        "DELETE FROM account_balances WHERE session_id = %s",
    ],
)
def test_a_purge_that_has_removed_of_the_books_is_not_taken_back(
    fresh_url: str, fresh_db: Database, settings: Settings, world: World, removal: str
) -> None:
    fresh_db.run(sessions.end_trading_session(session_id=world.session_id, end_time=FAR))
    mark(fresh_url, world.session_id)
    with psycopg.connect(fresh_url) as connection:
        connection.execute(removal.encode(), [world.session_id])
    with pytest.raises(Refused, match="run the purge again"):
        take_back_purge(settings, world.session_id)
    with psycopg.connect(fresh_url) as connection:
        query = "SELECT purge_started_at IS NOT NULL FROM trading_sessions WHERE id = %s"
        assert connection.execute(query, [world.session_id]).fetchone() == (True,)
