"""What a server must allow before its log can be followed, and the lines that allow it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from atb_db.admin.connection import Connection, ask
from atb_db.admin.quoting import quoted
from atb_db.config import Settings

_UNLIMITED: Final = -1
_SENDERS: Final = 2
"""The log's, and a base backup's."""


_PROVIDERS: Final = {
    "azure_pg_admin": "Azure",
    "cloudsqlsuperuser": "Google Cloud SQL",
    "neon_superuser": "Neon",
    "rds_superuser": "Amazon RDS",
    "supabase_admin": "Supabase",
}


class Surroundings(NamedTuple):
    """What the server says about following it."""

    system_identifier: str
    segment_size: int
    wal_level: str
    may_replicate: bool
    max_wal_senders: int
    senders: int
    max_replication_slots: int
    slots: int
    kept_at_most: int
    """Megabytes of the log that the server keeps for a slot; -1 without a limit."""
    tablespaces: int
    is_standby: bool
    summarizes: bool | None
    """Whether it notes what changes; None before PostgreSQL 17, which cannot."""
    provider_role: str | None
    """A role that only one provider's servers have."""

    @property
    def provider(self) -> str | None:
        """Whose server it is, as far as its roles say."""
        return None if self.provider_role is None else _PROVIDERS.get(self.provider_role)


class Obstacle(NamedTuple):
    """Something that the server does not allow."""

    what: str
    remedy: str
    """What an administrator of it does."""

    def __str__(self) -> str:
        return f"{self.what}: {self.remedy}"


def read_surroundings(connection: Connection) -> Surroundings:
    """Ask the server."""
    (found,) = ask(connection, "archive_surroundings", Surroundings)
    return found


def obstacles(settings: Settings, connection: Connection, found: Surroundings, *, slot: str) -> Iterator[Obstacle]:
    """What keeps this role from following the server's log; nothing where all is well."""
    user = connection.info.user
    if settings.pgbouncer:
        yield Obstacle("a PgBouncer is between", "give the server's own address, as --url")
    if found.is_standby:
        yield Obstacle("the server is a standby", "follow the primary")
    if found.wal_level == "minimal":
        yield Obstacle("wal_level is minimal", "ALTER SYSTEM SET wal_level = 'replica'; then restart the server")
    if not found.may_replicate:
        yield Obstacle(f"the role {user} may not replicate", f"ALTER ROLE {quoted(user)} REPLICATION")
    if found.max_wal_senders - found.senders < _SENDERS:
        more = found.senders + 4
        yield Obstacle(
            f"max_wal_senders is {found.max_wal_senders}, and {found.senders} are in use",
            f"ALTER SYSTEM SET max_wal_senders = {more}; then restart the server",
        )
    taken = connection.execute("SELECT FROM pg_replication_slots WHERE slot_name = %s", [slot]).fetchall()
    if not taken and found.slots >= found.max_replication_slots:
        more = found.slots + 4
        yield Obstacle(
            f"all {found.slots} replication slots are in use",
            f"ALTER SYSTEM SET max_replication_slots = {more}; then restart the server",
        )
    if found.tablespaces:
        yield Obstacle("the server has tablespaces of its own", "not supported: use pgBackRest, WAL-G or barman")
    if found.may_replicate and (refusal := _refusal(settings)) is not None:
        yield Obstacle(
            f"the server lets nobody in to replicate ({refusal})",
            f"add `host replication {quoted(user)} ADDRESS scram-sha-256` with this machine's address to pg_hba.conf; "
            "then SELECT pg_reload_conf()",
        )


def alternative(found: Surroundings) -> str:
    """What is the best there is as long as nobody may follow the log."""
    own = (
        f"This is {found.provider}: use its own point-in-time recovery, which goes back to some minutes before a loss, "
        "and for anything else "
        if found.provider
        else "Until then "
    )
    return (
        f"{own}backups every few minutes are the best there is, for an RPO of about 10 minutes: atb-db backup schedule"
    )


def advice(found: Surroundings) -> Iterator[str]:
    """What should be set besides."""
    if found.kept_at_most == _UNLIMITED:
        yield (
            "The server keeps its log for an archiver that is away without any limit, until its disk is full: "
            "ALTER SYSTEM SET max_slot_wal_keep_size = '4GB'; SELECT pg_reload_conf();"
        )
    if found.summarizes is False:
        yield (
            "Every base backup is a whole one; with ALTER SYSTEM SET summarize_wal = on; SELECT pg_reload_conf(); most "
            "have only what changed since the one before."
        )


def _refusal(settings: Settings) -> str | None:
    """Why a replication connection is not let in; None if it is."""
    parts = conninfo_to_dict(settings.conninfo) | {"replication": "true", "options": ""}
    try:
        with psycopg.connect(make_conninfo("", **parts), autocommit=True) as connection:
            connection.pgconn.exec_(b"IDENTIFY_SYSTEM")
    except psycopg.OperationalError as error:
        return str(error).strip().splitlines()[-1]
    return None
