"""What sql/schema says, it says once."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from atb_db.admin.connection import reading
from atb_db.admin.migrations import Release
from atb_db.admin.schema.catalog import read_catalog
from atb_db.admin.schema.declared import INHERITED, read_declared
from atb_db.config import Settings
from atb_db.errors import ConfigurationError
from atb_db.sqlfile import sql_root


def test_no_view_says_of_a_column_what_its_table_says(fresh_url: str) -> None:
    release = Release()
    own = {
        comment.name
        for unit in release.declared.units
        if unit.kind == "view"
        for comment in unit.comments
        if comment.kind == "column"
    }
    with psycopg.connect(fresh_url, autocommit=True) as connection:
        for name in own:
            connection.execute(f"COMMENT ON COLUMN {name} IS NULL".encode())
        connection.execute((sql_root() / "schema" / INHERITED).read_bytes())
    said = {entry.name: entry.comment for entry in release.expected if entry.kind == "column"}
    with reading(Settings.load(fresh_url)) as (reader, _):
        inherited = {entry.name: entry.comment for entry in read_catalog(reader) if entry.name in own}
    assert sorted(name for name in own if inherited[name] == said[name]) == []


def test_no_view_repeats_the_comment_of_any_table() -> None:
    release = Release()
    views = {unit.name for unit in release.declared.units if unit.kind == "view"}
    own = {comment.name for unit in release.declared.units if unit.kind == "view" for comment in unit.comments}
    said = {entry.name: entry.comment for entry in release.expected if entry.kind == "column"}
    of_tables = {comment for name, comment in said.items() if name.rpartition(".")[0] not in views}
    # Sentences as short as these are the same by chance.
    by_chance = {name for name in own if name.endswith(".session_id") and said[name] == "Session."} | {
        "reporting.account_summary.open_positions",
        "reporting.open_positions.time",
        "reporting.performance.avg_holding_hours",
    }
    assert {name for name in own & said.keys() if said[name] in of_tables} == by_chance


@pytest.mark.parametrize(
    "text",
    [
        "GRANT SELECT ON trades TO PUBLIC;",
        "DROP VIEW one;",
        "CREATE POLICY one ON trades;",
        "CREATE VIEW one AS SELECT 1; CREATE VIEW one AS SELECT 2;",
    ],
)
def test_what_sql_schema_cannot_say(text: str, tmp_path: Path) -> None:
    (tmp_path / "00_one.sql").write_text(text)
    with pytest.raises(ConfigurationError, match=r"00_one\.sql:1: .* cannot be declared here"):
        read_declared(tmp_path)
