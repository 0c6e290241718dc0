"""Back to a moment: a base backup and the log after it become a server of their own on this machine."""

from __future__ import annotations

import os
import re
import shlex
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import quote

from psycopg.conninfo import conninfo_to_dict, make_conninfo

from atb_db.admin.audit import Audit, audit
from atb_db.admin.backup.stopwatch import Stopwatch
from atb_db.admin.connection import reading
from atb_db.admin.continuous.base import check_base, lay_out_base, verifier
from atb_db.admin.continuous.layout import Base
from atb_db.admin.continuous.plan import Plan
from atb_db.admin.continuous.replay import end, own, replay
from atb_db.admin.continuous.requests import is_stored
from atb_db.admin.continuous.segments import is_history
from atb_db.admin.continuous.unpack import unpack
from atb_db.admin.errors import Refused, ToolMissing, Unusable
from atb_db.admin.migrations import migrate, status
from atb_db.admin.owner import schema_owner
from atb_db.admin.programs import tool_for
from atb_db.admin.progress import Progress, silent
from atb_db.admin.readable import shown_moment
from atb_db.admin.schema.verify import Verification, verify
from atb_db.config import Settings
from atb_db.embedded.account import Account, server_account
from atb_db.embedded.binaries import program_version
from atb_db.embedded.folders import given_base, temporary_base
from atb_db.errors import PermissionDenied

_REACHED: Final = re.compile(r"last completed transaction was at log time (\S+ \S+)")


class Recovered(NamedTuple):
    """A server that stands at a moment of the past."""

    settings: Settings
    """How to connect to the database."""
    url: str
    """The same as a URL; it holds no password."""
    folder: Path
    pid: int
    at: datetime | None
    reached: datetime | None
    """When the last transaction that it has was committed; None if there was none after the base backup."""
    base: Base
    migrated: tuple[str, ...]
    """The migrations that it had not got at that moment."""
    verification: Verification
    books: Audit
    seconds: dict[str, float]
    """What each step took."""

    @property
    def stop_command(self) -> str:
        """The shell command that stops the server and removes its files."""
        return f"kill -INT {self.pid} && sleep 1 && rm -rf {shlex.quote(str(self.folder))}"


def recover(found: Plan, settings: Settings, *, into: Path | None = None, progress: Progress = silent) -> Recovered:
    """Start a server from the base backup, have it replay the log to the moment, then migrate, verify and audit it.

    It runs until somebody stops it, in `into` or in a temporary folder, and takes connections by its socket only. The
    archive is only read, also while an archiver works in it. `settings` say which database, and which role of it.

    Raises:
        BadBackup: the base backup is damaged, a piece of the log is missing, or the server could not replay it.
        ToolMissing: there is no PostgreSQL of that major version here.
        Unusable: the folder is not empty, or the server's account may not enter it; or the log does not show when the
            request was first stored.
    """
    watch = Stopwatch()
    watch.start()
    account = server_account()
    postgres = _server_program(found.archive.major)
    tool = verifier(found.archive.major)
    for base in found.chain.lineage(found.base):
        check_base(tool, base.folder)
    watch.lap("check")
    folder = _place(into, account)
    try:
        _lay_out(found, folder, progress)
        _own(folder, account)
        watch.lap("copy")
        pid = replay(postgres, folder, account, found)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    watch.lap("replay")
    try:
        inside, url = _connection(settings, folder)
        if found.before is not None and is_stored(inside, found.before.request_id):
            raise Unusable(
                f"the log does not show when {found.before.request_id} was first stored, only something later of "
                f"{shown_moment(found.before.committed_at)}: give the moment with --at"
            )
        migrated = _brought_up(inside)
        watch.lap("migrate")
        verification = verify(inside)
        watch.lap("verify")
        books = audit(inside._replace(statement_timeout=0))
        watch.lap("audit")
    except BaseException:
        stop(pid, folder)
        raise
    reached = _reached((folder / "log").read_text(errors="replace"))
    base, seconds = found.base, watch.seconds
    return Recovered(inside, url, folder, pid, found.at, reached, base, migrated, verification, books, seconds)


def stop(pid: int, folder: Path) -> None:
    """Stop a recovered server and remove its files."""
    end(pid)
    shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def scratch(found: Plan, settings: Settings, *, progress: Progress = silent) -> Iterator[Recovered]:
    """As `recover`, in a temporary folder; stopped and removed in the end."""
    recovered = recover(found, settings, progress=progress)
    try:
        yield recovered
    finally:
        stop(recovered.pid, recovered.folder)


def _server_program(major: int) -> Path:
    """The server of the same major version: no other can read its files."""
    found = tool_for("postgres", major)
    if found.major != major:
        raise ToolMissing(f"the archive is of PostgreSQL {major}, and there is only a server {found.version} here")
    if program_version(found.path, server_account()) is None:
        raise ToolMissing(f"the server's account cannot run {found.path}")
    return found.path


def _place(into: Path | None, account: Account) -> Path:
    if into is None:
        return temporary_base(account, durable=True)
    if into.exists() and any(into.iterdir()):
        raise Unusable(f"{into} is not empty")
    return given_base(into, account)


def _lay_out(found: Plan, folder: Path, progress: Progress) -> None:
    """Copy the base backup and the log after it, unpacked; PostgreSQL takes what it wants of it."""
    lay_out_base(found.chain.lineage(found.base), folder / "data", major=found.archive.major)
    (folder / "data").chmod(0o700)
    wal = folder / "wal"
    wal.mkdir(mode=0o700)
    (folder / "tmp").mkdir(mode=0o700)
    first = found.base.start_position // found.archive.segment_size
    wanted = [one for one in found.chain.segments if one.number >= first]
    for number, segment in enumerate(wanted):
        progress("Copying the log", number, len(wanted))
        unpack(found.chain.wal, segment, wal / segment.name, found.archive.segment_size)
    for path in found.chain.wal.iterdir():
        if is_history(path.name):
            shutil.copy(path, wal / path.name)


def _own(folder: Path, account: Account) -> None:
    if account.uid is None:
        return
    for part in ("data", "wal", "tmp"):
        for path in (folder / part, *(folder / part).rglob("*")):
            own(path, account)


def _connection(settings: Settings, folder: Path) -> tuple[Settings, str]:
    """The restored server's connection for the same database and role; the socket asks for no password."""
    parts = conninfo_to_dict(settings.conninfo)
    user, database = str(parts.get("user") or "postgres"), str(parts.get("dbname") or parts.get("user") or "postgres")
    url = f"postgresql://{quote(user, safe='')}@{quote(str(folder / 'tmp'), safe='')}/{quote(database, safe='')}"
    return Settings.load(url, environ={}, dotenv=Path(os.devnull)), url


def _brought_up(inside: Settings) -> tuple[str, ...]:
    """Migrate what an earlier release had made, as a restored dump is: nothing else of this one can read it.

    What is not ours, or of a later release, and what the role may not change stays as it is; verify says what differs.
    """
    try:
        found = status(inside)
        if not found.applied or found.unknown or not (found.pending or found.code):
            return ()
        return migrate(_as_owner(inside)).applied
    except (PermissionDenied, Refused):
        return ()


def _as_owner(inside: Settings) -> Settings:
    """As whom the schema belongs to, if that is a login: the engine's own role may change nothing."""
    with reading(inside) as (connection, _):
        owner = schema_owner(connection)
    if owner is None or not owner.can_log_in:
        return inside
    return inside._replace(conninfo=make_conninfo(inside.conninfo, user=owner.name))


def _reached(log: str) -> datetime | None:
    found = _REACHED.findall(log)
    return datetime.fromisoformat(found[-1]) if found else None
