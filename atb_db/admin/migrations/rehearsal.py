"""Rehearsing what is pending, on a scratch copy of the live schema."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, NamedTuple

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo
from psycopg.rows import class_row

from atb_db.admin import programs
from atb_db.admin.connection import Connection, reading
from atb_db.admin.errors import ToolMissing
from atb_db.admin.migrations.apply import DEFAULT_WAIT, migrate
from atb_db.admin.migrations.code import CodePlan
from atb_db.admin.migrations.files import Release
from atb_db.admin.migrations.plans import plan_migrate
from atb_db.admin.migrations.progress import Progress, silent
from atb_db.admin.migrations.reading import read_facts
from atb_db.admin.schema.catalog import Catalog, Difference, differences, read_catalog
from atb_db.admin.schema.statements import Mismatch, describe
from atb_db.config import Settings
from atb_db.database.connecting import connect_arguments
from atb_db.database.translation import translated
from atb_db.errors import ConfigurationError
from atb_db.repository import statements
from atb_db.sqlfile import sql_root

_RECORDS: Final = ("_yoyo_version", "_yoyo_migration", "_atb_migration", "_atb_code")
_LOCK_CLASS: Final = 0x617462
"""First half of the advisory lock that a rehearsal holds on the live database for as long as it has its copy."""


class Rehearsal(NamedTuple):
    """What happened to the copy; the live database was only read."""

    beside: bool
    """Whether the copy was on the live server; else it was in a throwaway server on this machine."""
    applied: tuple[str, ...]
    code: tuple[str, ...]
    """The functions, views, triggers and comments that would be made, changed or dropped."""
    differences: tuple[Difference, ...]
    """What the copy's schema then differed in from sql/schema; not compared, nor the next, when `to` left some out."""
    mismatches: tuple[Mismatch, ...]
    """What statements say and the copy denies."""
    removed: tuple[str, ...]
    """Copies that interrupted rehearsals had left behind."""

    @property
    def clean(self) -> bool:
        """Whether the migrations lead to what this release needs."""
        return not (self.differences or self.mismatches)


class _Place(NamedTuple):
    """As sql/catalog/rehearsal_place.sql says."""

    database: int
    lc_collate: str
    lc_ctype: str
    may_create: bool
    left_behind: Sequence[str]


class _Live(NamedTuple):
    """What of the live database is copied."""

    catalog: Catalog
    code: CodePlan
    records: Mapping[str, bytes]
    place: _Place
    major: int


class _Scratch(NamedTuple):
    settings: Settings
    beside: bool
    removed: tuple[str, ...]


def rehearse(
    settings: Settings,
    *,
    to: str | None = None,
    wait: float = DEFAULT_WAIT,
    progress: Progress = silent,
    release: Release | None = None,
) -> Rehearsal:
    """Apply what is pending to a copy of the live schema, without its rows, and check the statements against it.

    The copy is a database beside the live one where the role may create databases, else in a throwaway server. It is
    removed afterwards; one that a killed rehearsal leaves behind is removed by the next.

    Raises:
        Refused, NotFound, AtbDbError: as `migrate` would, on the live database or on the copy.
        ToolMissing: there is no fitting pg_dump or psql, or no place for the copy.
        Unavailable: the server cannot be reached.
    """
    release = release or Release()
    with TemporaryDirectory(prefix="atb-db-") as folder:
        schema = Path(folder) / "schema.sql"
        live = _copy_schema(settings, release, schema, to=to)
        with _scratch(settings, live) as scratch:
            psql = programs.tool_for("psql", live.major)
            # The dump names its schemas, public may be there already.
            _run(psql, scratch.settings, "-X", "-q", "-v", "ON_ERROR_STOP=1", "-f", str(schema))
            _load_records(scratch.settings, live.records)
            copied = _catalog(scratch.settings)
            done = migrate(scratch.settings, to=to, wait=wait, progress=progress, release=release)
            found, denied = _check(scratch.settings, release) if to is None else ((), ())
            # A dump writes some expressions down with other parentheses than they were created with.
            rewritten = {(one.what, one.where) for one in differences(live.catalog, copied)}
            return Rehearsal(
                beside=scratch.beside,
                applied=done.applied,
                code=live.code.subjects,
                differences=tuple(one for one in found if (one.what, one.where) not in rewritten),
                mismatches=denied,
                removed=scratch.removed,
            )


def _catalog(settings: Settings) -> Catalog:
    with reading(settings) as (connection, _):
        return read_catalog(connection)


def _check(settings: Settings, release: Release) -> tuple[Sequence[Difference], tuple[Mismatch, ...]]:
    with reading(settings) as (connection, _):
        denied = tuple(problem for statement in statements() for problem in describe(connection, statement))
        return differences(release.expected, read_catalog(connection)), denied


def _copy_schema(settings: Settings, release: Release, schema: Path, *, to: str | None) -> _Live:
    """The live schema and what it has recorded of migrations, of one moment."""
    with reading(settings) as (connection, _):
        catalog = read_catalog(connection)
        facts = read_facts(connection, release, catalog)
        plan_migrate(release, facts, to=to)
        major = connection.info.server_version // 10000
        [(snapshot,)] = connection.execute("SELECT pg_export_snapshot()")
        _run(
            programs.tool_for("pg_dump", major),
            settings,
            *("--schema-only", "--no-owner", "--no-privileges", "--lock-wait-timeout=5s", "--no-password"),
            *(f"--snapshot={snapshot}", f"--file={schema}"),
        )
        query = (sql_root() / "catalog" / "rehearsal_place.sql").read_bytes()
        [place] = connection.cursor(row_factory=class_row(_Place)).execute(query)
        records = {name: _rows(connection, name) for name in _RECORDS if _exists(connection, name)}
    return _Live(catalog, facts.code if to is None else CodePlan(), records, place, major)


def _run(tool: programs.Tool, settings: Settings, *arguments: str) -> None:
    environment, rest = programs.connection_environment(settings, "-c statement_timeout=0")
    connection = ["--dbname", rest] if rest else []
    programs.run(programs.Invocation(tool.path, (str(tool.path), *connection, *arguments), environment))


def _exists(connection: Connection, table: str) -> bool:
    return connection.execute("SELECT to_regclass(%s) IS NOT NULL", [f"public.{table}"]).fetchall() == [(True,)]


def _rows(connection: Connection, table: str) -> bytes:
    query = sql.SQL("COPY {} TO STDOUT").format(sql.Identifier("public", table))
    with connection.cursor().copy(query) as copy:
        return b"".join(map(bytes, copy))


def _load_records(settings: Settings, records: Mapping[str, bytes]) -> None:
    with translated(), psycopg.connect(connect_arguments(settings).conninfo) as connection:
        for table, rows in records.items():
            query = sql.SQL("COPY {} FROM STDIN").format(sql.Identifier("public", table))
            with connection.cursor().copy(query) as copy:
                copy.write(rows)


@contextmanager
def _scratch(settings: Settings, live: _Live) -> Iterator[_Scratch]:
    if live.place.may_create:
        with _database_beside(settings, live.place) as scratch:
            yield scratch
        return
    try:
        from atb_db import embedded

        binaries = programs.tool_for("postgres", live.major).path.parent
    except ConfigurationError as error:
        message = "the role may not create databases, and there is no PostgreSQL here to rehearse in"
        raise ToolMissing(f"{message}: {error.message}") from None
    with embedded.postgresql(bin_dir=binaries) as server:
        url = server.create_database("rehearsal", template="template0")
        yield _Scratch(settings._replace(conninfo=Settings.load(url).conninfo), beside=False, removed=())


@contextmanager
def _database_beside(settings: Settings, place: _Place) -> Iterator[_Scratch]:
    number = secrets.randbits(31)
    name = sql.Identifier(f"atb_rehearsal_{place.database}_{number}")
    with translated(), psycopg.connect(connect_arguments(settings).conninfo, autocommit=True) as connection:
        removed = tuple(_remove_left_behind(connection, place.left_behind))
        connection.execute("SELECT pg_advisory_lock(%s::integer, %s::integer)", [_LOCK_CLASS, number])
        connection.execute("SET statement_timeout = 0")
        query = sql.SQL("CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE {} LC_CTYPE {}")
        connection.execute(query.format(name, place.lc_collate, place.lc_ctype))
        try:
            conninfo = make_conninfo(settings.conninfo, dbname=name.as_string().strip('"'))
            yield _Scratch(settings._replace(conninfo=conninfo), beside=True, removed=removed)
        finally:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(name))


def _remove_left_behind(connection: Connection, names: Sequence[str]) -> Iterator[str]:
    """Remove the copies that no running rehearsal has."""
    for name in names:
        key = [_LOCK_CLASS, int(name.rpartition("_")[2])]
        query = "SELECT pg_try_advisory_lock(%s::integer, %s::integer)"
        if connection.execute(query, key).fetchall() == [(True,)]:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
            connection.execute("SELECT pg_advisory_unlock(%s::integer, %s::integer)", key)
            yield name
