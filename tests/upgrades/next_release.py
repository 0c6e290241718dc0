"""A release that follows this one, with a change of every kind that expanding allows."""

from __future__ import annotations

import shutil
from pathlib import Path

import psycopg

from atb_db.admin.connection import reading
from atb_db.admin.migrations import Release
from atb_db.admin.schema.catalog import read_catalog, write_catalog
from atb_db.config import Settings
from atb_db.sqlfile import sql_root

LABEL = "TOMORROW"
"""An event type that no engine knows yet."""

MIGRATIONS = {
    "9001-label": f"ALTER TYPE event_type ADD VALUE '{LABEL}';\n",
    "9002-index": """\
-- transactional: false
CREATE INDEX CONCURRENTLY IF NOT EXISTS orders_tomorrow_idx ON orders (session_id, created_at);
""",
    "9003-columns": """\
-- without: reporting.trades
ALTER TABLE positions ADD COLUMN tomorrow text;
ALTER TABLE orders ADD COLUMN tomorrow text DEFAULT 'unknown' NOT NULL;
ALTER TABLE trades ALTER exit_reason TYPE text;
""",
}
CODE = """\
CREATE FUNCTION tomorrow(trade trades, reason text) RETURNS text
LANGUAGE sql IMMUTABLE AS 'SELECT coalesce(reason, trade.exit_reason)';
CREATE VIEW reporting.tomorrow AS SELECT p.id AS position_id, p.tomorrow FROM positions AS p;
"""


def make_next_release(root: Path, scratch_url: str) -> Release:
    """Write it into a folder, with the catalog that an empty database has of it.

    Every function in PL/pgSQL is another one, so that the code of all commands is made again.
    """
    shutil.copytree(sql_root(), root)
    for path in (root / "schema").glob("*.sql"):
        path.write_text(path.read_text(encoding="utf-8").replace("\nBEGIN\n", "\nBEGIN\n    NULL;\n"), encoding="utf-8")
    (root / "schema" / "99_tomorrow.sql").write_text(CODE, encoding="utf-8")
    for name, sql in MIGRATIONS.items():
        (root / "migrations" / f"{name}.sql").write_text(sql, encoding="utf-8")
    release = Release(root, version="99.0.0")
    units = release.declared.units
    comments = [*release.declared.comments, *(comment for unit in units for comment in unit.comments)]
    code = [*(unit.statement for unit in units), *(comment.statement for comment in comments)]
    with psycopg.connect(scratch_url, autocommit=True) as connection:
        for sql in (";".join(release.declared.data), *MIGRATIONS.values(), ";".join(code)):
            connection.execute(sql.encode())
    with reading(Settings.load(scratch_url)) as (connection, _):
        write_catalog(root / "catalog.json", read_catalog(connection))
    return release
