import json
import os
import subprocess
import time
from pathlib import Path

import psycopg
import pytest

from atb_db.admin.migrations import known_migrations
from atb_db.cli.exits import ExitCode
from atb_db.embedded import Server
from tests.cli.conftest import COMMAND, PASSWORD, Run, environment

EVERY = known_migrations()
PLANTED = """
ALTER TABLE positions DROP COLUMN mfe_time;
ALTER TABLE system_events ALTER COLUMN alert_method TYPE text;
ALTER TYPE severity RENAME VALUE 'INFO' TO 'x';
ALTER TYPE severity RENAME VALUE 'WARNING' TO 'INFO';
ALTER TYPE severity RENAME VALUE 'x' TO 'WARNING';
DROP INDEX positions_open_idx;
CREATE TABLE surprise (id integer);
"""
FOUND = {
    ("column", "positions.mfe_time"),
    ("column", "system_events.alert_method"),
    ("enum", "severity"),
    ("index", "positions.positions_open_idx"),
    ("table", "surprise"),
}
ROLES_UNUSED = ("grant", "atb_owner, atb_runtime, atb_reader")


def tables(url: str) -> list[str]:
    with psycopg.connect(url) as connection:
        query = "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'"
        return [row[0] for row in connection.execute(query)]


def test_from_nothing_to_verified(empty_url: str, call: Run) -> None:
    code, out, err = call("migrate", url=empty_url)
    assert (code, err) == (0, "")
    assert out.splitlines()[1].split()[:2] == [EVERY[0], "applied"]
    assert call("migrate", url=empty_url) == (0, "", "Up to date.\n")
    assert call("migrate", "--check", url=empty_url) == (0, "", "Up to date.\n")
    code, out, err = call("verify", "--exact-counts", url=empty_url)
    assert code == 0
    assert "The schema is as it should be." in err
    assert ["trades", "0"] in [line.split() for line in out.splitlines()]


def test_a_database_made_from_the_schema(fresh_url: str, call: Run) -> None:
    assert call("verify", url=fresh_url).code == 0
    code, out, _ = call("migrate", "--json", url=fresh_url)
    done = json.loads(out)
    assert (code, done["applied"], done["adopted"], done["code"]) == (0, [], EVERY, [])
    assert call("verify", url=fresh_url).code == 0


def test_check_tells_and_writes_nothing(server: Server, empty_url: str, call: Run) -> None:
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute("CREATE ROLE checker LOGIN")
    for url in (empty_url, empty_url.replace("postgres@", "checker@")):
        code, out, err = call("migrate", "--check", url=url)
        assert (code, err) == (ExitCode.FOUND, "")
        assert out.splitlines()[1].split()[:2] == [EVERY[0], "pending"]
        code, out, _ = call("migrate", "--check", "--json", url=url)
        found = json.loads(out)
        code_to_make = found.pop("code")
        assert "view reporting.trades" in code_to_make
        assert (code, found) == (ExitCode.FOUND, {"pending": EVERY, "problems": []})
    assert tables(empty_url) == []


@pytest.mark.slow
def test_two_at_once(empty_url: str, tmp_path: Path) -> None:
    racers = [
        subprocess.Popen(
            (*COMMAND, "migrate", "--json"),
            env=environment(empty_url),
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    outputs = [racer.communicate(timeout=60)[0] for racer in racers]
    assert [racer.returncode for racer in racers] == [0, 0]
    assert sorted(json.loads(out)["applied"] for out in outputs) == [[], EVERY]


def test_status(empty_url: str, migrated_url: str, call: Run) -> None:
    code, out, err = call("status", url=empty_url)
    assert code == 0
    assert out.splitlines()[1].split()[:2] == [EVERY[0], "pending"]
    assert "PostgreSQL" in err
    with psycopg.connect(migrated_url) as connection:
        connection.execute("INSERT INTO _yoyo_migration VALUES ('x', '9999-later', now())")
    assert "a newer release of atb-db applied it" in call("status", url=migrated_url).out
    found = json.loads(call("status", "--json", url=migrated_url).out)
    assert [one["id"] for one in found["migrations"]] == [*EVERY, "9999-later"]
    assert [one["state"] for one in found["migrations"]] == [*["applied"] * len(EVERY), "unknown"]
    assert found["server"]["user"] == "postgres"


def test_verify_names_each_difference(migrated_url: str, call: Run) -> None:
    with psycopg.connect(migrated_url) as connection:
        connection.execute(PLANTED)
    code, out, err = call("verify", url=migrated_url)
    assert code == ExitCode.FOUND
    assert err.splitlines()[1] == "Not as it should be: 3 ERROR, 1 WARNING, 2 INFO."
    assert "CREATE INDEX CONCURRENTLY positions_open_idx" in err
    for _, where in FOUND:
        assert where in out
    code, out, _ = call("verify", "--json", url=migrated_url)
    assert code == ExitCode.FOUND
    found = json.loads(out)
    assert {(finding["what"], finding["where"]) for finding in found["findings"]} == {*FOUND, ROLES_UNUSED}
    assert found["clean"] is False
    assert {"table": "trades", "rows": 0} in found["rows"]


def test_verify_an_empty_database(empty_url: str, call: Run) -> None:
    code, _, err = call("verify", url=empty_url)
    assert code == ExitCode.FOUND
    assert "schema public: atb-db migrate" in err
    assert tables(empty_url) == []


def test_psql_passes_its_arguments_on(fresh_url: str, run: Run) -> None:
    assert run("psql", "--", "-Atc", "SELECT 1", url=fresh_url) == (0, "1\n", "")
    assert run("psql", "--", "-v", "ON_ERROR_STOP=1", "-c", "nonsense", url=fresh_url).code == 1


def test_psql_writes_only_when_told(fresh_url: str, run: Run) -> None:
    code, _, err = run("psql", "--", "-c", "CREATE TABLE one ()", url=fresh_url)
    assert code == 1
    assert "read-only transaction" in err
    assert run("psql", "--write", "--", "-qc", "CREATE TABLE one ()", url=fresh_url) == (0, "", "")


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="needs /proc")
def test_psql_is_not_told_the_password_on_its_command_line(fresh_url: str, tmp_path: Path) -> None:
    with subprocess.Popen(
        (*COMMAND, "psql", "--", "-Atq"),
        env=environment(fresh_url),
        cwd=tmp_path,
        stdin=subprocess.PIPE,  # until its end psql is there to be looked at
        stdout=subprocess.DEVNULL,
    ) as shell:
        lines = [b""]
        deadline = time.monotonic() + 20
        # Debian's psql is a script that becomes the real one.
        while not lines[-1].split(b"\0")[0].endswith(b"psql") and time.monotonic() < deadline:
            lines.append(Path(f"/proc/{shell.pid}/cmdline").read_bytes())
            time.sleep(0.005)
        variables = Path(f"/proc/{shell.pid}/environ").read_bytes()
    assert lines[-1].endswith(b"psql\0-Atq\0")
    assert not any(PASSWORD.encode() in line for line in lines)
    assert f"PGPASSWORD={PASSWORD}\0".encode() in variables
    assert shell.returncode == os.EX_OK
