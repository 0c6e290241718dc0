import json

import psycopg
import pytest

from atb_db import Database
from atb_db.cli.exits import ExitCode
from atb_db.embedded import Server
from atb_db.repository import sessions
from tests.admin.roles import remove_roles
from tests.admin.schema.test_verify import tampered
from tests.cli.conftest import Run


@pytest.fixture
def session_id(fresh_db: Database) -> int:
    return fresh_db.run(
        sessions.create_trading_session(
            strategy_name="s", symbol="BTCUSDT", timeframe="1h", mode="PAPER", initial_balance=1000
        )
    )


def test_fix_shows_what_it_does_and_verifies_again(migrated_url: str, call: Run) -> None:
    tampered(migrated_url)
    code, _, err = call("verify", "--fix", url=migrated_url)
    assert code == ExitCode.REFUSED
    assert "  CREATE INDEX CONCURRENTLY positions_open_idx ON public.positions" in err
    code, out, err = call("verify", "--fix", "--yes", "--json", url=migrated_url)
    assert code == ExitCode.FOUND
    left = [one for one in json.loads(out)["findings"] if one["level"] != "INFO"]
    assert [(one["what"], one["where"]) for one in left] == [("column", "orders.quantity")]
    assert left[0]["repair"] == 'ALTER TABLE "orders" ALTER COLUMN "quantity" SET NOT NULL'


def test_an_empty_database_is_one_finding(empty_url: str, call: Run) -> None:
    code, out, err = call("verify", "--statements", "--json", url=empty_url)
    assert code == ExitCode.FOUND
    [found] = [one for one in json.loads(out)["findings"] if one["level"] != "INFO"]
    assert (found["what"], found["problem"], found["repair"]) == ("schema", "missing", "atb-db migrate")
    code, _, err = call("verify", url=empty_url)
    assert code == ExitCode.FOUND
    assert "schema public: atb-db migrate\n" in err
    code, _, err = call("query", "sessions.get_active_sessions", url=empty_url)
    assert code == ExitCode.FAILED
    assert "does not exist; is the schema up to date? atb-db migrate" in err


def test_everything_at_once(fresh_url: str, session_id: int, call: Run) -> None:
    code, out, err = call("verify", "--statements", "--exact-counts", url=fresh_url)
    assert (code, session_id) == (0, 1)
    assert ["trading_sessions", "1"] in [line.split() for line in out.splitlines()]
    assert "Statements described by the server: " in err
    assert "Not compared: owners; " in err


def test_books_that_balance_and_books_that_do_not(fresh_url: str, session_id: int, call: Run) -> None:
    code, out, err = call("audit", url=fresh_url)
    assert (code, out) == (0, "")
    assert err.endswith("Audited the books of 1 session: they balance.\n")
    with psycopg.connect(fresh_url) as connection:
        connection.execute("SET session_replication_role = replica")  # or no balance can be set
        connection.execute("UPDATE trading_sessions SET current_balance = 7")
    code, out, err = call("audit", "--session", str(session_id), url=fresh_url)
    assert code == ExitCode.FOUND
    assert ["1", "ledger", "sum"] in [line.split()[:3] for line in out.splitlines()]
    assert "Contradictions in the books of 1 session: 2.\n" in err
    code, out, _ = call("audit", "--json", url=fresh_url)
    assert (code, json.loads(out)["findings"][0]["finding"]["actual"]) == (ExitCode.FOUND, "7")
    code, out, _ = call("verify", url=fresh_url)
    assert (code, "books" in out) == (ExitCode.FOUND, True)


def test_of_many_contradictions_the_first_are_listed(fresh_url: str, session_id: int, call: Run) -> None:
    with psycopg.connect(fresh_url) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute(
            "INSERT INTO account_balances (session_id, entry_number, entry_type, previous_balance, delta,"
            " total_balance, base_currency, update_reason, updated_by, last_updated)"
            " SELECT %s, n, 'ADJUSTMENT', 7, 0, 7, 'USDT', 'x', 'x', now() FROM generate_series(11, 2011, 10) AS n",
            [session_id],
        )
    code, out, err = call("audit", "--json", url=fresh_url)
    found = len(json.loads(out)["findings"])
    assert (code, found > 200) == (ExitCode.FOUND, True)
    code, out, err = call("audit", url=fresh_url)
    assert sum(line.split()[:1] == [str(session_id)] for line in out.splitlines()) == 100
    assert f"and {found - 100} more: --json has all of them\n" in err
    assert f"Contradictions in the books of 1 session: {found}.\n" in err


def test_the_audit_of_no_session_fails(fresh_url: str, call: Run) -> None:
    code, _, err = call("audit", "--session", "77", url=fresh_url)
    assert (code, err.count("\n")) == (ExitCode.FAILED, 1)
    assert "session 77 does not exist" in err


def test_findings_survive_a_table_of_another_owner(server: Server, migrated_url: str, call: Run) -> None:
    tampered(migrated_url)
    with psycopg.connect(migrated_url, autocommit=True) as connection:
        connection.execute("CREATE ROLE sees_little LOGIN")
        connection.execute("GRANT USAGE ON SCHEMA public, reporting TO sees_little")
        connection.execute("GRANT SELECT ON ALL TABLES IN SCHEMA public TO sees_little")
        connection.execute("REVOKE SELECT ON trades FROM sees_little")
    url = migrated_url.replace("postgres@", "sees_little@")
    try:
        ended = call("verify", "--fix", "--yes", "--json", url=migrated_url)
        clean = call("verify", "--json", "--exact-counts", url=url)
    finally:
        remove_roles(server, "sees_little")
    assert [one["where"] for one in json.loads(ended.out)["findings"] if one["level"] != "INFO"] == ["orders.quantity"]
    assert clean.code == ExitCode.FOUND
    found = json.loads(clean.out)
    assert {(one["what"], one["problem"]) for one in found["findings"] if one["level"] != "INFO"} >= {
        ("column", "different"),
        ("rows", "not counted"),
    }
    assert "trades" not in {one["table"] for one in found["rows"]}
    assert len(found["rows"]) > 20


def test_books_that_may_not_be_read_are_a_finding(server: Server, fresh_url: str, session_id: int, call: Run) -> None:
    assert session_id
    with psycopg.connect(fresh_url, autocommit=True) as connection:
        connection.execute("CREATE ROLE sees_little LOGIN")
        connection.execute("GRANT USAGE ON SCHEMA public, reporting TO sees_little")
        connection.execute("GRANT SELECT ON ALL TABLES IN SCHEMA public TO sees_little")
        connection.execute("REVOKE SELECT ON trades FROM sees_little")
    try:
        ended = call("verify", "--json", url=fresh_url.replace("postgres@", "sees_little@"))
    finally:
        remove_roles(server, "sees_little")
    [found] = [one for one in json.loads(ended.out)["findings"] if one["what"] == "books"]
    assert (ended.code, found["problem"]) == (ExitCode.FOUND, "not audited")
    assert "permission denied for table trades" in found["actual"]
    assert json.loads(ended.out)["books"] is None
