"""Whether a database is what this version of atb_db needs."""

from __future__ import annotations

from typing import NamedTuple, cast

from psycopg import sql

from atb_db.admin.catalog import Difference, differences, expected_catalog, read_catalog
from atb_db.admin.connection import Connection, reading
from atb_db.admin.migrations import read_status
from atb_db.config import Settings
from atb_db.database.session import ServerInfo


class TableRows(NamedTuple):
    """Size of one table."""

    table: str
    rows: int


class Verification(NamedTuple):
    """A database compared with sql/schema and sql/migrations.

    Not compared are owners, grants, storage, extensions and sequences.
    """

    server: ServerInfo
    findings: tuple[Difference, ...]
    pending: tuple[str, ...]
    """Ids of migrations that have yet to be applied; none when the database was made from sql/schema as it is."""
    unknown: tuple[str, ...]
    """Ids of applied migrations that belong to another version of atb_db."""
    rows: tuple[TableRows, ...]
    """Exact counts of the tables that should be there and are."""

    @property
    def clean(self) -> bool:
        """Whether nothing is to be mended."""
        return not (self.findings or self.pending or self.unknown)


def verify(settings: Settings) -> Verification:
    """Compare the database's catalog with the expected one, and count rows, in one read-only transaction.

    Raises:
        Unavailable: the server cannot be reached.
        ConfigurationError: the server is too old, or the database is not encoded in UTF-8.
    """
    with reading(settings) as (connection, server):
        expected, actual = expected_catalog(), read_catalog(connection)
        found = differences(expected, actual)
        migrations = read_status(connection, server)
        made_from_schema = not found and not migrations.applied
        tables = {entry.name for entry in expected if entry.kind == "table"}
        present = [entry.name for entry in actual if entry.kind == "table" and entry.name in tables]
        return Verification(
            server=server,
            findings=tuple(found),
            pending=() if made_from_schema else migrations.pending,
            unknown=migrations.unknown,
            rows=tuple(_count(connection, table) for table in present),
        )


def _count(connection: Connection, table: str) -> TableRows:
    query = sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier("public", table))
    return TableRows(table, cast("int", connection.execute(query).fetchall()[0][0]))
