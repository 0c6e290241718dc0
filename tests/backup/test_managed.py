"""A provider's server: a plain owner, no superuser, somebody else's schemas, extensions and large objects."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import psycopg
import pytest
from psycopg import sql

from atb_db import Database, Settings
from atb_db.admin.backup.dump import backup
from atb_db.admin.backup.restore import Replacement, restore
from atb_db.admin.destroy.guards import Request
from atb_db.admin.migrations import migrate
from atb_db.admin.programs import tool_for
from atb_db.cli.exits import ExitCode
from atb_db.embedded import Server
from atb_db.embedded.binaries import major_of
from tests.cli.conftest import Run
from tests.statements.examples import prepare

OWNER, READER = "plain_owner", "plain_reader"
PROVIDERS = """
CREATE SCHEMA auth;
CREATE TABLE auth.users AS SELECT 1 AS id;
REVOKE ALL ON SCHEMA auth FROM PUBLIC;
COMMENT ON SCHEMA auth IS 'the provider''s';
SELECT lo_from_bytea(0, 'the provider''s');
CREATE FUNCTION auth.watch() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
CREATE EVENT TRIGGER providers ON ddl_command_end EXECUTE FUNCTION auth.watch();
"""


class Managed(NamedTuple):
    """A server, and an owner's URL of a database on it that the provider has prepared."""

    server: Server
    url: str
    extension: str | None

    def another(self, name: str) -> str:
        """A further database, prepared in the same way; the owner's URL."""
        return prepared(self.server, name, self.extension)


def prepared(server: Server, name: str, extension: str | None) -> str:
    url = server.create_database(name, template="template0")
    with psycopg.connect(url, autocommit=True) as provider:
        provider.execute(PROVIDERS)
        if extension:
            provider.execute(f"CREATE EXTENSION {extension}".encode())
        provider.execute(f"ALTER DATABASE {name} OWNER TO {OWNER}".encode())
        if provider.info.server_version < 150000:
            provider.execute(f"GRANT CREATE ON SCHEMA public TO {OWNER}".encode())
    return url.replace("postgres@", f"{OWNER}@")


def settings(url: str) -> Settings:
    return Settings.load(url, environ={})


@pytest.fixture(scope="module")
def managed(server: Server) -> Iterator[Managed]:
    names = ["managed", "managed_new", "managed_old", "managed_by_hand", "managed_fresh"]
    with psycopg.connect(server.url(), autocommit=True) as provider:
        for role in (OWNER, READER):
            provider.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(role)))
        found = provider.execute(
            "SELECT name FROM pg_available_extensions WHERE name IN ('pg_stat_statements', 'pg_buffercache') ORDER BY 1"
        ).fetchall()
    extension = str(found[-1][0]) if found else None
    url = prepared(server, names[0], extension)
    migrate(settings(url))
    with Database(settings(url)) as db:
        prepare(db, unbooked=False)
    yield Managed(server, url, extension)
    with psycopg.connect(server.url(), autocommit=True) as provider:
        for name in names:
            provider.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
        for role in (OWNER, READER):
            provider.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(role)))


@pytest.fixture(scope="module")
def dump(managed: Managed, tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = backup(settings(managed.url), folder=tmp_path_factory.mktemp("managed"))
    [note] = [one for one in made.notes if one.startswith("Not in the backup:")]
    assert "schema auth (1 table)" in note
    assert "1 large object" in note
    assert managed.extension is None or f"extension {managed.extension}" in note
    return made.path


def analyzed(url: str) -> bool:
    with psycopg.connect(url) as connection:
        return connection.execute("SELECT count(*) > 0 FROM pg_stats WHERE tablename = 'trades'").fetchall() == [
            (True,)
        ]


@pytest.mark.slow
def test_the_owner_restores_into_another_database_of_the_provider(managed: Managed, dump: Path) -> None:
    url = managed.another("managed_new")
    done = restore(settings(url), dump)
    assert [one for one in done.notes if "left out" in one] == []
    assert done.verification.clean
    assert sum(done.rows.values()) == done.manifest.total_rows > 0
    assert analyzed(url)
    replaced = restore(settings(url), dump, replacement=Replacement(Request(name="managed_new"), backup_folder=None))
    assert replaced.verification.clean
    with psycopg.connect(url.replace(f"{OWNER}@", "postgres@")) as provider:
        assert provider.execute("SELECT count(*) FROM auth.users").fetchall() == [(1,)]


@pytest.mark.slow
def test_a_drill_passes_as_what_the_owner_is(managed: Managed, dump: Path, call: Run) -> None:
    code, out, err = call(
        "drill", str(dump), "--rpo", "1d", "--json", "--backup-dir", str(dump.parents[4]), url=managed.url
    )
    assert (code, json.loads(out)["problems"]) == (ExitCode.OK, []), err


def test_verify_and_doctor_find_nothing_to_do(managed: Managed, call: Run) -> None:
    url = managed.another("managed_fresh")
    for command in ("migrate", "verify", "health"):
        assert call(command, url=url).code == ExitCode.OK
    _, out, _ = call("doctor", "--json", url=url)
    # The tests' server loses commits in a crash.
    assert {one["what"] for one in json.loads(out)["findings"] if one["level"] != "INFO"} <= {"setting"}


@pytest.mark.slow
def test_a_dump_of_everything_leaves_out_what_the_owner_may_not_make(server: Server, managed: Managed) -> None:
    """What a superuser has dumped of a database without the provider's schemas, with its extension."""
    if managed.extension is None:
        pytest.skip("this PostgreSQL has no extension that only a superuser may create")
    url = server.create_database("managed_whole", template="template0")
    try:
        migrate(settings(url))
        with psycopg.connect(url) as connection:
            connection.execute(f"CREATE EXTENSION {managed.extension}".encode())
        folder = Path(server.base) / "whole"
        dump = backup(settings(url), folder=folder, everything=True).path
        target = server.create_database("managed_old", template="template0")
        with psycopg.connect(target, autocommit=True) as connection:
            connection.execute(f"ALTER DATABASE managed_old OWNER TO {OWNER}".encode())
            connection.execute(f"GRANT CREATE ON SCHEMA public TO {OWNER}".encode())
        done = restore(settings(target.replace("postgres@", f"{OWNER}@")), dump)
        assert [one for one in done.notes if "Extension" in one] == [
            f'Extension {managed.extension} is left out: permission denied to create extension "{managed.extension}".'
        ]
        assert done.verification.clean
        shutil.rmtree(folder)
    finally:
        with psycopg.connect(server.url(), autocommit=True) as connection:
            connection.execute("DROP DATABASE managed_whole WITH (FORCE)")


def test_by_hand_as_the_documentation_says(managed: Managed, dump: Path, tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "backups.md").read_text(encoding="utf-8")
    recipe = page.partition("By hand, without atb-db:\n\n```bash\n")[2].partition("```")[0]
    assert recipe.count("pg_restore") == 2
    url = managed.another("managed_by_hand")
    with psycopg.connect(url) as connection:
        tool = tool_for("pg_restore", major_of(str(connection.info.parameter_status("server_version"))))
    script = recipe.replace("backup-….dump", str(dump)).replace("NEW", url)
    path = f"{tool.path.parent}{os.pathsep}{os.environ['PATH']}"
    subprocess.run(["/bin/sh", "-e", "-c", script], cwd=tmp_path, env=os.environ | {"PATH": path}, check=True)
    with psycopg.connect(url) as connection, psycopg.connect(managed.url) as source:
        counts = [each.execute("SELECT count(*) FROM trades").fetchall() for each in (connection, source)]
    assert counts[0] == counts[1]


def test_who_may_read_the_tables_may_back_up(managed: Managed, tmp_path: Path) -> None:
    with psycopg.connect(managed.url, autocommit=True) as owner:
        for schema in ("public", "reporting"):
            owner.execute(f"GRANT USAGE ON SCHEMA {schema} TO {READER}".encode())
            owner.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO {READER}".encode())
            owner.execute(f"GRANT SELECT ON ALL SEQUENCES IN SCHEMA {schema} TO {READER}".encode())
    made = backup(settings(managed.url.replace(f"{OWNER}@", f"{READER}@")), folder=tmp_path)
    assert made.manifest.total_rows > 0
    assert any(note.startswith("Not recorded in system_events") for note in made.notes)


def test_migrate_says_which_rights_are_missing_before_it_does_anything(managed: Managed, call: Run) -> None:
    url = managed.server.create_database("managed_closed", template="template0")
    try:
        with psycopg.connect(url, autocommit=True) as provider:
            provider.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
        own = url.replace("postgres@", f"{READER}@")
        code, _, err = call("migrate", url=own)
        grants = [
            f"GRANT CREATE ON DATABASE managed_closed TO {READER};",
            f"GRANT CREATE ON SCHEMA public TO {READER};",
        ]
        assert (code, [grant in err for grant in grants]) == (ExitCode.REFUSED, [True, True])
        with psycopg.connect(url, autocommit=True) as provider:
            assert provider.execute("SELECT to_regclass('public._yoyo_migration')").fetchall() == [(None,)]
            for grant in grants:
                provider.execute(grant.encode())
        assert call("migrate", url=own).code == ExitCode.OK
        assert call("migrate", url=own).code == ExitCode.OK
    finally:
        with psycopg.connect(managed.server.url(), autocommit=True) as provider:
            provider.execute("DROP DATABASE managed_closed WITH (FORCE)")


def test_a_backup_of_another_environment_is_refused(managed: Managed, tmp_path: Path, call: Run) -> None:
    assert call("environment", "set", "staging", "--yes", url=managed.url).code == ExitCode.OK
    code, _, err = call("backup", "--env", "production", "--backup-dir", str(tmp_path / "no"), url=managed.url)
    assert (code, "is marked STAGING, not PRODUCTION" in err) == (ExitCode.REFUSED, True)
    assert not (tmp_path / "no").exists()
    code, _, _ = call("backup", "--env", "staging", "--backup-dir", str(tmp_path / "yes"), url=managed.url)
    assert code == ExitCode.OK
