"""A database of this release, and the next release."""

from __future__ import annotations

import shutil
from itertools import count
from pathlib import Path

import psycopg
import pytest

from atb_db.admin.migrations import Release
from atb_db.admin.schema.catalog import write_catalog
from atb_db.embedded import Server
from atb_db.sqlfile import sql_root
from tests.admin.migrations.editing import Edit, catalog, change

_numbers = count(1)


@pytest.fixture
def live(server: Server, migrated: str) -> str:
    """A database that this release has migrated."""
    return server.create_database(f"live_{next(_numbers)}", template=migrated)


@pytest.fixture
def edit(server: Server, tmp_path: Path) -> Edit:
    """The next release: sql/schema with texts replaced in its files, an empty one by the end, and migrations."""
    root = tmp_path / "sql"

    def edit_files(*changes: tuple[str, str, str], version: str = "99.0.0", **migrations: str) -> Release:
        shutil.rmtree(root, ignore_errors=True)
        shutil.copytree(sql_root(), root)
        for file, old, new in changes:
            path = root / "schema" / file
            text = path.read_text()
            assert old in text
            path.write_text(text.replace(old, new, 1) if old else text + new)
        for name, sql in migrations.items():
            ending = ".rollback.sql" if name.startswith("r") else ".sql"
            (root / "migrations" / f"{name[1:].replace('_', '-')}{ending}").write_text(sql)
        name = f"edited_{tmp_path.name[-8:]}"
        with psycopg.connect(server.url(), autocommit=True) as connection:
            connection.execute(f"DROP DATABASE IF EXISTS {name}".encode())
        url = server.create_database(name, template="template0")
        change(url, "\n".join(one.read_text() for one in sorted((root / "schema").glob("*.sql"))))
        write_catalog(root / "catalog.json", catalog(url))
        return Release(root, version=version)

    return edit_files
