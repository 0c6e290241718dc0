"""The commands on migrations, as their users run them."""

from __future__ import annotations

import json
import os
import pty
import subprocess
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from atb_db import Database, Settings
from atb_db.admin.migrations import known_migrations
from atb_db.cli.exits import ExitCode
from atb_db.repository import deployment
from tests.cli.conftest import COMMAND, Run, environment

EVERY = known_migrations()


def test_a_dry_run_prints_the_sql_and_writes_nothing(empty_url: str, call: Run) -> None:
    code, out, err = call("migrate", "--dry-run", "--to", "0001", url=empty_url)
    assert (code, err) == (0, "")
    assert out.startswith(f"-- Migration {EVERY[0]}\n")
    assert "CREATE TABLE trades" in out
    [first] = json.loads(call("migrate", "--dry-run", "--to", "0001", "--json", url=empty_url).out)["pending"]
    assert first["id"] == EVERY[0]
    assert len(json.loads(call("status", "--json", url=empty_url).out)["migrations"]) == len(EVERY)


def test_options_that_do_not_go_together(empty_url: str, call: Run) -> None:
    code, _, err = call("migrate", "--check", "--rehearse", url=empty_url)
    assert code == ExitCode.USAGE
    assert "--check and --rehearse do not go together" in err


def test_tables_of_another_program_and_a_database_that_is_not_there(empty_url: str, call: Run) -> None:
    with psycopg.connect(empty_url) as connection:
        connection.execute("CREATE TABLE trades (id integer)")
    ended = call("migrate", url=empty_url)
    assert ended.code == ExitCode.REFUSED
    assert "if another program made those tables, give atb_db an empty database" in ended.err
    name = str(conninfo_to_dict(empty_url)["dbname"])
    ended = call("migrate", url=empty_url.replace(name, "not_there"))
    assert (ended.code, ended.err.strip().endswith("create it first: CREATE DATABASE")) == (ExitCode.UNREACHABLE, True)


def test_an_engine_s_login_is_told_who_may_migrate(migrated_url: str, call: Run) -> None:
    with psycopg.connect(migrated_url, autocommit=True) as connection:
        connection.execute("CREATE ROLE engine_migrates LOGIN IN ROLE pg_read_all_data")
        connection.execute("DROP VIEW reporting.sessions")
        try:
            ended = call("migrate", "--url", migrated_url.replace("postgres@", "engine_migrates@"))
        finally:
            connection.execute("DROP ROLE engine_migrates")
    assert ended.code == ExitCode.FAILED
    assert "run it as the owner of the schema, postgres" in ended.err


def test_a_rehearsal_changes_nothing(empty_url: str, call: Run) -> None:
    code, out, err = call("migrate", "--rehearse", url=empty_url)
    assert (code, out.splitlines()[1].split()[:2]) == (0, [EVERY[0], "rehearsed"])
    assert "All statements fit" in err
    assert call("migrate", "--check", url=empty_url).code == ExitCode.FOUND


def test_all_the_way_back(migrated_url: str, call: Run) -> None:
    code, _, err = call("rollback", "--steps", str(len(EVERY)), url=migrated_url)
    assert code == ExitCode.REFUSED
    assert "table trading_sessions will be dropped, with everything in it" in err
    assert "view reporting.trades will be dropped, until atb-db migrate makes it again" in err
    done = json.loads(call("rollback", "--steps", str(len(EVERY)), "--yes", "--json", url=migrated_url).out)
    assert done["rolled_back"] == EVERY[::-1]


def test_an_edited_migration_is_refused_with_its_repair(migrated_url: str, call: Run) -> None:
    with psycopg.connect(migrated_url) as connection:
        connection.execute("UPDATE _atb_migration SET checksum = 'another' WHERE id = %s", [EVERY[0]])
    code, out, err = call("migrate", url=migrated_url)
    assert (code, out) == (ExitCode.REFUSED, "")
    assert f"{EVERY[0]} is edited: restore its file" in err
    assert call("migrate", "--check", url=migrated_url).code == ExitCode.FOUND
    assert call("migrate", "--adopt", "0001", url=migrated_url).code == 0
    assert call("migrate", "--check", url=migrated_url).code == 0


def test_migrating_says_what_the_database_is_used_for(migrated_url: str, call: Run) -> None:
    assert call("migrate", "--env", "staging", url=migrated_url).code == 0
    assert call("environment", url=migrated_url).out == "STAGING\n"
    assert call("migrate", "--env", "staging", url=migrated_url).code == 0
    code, out, err = call("migrate", "--env", "production", url=migrated_url)
    assert (code, out) == (ExitCode.REFUSED, "")
    assert "is marked STAGING, not PRODUCTION" in err
    code, _, err = call("migrate", "--env", "prod", url=migrated_url)
    assert code == ExitCode.USAGE
    assert "development, staging or production, not 'prod'" in err


def test_new_and_lint_connect_to_nothing(call: Run, tmp_path: Path) -> None:
    (tmp_path / "sql" / "migrations").mkdir(parents=True)
    code, out, _ = call("new", "trades remember their venue", "--sql", "sql", url="postgresql://nowhere.invalid/x")
    assert (code, out.split()) == (
        0,
        [f"sql/migrations/0001-trades-remember-their-venue{ending}" for ending in (".sql", ".rollback.sql")],
    )
    (tmp_path / "sql" / "migrations" / "0001-trades-remember-their-venue.sql").write_text("COMMIT;")
    code, out, _ = call("lint", "--sql", "sql")
    assert code == ExitCode.FOUND
    assert "0001-trades-remember-their-venue.sql:1: error: COMMIT" in out
    assert json.loads(call("lint", "--sql", "sql", "--json").out)["clean"] is False
    assert call("new", "?", "--sql", "sql").code == ExitCode.USAGE


def test_progress_is_told_to_a_terminal_alone(empty_url: str, tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        (*COMMAND, "migrate", "--json"),
        env=environment(empty_url),
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=theirs,
    ) as process:
        out, _ = process.communicate(timeout=60)
    os.close(theirs)
    told = os.read(ours, 65536).decode()
    os.close(ours)
    done = json.loads(out)
    assert (done["applied"], list(done["seconds"])) == (EVERY, [*EVERY, "code"])
    assert f"{EVERY[0]} (1 of {len(EVERY)}) took" in told


def test_a_rollback_can_be_looked_at_first(migrated_url: str, call: Run) -> None:
    ended = call("rollback", "--dry-run", url=migrated_url)
    assert (ended.code, ended.out.startswith(f"-- Rollback of {EVERY[-1]}\n")) == (0, True)
    assert f"{EVERY[-1]} will be taken back." in ended.err
    [planned] = json.loads(call("rollback", "--dry-run", "--json", url=migrated_url).out)
    assert planned["id"] == EVERY[-1]
    found = json.loads(call("status", "--json", url=migrated_url).out)["migrations"]
    assert [one["id"] for one in found if one["state"] == "applied"] == EVERY


def test_who_is_in_the_way_is_named_when_it_gives_up(empty_url: str, call: Run) -> None:
    call("migrate", "--to", "0004", url=empty_url)
    with psycopg.connect(empty_url, application_name="engine 7") as engine:
        engine.execute("LOCK positions, orders, trades, trading_sessions, order_fills IN ACCESS SHARE MODE")
        ended = call("rollback", "--yes", "--wait", "2", url=empty_url)
        pid = engine.info.backend_pid
    assert ended.code == ExitCode.LOCKED
    assert f"process {pid} (engine 7, idle in transaction for " in ended.err
    assert f"pg_terminate_backend({pid})" in ended.err


@pytest.mark.parametrize("command", ["status", "verify", "check-collation --quick", "fix-collation", "doctor"])
def test_the_environment_chooses_the_database(
    migrated_url: str, call: Run, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setenv("RAILWAY_STAGING_DATABASE_URL", migrated_url)
    assert call(*command.split(), "--env", "staging", url="postgresql://127.0.0.1:1/x").code == ExitCode.OK
    assert call(*command.split(), "--env", "nowhere", url=migrated_url).code == ExitCode.USAGE


def test_a_rollback_of_production_wants_its_name(migrated_url: str, call: Run) -> None:
    with Database(Settings.load(migrated_url, environ={})) as db:
        db.run(deployment.set_environment(environment="PRODUCTION", set_by="test"))
    name = conninfo_to_dict(migrated_url)["dbname"]
    for refused in (["--yes"], ["--env", "production", "--yes"], ["--env", "production", "--confirm", f"{name}x"]):
        ended = call("rollback", *refused, url=migrated_url)
        assert (ended.code, ended.out) == (ExitCode.REFUSED, ""), ended.err
    ended = call("rollback", "--env", "production", "--confirm", str(name), url=migrated_url)
    assert ended.code == ExitCode.OK, ended.err
