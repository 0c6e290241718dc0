"""Reading which migrations a database has; nothing here writes."""

from __future__ import annotations

from datetime import datetime
from typing import cast

from atb_db.admin.connection import Connection, ask, reading
from atb_db.admin.locks import MIGRATIONS, is_held
from atb_db.admin.migrations.code import CodeRecord, is_code, plan_code
from atb_db.admin.migrations.files import Release, this_release
from atb_db.admin.migrations.objects import catalog_objects
from atb_db.admin.migrations.states import Facts, Record, Status, migration_states
from atb_db.admin.schema.catalog import PARTS, Catalog, differences, read_catalog
from atb_db.config import Settings
from atb_db.database.connecting import ServerInfo


def status(settings: Settings, *, release: Release | None = None) -> Status:
    """Which migrations the database has; reads only.

    Raises:
        Unavailable: the server cannot be reached.
    """
    with reading(settings) as (connection, server):
        return read_status(connection, server, release=release)


def read_status(
    connection: Connection, server: ServerInfo, *, release: Release | None = None, catalog: Catalog | None = None
) -> Status:
    """`status` on a connection of which `public` comes first in the search path; `catalog` if it was read already."""
    release = release or this_release()
    facts = read_facts(connection, release, catalog)
    return Status(server, tuple(migration_states(release, facts)), facts.code.subjects, facts.code.newer)


def pending(settings: Settings, *, release: Release | None = None) -> tuple[str, ...]:
    """Ids of the migrations that `migrate` would apply; reads only."""
    return status(settings, release=release).pending


def read_facts(connection: Connection, release: Release, catalog: Catalog | None = None) -> Facts:
    """What decides the states of the release's migrations."""
    if catalog is None:
        catalog = read_catalog(connection)
    # Tables, views and the like of somebody else are none of ours.
    different = tuple(
        one for one in differences(release.expected, catalog) if one.problem != "unexpected" or one.what in PARTS
    )
    expected, actual = ({entry.name for entry in one if entry.kind == "table"} for one in (release.expected, catalog))
    return Facts(
        records=_records(connection),
        objects=catalog_objects(catalog),
        invalid_indexes=read_invalid_indexes(connection),
        has_tables=bool(expected & actual),
        differences=different,
        data_differences=tuple(one for one in different if not is_code(release, one)),
        running=is_held(connection, MIGRATIONS),
        code=plan_code(release, read_code_record(connection), catalog),
    )


def read_invalid_indexes(connection: Connection) -> frozenset[str]:
    """Names of the indexes that are not complete."""
    return frozenset(cast("str", name) for (name,) in ask(connection, "invalid_indexes"))


def read_code_record(connection: Connection) -> CodeRecord | None:
    """The record of the database's code."""
    if connection.execute("SELECT to_regclass('public._atb_code') IS NULL").fetchall() == [(True,)]:
        return None
    for release, objects in cast("list[tuple[str, list[str]]]", ask(connection, "code_record")):
        pairs = (one.partition(" ") for one in objects)
        return CodeRecord(release, tuple((kind, name) for kind, _, name in pairs))
    return None


def _records(connection: Connection) -> tuple[Record, ...]:
    exists = (
        "SELECT to_regclass('public._yoyo_migration') IS NOT NULL, to_regclass('public._atb_migration') IS NOT NULL"
    )
    by_yoyo, by_us = connection.execute(exists).fetchall()[0]
    applied = dict(cast("list[tuple[str, object]]", ask(connection, "applied_migrations"))) if by_yoyo else {}
    checksums = dict(cast("list[tuple[str, str]]", ask(connection, "migration_records"))) if by_us else {}
    return tuple(
        Record(name, cast("datetime | None", applied.get(name)), checksums.get(name))
        for name in [*applied, *(name for name in checksums if name not in applied)]
    )
