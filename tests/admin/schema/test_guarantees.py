"""A database whose promises do not hold is not clean, and not healthy."""

from __future__ import annotations

from typing import Final

import psycopg
import pytest

from atb_db.admin.doctor import diagnose
from atb_db.admin.findings import Finding, Level
from atb_db.admin.migrations import known_migrations, migrate
from atb_db.admin.schema.verify import repair_safe, verify
from atb_db.config import Settings


def change(url: str, script: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        name = connection.info.dbname
        connection.execute(script.replace("{database}", f'"{name}"').encode())


def findings(url: str) -> dict[str, list[Finding]]:
    """Those of each command that make it unhappy."""
    settings = Settings.load(url)
    verified, diagnosed = verify(settings), diagnose(settings)
    found = {
        "verify": [one for one in verified.findings if one.level is not Level.INFO],
        "doctor": [one for one in diagnosed.findings if one.level is not Level.INFO],
    }
    assert (verified.clean, diagnosed.healthy) == (not found["verify"], not found["doctor"])
    return found


IMPORTED: Final = (
    "INSERT INTO system_events (id, timestamp, event_type, severity, message) OVERRIDING SYSTEM VALUE"
    " VALUES (100, now(), 'TEST', 'INFO', 'imported with its id')"
)
BROKEN: Final = {
    "a sequence behind its table": (IMPORTED, ("sequence", "system_events_id_seq", "behind")),
    "foreign keys disabled": (
        "ALTER TABLE order_fills DISABLE TRIGGER ALL",
        ("foreign key", "order_fills.order_fills_order_id_fkey", "disabled"),
    ),
    "triggers off for every session of the database": (
        "ALTER DATABASE {database} SET session_replication_role = replica",
        ("setting", "session_replication_role of this session", "different"),
    ),
    "triggers off for one role": (
        (
            "DROP ROLE IF EXISTS careless; CREATE ROLE careless LOGIN;"
            "ALTER ROLE careless IN DATABASE {database} SET session_replication_role = replica"
        ),
        ("setting", "session_replication_role of role careless", "different"),
    ),
    "a database that is read-only": (
        "ALTER DATABASE {database} SET default_transaction_read_only = on",
        ("setting", "default_transaction_read_only of this session", "different"),
    ),
}


@pytest.mark.parametrize(
    ("script", "due"),
    [
        pytest.param(*one, id=name, marks=[pytest.mark.slow] if number else [])
        for number, (name, one) in enumerate(BROKEN.items())
    ],
)
def test_what_breaks_a_promise_is_found(migrated_url: str, script: str, due: tuple[str, str, str]) -> None:
    assert findings(migrated_url) == {"verify": [], "doctor": []}
    change(migrated_url, script)
    for command, found in findings(migrated_url).items():
        assert due in {one[:3] for one in found}, command


@pytest.mark.parametrize("value", ["on", "true", "YES"])
@pytest.mark.parametrize("group", ["atb_owner", "atb_runtime"])
def test_an_engine_that_cannot_write_is_found(migrated_url: str, group: str, value: str) -> None:
    with psycopg.connect(migrated_url, autocommit=True) as connection:
        groups = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [group]).fetchall()
        name = connection.info.dbname
        if not groups:
            connection.execute(f"CREATE ROLE {group}".encode())
        connection.execute(f"CREATE ROLE mute LOGIN IN ROLE {group}".encode())
        connection.execute(f'ALTER ROLE mute IN DATABASE "{name}" SET default_transaction_read_only = {value}'.encode())
    try:
        due = ("setting", "default_transaction_read_only of role mute", "different")
        for command, found in findings(migrated_url).items():
            assert due in {one[:3] for one in found}, command
    finally:
        change(migrated_url, "DROP ROLE mute")
        if not groups:
            change(migrated_url, f"DROP ROLE {group}")


@pytest.mark.parametrize("value", ["off", "FALSE", "no"])
def test_commits_of_one_role_that_do_not_last_are_found(migrated_url: str, value: str) -> None:
    insert = "INSERT INTO deployment (environment, set_at, set_by) VALUES ('PRODUCTION', now(), 'test')"
    change(migrated_url, f"{insert}; CREATE ROLE hasty LOGIN; ALTER ROLE hasty SET synchronous_commit = {value}")
    try:
        for command, found in findings(migrated_url).items():
            assert "synchronous_commit of role hasty" in {one.where for one in found}, command
    finally:
        change(migrated_url, "DROP ROLE hasty")


@pytest.mark.parametrize("setting", ["fsync", "full_page_writes", "synchronous_commit"])
def test_production_does_not_lose_commits(migrated_url: str, setting: str) -> None:
    """The tests' server has all three off, which only matters where losing data does."""
    change(
        migrated_url,
        "INSERT INTO deployment (environment, set_at, set_by) VALUES ('PRODUCTION', now(), 'test')",
    )
    for command, found in findings(migrated_url).items():
        assert ("setting", f"{setting} of this session", "different") in {one[:3] for one in found}, command


def test_a_stronger_setting_is_in_order(migrated_url: str) -> None:
    url = migrated_url
    change(url, "INSERT INTO deployment (environment, set_at, set_by) VALUES ('PRODUCTION', now(), 'test')")
    change(url, "ALTER DATABASE {database} SET synchronous_commit = remote_apply")
    found = {one.where for one in verify(Settings.load(url)).findings if one.what == "setting"}
    assert found == {"fsync of this session", "full_page_writes of this session"}


def test_a_sequence_is_moved_by_fix_and_gives_free_numbers(migrated_url: str) -> None:
    change(migrated_url, IMPORTED)
    settings = Settings.load(migrated_url)
    assert [one.failure for one in repair_safe(settings, verify(settings).repairable)] == [None]
    assert verify(settings).clean
    with psycopg.connect(migrated_url) as connection:
        inserted = connection.execute(
            "INSERT INTO system_events (timestamp, event_type, severity, message)"
            " VALUES (now(), 'TEST', 'INFO', 'next') RETURNING id"
        ).fetchone()
    assert inserted == (101,)


def test_a_deleted_record_of_a_migration_is_found(migrated_url: str) -> None:
    change(migrated_url, f"DELETE FROM _atb_migration WHERE id = '{known_migrations()[0]}'")
    for command, found in findings(migrated_url).items():
        assert [one[:3] for one in found] == [("migration", known_migrations()[0], "unchecked")], command
    migrate(Settings.load(migrated_url))
    assert findings(migrated_url) == {"verify": [], "doctor": []}


def test_a_reader_is_meant_to_be_read_only(migrated_url: str) -> None:
    change(
        migrated_url,
        "DROP ROLE IF EXISTS watching; CREATE ROLE watching LOGIN IN ROLE pg_read_all_data;"
        "ALTER ROLE watching SET default_transaction_read_only = on",
    )
    found = verify(Settings.load(migrated_url.replace("postgres@", "watching@"))).findings
    assert [one for one in found if one.what == "setting"] == []
