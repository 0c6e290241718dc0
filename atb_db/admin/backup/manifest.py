"""The manifest: what a dump holds, written beside it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from types import MappingProxyType
from typing import Final, NamedTuple, TypeVar

from psycopg import sql

from atb_db.admin.backup.names import manifest_file, time_of
from atb_db.admin.connection import Connection, ask
from atb_db.admin.errors import BadBackup
from atb_db.admin.schema.catalog import Catalog
from atb_db.admin.schema.expressions import flattened

T = TypeVar("T")

FORMAT: Final = 2
_WHOLE: Final = 1
"""Of versions that dumped the whole database, with whatever else was in it."""
OWN_SCHEMAS: Final = ("public", "reporting")
"""What atb_db and its users have in a database; the rest is a provider's, or another program's."""
_CHUNK: Final = 1 << 20


class Manifest(NamedTuple):
    """The facts about a dump."""

    format: int
    """Version of this record's fields."""
    database: str
    environment: str | None
    """What the database says of itself, if anything."""
    started_at: datetime
    """The moment that the dump shows, to a millisecond."""
    seconds: float
    """What making and checking it took."""
    bytes: int
    sha256: str
    server_version: str
    client_version: str
    """pg_dump's."""
    atb_db_version: str
    migration: str | None
    """Id of the last one applied; None where the schema was made otherwise."""
    schema_fingerprint: str
    """`fingerprint` of the catalog."""
    rows: Mapping[str, int]
    """Rows of every table at that moment."""
    everything: bool = False
    """Whether it is of the whole database; else of OWN_SCHEMAS alone."""
    extensions: Mapping[str, str] = MappingProxyType({})
    """Extensions that what is in it depends on, and the schema that each was in; only of one of OWN_SCHEMAS."""

    @property
    def total_rows(self) -> int:
        """Rows of all tables."""
        return sum(self.rows.values())


def to_json(manifest: Manifest) -> str:
    """The manifest as it is written."""
    fields = manifest._asdict() | {
        "started_at": manifest.started_at.isoformat(timespec="milliseconds"),
        "extensions": dict(manifest.extensions),
    }
    return json.dumps(fields, indent=2) + "\n"


def read_manifest(dump: Path) -> Manifest:
    """The manifest beside the dump.

    Raises:
        BadBackup: there is none, it is damaged, or it was written for another dump.
    """
    path = manifest_file(dump)
    try:
        manifest = _parse(json.loads(path.read_bytes()))
    except FileNotFoundError:
        raise BadBackup(f"{dump.name} has no manifest beside it, so it is not a finished backup of atb-db") from None
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise BadBackup(f"the manifest {path.name} cannot be read: {type(error).__name__}") from None
    if manifest.format not in {FORMAT, _WHOLE}:
        raise BadBackup(f"the manifest {path.name} was written by another version of atb-db")
    if time_of(dump) not in {None, manifest.started_at}:
        raise BadBackup(f"the manifest {path.name} gives another time than its name")
    return manifest


def checksum(path: Path) -> str:
    """SHA-256 of the file, in hexadecimal."""
    digest = sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def fingerprint(catalog: Catalog) -> str:
    """The same for equal schemas only: SHA-256 of the catalog, in hexadecimal."""
    entries = [(entry.kind, entry.name, flattened(entry.definition), entry.comment) for entry in catalog]
    return sha256(json.dumps(entries).encode()).hexdigest()


def count_rows(connection: Connection, schemas: Sequence[str] | None = None) -> dict[str, int]:
    """Rows of every table that a dump of these schemas, or of all, holds; names are qualified, and quoted as needed."""
    values = [None if schemas is None else list(schemas)]
    names = sorted(str(name) for (name,) in ask(connection, "dumped_tables", values=values))
    if not names:
        return {}
    tables = [(name, sql.SQL(name)) for name in names]  # pyright: ignore[reportArgumentType]  # quoted by the server
    counts = (sql.SQL("SELECT {}, count(*) FROM {}").format(sql.Literal(name), table) for name, table in tables)
    rows = connection.execute(sql.SQL(" UNION ALL ").join(counts)).fetchall()
    return {_typed(name, str): _typed(count, int) for name, count in rows}


def _parse(found: object) -> Manifest:
    fields: dict[str, object] = _typed(found, dict)
    environment, migration = fields["environment"], fields["migration"]
    rows: dict[object, object] = _typed(fields["rows"], dict)
    started_at = datetime.fromisoformat(_typed(fields["started_at"], str))
    extensions: dict[object, object] = _typed(fields.get("extensions", {}), dict)
    return Manifest(
        format=_typed(fields["format"], int),
        database=_typed(fields["database"], str),
        environment=None if environment is None else _typed(environment, str),
        started_at=started_at.astimezone(UTC),
        seconds=float(_typed(fields["seconds"], (int, float))),
        bytes=_typed(fields["bytes"], int),
        sha256=_typed(fields["sha256"], str),
        server_version=_typed(fields["server_version"], str),
        client_version=_typed(fields["client_version"], str),
        atb_db_version=_typed(fields["atb_db_version"], str),
        migration=None if migration is None else _typed(migration, str),
        schema_fingerprint=_typed(fields["schema_fingerprint"], str),
        rows={_typed(name, str): _typed(count, int) for name, count in rows.items()},
        everything=_typed(fields.get("everything", True), bool),
        extensions={_typed(name, str): _typed(schema, str) for name, schema in extensions.items()},
    )


def _typed(value: object, kind: type[T] | tuple[type[T], ...]) -> T:
    if isinstance(value, kind):
        return value
    raise TypeError
