"""A database with something in every table, and a backup of it."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest

from atb_db import Database
from atb_db.admin.backup.dump import backup
from atb_db.admin.backup.manifest import Manifest
from atb_db.config import Settings
from atb_db.embedded import Server
from tests.cli.conftest import call
from tests.statements.examples import prepare

__all__ = ["call"]


class Saved(NamedTuple):
    """A database and its backup; tests copy the files before they damage them."""

    settings: Settings
    folder: Path
    dump: Path
    manifest: Manifest

    @property
    def home(self) -> Path:
        return self.folder / "saved"


@pytest.fixture(scope="package")
def saved(server: Server, migrated: str, tmp_path_factory: pytest.TempPathFactory) -> Saved:
    settings = Settings.load(server.create_database("saved", template=migrated))
    with Database(settings) as db:
        prepare(db, unbooked=False)
    folder = tmp_path_factory.mktemp("backups")
    made = backup(settings, folder=folder)
    return Saved(settings, folder, made.path, made.manifest)
