import json
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from atb_db.admin.access.roles import Members, set_roles
from atb_db.admin.backup import drill as drills
from atb_db.admin.backup.drill import Limits, choose_backup, drill, history, overdue
from atb_db.admin.backup.dump import backup
from atb_db.admin.backup.reads import Reads, run_reads
from atb_db.admin.errors import Unusable
from atb_db.admin.scratch import Purpose
from atb_db.config import Settings
from atb_db.embedded import Server
from atb_db.errors import PermissionDenied
from tests.admin.roles import remove_roles
from tests.backup.conftest import Saved
from tests.cli.conftest import Run

PREFIX = Purpose.DRILL.prefix
A_DAY = Limits(rpo=timedelta(days=1))
"""The backup is as old as the tests that ran since."""


def scratches(server: Server) -> set[str]:
    with psycopg.connect(server.url()) as connection:
        return {name for (name,) in connection.execute("SELECT datname FROM pg_database") if name.startswith(PREFIX)}


@pytest.fixture
def broken(server: Server, tmp_path: Path, saved: Saved) -> Iterator[Saved]:
    """A backup of books that do not balance."""
    url = server.create_database("broken_books", template=saved.home.name)
    with psycopg.connect(url) as connection:
        connection.execute("UPDATE trading_sessions SET initial_balance = initial_balance + 1")
        connection.execute("DROP INDEX positions_open_idx")
    made = backup(Settings.load(url), folder=tmp_path)
    yield Saved(Settings.load(url), tmp_path, made.path, made.manifest)
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute("DROP DATABASE broken_books WITH (FORCE)")


def test_beside_the_live_database(server: Server, saved: Saved) -> None:
    found, report, notes = drill(saved.settings, saved.dump, home=saved.home, target=saved.settings, limits=A_DAY)
    assert (found.passed, found.problems, found.missed, notes) == (True, (), (), ())
    assert found.sessions_audited == 3
    assert found.statements_run > 30
    assert set(found.seconds) == {"check", "load", "migrate", "analyze", "verify", "audit", "reads"}
    assert found.rto_seconds == pytest.approx(sum(found.seconds.values()))
    written = json.loads(report.read_text())
    assert written["passed"] is True
    assert written["manifest"]["rows"] == saved.manifest.rows
    assert report.stat().st_mode & 0o777 == 0o600
    assert scratches(server) == set()
    newest = history(saved.settings, limit=1)[0]
    assert newest.details == json.loads(json.dumps(written))


@pytest.mark.slow
def test_in_an_embedded_server(saved: Saved) -> None:
    found = drill(saved.settings, saved.dump, home=saved.home, limits=A_DAY).drill
    assert found.passed
    assert found.server is not None


@pytest.mark.slow
def test_the_limits(saved: Saved) -> None:
    limits = Limits(rto=timedelta(microseconds=1), rpo=timedelta(microseconds=1))
    found = drill(saved.settings, saved.dump, home=saved.home, target=saved.settings, limits=limits).drill
    assert (found.passed, found.problems, found.missed) == (False, (), ("RTO", "RPO"))
    assert history(saved.settings, limit=1)[0].severity == "ERROR"


@pytest.mark.slow
def test_rpo_may_be_told_from_the_newest(saved: Saved, tmp_path: Path) -> None:
    unknown = drill(saved.settings, saved.dump, home=tmp_path, target=saved.settings, by_newest=True).drill
    assert (unknown.rpo_seconds, unknown.missed) == (None, ("RPO",))
    known = drill(saved.settings, saved.dump, home=saved.home, target=saved.settings, by_newest=True).drill
    assert known.missed == ()


def test_books_that_do_not_balance_and_a_schema_that_differs_are_found(broken: Saved) -> None:
    found = drill(broken.settings, broken.dump, home=broken.folder, target=broken.settings).drill
    assert not found.passed
    assert "verify: index positions.positions_open_idx is missing" in found.problems
    assert any(problem.startswith("audit: balance: session ") for problem in found.problems)


@pytest.mark.slow
def test_what_a_killed_drill_left_is_removed_and_what_is_in_use_is_not(server: Server, saved: Saved) -> None:
    server.create_database(PREFIX + "left", template="template0")
    with psycopg.connect(server.create_database(PREFIX + "used", template="template0")):
        drill(saved.settings, saved.dump, home=saved.home, target=saved.settings)
        assert scratches(server) == {PREFIX + "used"}
    drill(saved.settings, saved.dump, home=saved.home, target=saved.settings)
    assert scratches(server) == set()


def test_a_role_that_may_not_create_databases(server: Server, saved: Saved) -> None:
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute("CREATE ROLE no_creator LOGIN")
    target = Settings.load(server.url(database="postgres").replace("postgres@", "no_creator@"))
    with pytest.raises(PermissionDenied, match="create database"):
        drill(saved.settings, saved.dump, home=saved.home, target=target)


@pytest.mark.slow
def test_without_the_live_database_it_is_drilled_all_the_same(saved: Saved) -> None:
    gone = Settings.load("postgresql://bot@127.0.0.1:1/gone")
    found, report, notes = drill(gone, saved.dump, home=saved.home, target=saved.settings)
    assert found.passed
    assert report.exists()
    assert "Not recorded in system_events" in notes[0]


@pytest.mark.slow
def test_a_statement_that_fails_is_found(saved: Saved, monkeypatch: pytest.MonkeyPatch) -> None:

    def without_a_view(settings: Settings) -> Reads:
        with psycopg.connect(settings.conninfo, autocommit=True) as connection:
            connection.execute("ALTER TABLE strategy_registry RENAME TO elsewhere")
            connection.execute("CREATE VIEW strategy_registry AS SELECT strategy_id FROM elsewhere")
        return run_reads(settings)

    monkeypatch.setattr(drills, "run_reads", without_a_view)
    found = drill(saved.settings, saved.dump, home=saved.home, target=saved.settings).drill
    assert any(problem.startswith("reads: strategies.") for problem in found.problems)


@pytest.mark.slow
def test_an_old_drill_is_mentioned(saved: Saved, migrated_url: str, call: Run) -> None:
    assert "No restore drill that passed is recorded" in call("verify", url=migrated_url).err
    drill(saved.settings, saved.dump, home=saved.home, target=saved.settings, limits=A_DAY)
    assert overdue(saved.settings) is None
    later = datetime.now(UTC) + timedelta(days=91)
    assert (
        overdue(saved.settings, now=later)
        == "The last restore drill that passed was 91 days ago: atb-db drill makes one."
    )


def test_a_drill_that_failed_is_none(migrated_url: str, tmp_path: Path, call: Run) -> None:
    live = Settings.load(migrated_url)
    text = tmp_path / "notes.dump"
    text.write_text("hello")
    code, _, err = call("drill", str(text), url=migrated_url)
    assert code == 3
    assert "RTO missed: unknown of 1h." in err
    assert overdue(live) == "No restore drill that passed is recorded: atb-db drill makes one."


@pytest.mark.slow
def test_a_dump_from_the_future_keeps_no_rpo(saved: Saved) -> None:
    found = drill(saved.settings, saved.dump, home=saved.home, target=saved.settings, limits=A_DAY).drill
    assert found.missed == ()
    assert found._replace(rpo_seconds=-1.0).missed == ("RPO",)


@pytest.mark.slow
def test_a_database_with_groups(server: Server, saved: Saved, tmp_path: Path) -> None:
    url = server.create_database("drilled_grouped", template=saved.home.name)
    live = Settings.load(url)
    assert set_roles(live, Members()).undone == ()
    try:
        made = backup(live, folder=tmp_path)
        found = drill(live, made.path, home=tmp_path, target=live).drill
    finally:
        remove_roles(server)
    assert (found.problems, found.passed) == ((), True)


def test_which_backup(saved: Saved, tmp_path: Path) -> None:
    assert choose_backup(saved.home) == choose_backup(saved.home, at_random=True) == saved.dump
    home = shutil.copytree(saved.home, tmp_path / "copied")
    good = choose_backup(home)
    future = home / "2099" / "01" / "01" / "backup-20990101T000000.000Z.dump"
    future.parent.mkdir(parents=True)
    shutil.copy(good, future)
    assert choose_backup(home) == choose_backup(home, at_random=True) == good
    good.unlink()
    assert choose_backup(home) == future
    with pytest.raises(Unusable, match="there is no backup"):
        choose_backup(tmp_path)


def test_on_the_command_line(saved: Saved, tmp_path: Path, call: Run) -> None:
    shutil.copytree(saved.folder, tmp_path / "backups")
    url = saved.settings.conninfo
    code, out, err = call("drill", "--same-server", "--rpo", "1d", url=url)
    assert code == 0, err
    assert "RTO kept" in err
    assert "RPO kept" in err
    assert "load" in out
    code, out, _ = call("drill", "--random", "--target", url, "--rpo", "0.001s", "--json", url=url)
    assert (code, json.loads(out)["missed"]) == (3, ["RPO"])
    code, out, _ = call("drill", "--history", url=url)
    assert code == 0
    assert "passed." in out
    assert "failed." in out


# Restored by a superuser, the row breaks the constraint: a dump's own code says whom it runs as.
SPY = """
CREATE FUNCTION runs_plainly() RETURNS boolean LANGUAGE sql AS
'SELECT current_database() = ''spied'' OR NOT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user';
CREATE TABLE spy (id integer PRIMARY KEY, CONSTRAINT plain CHECK (public.runs_plainly()));
INSERT INTO spy VALUES (1);
"""


@pytest.fixture
def spied(server: Server, saved: Saved, tmp_path: Path) -> Iterator[Saved]:
    """A backup with code of somebody else's."""
    url = server.create_database("spied", template=saved.home.name)
    with psycopg.connect(url) as connection:
        connection.execute(SPY)
    made = backup(Settings.load(url), folder=tmp_path)
    yield Saved(Settings.load(url), tmp_path, made.path, made.manifest)
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute("DROP DATABASE spied WITH (FORCE)")


@pytest.mark.parametrize("where", ["embedded", "same server"])
@pytest.mark.slow
def test_the_code_in_a_dump_runs_as_no_superuser(spied: Saved, server: Server, where: str) -> None:
    target = None if where == "embedded" else Settings.load(server.url())
    found = drill(spied.settings, spied.dump, home=spied.folder, target=target).drill
    assert found.passed, found.problems
    assert found.manifest is not None
    assert found.manifest.rows["public.spy"] == 1
    with psycopg.connect(server.url()) as connection:
        roles = connection.execute("SELECT rolname FROM pg_roles WHERE starts_with(rolname, %s)", [PREFIX]).fetchall()
    assert roles == []


def test_the_role_that_a_killed_drill_left_is_removed(server: Server, saved: Saved) -> None:
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {PREFIX}left".encode())
        drill(saved.settings, saved.dump, home=saved.home, target=saved.settings)
        left = connection.execute("SELECT FROM pg_roles WHERE starts_with(rolname, %s)", [PREFIX]).fetchall()
    assert left == []
