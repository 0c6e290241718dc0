"""One line for health checks: what it says, how it ends, and that it costs next to nothing."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from atb_db import Database, Journal
from atb_db.admin import connection, health
from atb_db.cli.exits import ExitCode
from atb_db.config import Settings
from atb_db.embedded import Server
from atb_db.repository import control, events, sessions
from atb_db.types import TradeSourceLabel
from tests.admin.roles import remove_roles
from tests.cli.conftest import COMMAND, PASSWORD, Ended, Run, environment

NOWHERE = f"postgresql://postgres:{PASSWORD}@127.0.0.1:1/nowhere?sslmode=disable"


def start(url: str, *, mode: TradeSourceLabel, ago: timedelta, name: str = "trend") -> int:
    with Database(Settings.load(url, environ={})) as db:
        return db.run(
            sessions.create_trading_session(
                session_name=name,
                strategy_name="trend",
                symbol="BTCUSDT",
                timeframe="1h",
                mode=mode,
                initial_balance=1000,
                start_time=datetime.now(UTC) - ago,
            )
        )


def backed_up(url: str, *, ago: timedelta) -> None:
    with Database(Settings.load(url, environ={})) as db:
        db.run(events.log_event(event_type="BACKUP", message="made", timestamp=datetime.now(UTC) - ago))


def one_line(ended: Ended) -> str:
    assert ended.out.count("\n") == 1
    assert ended.err == ""
    return ended.out.strip()


def test_a_healthy_database(migrated_url: str, call: Run) -> None:
    ended = call("health", url=migrated_url)
    assert (ended.code, one_line(ended)) == (
        ExitCode.OK,
        "healthy: no active LIVE or PAPER session, no backup on record",
    )


def test_a_silent_session_is_named_and_a_backtest_is_none(migrated_url: str, call: Run) -> None:
    start(migrated_url, mode="BACKTEST", ago=timedelta(days=9))
    start(migrated_url, mode="LIVE", ago=timedelta(minutes=9), name="lively")
    ended = call("health", url=migrated_url)
    assert ended.code == ExitCode.OK
    assert one_line(ended).startswith("healthy: 1 active session, silent for at most 9m")
    silent = start(migrated_url, mode="PAPER", ago=timedelta(minutes=26))
    ended = call("health", url=migrated_url)
    assert ended.code == ExitCode.FOUND
    assert one_line(ended).startswith(f"unhealthy: session {silent} (trend, PAPER) silent for 26m")
    assert "held by nobody" in ended.out
    assert "lively" not in ended.out
    assert call("health", "--max-silence", "30m", url=migrated_url).code == ExitCode.OK
    assert call("health", "--max-silence", "1m", url=migrated_url).out.count(" silent for ") == 2


def test_a_sign_of_life_and_a_hold_are_seen(migrated_url: str, call: Run) -> None:
    session = start(migrated_url, mode="LIVE", ago=timedelta(hours=1))
    assert call("health", url=migrated_url).code == ExitCode.FOUND
    with Database(Settings.load(migrated_url, environ={})) as db:
        taken_up = sessions.resume_or_create(
            strategy_name="trend",
            symbol="BTCUSDT",
            timeframe="1h",
            mode="LIVE",
            initial_balance=1000,
            holder="engine-2",
        )
        assert db.run(taken_up).session_id == session
    code, out, _ = call("health", "--json", url=migrated_url)
    (one,) = json.loads(out)["sessions"]
    assert (code, one["id"], one["held_by"], one["silent_seconds"] < 60) == (ExitCode.OK, session, "engine-2", True)


def test_the_age_of_the_backup_counts_when_it_is_asked_for(migrated_url: str, call: Run) -> None:
    assert "no backup is on record" in call("health", "--rpo", "15m", url=migrated_url).out
    backed_up(migrated_url, ago=timedelta(minutes=20))
    assert call("health", url=migrated_url).out.endswith("last backup 20m ago\n")
    ended = call("health", "--rpo", "15m", url=migrated_url)
    assert (ended.code, one_line(ended)[:40]) == (ExitCode.FOUND, "unhealthy: the last backup is 20m old, n")
    assert call("health", "--rpo", "30m", url=migrated_url).code == ExitCode.OK


def test_a_kill_switch_is_a_problem_unless_it_is_allowed(migrated_url: str, call: Run) -> None:
    with Database(Settings.load(migrated_url, environ={})) as db:
        db.run(control.set_control_flag(name="kill_switch", reason="exchange down", source="ops"))
    ended = call("health", url=migrated_url)
    assert ended.code == ExitCode.FOUND
    assert one_line(ended).endswith("set by ops: exchange down")
    ended = call("health", "--allow-halt", url=migrated_url)
    assert (ended.code, "kill_switch is on" in one_line(ended)) == (ExitCode.OK, True)


def test_a_database_without_a_schema_or_with_a_migration_to_come(empty_url: str, migrated_url: str, call: Run) -> None:
    ended = call("health", url=empty_url)
    assert (ended.code, "no schema of atb_db" in one_line(ended)) == (ExitCode.FOUND, True)
    with psycopg.connect(migrated_url) as connection:
        connection.execute("DELETE FROM _yoyo_migration WHERE migration_id = '0001-baseline'")
    ended = call("health", url=migrated_url)
    assert (ended.code, one_line(ended)) == (ExitCode.FOUND, "unhealthy: 1 migration pending: 0001-baseline")


def test_a_server_that_takes_no_writes(migrated_url: str, call: Run) -> None:
    sign = "&" if "?" in migrated_url else "?"
    ended = call("health", "--url", f"{migrated_url}{sign}options=-c%20default_transaction_read_only%3Don")
    assert (ended.code, "takes no writes" in one_line(ended)) == (ExitCode.FOUND, True)


def test_the_engines_login_may_ask(migrated_url: str, call: Run) -> None:
    with psycopg.connect(migrated_url, autocommit=True) as connection:
        connection.execute("CREATE ROLE asking LOGIN")
    try:
        assert call("roles", "--runtime", "asking", url=migrated_url).code == ExitCode.OK
        start(migrated_url, mode="LIVE", ago=timedelta(minutes=1))
        assert call("health", "--url", migrated_url.replace("postgres@", "asking@")).code == ExitCode.OK
    finally:
        with psycopg.connect(migrated_url, autocommit=True) as connection:
            connection.execute("DROP OWNED BY asking; DROP ROLE asking")


def test_a_journal_with_something_left(migrated_url: str, tmp_path: Path, call: Run) -> None:
    path = tmp_path / "engine.journal"
    with closing(Database(NOWHERE)) as away, Journal(path, away, patience=0.05) as journal:
        journal.record(events.log_event(event_type="TEST", message="waits"))
    assert call("health", "--journal", str(path), url=migrated_url).code == ExitCode.OK
    time.sleep(1.1)
    ended = call("health", "--journal", str(path), "--max-silence", "1s", url=migrated_url)
    assert ended.code == ExitCode.FOUND
    assert "1 command of engine.journal not applied for" in one_line(ended)
    missing = call("health", "--journal", str(tmp_path / "nothing"), url=migrated_url)
    assert (missing.code, "nothing" in one_line(missing)) == (ExitCode.FOUND, True)


def test_what_cannot_be_reached(call: Run) -> None:
    ended = call("health", "--url", NOWHERE)
    assert ended.code == ExitCode.UNREACHABLE
    assert one_line(ended).startswith("unreachable: ")
    ended = call("health", "--json", "--url", NOWHERE)
    assert (ended.code, json.loads(ended.out)["reachable"]) == (ExitCode.UNREACHABLE, False)


@pytest.mark.slow
def test_a_server_that_stands_still_is_an_answer_too(tmp_path: Path) -> None:
    from atb_db import embedded

    with embedded.postgresql() as own:
        url = own.create_database("still")
        postmaster = own.pid
        os.kill(postmaster, signal.SIGSTOP)
        try:
            began = time.monotonic()
            done = subprocess.run(
                (*COMMAND, "health"), env=environment(url), cwd=tmp_path, capture_output=True, text=True, check=False
            )
        finally:
            os.kill(postmaster, signal.SIGCONT)
    assert (done.returncode, time.monotonic() - began < 15) == (ExitCode.UNREACHABLE, True)


def test_it_loads_no_more_than_it_needs(migrated_url: str, tmp_path: Path) -> None:
    code = """
import sys
from atb_db.cli import main
sys.argv = ["atb-db", "health", "--max-silence", "5m"]
try:
    main()
except SystemExit as ended:
    unwanted = {"typer", "pydantic", "rich", "yoyo", "psycopg_pool", "atb_db.repository", "atb_db.journal"}
    heavy = unwanted & set(sys.modules)
    sys.exit(", ".join(heavy) or ended.code)
"""
    ended = subprocess.run(
        (sys.executable, "-c", code),
        env=environment(migrated_url),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.startswith("healthy: ")


def test_it_is_one_round_trip(migrated_url: str, call: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = list[tuple[str, ...]]()
    together = connection.ask_together

    def counted(reached: connection.Connection, *questions: str) -> connection.Answers:
        asked.append(questions)
        return together(reached, *questions)

    def refused(*_: object, **__: object) -> None:
        raise AssertionError("asked once more")

    monkeypatch.setattr(health, "ask_together", counted)
    monkeypatch.setattr(health, "ask", refused)
    assert call("health", url=migrated_url).code == ExitCode.OK
    assert len(asked) == 1


@pytest.mark.parametrize(
    "words",
    [
        ("--max-silence", "5m"),
        ("--max-silence=5m", "--rpo", "15m"),
        ("--rpo=15m", "--allow-halt"),
        ("--journal", "a.journal", "--journal=b.journal"),
        ("--url", "postgresql://127.0.0.1:1/x"),
    ],
)
def test_the_short_way_reads_options_as_the_long_one_does(
    migrated_url: str, call: Run, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    quick = call("health", *words, url=migrated_url)
    monkeypatch.setattr("atb_db.cli.quick.health", lambda _words: None)
    assert call("health", *words, url=migrated_url) == quick


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--max-silence", "soon"), "no length of time"),
        (("--max-silence",), "requires an argument"),
        (("--nonsense",), "No such option"),
        (("--allow-halt=x",), "does not take a value"),
        (("more",), "unexpected extra argument"),
    ],
)
def test_mistakes_are_explained_by_the_long_way(call: Run, words: tuple[str, ...], said: str) -> None:
    ended = call("health", *words, url=NOWHERE)
    assert (ended.code, ended.out) == (ExitCode.USAGE, "")
    assert said in " ".join(ended.err.split())


def test_help_and_json_are_the_long_way_s(call: Run, migrated_url: str) -> None:
    assert "Exit codes:" in call("health", "--help").out
    assert json.loads(call("health", "--json", url=migrated_url).out)["healthy"] is True


def test_a_role_that_may_not_read_the_records_says_so(server: Server, migrated_url: str, call: Run) -> None:
    with psycopg.connect(migrated_url, autocommit=True) as connection:
        connection.execute("CREATE ROLE sees_little LOGIN")
        connection.execute("GRANT SELECT ON ALL TABLES IN SCHEMA public TO sees_little")
        connection.execute("REVOKE SELECT ON _yoyo_migration FROM sees_little")
    try:
        ended = call("health", url=migrated_url.replace("postgres@", "sees_little@"))
    finally:
        remove_roles(server, "sees_little")
    assert ended.code == ExitCode.FOUND
    assert one_line(ended) == "unhealthy: this role may not read which migrations it has"
