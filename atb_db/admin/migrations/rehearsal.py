"""Rehearsing pending migrations on a scratch copy of the live schema."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, NamedTuple

import psycopg
from psycopg import sql

from atb_db.admin import programs
from atb_db.admin.connection import Connection, reading
from atb_db.admin.errors import ToolMissing
from atb_db.admin.migrations.apply import DEFAULT_WAIT, migrate
from atb_db.admin.migrations.code import CodePlan
from atb_db.admin.migrations.files import Release, this_release
from atb_db.admin.migrations.plans import plan_migrate
from atb_db.admin.migrations.reading import read_facts
from atb_db.admin.migrations.steps import OnEvent, silent
from atb_db.admin.schema.catalog import Catalog, Difference, differences, read_catalog
from atb_db.admin.schema.statements import Mismatch, describe
from atb_db.admin.scratch import Purpose, Scratch, has_server, in_embedded_server, on_server, read_place
from atb_db.config import Settings
from atb_db.database.connecting import connect_arguments
from atb_db.database.translation import translated
from atb_db.repository import statements

_RECORDS: Final = ("_yoyo_version", "_yoyo_migration", "_atb_migration", "_atb_code")


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


class _Live(NamedTuple):
    """What of the live database is copied."""

    catalog: Catalog
    code: CodePlan
    records: Mapping[str, bytes]
    may_create: bool
    """Whether the role may make a database beside it."""
    major: int


def rehearse(
    settings: Settings,
    *,
    to: str | None = None,
    wait: float = DEFAULT_WAIT,
    progress: OnEvent = silent,
    release: Release | None = None,
) -> Rehearsal:
    """Apply pending migrations to a copy of the live schema, without its rows, and check the statements against it.

    The copy is a database beside the live one where the role may create databases, else in a throwaway server. It is
    removed afterwards; one that a killed rehearsal leaves behind is removed by the next.

    Raises:
        Refused, NotFound, AtbDbError: as `migrate` would, on the live database or on the copy.
        ToolMissing: there is no fitting pg_dump or psql, or no place for the copy.
        Unavailable: the server cannot be reached.
    """
    release = release or this_release()
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
        place = read_place(connection)
        records = {name: _rows(connection, name) for name in _RECORDS if _exists(connection, name)}
    return _Live(catalog, facts.code if to is None else CodePlan(), records, place.may_create, major)


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


def _scratch(settings: Settings, live: _Live) -> AbstractContextManager[Scratch]:
    # The migrations are this release's own; what they need a superuser for, they must get here, too.
    if live.may_create:
        return on_server(settings, Purpose.REHEARSAL, as_superuser=True)
    if not has_server(live.major):
        raise ToolMissing(
            f"the role may not create databases, and there is no PostgreSQL {live.major} or newer here to rehearse in: "
            "pip install 'atb-db[embedded]'"
        )
    return in_embedded_server(live.major, durable=False)
