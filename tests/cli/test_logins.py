"""Every command that only reads works for each login of the groups, as `atb-db roles` makes them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from atb_db.admin.access.roles import Members, set_roles
from atb_db.admin.connection import changing
from atb_db.admin.doctor import diagnose
from atb_db.admin.encryption import Encryption
from atb_db.admin.encryption import read_encryption as negotiated
from atb_db.cli.exits import ExitCode
from atb_db.config import Settings
from atb_db.embedded import Server
from tests.admin.roles import execute, remove_roles
from tests.cli.conftest import Run

LOGINS = ("deploy", "engine", "grafana")
READING = (
    "status",
    "verify",
    "audit",
    "roles --check",
    "doctor",
    "health",
    "metrics",
    "environment show",
    "check-collation",
    "halt status",
    "query sessions.get_active_sessions",
    "report --out page.html",
    "watch",
    "purge",
    "migrate --check",
)


@pytest.fixture(scope="module")
def grouped(server: Server, migrated: str) -> Iterator[str]:
    """A database with the groups, and a login in each."""
    url = server.create_database("grouped", template=migrated)
    execute(server.url(), *(f"CREATE ROLE {login} LOGIN" for login in LOGINS))
    deploy, engine, grafana = LOGINS
    assert set_roles(Settings.load(url), Members((deploy,), (engine,), (grafana,))).undone == ()
    yield url
    remove_roles(server, *LOGINS)


@pytest.mark.parametrize("login", LOGINS)
@pytest.mark.parametrize("command", READING)
def test_it_answers(grouped: str, login: str, command: str, call: Run) -> None:
    ended = call(*command.split(), "--url", grouped.replace("postgres@", f"{login}@"))
    assert ended.code in {ExitCode.OK, ExitCode.FOUND}, ended.err


def test_a_login_that_only_reads_is_refused_what_writes(grouped: str, call: Run, tmp_path: Path) -> None:
    """With the reason, and not as if nobody had answered."""
    for command in ("halt on --reason drill", "environment set staging", "import trades fills.csv"):
        (tmp_path / "fills.csv").write_text("time,symbol,side,quantity,price\n2024-01-01T00:00Z,BTCUSDT,BUY,1,2\n")
        ended = call(*command.split(), "--json", "--url", grouped.replace("postgres@", "grafana@"))
        assert (ended.code, json.loads(ended.out)["error"]["sqlstate"]) == (ExitCode.REFUSED, "25006"), command
        assert "the login may only read, or the server is a standby" in ended.err


@pytest.mark.parametrize("login", LOGINS)
def test_what_a_login_may_see_it_is_told(grouped: str, login: str) -> None:
    """Also the owner's, which works as its group: what the login was granted is not the group's."""
    settings = Settings.load(grouped.replace("postgres@", f"{login}@"))
    [hidden] = [one for one in diagnose(settings).findings if one.what == "role"]
    assert hidden.repair == f'GRANT pg_monitor TO "{login}"'
    execute(grouped, hidden.repair, f"ALTER ROLE {login} CONNECTION LIMIT 7")
    found = diagnose(settings)
    assert [one for one in found.findings if one.what == "role"] == []
    facts = dict(found.facts)
    assert facts["longest transaction"] == "none"
    assert facts["connections"].endswith("7 to be had")


def test_asking_as_the_login_leaves_the_role(grouped: str) -> None:
    with changing(Settings.load(grouped.replace("postgres@", "deploy@"))) as (connection, _):
        assert isinstance(negotiated(connection), Encryption)
        assert connection.execute("SELECT current_user::text").fetchone() == ("atb_owner",)
