from pathlib import Path

import pytest

from atb_db.admin.psql import psql_invocation
from atb_db.config import Settings
from atb_db.sqlfile import sql_root
from tests.admin.test_programs import program

URL = (
    "postgresql://bot:s3cret-pw@db-1:5433,db-2/atb?sslmode=require&sslpassword=t0p&keepalives=1&options=-c%20geqo%3Doff"
)


def test_the_connection_travels_in_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ATB_DB_PG_BIN", str(program(tmp_path / "bin", "psql").parent))
    found = psql_invocation(Settings.load(URL, environ={}), arguments=["-c", "SELECT 1"])
    assert found.arguments == (str(tmp_path / "bin" / "psql"), "--dbname", "keepalives=1", "-c", "SELECT 1")
    assert dict(found.environment) == {
        "PGAPPNAME": "atb_db",
        "PGCONNECT_TIMEOUT": "2",
        "PGDATABASE": "atb",
        "PGHOST": "db-1,db-2",
        "PGOPTIONS": "-c geqo=off -c timezone=UTC -c default_transaction_read_only=on",
        "PGPASSWORD": "s3cret-pw",
        "PGPORT": "5433,",
        "PGSSLMODE": "require",
        "PGUSER": "bot",
        "PSQLRC": str(sql_root() / "psqlrc"),
    }


def test_options_of_the_environment_are_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ATB_DB_PG_BIN", str(program(tmp_path / "bin", "psql").parent))
    monkeypatch.setenv("PGOPTIONS", "-c geqo=off")
    found = psql_invocation(Settings.load("dbname=atb", environ={}), write=True)
    assert found.environment["PGOPTIONS"] == "-c geqo=off -c timezone=UTC"
