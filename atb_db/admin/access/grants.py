"""Grants on objects: read before an object is dropped, and restored after it was made again."""

from __future__ import annotations

from typing import cast

import psycopg

from atb_db.admin.connection import Connection, ask


def read_grants(connection: Connection) -> list[str]:
    """The statements that say again what is granted in public and reporting, in the order in which they are run."""
    return [cast("str", statement) for statement, _ in ask(connection, "grants")]


def grant_again(connection: Connection, statement: str) -> str | None:
    """Run a statement of `read_grants`; the reason in words if the server refuses it."""
    try:
        with connection.transaction():
            connection.execute(statement.encode())
    except psycopg.ProgrammingError as error:
        return f"Not granted again, as {error.diag.message_primary}: {statement}"
    return None
