"""The manifest of an export: what each file holds, of which schema, and a hash that says whether it still does."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Final, NamedTuple

from atb_db.admin.backup.manifest import checksum
from atb_db.admin.errors import BadExport

FORMAT: Final = 1
NAME: Final = "manifest.json"


class FileFormat(StrEnum):
    """What the files of an export are."""

    PARQUET = "parquet"
    CSV = "csv"


class ExportedFile(NamedTuple):
    """The rows of one table."""

    table: str
    file: str
    rows: int
    sha256: str
    columns: Mapping[str, str]
    """Their names in order, and the server's types."""


class Manifest(NamedTuple):
    """What an export holds."""

    format: int
    """Version of this record and of the files."""
    atb_db: str
    """The version that wrote it."""
    schema: str | None
    """The last migration of the database; None where its schema was made otherwise."""
    database: str
    source: str | None
    """The request_id of that database's first session, by which it is known again."""
    taken_at: datetime
    """The moment that all of it shows."""
    sessions: tuple[int, ...]
    """Their ids in that database."""
    file_format: FileFormat
    tables: tuple[ExportedFile, ...]

    @property
    def rows(self) -> int:
        """Rows of all tables."""
        return sum(one.rows for one in self.tables)


def to_json(manifest: Manifest) -> str:
    """The manifest as it is written."""
    tables = [one._asdict() | {"columns": dict(one.columns)} for one in manifest.tables]
    fields = manifest._asdict() | {"taken_at": manifest.taken_at.isoformat(), "tables": tables}
    return json.dumps(fields, indent=2) + "\n"


def read_manifest(folder: Path) -> Manifest:
    """The manifest of an export.

    Raises:
        BadExport: there is none, it cannot be read, or it is of a version that this one does not know.
    """
    path = folder / NAME
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise BadExport(f"{folder} is no export: it has no {NAME}") from None
    except (OSError, ValueError) as error:
        raise BadExport(f"{path} cannot be read: {error}") from None
    version = found.get("format") if isinstance(found, dict) else None
    if version != FORMAT:
        raise BadExport(f"{path} is of format {version}, and this version of atb_db reads format {FORMAT}")
    try:
        return Manifest(
            **found
            | {
                "taken_at": datetime.fromisoformat(found["taken_at"]).astimezone(UTC),
                "sessions": tuple(int(one) for one in found["sessions"]),
                "file_format": FileFormat(found["file_format"]),
                "tables": tuple(ExportedFile(**one) for one in found["tables"]),
            }
        )
    except (KeyError, TypeError, ValueError) as error:
        raise BadExport(f"{path} is not as an export writes it: {error}") from None


def check_files(folder: Path, manifest: Manifest) -> None:
    """Look at every file.

    Raises:
        BadExport: one is missing, lies elsewhere, or is not what was written.
    """
    for one in manifest.tables:
        path = folder / one.file
        if Path(one.file).name != one.file or not path.is_file():
            raise BadExport(f"{path} is missing")
        if checksum(path) != one.sha256:
            raise BadExport(f"{path} is damaged: its SHA-256 is not the manifest's")
