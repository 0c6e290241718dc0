"""Before an archiver follows a server: whether it may, with what, and whether the log goes on where it ended."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from secrets import token_hex
from typing import NamedTuple

import psycopg

from atb_db.admin.connection import Connection, changing
from atb_db.admin.continuous.base import Tools, verifier
from atb_db.admin.continuous.layout import FORMAT, Archive, Chain, read_archive
from atb_db.admin.continuous.permission import advice, alternative, obstacles, read_surroundings
from atb_db.admin.errors import Refused
from atb_db.admin.programs import tool_for
from atb_db.admin.vital_signs import ARCHIVE_SLOT
from atb_db.config import Settings
from atb_db.embedded.binaries import major_of


class Position(NamedTuple):
    """How far the log has come."""

    now: datetime
    written: int
    has_slot: bool
    is_active: bool
    is_usable: bool
    summarizes: bool
    """Whether the server notes what changes, as base backups of the changes need."""
    kept: int | None
    """From where the server keeps the log for the slot: up to there it is on the archive's disk."""


def prepare(settings: Settings, folder: Path) -> tuple[Archive, Tools, tuple[str, ...]]:
    """Look whether the server's log can be followed; what the archive is of, the programs, and advice. Reads only.

    Raises:
        Refused: the server does not allow it, and how it would; or the archive is of another server.
        ToolMissing: PostgreSQL's programs are missing.
        Unavailable: the server cannot be reached.
    """
    known = read_archive(folder)
    with changing(settings) as (connection, server):
        found = read_surroundings(connection)
        slot = known.slot if known else f"{ARCHIVE_SLOT}{token_hex(4)}"
        refused = [str(one) for one in obstacles(settings, connection, found, slot=slot)]
    if refused:
        raise Refused(f"the server's log cannot be followed: {'; '.join(refused)}. {alternative(found)}")
    if known and known.system_identifier != found.system_identifier:
        raise Refused(f"{folder} is the archive of another server ({known.system_identifier}): give another folder")
    major = major_of(server.version)
    if known and known.major != major:
        raise Refused(f"{folder} is the archive of PostgreSQL {known.major}, and the server is {major}: a new folder")
    tools = Tools(tool_for("pg_receivewal", major), tool_for("pg_basebackup", major), verifier(major))
    archive = known or Archive(FORMAT, found.system_identifier, slot, found.segment_size, major)
    return archive, tools, tuple(advice(found))


def why_not(chain: Chain, position: Position, segment_size: int) -> str | None:
    """Why the log cannot go on in this chain; None if it can."""
    if not position.has_slot:
        return "the replication slot is gone"
    if not position.is_usable or position.kept is None:
        return "the server no longer keeps the log for us"
    if chain.missing:
        return f"{len(chain.missing)} segments of the log are missing in {chain.folder.name}"
    newest = max((one.number for one in chain.segments), default=None)
    if newest is None:
        return None if not chain.bases else f"the log of {chain.folder.name} is gone"
    if newest + 1 < position.kept // segment_size:
        return "the slot is further than the archive"
    return None


def drop_slot(settings: Settings, archive: Archive) -> bool:
    """Have the server keep its log no longer for the archive; whether it did. The next start begins a new chain."""
    with changing(settings) as (connection, _):
        return _drop(connection, archive.slot)


def _drop(connection: Connection, slot: str) -> bool:
    try:
        found = connection.execute(
            "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = %s", [slot]
        ).fetchall()
    except psycopg.errors.ObjectInUse:
        raise Refused(f"the slot {slot} is in use: stop the archiver first") from None
    return bool(found)
