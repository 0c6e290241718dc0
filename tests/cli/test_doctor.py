import json
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic, sleep

import psycopg
import pytest

from atb_db import Database
from atb_db.admin.connection import ask, reading
from atb_db.admin.continuous.receiver import Receiver
from atb_db.admin.doctor import diagnose
from atb_db.admin.findings import Level
from atb_db.admin.programs import tool_for
from atb_db.admin.vital_signs import Follower, VitalSigns, follower_findings, signs_findings
from atb_db.cli.exits import ExitCode
from atb_db.config import Settings, Source, sources
from atb_db.embedded import Server
from atb_db.repository import control, sessions
from tests.cli.conftest import PASSWORD, Run

WELL = VitalSigns(
    server_limit=97,
    own_limit=None,
    connections=5,
    own_connections=1,
    sees_everybody=True,
    oldest_pid=None,
    oldest_application=None,
    oldest_seconds=None,
    server_time=datetime(2026, 1, 1, tzinfo=UTC),
    transaction_age=1000,
    is_standby=False,
    standby_seconds=None,
    waits_for_nobody=False,
    bytes=8_000_000,
)
URL = "postgresql://bot:s3cret@db/books"


def problems(signs: VitalSigns, *, pool_max: int = 10, ahead: float = 0.0) -> list[tuple[str, str, Level]]:
    settings = Settings("dbname=x", pool_max=pool_max)
    return [(one.what, one.problem, one.level) for one in signs_findings(signs, settings, ahead=ahead)]


def test_sources_are_told_and_an_empty_variable_hides_the_file(tmp_path: Path) -> None:
    dotenv = tmp_path / ".env"
    dotenv.write_text("DATABASE_URL=postgresql://db/a?connect_timeout=3\nDATABASE_POOL_MAX=3\nDATABASE_DEADLINE=1\n")
    environ = {"DATABASE_POOL_MIN": "2", "DATABASE_DEADLINE": "", "PGSSLMODE": "require"}
    found = sources(environ=environ, dotenv=dotenv)
    assert found == {
        "DATABASE_URL": Source.DOTENV,
        "DATABASE_CONNECT_TIMEOUT": Source.URL,
        "DATABASE_POOL_MAX": Source.DOTENV,
        "DATABASE_POOL_MIN": Source.ENVIRONMENT,
        "DATABASE_SSL_MODE": Source.ENVIRONMENT,
        "PGSSLMODE": Source.ENVIRONMENT,
    }
    assert sources(URL, environ=environ, dotenv=dotenv)["DATABASE_URL"] is Source.ARGUMENT
    assert "DATABASE_CONNECT_TIMEOUT" not in sources(URL, environ=environ, dotenv=dotenv)


def test_a_server_that_does_well() -> None:
    assert problems(WELL) == []
    assert WELL.free == 92


@pytest.mark.parametrize(
    ("signs", "pool_max", "ahead", "problem"),
    [
        (WELL, 98, 0.0, ("pool", "too large", Level.ERROR)),
        (WELL, 93, 0.0, ("pool", "does not fit", Level.WARNING)),
        (WELL._replace(own_limit=9), 10, 0.0, ("pool", "too large", Level.ERROR)),
        (WELL._replace(own_limit=10), 10, 0.0, ("pool", "does not fit", Level.WARNING)),
        (WELL._replace(connections=99), 1, 0.0, ("pool", "does not fit", Level.WARNING)),
        (WELL._replace(oldest_seconds=301.0, oldest_pid=7), 10, 0.0, ("transaction", "long", Level.WARNING)),
        (WELL, 10, -6.0, ("clock", "differs", Level.WARNING)),
        (WELL._replace(transaction_age=1_000_000_001), 10, 0.0, ("transaction ids", "run out", Level.ERROR)),
        (WELL._replace(waits_for_nobody=True), 10, 0.0, ("replication", "lost", Level.ERROR)),
        (WELL._replace(standby_seconds=61.0), 10, 0.0, ("replication", "behind", Level.WARNING)),
    ],
)
def test_what_is_amiss(signs: VitalSigns, pool_max: int, ahead: float, problem: tuple[str, str, Level]) -> None:
    assert problems(signs, pool_max=pool_max, ahead=ahead) == [problem]


def test_a_healthy_database(empty_url: str, migrated_url: str, call: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    code, out, err = call("doctor", url=empty_url)
    assert (code, "0001-baseline" in out) == (ExitCode.FOUND, True)
    code, out, err = call("doctor", url=migrated_url)
    assert (code, err.splitlines()[-1]) == (0, "Healthy.")
    lines = [line.split() for line in out.splitlines()]
    assert ["DATABASE_POOL_MAX", "10", "default"] in lines
    assert ["last", "backup", "none"] in lines
    assert next(line for line in lines if line[:1] == ["DATABASE_URL"])[2] == "environment"
    monkeypatch.setenv("RAILWAY_PRODUCTION_DATABASE_URL", migrated_url)
    _, out, _ = call("doctor", "--env", "production", url="postgresql://127.0.0.1:1/x")
    assert next(line.split() for line in out.splitlines() if line.startswith("DATABASE_URL"))[2] == "--env"


def test_production_needs_backups_and_drills(migrated_url: str, call: Run) -> None:
    with psycopg.connect(migrated_url) as connection:
        connection.execute("INSERT INTO deployment (environment, set_at, set_by) VALUES ('PRODUCTION', now(), 'test')")
        connection.execute(
            "INSERT INTO system_events (timestamp, event_type, severity, message) "
            "VALUES (now() - interval '16 minutes', 'BACKUP', 'INFO', 'b'), (now(), 'RESTORE_DRILL', 'INFO', 'd')"
        )
    code, out, _ = call("doctor", "--json", url=migrated_url)
    found = [
        (one["what"], one["problem"], one["level"])
        for one in json.loads(out)["findings"]
        if one["what"] != "setting"  # the tests' server loses commits in a crash
    ]
    assert (code, found) == (ExitCode.FOUND, [("backup", "too old", "WARNING")])


def test_slots_that_nobody_uses_and_dead_rows(empty_url: str) -> None:
    with psycopg.connect(empty_url, autocommit=True) as connection:
        connection.execute("CREATE TABLE filled (n integer) WITH (autovacuum_enabled = off)")
        connection.execute("INSERT INTO filled SELECT generate_series(1, 10001)")
        connection.execute("DELETE FROM filled")
        if connection.info.server_version >= 150000:
            connection.execute("SELECT pg_stat_force_next_flush()")
        connection.execute("SELECT pg_create_physical_replication_slot('left_behind', TRUE)")
        try:
            found = diagnose(Settings.load(empty_url), url=empty_url)
        finally:
            connection.execute("SELECT pg_drop_replication_slot('left_behind')")
    said = {(one.what, one.where, one.problem) for one in found.findings}
    assert {("replication slot", "left_behind", "not in use"), ("table", "filled", "bloated")} < said


def test_a_receiver_that_replays_nothing_is_not_behind(server: Server, empty_url: str, tmp_path: Path) -> None:
    slot = "receives_only"
    with psycopg.connect(empty_url, autocommit=True) as connection:
        connection.execute("SELECT pg_create_physical_replication_slot(%s, TRUE)", [slot])
        settings = Settings.load(server.url(), environ={})
        tool = tool_for("pg_receivewal", connection.info.server_version // 10000)
        receiver = Receiver(tool, settings, wal=tmp_path, slot=slot)
        try:
            # It flushes, but never says that it has replayed anything: its replay_lag grows.
            lag = (
                "SELECT extract(EPOCH FROM replay_lag)::float8 FROM pg_stat_replication"
                " WHERE application_name = %s AND replay_lsn IS NULL AND replay_lag > interval '0.3 s'"
            )
            until, seen, found, behind = monotonic() + 60, None, None, None
            with reading(Settings.load(empty_url)) as (asking, _):
                while seen is None or behind is None or behind > seen[0] / 2:
                    assert receiver.is_running(), receiver.reason
                    assert monotonic() < until, (seen, behind)
                    connection.execute("SELECT pg_logical_emit_message(TRUE, 'test', 'written')")
                    sleep(0.1)
                    [found] = [one for one in ask(asking, "replication", Follower) if one.follower == slot]
                    seen, behind = connection.execute(lag, [slot]).fetchone(), found.seconds_behind
        finally:
            receiver.stop()
            connection.execute("SELECT pg_drop_replication_slot(%s)", [slot])
    assert found is not None
    assert list(follower_findings(found)) == []


def test_an_unreachable_server_leaves_the_configuration(call: Run) -> None:
    url = f"postgresql://postgres:{PASSWORD}@127.0.0.1:1/nowhere?sslmode=disable"
    code, out, err = call("doctor", "--url", url)
    assert (code, err.count("\n")) == (ExitCode.UNREACHABLE, 1)
    lines = [line.split() for line in out.splitlines()]
    assert ["DATABASE_URL", "postgres@127.0.0.1:1/nowhere", "argument"] in lines
    assert ["DATABASE_SSL_MODE", "disable", "in", "the", "URL"] in lines
    code, out, _ = call("doctor", "--json", "--url", url)
    assert (code, json.loads(out)["server"]) == (ExitCode.UNREACHABLE, None)


def told(settings: Settings) -> set[tuple[str, str, str]]:
    return {(one.what, one.where, one.problem) for one in diagnose(settings).findings if one.level is not Level.INFO}


def test_a_role_that_sees_a_part_says_so_and_counts_everybody(server: Server, migrated_url: str) -> None:
    with psycopg.connect(migrated_url, autocommit=True) as connection:
        connection.execute("CREATE ROLE short_sighted LOGIN IN ROLE pg_read_all_data")
    try:
        with psycopg.connect(migrated_url) as busy:
            busy.execute("SELECT 1")
            found = diagnose(Settings.load(migrated_url.replace("postgres@", "short_sighted@")))
            seen = diagnose(Settings.load(migrated_url))
        facts, all_facts = (dict(each.facts) for each in (found, seen))
        assert int(facts["connections"].split()[0]) >= 2
        assert "unknown" in facts["longest transaction"]
        assert all_facts["longest transaction"].endswith(" s")
        assert [one.repair for one in found.findings if one.what == "role"] == ['GRANT pg_monitor TO "short_sighted"']
        assert [one for one in seen.findings if one.what == "role"] == []
        with psycopg.connect(migrated_url, autocommit=True) as connection:
            connection.execute("GRANT pg_monitor TO short_sighted")
        granted = diagnose(Settings.load(migrated_url.replace("postgres@", "short_sighted@")))
        assert [one for one in granted.findings if one.what == "role"] == []
    finally:
        with psycopg.connect(server.url(), autocommit=True) as connection:
            connection.execute("DROP ROLE short_sighted")


def test_a_dead_engine_and_an_active_flag_are_findings(migrated_url: str) -> None:
    with Database(migrated_url) as db:
        made = [
            db.run(
                sessions.create_trading_session(
                    strategy_name="test", symbol="BTCUSDT", timeframe="1h", mode="LIVE", initial_balance=1000
                )
            )
            for _ in range(8)
        ]
        assert told(Settings.load(migrated_url)) == set()
        db.run(control.set_control_flag(name="kill_switch", reason="exchange down", source="operator"))
    with psycopg.connect(migrated_url) as connection:
        connection.execute("SET session_replication_role = replica")
        old = "now() - interval '45 days'"
        for table, column in (("trading_sessions", "start_time"), ("account_balances", "last_updated")):
            connection.execute(f"UPDATE {table} SET {column} = {old}".encode())
        connection.execute(f"UPDATE system_events SET timestamp = {old} WHERE session_id IS NOT NULL".encode())
        connection.execute(f"UPDATE trading_sessions SET start_time = now() WHERE id = {made[0]}".encode())
    found = [one for one in diagnose(Settings.load(migrated_url)).findings if one.what in {"engine", "control flag"}]
    assert [one.where.split()[0] for one in found] == [*["session"] * 5, "2", "kill_switch"]
    assert found[0].actual == "none for 45d"
    assert found[0].repair == "atb-db end-crashed"
    assert {one.level for one in found} == {Level.WARNING}


def test_what_cannot_be_read_of_engines_is_a_finding(empty_url: str, migrated_url: str) -> None:
    assert not {"engine", "control flag"} & {what for what, _, _ in told(Settings.load(empty_url))}
    with psycopg.connect(migrated_url) as connection:
        connection.execute("ALTER TABLE trading_sessions RENAME session_name TO name")
    found = {one.where: one for one in diagnose(Settings.load(migrated_url)).findings if one.what == "engine"}
    assert found["silent sessions"][1:3] == ("silent sessions", "unknown")
    assert "session_name" in str(found["silent sessions"].actual)
    assert (found["silent sessions"].level, found["silent sessions"].repair) == (Level.WARNING, "atb-db verify")


def test_a_replica_that_is_lost_or_none_is_a_finding(migrated_url: str, url: str) -> None:
    gone = Settings.load(migrated_url, replica_url="postgresql://bot@127.0.0.1:1/books", environ={})
    assert told(gone) == {("replica", "DATABASE_REPLICA_URL", "lost")}
    assert told(Settings.load(migrated_url, replica_url=url, environ={})) == {
        ("replica", "DATABASE_REPLICA_URL", "no standby")
    }
