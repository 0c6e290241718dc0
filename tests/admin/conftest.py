"""Releases with migrations that a test writes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pytest

from atb_db.admin.migrations import Release

Write: TypeAlias = Callable[..., Release]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write migrations, `m0001_name="SQL"` into 0001-name.sql and `r0001_name` into its rollback file; the release."""

    def write_files(**files: str) -> Release:
        folder = tmp_path / "sql" / "migrations"
        folder.mkdir(parents=True, exist_ok=True)
        (tmp_path / "sql" / "catalog.json").write_text("[]")
        for name, text in files.items():
            ending = ".rollback.sql" if name.startswith("r") else ".sql"
            (folder / f"{name[1:].replace('_', '-')}{ending}").write_text(text)
        return Release(tmp_path / "sql")

    return write_files
