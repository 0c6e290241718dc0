from typing import Final

import psycopg
import pytest

from atb_db import Database
from atb_db.admin.findings import Level
from atb_db.admin.migrations import known_migrations, migrate
from atb_db.admin.verification import TableRows, Verification, verify
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


def test_a_migrated_database_is_clean(empty_url: str) -> None:
    migrate(Settings.load(empty_url))
    found = verify(Settings.load(empty_url), statements=True)
    assert found.clean
    assert seen(found) == [ROLES_UNUSED]
    assert found.statements == len(statements())


def test_a_database_made_from_the_schema_is_clean(fresh_url: str) -> None:
    found = verify(Settings.load(fresh_url), statements=True)
    assert found.clean
    assert seen(found) == [ROLES_UNUSED]


def test_an_empty_database_lacks_everything_once(empty_url: str) -> None:
    found = verify(Settings.load(empty_url))
    assert not found.clean
    schema = [one for one in found.findings if one.what not in {"migration", "grant"}]
    assert {finding.problem for finding in schema} == {"missing"}
    assert not {"column", "constraint", "index"} & {finding.what for finding in schema}
    pending = [(one.where, one.problem) for one in found.findings if one.what == "migration"]
    assert pending == [(name, "pending") for name in known_migrations()]
    assert (found.rows, found.books) == ((), None)


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


def test_a_record_without_its_migration_is_not_clean(empty_url: str) -> None:
    migrate(Settings.load(empty_url))
    first = known_migrations()[0]
    change(empty_url, f"UPDATE _yoyo_migration SET migration_id = '9999-later' WHERE migration_id = '{first}'")
    found = verify(Settings.load(empty_url))
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
