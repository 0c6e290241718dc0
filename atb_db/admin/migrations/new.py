"""Beginning a migration."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final, NamedTuple

from atb_db.admin.migrations.files import Release
from atb_db.errors import InvalidInput

_HEADER: Final = """\
-- {title}.
--
-- Types, domains, tables, constraints, indexes and rows; every constraint has a name. Say the same in sql/schema, where
-- functions, views, triggers and comments stand alone, then run `make catalog`.
"""
_ROLLBACK_HEADER: Final = """\
-- Takes back what {id} does, in one transaction, as it is written here.
"""


class NewMigration(NamedTuple):
    """The files of a migration that was begun."""

    path: Path
    rollback_path: Path


def new_migration(name: str, *, release: Release | None = None) -> NewMigration:
    """Write the files of a migration with the next number, which is after all that are in the folder.

    Raises:
        InvalidInput: the name has no letter or digit of ASCII.
    """
    release = release or Release()
    words = re.findall(r"[a-z0-9]+", name.lower())
    if not words:
        raise InvalidInput(f"needs letters or digits, not {name!r}", field="name")
    number = max((migration.number for migration in release.migrations), default=0) + 1
    path = release.folder / f"{number:04}-{'-'.join(words)}.sql"
    rollback_path = path.with_suffix(".rollback.sql")
    title = " ".join(words).capitalize()
    for target, text in ((path, _HEADER.format(title=title)), (rollback_path, _ROLLBACK_HEADER.format(id=path.stem))):
        with target.open("x", encoding="utf-8", newline="\n") as file:
            file.write(text)
    return NewMigration(path, rollback_path)
