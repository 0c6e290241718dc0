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


def test_hundreds_of_changes_are_a_few_lines(server: Server, fresh_url: str, call: Run) -> None:
    remove_roles(server)
    try:
        code, out, err = call("roles", "--check", url=fresh_url)
        assert (code, len(out.splitlines()) <= 20, "--sql prints" in err) == (ExitCode.FOUND, True, False)
        code, out, err = call("roles", url=fresh_url)
        lines = out.splitlines()
        assert (code, len(lines) < 20, "--sql prints each statement" in err) == (0, True, True)
        changes = {tuple(line.split()[:-1]): int(line.split()[-1]) for line in lines[1:]}
        assert changes[("role", "atb_owner")] == 1
        assert changes[("grant", "to", "atb_runtime")] > 100
        with psycopg.connect(fresh_url) as connection:
            connection.execute("REVOKE SELECT ON trades FROM atb_reader")
        code, out, err = call("roles", "--check", url=fresh_url)
        assert (code, "GRANT SELECT ON TABLE public.trades TO atb_reader" in out) == (ExitCode.FOUND, True)
        with psycopg.connect(fresh_url) as connection:
            connection.execute("REVOKE SELECT ON ALL TABLES IN SCHEMA public FROM atb_reader")
        out = call("roles", "--check", "--sql", url=fresh_url).out
        assert "GRANT SELECT ON TABLE public.orders TO atb_reader" in out
    finally:
        remove_roles(server)
