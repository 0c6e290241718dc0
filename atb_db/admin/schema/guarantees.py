"""Preconditions of every promise: foreign keys in force, commits that last, sequences ahead of their tables."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple, cast

from psycopg import sql

from atb_db.admin.connection import Connection, ask
from atb_db.admin.destroy.guards import read_target
from atb_db.admin.findings import Finding, Level
from atb_db.admin.quoting import quoted
from atb_db.types import Environment

_DURABLE: Final = {
    "fsync": ("on", Level.ERROR, "ALTER SYSTEM SET fsync = on, and restart the server"),
    "full_page_writes": ("on", Level.ERROR, "ALTER SYSTEM SET full_page_writes = on; SELECT pg_reload_conf()"),
    "synchronous_commit": ("on", Level.WARNING, "RESET synchronous_commit where it is set to off"),
}
"""What a crash must not cost; asked where the database counts as production."""

_ALWAYS: Final = {
    "session_replication_role": ("origin", Level.ERROR, "triggers and foreign keys do not fire: RESET it"),
    "default_transaction_read_only": ("off", Level.ERROR, "every write is refused: RESET it"),
}


class _Setting(NamedTuple):
    name: str
    value: str
    given_to: str


class _Key(NamedTuple):
    table_name: str
    constraint_name: str


class _Sequence(NamedTuple):
    table_name: str
    column_name: str
    sequence_name: str
    may_see: bool
    last_value: int | None


def guarantee_findings(connection: Connection) -> Iterator[Finding]:
    """What of it does not hold; reads the greatest id of each table, by its index."""
    for key in ask(connection, "disabled_keys", _Key):
        repair = f"ALTER TABLE {quoted(key.table_name)} ENABLE TRIGGER ALL, after `atb-db audit`"
        where = f"{key.table_name}.{key.constraint_name}"
        yield Finding("foreign key", where, "disabled", "in force", "its triggers do not fire", Level.ERROR, repair)
    yield from _settings(connection)
    yield from _sequences(connection)


def _settings(connection: Connection) -> Iterator[Finding]:
    is_production = read_target(connection).counts_as is Environment.PRODUCTION
    due = _ALWAYS | _DURABLE if is_production else _ALWAYS
    for one in ask(connection, "guarding_settings", _Setting):
        if one.name not in due:
            continue
        expected, level, repair = due[one.name]
        # local, remote_write and remote_apply are all as lasting as the primary's disk.
        is_weak = one.value == "off" if one.name == "synchronous_commit" else one.value != expected
        if is_weak:
            yield Finding("setting", f"{one.name} of {one.given_to}", "different", expected, one.value, level, repair)


def _sequences(connection: Connection) -> Iterator[Finding]:
    for one in ask(connection, "own_sequences", _Sequence):
        if one.last_value is None:
            continue
        column, table = sql.Identifier(one.column_name), sql.Identifier("public", one.table_name)
        newest = sql.SQL("SELECT coalesce(max({}), 0) FROM {}").format(column, table)
        greatest = cast("int", connection.execute(newest).fetchall()[0][0])
        if one.last_value < greatest:
            # It may have gone on meanwhile: never back.
            ahead = sql.SQL("SELECT setval({0}, greatest(nextval({0}), (SELECT max({1}) FROM {2})))").format(
                sql.Literal(f"public.{quoted(one.sequence_name)}"), column, table
            )
            due, found = f"at least {greatest}", str(one.last_value)
            repair = ahead.as_string(connection)
            yield Finding("sequence", one.sequence_name, "behind", due, found, Level.ERROR, repair, safe=True)
