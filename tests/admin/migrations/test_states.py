"""Every state that a migration can be in is told by name, with the command that mends it."""

from __future__ import annotations

import json

import psycopg
import pytest

from atb_db.admin.connection import reading
from atb_db.admin.errors import Refused
from atb_db.admin.migrations import (
    Release,
    State,
    adopt,
    forget,
    known_migrations,
    migrate,
    planned,
    read_status,
    rollback,
    rollback_plan,
    status,
)
from atb_db.admin.schema.catalog import Entry
from atb_db.config import Settings
from atb_db.embedded import Server
from atb_db.errors import AtbDbError, Conflict, NotFound
from tests.admin.conftest import Write

ONE = "CREATE TABLE one (id integer);"


def change(url: str, *statements: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement.encode())


def states(settings: Settings, release: Release | None = None) -> dict[str, State]:
    return {one.id: one.state for one in status(settings, release=release).migrations}


def repair(settings: Settings, name: str, release: Release | None = None) -> str:
    [found] = [one for one in status(settings, release=release).migrations if one.id == name]
    return found.repair or ""


@pytest.fixture
def settings(empty_url: str) -> Settings:
    return Settings.load(empty_url)


def expect(release: Release, *entries: Entry) -> None:
    """Have the release lead to a schema of these."""
    (release.root / "catalog.json").write_text(json.dumps(entries))


def test_pending_then_applied(settings: Settings, write: Write) -> None:
    release = write(m0001_one=ONE)
    assert states(settings, release) == {"0001-one": State.PENDING}
    migrate(settings, release=release)
    assert states(settings, release) == {"0001-one": State.APPLIED}
    assert repair(settings, "0001-one", release) == ""


def test_edited_is_told_and_refused_until_restored_or_adopted(settings: Settings, write: Write) -> None:
    migrate(settings, release=write(m0001_one=ONE))
    edited = write(m0001_one="CREATE TABLE one (id bigint);", m0002_two="CREATE TABLE two ();")
    assert states(settings, edited) == {"0001-one": State.EDITED, "0002-two": State.PENDING}
    with pytest.raises(Refused, match=r"0001-one is edited: .*`atb-db migrate --adopt 0001-one`"):
        migrate(settings, release=edited)
    assert adopt(settings, "0001", release=edited) == "0001-one"
    assert migrate(settings, release=edited).applied == ("0002-two",)


@pytest.mark.parametrize(
    "text",
    [
        "-- A comment.\r\nCREATE TABLE one\r\n(\r\n  id   integer /* here */\r\n) ;\r\n",
        "CREATE TABLE one(id integer)",
    ],
)
def test_comments_white_space_and_line_endings_are_no_edit(settings: Settings, write: Write, text: str) -> None:
    migrate(settings, release=write(m0001_one=ONE))
    assert states(settings, write(m0001_one=text)) == {"0001-one": State.APPLIED}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("SELECT 'a  b'", "SELECT 'a b'"),
        ("DO $$ BEGIN  END $$", "DO $$ BEGIN END $$"),
        ('SELECT 1 AS "a  b"', 'SELECT 1 AS "a b"'),
        ("SELECT '-- one'", "SELECT '-- two'"),
        ("SELECT 1 < - 1", "SELECT 1 <- 1"),
    ],
)
def test_what_strings_and_names_say_is_an_edit(settings: Settings, write: Write, before: str, after: str) -> None:
    migrate(settings, release=write(m0001_one="CREATE TABLE one ();", m0002_text=before.replace("<", "+")))
    assert states(settings, write(m0002_text=after))["0002-text"] is State.EDITED


def test_deleted_and_applied_by_a_newer_release_are_told_apart(settings: Settings, write: Write) -> None:
    release = write(m0001_one=ONE, m0002_two="CREATE TABLE two ();", m0003_three="CREATE TABLE three ();")
    migrate(settings, release=release)
    (release.folder / "0002-two.sql").unlink()
    older = Release(release.root)
    assert states(settings, older)["0002-two"] is State.DELETED
    with pytest.raises(Refused, match="0002-two is deleted"):
        migrate(settings, release=older)
    assert forget(settings, "0002", release=older) == "0002-two"
    (release.folder / "0003-three.sql").unlink()
    oldest = Release(release.root)
    assert states(settings, oldest) == {"0001-one": State.APPLIED, "0003-three": State.UNKNOWN}
    assert migrate(settings, release=oldest).applied == ()


def test_out_of_order_is_refused_and_can_be_asked_for(settings: Settings, write: Write) -> None:
    migrate(settings, release=write(m0001_one=ONE, m0003_three="CREATE TABLE three ();"))
    release = write(m0002_two="CREATE TABLE two ();", m0004_four="CREATE TABLE four ();")
    assert states(settings, release)["0002-two"] is State.OUT_OF_ORDER
    with pytest.raises(Refused, match="`atb-db migrate --to 0002-two`"):
        migrate(settings, release=release)
    assert migrate(settings, to="0002-two", release=release).applied == ("0002-two",)
    assert migrate(settings, release=release).applied == ("0004-four",)


def test_unmarked_is_what_is_there_without_a_record(settings: Settings, empty_url: str, write: Write) -> None:
    release = write(m0001_one=ONE, m0002_two="CREATE TABLE two ();")
    expect(release, Entry("table", "one", "table", None), Entry("table", "two", "table", None))
    migrate(settings, release=release)
    change(empty_url, "DELETE FROM _yoyo_migration WHERE migration_id = '0002-two'", "DELETE FROM _atb_migration")
    assert states(settings, release)["0002-two"] is State.UNMARKED
    with pytest.raises(Refused, match="0002-two is unmarked"):
        migrate(settings, release=release)
    assert adopt(settings, "0002-two", release=release) == "0002-two"
    assert states(settings, release) == {"0001-one": State.UNCHECKED, "0002-two": State.APPLIED}


def test_a_database_made_from_the_schema_is_unmarked_and_adopted(fresh_url: str) -> None:
    settings = Settings.load(fresh_url)
    assert set(states(settings).values()) == {State.UNMARKED}
    assert "`atb-db migrate` records it" in repair(settings, known_migrations()[0])


def test_marked_is_what_is_recorded_and_not_there(settings: Settings, empty_url: str, write: Write) -> None:
    release = write(m0001_one=ONE, m0002_two="CREATE TABLE two ();")
    expect(release, Entry("table", "one", "table", None), Entry("table", "two", "table", None))
    migrate(settings, release=release)
    with pytest.raises(Refused, match="is applied"):
        forget(settings, "0002-two", release=release)
    change(empty_url, "DROP TABLE two")
    assert states(settings, release)["0002-two"] is State.MARKED
    with pytest.raises(Refused, match="`atb-db migrate --forget 0002-two`"):
        migrate(settings, release=release)


def test_an_interrupted_index_is_dirty_and_the_next_command_is_told(
    settings: Settings, empty_url: str, write: Write
) -> None:
    release = write(
        m0001_one="CREATE TABLE one (id integer); INSERT INTO one VALUES (1), (1);",
        m0002_index="-- transactional: false\nCREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS one_id_idx ON one (id);",
    )
    command = r"DROP INDEX CONCURRENTLY IF EXISTS \"one_id_idx\""
    with pytest.raises(Conflict, match=command):
        migrate(settings, release=release)
    assert states(settings, release)["0002-index"] is State.DIRTY
    with pytest.raises(Refused, match="0002-index is dirty: drop what it left half-built"):
        migrate(settings, release=release)
    change(empty_url, "DELETE FROM one", 'DROP INDEX CONCURRENTLY IF EXISTS "one_id_idx"')
    assert states(settings, release)["0002-index"] is State.INTERRUPTED
    assert migrate(settings, release=release).applied == ("0002-index",)


def test_what_cannot_be_repeated_is_looked_at_by_somebody(settings: Settings, empty_url: str, write: Write) -> None:
    release = write(m0001_one="-- transactional: false\nCREATE TABLE one (); CREATE TABLE one ();")
    with pytest.raises(AtbDbError, match="`atb-db migrate --adopt 0001-one`"):
        migrate(settings, release=release)
    assert states(settings, release) == {"0001-one": State.DIRTY}
    with pytest.raises(Refused, match="0001-one is dirty"):
        rollback_plan(settings, release=release)
    change(empty_url, "DROP TABLE one")
    forget(settings, "0001", release=release)
    assert states(settings, release) == {"0001-one": State.PENDING}


def test_an_old_record_without_content_is_completed(settings: Settings, empty_url: str, write: Write) -> None:
    release = write(m0001_one=ONE)
    migrate(settings, release=release)
    change(empty_url, "DROP TABLE _atb_migration")
    assert states(settings, release) == {"0001-one": State.UNCHECKED}
    migrate(settings, release=release)
    assert states(settings, release) == {"0001-one": State.APPLIED}
    assert states(settings, write(m0001_one="CREATE TABLE one ();")) == {"0001-one": State.EDITED}


def test_reading_writes_nothing_and_needs_no_more_than_reading(server: Server, empty_url: str, write: Write) -> None:
    release = write(m0001_one=ONE, r0001_one="DROP TABLE one;")
    migrate(Settings.load(empty_url), release=release)
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute("CREATE ROLE states_reader LOGIN IN ROLE pg_read_all_data")
    states_reader = Settings.load(empty_url.replace("postgres@", "states_reader@"))
    more = write(m0002_two="CREATE TABLE two ();")
    with reading(states_reader) as (connection, info):
        assert connection.read_only
        assert read_status(connection, info, release=more).pending == ("0002-two",)
    assert [one.id for one in planned(states_reader, release=more).migrations] == ["0002-two"]
    assert [one.migration.id for one in rollback_plan(states_reader, release=more)] == ["0001-one"]


def test_rollback_runs_the_file_as_written_in_one_transaction(settings: Settings, empty_url: str, write: Write) -> None:
    release = write(
        m0001_one="CREATE TABLE one (id integer PRIMARY KEY); CREATE TABLE two (id integer REFERENCES one);",
        # Reversed, as yoyo would run it, this fails.
        r0001_one="DROP TABLE two; DROP TABLE one;",
    )
    migrate(settings, release=release)
    plan = rollback_plan(settings, release=release)
    assert [[str(thing) for thing in one.drops] for one in plan] == [["table two", "table one"]]
    assert rollback(settings, plan, release=release) == ("0001-one",)
    assert migrate(settings, release=release).applied == ("0001-one",)
    broken = write(r0001_one="DROP TABLE two; DROP TABLE three;")
    with pytest.raises(AtbDbError, match="three"):
        rollback(settings, rollback_plan(settings, release=broken), release=broken)
    change(empty_url, "INSERT INTO one VALUES (1); INSERT INTO two VALUES (1)")
    assert states(settings, broken) == {"0001-one": State.APPLIED}


def test_without_a_rollback_file_there_is_no_way_back_unless_the_file_says_so(settings: Settings, write: Write) -> None:
    release = write(m0001_one=ONE, m0002_note="-- rollback: not needed\nANALYZE one;", m0003_three="SELECT 1;")
    migrate(settings, release=release)
    with pytest.raises(Refused, match=r"0003-three cannot be taken back: there is no 0003-three\.rollback\.sql"):
        rollback_plan(settings, release=release)
    (release.folder / "0003-three.rollback.sql").write_text("-- Nothing.\n")
    release = Release(release.root)
    with pytest.raises(NotFound):
        rollback_plan(settings, to="0009", release=release)
    plan = rollback_plan(settings, to="0001", release=release)
    assert rollback(settings, plan, release=release) == ("0003-three", "0002-note")


@pytest.mark.parametrize(
    "text", ["BEGIN; CREATE TABLE one (); COMMIT;", "-- depends: 0000-x\nSELECT 1;", "-- transactional: no\nSELECT 1;"]
)
def test_files_that_would_not_do_what_they_say_are_refused(settings: Settings, write: Write, text: str) -> None:
    release = write(m0001_one=text)
    with pytest.raises(Refused):
        migrate(settings, release=release)
    assert states(settings, release) == {"0001-one": State.PENDING}


def test_up_to_one_migration(settings: Settings, write: Write) -> None:
    release = write(m0001_one=ONE, m0002_two="CREATE TABLE two ();", m0003_three="CREATE TABLE three ();")
    assert migrate(settings, to="0001", release=release).applied == ("0001-one",)
    assert migrate(settings, to="0002-two", release=release).applied == ("0002-two",)
    with pytest.raises(NotFound, match="there is no migration 9999"):
        migrate(settings, to="9999", release=release)


def test_rows_of_a_select_are_printed_nowhere(
    settings: Settings, write: Write, capfd: pytest.CaptureFixture[str]
) -> None:
    migrate(settings, release=write(m0001_one="CREATE TABLE one (); SELECT 'a row' AS found;"))
    assert capfd.readouterr() == ("", "")


def test_what_one_migration_sets_does_not_reach_the_next(settings: Settings, write: Write) -> None:
    release = write(
        m0001_one="CREATE SCHEMA other; SET search_path TO other; CREATE TABLE one ();",
        m0002_two="CREATE TABLE two ();",
    )
    migrate(settings, release=release)
    with reading(settings) as (connection, _):
        found = connection.execute("SELECT to_regclass('other.one')::text, to_regclass('public.two')::text").fetchall()
    assert found == [("other.one", "two")]


def test_the_states_as_json(empty_url: str) -> None:
    found = status(Settings.load(empty_url))
    assert json.dumps([one.state for one in found.migrations]).count("pending") == len(known_migrations())
