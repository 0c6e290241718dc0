import json
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest

from atb_db.admin.doctor import VitalSigns, diagnose, signs_findings
from atb_db.admin.findings import Level
from atb_db.cli.exits import ExitCode
from atb_db.config import Settings, Source, sources
from tests.cli.conftest import PASSWORD, Run

WELL = VitalSigns(
    server_limit=97,
    own_limit=None,
    connections=5,
    own_connections=1,
    oldest_pid=None,
    oldest_application=None,
    oldest_seconds=None,
    server_time=datetime(2026, 1, 1, tzinfo=UTC),
    transaction_age=1000,
    is_standby=False,
    standby_seconds=None,
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
        (WELL._replace(standby_seconds=61.0), 10, 0.0, ("replication", "behind", Level.WARNING)),
    ],
)
def test_what_is_amiss(signs: VitalSigns, pool_max: int, ahead: float, problem: tuple[str, str, Level]) -> None:
    assert problems(signs, pool_max=pool_max, ahead=ahead) == [problem]


def test_a_healthy_database(empty_url: str, run: Run, call: Run) -> None:
    code, out, err = call("doctor", url=empty_url)
    assert (code, "0001-baseline" in out) == (ExitCode.FOUND, True)
    call("migrate", url=empty_url)
    code, out, err = run("doctor", url=empty_url)
    assert (code, err.splitlines()[-1]) == (0, "Healthy.")
    lines = [line.split() for line in out.splitlines()]
    assert ["DATABASE_POOL_MAX", "10", "default"] in lines
    assert ["last", "backup", "none"] in lines
    assert next(line for line in lines if line[:1] == ["DATABASE_URL"])[2] == "environment"


def test_production_needs_backups_and_drills(empty_url: str, call: Run) -> None:
    call("migrate", url=empty_url)
    with psycopg.connect(empty_url) as connection:
        connection.execute("INSERT INTO deployment (environment, set_at, set_by) VALUES ('PRODUCTION', now(), 'test')")
        connection.execute(
            "INSERT INTO system_events (timestamp, event_type, severity, message) "
            "VALUES (now() - interval '16 minutes', 'BACKUP', 'INFO', 'b'), (now(), 'RESTORE_DRILL', 'INFO', 'd')"
        )
    code, out, _ = call("doctor", "--json", url=empty_url)
    found = [(one["what"], one["problem"], one["level"]) for one in json.loads(out)["findings"]]
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
    told = {(one.what, one.where, one.problem) for one in found.findings}
    assert {("replication slot", "left_behind", "not in use"), ("table", "filled", "bloated")} < told


def test_an_unreachable_server_leaves_the_configuration(run: Run) -> None:
    url = f"postgresql://postgres:{PASSWORD}@127.0.0.1:1/nowhere?sslmode=disable"
    code, out, err = run("doctor", "--url", url)
    assert (code, err.count("\n")) == (ExitCode.UNREACHABLE, 1)
    lines = [line.split() for line in out.splitlines()]
    assert ["DATABASE_URL", "postgres@127.0.0.1:1/nowhere", "argument"] in lines
    assert ["DATABASE_SSL_MODE", "disable", "in", "the", "URL"] in lines
    code, out, _ = run("doctor", "--json", "--url", url)
    assert (code, json.loads(out)["server"]) == (ExitCode.UNREACHABLE, None)
