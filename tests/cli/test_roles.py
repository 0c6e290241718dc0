from __future__ import annotations

import psycopg

from atb_db.cli.exits import ExitCode
from atb_db.embedded import Server
from tests.admin.roles import remove_roles
from tests.cli.conftest import Run


def test_who_may_not_make_groups_is_told_who_may(server: Server, fresh_url: str, call: Run) -> None:
    remove_roles(server)  # Another test's groups would do.
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute("CREATE ROLE makes_none LOGIN")
    try:
        code, out, err = call("roles", url=fresh_url.replace("postgres@", "makes_none@"))
    finally:
        remove_roles(server, "makes_none")
    assert (code, out) == (ExitCode.FAILED, "")
    assert "as they should be" not in err
    assert "Could not: CREATE ROLE atb_owner" in err
    assert "as a superuser, or as the database's owner with CREATEROLE" in err
