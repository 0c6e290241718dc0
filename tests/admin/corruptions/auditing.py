"""Planting a corruption in a transaction, and auditing what the transaction sees."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from re import sub
from typing import Final

import psycopg
from psycopg.sql import SQL, Identifier

from atb_db.admin.audit import read_audit
from atb_db.admin.audit_marks import Marks
from atb_db.admin.connection import Connection
from atb_db.database.connecting import ServerInfo, accept
from tests.admin.corruptions.world import World

WIDTH: Final = 2
"""Ids of positions in a step."""


def keep_days(url: str, world: World) -> None:
    """Add up the days of the ended session's trades and orders, and compact its decisions, three in a chunk."""
    with psycopg.connect(url, autocommit=True) as owner:
        owner.execute("SELECT roll_trades(%(of)s, 1000, TRUE), roll_orders(%(of)s, 1000, TRUE)", {"of": world.ended})
        for _ in range(2):
            owner.execute("SELECT compact_decisions(%s, '2024-04-01Z', 3, '-infinity')", [world.ended])


@contextmanager
def undone(connection: Connection) -> Iterator[None]:
    """What happens inside is rolled back."""
    with connection.transaction(force_rollback=True):
        yield


def is_refused(connection: Connection, script: str) -> bool:
    """Whether the schema refuses it, at the latest at the commit."""
    with undone(connection):
        try:
            with connection.transaction():
                connection.execute(script.encode())
                connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
        except (psycopg.errors.IntegrityError, psycopg.errors.RaiseException):
            return True
        except psycopg.Error as error:
            # Ours, such as AT409 of a trigger.
            if (error.sqlstate or "").startswith("AT"):
                return True
            raise
    return False


def plant(connection: Connection, script: str) -> None:
    """As somebody who can: triggers and foreign keys off, and what CHECK or UNIQUE still refuses without it."""
    connection.execute("SET LOCAL session_replication_role = replica")
    while True:
        try:
            with connection.transaction():
                found = connection.execute(script.encode())
                assert found.rowcount > 0, "nothing was changed"
                return
        except (psycopg.errors.CheckViolation, psycopg.errors.UniqueViolation) as refusal:
            table, name = refusal.diag.table_name, refusal.diag.constraint_name
            assert table is not None
            assert name is not None
        connection.execute(SQL("ALTER TABLE {} DROP CONSTRAINT {} CASCADE").format(Identifier(table), Identifier(name)))


def audited(connection: Connection, server: ServerInfo, *, marks: Path | None = None) -> set[tuple[str, str]]:
    """What the audit names now, as identity and subject; and the same with # for the subject's number.

    With a file of marks, in steps, and without what was sound when they were written.
    """
    if marks is None:
        found = read_audit([connection], server, contents=True)
    else:
        kept = Marks(marks, connection, width=WIDTH, pause=0)
        found = read_audit([connection], server, step=WIDTH, width=WIDTH, marks=kept, contents=True)
    named = {(one.finding.identity, one.finding.subject) for one in found.findings}
    return named | {(identity, sub(r"(?<= )\d+", "#", subject, count=1)) for identity, subject in named}


@contextmanager
def connected(url: str) -> Iterator[tuple[Connection, ServerInfo]]:
    with psycopg.connect(url, autocommit=True) as connection:
        server = accept(connection)
        connection.execute("SET timezone = 'UTC'")
        yield connection, server


def filled_in(text: str, world: World) -> str:
    """A script or a subject with the world's ids."""
    return text.format_map(world._asdict())
