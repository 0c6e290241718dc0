import os
import subprocess
from pathlib import Path
from typing import Final

import psycopg
import pytest
from psycopg import sql

from atb_db import Database
from atb_db.admin.access.privileges import TABLES
from atb_db.admin.findings import Level
from atb_db.admin.migrations import known_migrations
from atb_db.admin.programs import tool_for
from atb_db.admin.schema.verify import TableRows, Verification, repair_safe, verify
from atb_db.config import Settings
from atb_db.embedded import Server
from atb_db.errors import Unavailable
from atb_db.repository import sessions, statements
from atb_db.statement import Kind


def database(url: str) -> str:
    return str(psycopg.conninfo.conninfo_to_dict(url)["dbname"])


def change(url: str, statement: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement.encode())


ROLES_UNUSED: Final = ("grant", Level.INFO)


def seen(found: Verification) -> list[tuple[str, Level]]:
    return [(finding.what, finding.level) for finding in found.findings]


def test_a_migrated_database_is_clean(migrated_url: str) -> None:
    found = verify(Settings.load(migrated_url), statements=True)
    assert found.clean
    assert seen(found) == [ROLES_UNUSED]
    assert found.statements == len(statements())


def test_a_database_made_from_the_schema_is_clean(fresh_url: str) -> None:
    found = verify(Settings.load(fresh_url), statements=True)
    assert found.clean
    assert seen(found) == [ROLES_UNUSED]


def test_an_empty_database_lacks_the_schema(empty_url: str) -> None:
    found = verify(Settings.load(empty_url), statements=True)
    assert not found.clean
    [schema] = [one for one in found.findings if one.what != "grant"]
    assert (schema.what, schema.problem, schema.repair) == ("schema", "missing", "atb-db migrate")
    assert (found.rows, found.books, found.statements) == ((), None, None)


def test_what_is_left_of_the_schema_is_compared(migrated_url: str) -> None:
    with psycopg.connect(migrated_url) as connection:
        for table in sorted(TABLES):
            connection.execute(sql.SQL("DROP TABLE IF EXISTS {} CASCADE").format(sql.Identifier(table)))
    found = verify(Settings.load(migrated_url))
    assert {"table", "view"} <= {one.what for one in found.findings if one.problem == "missing"}


def test_rows_are_counted_in_the_tables_that_should_be_there(fresh_db: Database, fresh_url: str) -> None:
    fresh_db.run(
        sessions.create_trading_session(
            strategy_name="s", symbol="BTCUSDT", timeframe="1h", mode="PAPER", initial_balance=1000
        )
    )
    change(fresh_url, "CREATE TABLE surprise AS SELECT generate_series(1, 9)")
    change(fresh_url, f"ALTER ROLE postgres IN DATABASE {database(fresh_url)} SET statement_timeout = 1")
    found = verify(Settings.load(fresh_url), exact_counts=True)
    rows = dict(found.rows)
    assert found.exact
    assert rows["trading_sessions"] == rows["account_balances"] == rows["system_events"] == 1
    assert rows["trades"] == 0
    assert "surprise" not in rows


def test_rows_are_estimated_without_being_read(fresh_url: str) -> None:
    change(
        fresh_url,
        "INSERT INTO system_events (timestamp, event_type, severity, message)"
        " SELECT now(), 'TEST', 'INFO', 'one' FROM generate_series(1, 500); ANALYZE system_events",
    )
    found = verify(Settings.load(fresh_url))
    assert not found.exact
    assert dict(found.rows)["system_events"] == 500


def test_a_record_without_its_migration_is_not_clean(migrated_url: str) -> None:
    first = known_migrations()[0]
    change(migrated_url, f"UPDATE _yoyo_migration SET migration_id = '9999-later' WHERE migration_id = '{first}'")
    found = verify(Settings.load(migrated_url))
    assert {"9999-later", first} <= {one.where for one in found.findings if one.what == "migration"}
    assert not found.clean


def test_a_role_that_may_only_read_can_verify(server: Server, fresh_url: str) -> None:
    change(server.url(), "CREATE ROLE verifier LOGIN IN ROLE pg_read_all_data")
    found = verify(Settings.load(fresh_url.replace("postgres@", "verifier@")), exact_counts=True, statements=True)
    assert found.clean
    assert seen(found) == [ROLES_UNUSED, ("statement", Level.INFO)]
    assert found.statements is not None
    assert found.statements >= sum(one.kind is Kind.QUERY for one in statements())
    assert found.server.user == "verifier"
    assert TableRows("trades", 0) in found.rows


def test_an_unreachable_server_is_unavailable() -> None:
    with pytest.raises(Unavailable):
        verify(Settings.load("postgresql://postgres:secret@127.0.0.1:1/atb"))


def tampered(url: str) -> None:
    change(
        url,
        "DROP INDEX positions_open_idx; COMMENT ON TABLE trades IS NULL; ALTER TABLE positions DROP COLUMN mfe_time;"
        "ALTER TABLE orders ALTER COLUMN quantity DROP NOT NULL",
    )


def test_what_is_safe_is_mended_and_the_rest_is_left(migrated_url: str) -> None:
    settings = Settings.load(migrated_url)
    tampered(migrated_url)
    found = verify(settings)
    assert {(one.what, one.where) for one in found.repairable} == {
        ("index", "positions.positions_open_idx"),
        ("table comment", "trades"),
        ("column", "positions.mfe_time"),
    }
    assert [one.failure for one in repair_safe(settings, found.findings)] == [None, None, None]
    assert [one.where for one in verify(settings).findings if one.level is not Level.INFO] == ["orders.quantity"]


def test_an_index_left_half_built_is_mended(fresh_url: str) -> None:
    settings = Settings.load(fresh_url)
    change(fresh_url, "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'positions_open_idx'::regclass")
    assert [one.failure for one in repair_safe(settings, verify(settings).findings)] == [None]
    assert verify(settings).clean


def test_a_repair_that_fails_is_told(server: Server, fresh_url: str) -> None:
    change(server.url(), "CREATE ROLE mender LOGIN IN ROLE pg_read_all_data")
    tampered(fresh_url)
    settings = Settings.load(fresh_url.replace("postgres@", "mender@"))
    assert ["must be owner" in str(one.failure) for one in repair_safe(settings, verify(settings).findings)] == [
        True
    ] * 3


def test_a_database_restored_by_another_owner_is_clean(
    server: Server, fresh_db: Database, fresh_url: str, tmp_path: Path
) -> None:
    fresh_db.run(
        sessions.create_trading_session(
            strategy_name="s", symbol="BTCUSDT", timeframe="1h", mode="PAPER", initial_balance=1000
        )
    )
    change(server.url(), "CREATE ROLE restorer LOGIN")
    change(server.url(), "CREATE DATABASE restored TEMPLATE template0 OWNER restorer")
    major = int(server.version.partition(".")[0])
    dump = tmp_path / "verified.dump"
    url = server.url(database="restored").replace("postgres@", "restorer@")
    for command in (
        [str(tool_for("pg_dump", major).path), "--format=custom", f"--file={dump}", fresh_url],
        [str(tool_for("pg_restore", major).path), "--no-owner", "--exit-on-error", f"--dbname={url}", str(dump)],
    ):
        subprocess.run(command, check=True, env={"PATH": os.environ.get("PATH", "")})
    found = verify(Settings.load(url), statements=True, exact_counts=True)
    assert [one for one in found.findings if one.level is not Level.INFO] == []
    assert (found.clean, seen(found)) == (True, [ROLES_UNUSED])
    assert dict(found.rows)["trading_sessions"] == 1
    assert found.books == (1, 1)


def test_the_audit_is_bounded(fresh_db: Database, fresh_url: str) -> None:
    for _ in range(3):
        fresh_db.run(
            sessions.create_trading_session(
                strategy_name="s", symbol="BTCUSDT", timeframe="1h", mode="PAPER", initial_balance=1000
            )
        )
    books = verify(Settings.load(fresh_url), books_seconds=0).books
    assert books is not None
    assert (books.sessions, books.audited < 3) == (3, True)
    assert verify(Settings.load(fresh_url), books_seconds=None).books == (3, 3)
