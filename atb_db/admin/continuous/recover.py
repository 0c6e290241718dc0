"""Back to a moment: a base backup and the log after it become a server of their own on this machine."""

from __future__ import annotations

import gzip
import os
import re
import shlex
import shutil
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic, sleep
from typing import Final, NamedTuple
from urllib.parse import quote

from psycopg import pq
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from atb_db.admin.audit import Audit, audit
from atb_db.admin.backup.stopwatch import Stopwatch
from atb_db.admin.continuous.base import check_base
from atb_db.admin.continuous.layout import Archive, Base, Chain, read_archive, read_chains
from atb_db.admin.continuous.segments import Segment, is_history
from atb_db.admin.errors import BadBackup, ToolMissing, Unusable
from atb_db.admin.programs import tool_for
from atb_db.admin.progress import Progress, silent
from atb_db.admin.schema.verify import Verification, verify
from atb_db.config import Settings
from atb_db.embedded.account import Account, environment, server_account
from atb_db.embedded.binaries import program_version
from atb_db.embedded.folders import given_base, temporary_base

_PORT: Final = 5432
_STOP_SECONDS: Final = 20
_LOG_LINES: Final = 20
_BEFORE_TARGET: Final = "recovery ended before configured recovery target was reached"
_REACHED: Final = re.compile(r"last completed transaction was at log time (\S+ \S+)")
_HBA: Final = "local all all trust\n"
"""By the socket alone, in a folder that only this account and the server's may enter."""


class Window(NamedTuple):
    """Of which moments every one can be restored."""

    since: datetime
    until: datetime


class Plan(NamedTuple):
    """From what a moment is restored."""

    archive: Archive
    chain: Chain
    base: Base
    at: datetime | None
    """None for the end of the chain."""


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
    verification: Verification
    books: Audit
    seconds: dict[str, float]
    """What each step took."""

    @property
    def stop_command(self) -> str:
        """The shell command that stops the server and removes its files."""
        return f"kill -INT {self.pid} && sleep 1 && rm -rf {shlex.quote(str(self.folder))}"


def windows(chains: Sequence[Chain]) -> list[Window]:
    """What can be restored, the oldest first; between two of them is a gap."""
    return [
        Window(min(base.finished_at for base in chain.bases), chain.until)
        for chain in chains
        if chain.bases and chain.until is not None and not chain.missing
    ]


def plan(folder: Path, at: datetime | None) -> Plan:
    """The chain and the base backup that lead to a moment, or to the last one there is.

    Raises:
        Unusable: there is no archive, or none of its chains has that moment; the message says which ones can be had.
    """
    archive = read_archive(folder)
    if archive is None:
        raise Unusable(f"there is no archive in {folder}: atb-db archive start begins one")
    chains = [chain for chain in read_chains(folder, archive.segment_size) if chain.bases and not chain.missing]
    for chain in reversed(chains):
        bases = sorted(chain.bases, key=lambda one: one.finished_at)
        fitting = [base for base in bases if at is None or base.finished_at <= at]
        if fitting and (at is None or (chain.until is not None and at <= chain.until)):
            return Plan(archive, chain, fitting[-1], at)
    spans = "; ".join(f"{_shown(one.since)} to {_shown(one.until)}" for one in windows(chains)) or "nothing yet"
    wanted = "nothing" if at is None else _shown(at)
    raise Unusable(f"{wanted} cannot be restored from {folder}; what can be: {spans}")


def recover(found: Plan, settings: Settings, *, into: Path | None = None, progress: Progress = silent) -> Recovered:
    """Start a server from the base backup, have it replay the log to the moment, then verify and audit the database.

    It runs until somebody stops it, in `into` or in a temporary folder, and takes connections by its socket only. The
    archive is only read, also while an archiver works in it. `settings` say which database, and which role of it.

    Raises:
        BadBackup: the base backup is damaged, a piece of the log is missing, or the server could not replay it.
        ToolMissing: there is no PostgreSQL of that major version here.
        Unusable: the folder is not empty, or the server's account may not enter it.
    """
    watch = Stopwatch()
    watch.start()
    account = server_account()
    postgres = _server_program(found.archive.major)
    verifier = tool_for("pg_verifybackup", found.archive.major)
    check_base(verifier, found.base.folder)
    watch.lap("check")
    folder = _place(into, account)
    try:
        _lay_out(found, folder, progress)
        _own(folder, account)
        watch.lap("copy")
        pid = _replay(postgres, folder, account, found.at)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    watch.lap("replay")
    try:
        own, url = _connection(settings, folder)
        verification = verify(own)
        watch.lap("verify")
        books = audit(own._replace(statement_timeout=0))
        watch.lap("audit")
    except BaseException:
        stop(pid, folder)
        raise
    reached = _reached((folder / "log").read_text(errors="replace"))
    return Recovered(own, url, folder, pid, found.at, reached, found.base, verification, books, watch.seconds)


def stop(pid: int, folder: Path) -> None:
    """Stop a recovered server and remove its files."""
    _end(pid)
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
    shutil.copytree(found.base.folder, folder / "data")
    (folder / "data").chmod(0o700)
    wal = folder / "wal"
    wal.mkdir(mode=0o700)
    (folder / "tmp").mkdir(mode=0o700)
    first = found.base.start_position // found.archive.segment_size
    wanted = [one for one in found.chain.segments if one.number >= first]
    for number, segment in enumerate(wanted):
        progress("Copying the log", number, len(wanted))
        _unpack(found.chain.wal, segment, wal / segment.name, found.archive.segment_size)
    for path in found.chain.wal.iterdir():
        if is_history(path.name):
            shutil.copy(path, wal / path.name)


def _unpack(wal: Path, segment: Segment, target: Path, size: int) -> None:
    """Copy one segment; a finished one has its full length. An archiver may compress or finish it at this moment."""
    if target.exists() and segment.partial:
        return  # it was finished meanwhile
    names = (segment.file, segment.name, f"{segment.name}.gz")
    source = next((wal / name for name in names if (wal / name).exists()), None)
    if source is None:
        raise BadBackup(f"the segment {segment.file} of the log is gone")
    try:
        with gzip.open(source) if source.suffix == ".gz" else source.open("rb") as packed, target.open("wb") as file:
            shutil.copyfileobj(packed, file, 1 << 20)
    except (OSError, EOFError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise BadBackup(f"the segment {source.name} of the log is damaged: {error}") from None
    if target.stat().st_size != size:
        raise BadBackup(f"the segment {source.name} of the log has {target.stat().st_size} bytes instead of {size}")


def _own(folder: Path, account: Account) -> None:
    if account.uid is None:
        return
    for part in ("data", "wal", "tmp"):
        for path in (folder / part, *(folder / part).rglob("*")):
            shutil.chown(path, account.uid, account.gid)


def _settings(folder: Path, at: datetime | None) -> dict[str, str]:
    """Of the server; nothing of the files that came with the base backup, which speak of another machine."""
    wal = str(folder / "wal").replace("%", "%%")
    target = {} if at is None else {"recovery_target_time": at.astimezone(UTC).isoformat(sep=" ")}
    return {
        "config_file": str(folder / "postgresql.conf"),
        "hba_file": str(folder / "pg_hba.conf"),
        "ident_file": str(folder / "pg_ident.conf"),
        "port": str(_PORT),
        "listen_addresses": "",
        "unix_socket_directories": str(folder / "tmp"),
        "unix_socket_permissions": "0700",
        "restore_command": f'cp {shlex.quote(wal)}/%f "%p"',
        "recovery_target_timeline": "latest",
        "recovery_target_action": "promote",
        # Nobody looks at it before it is done, so the limits of the other machine need not be met.
        "hot_standby": "off",
        "archive_mode": "off",
        "logging_collector": "off",
        "log_min_messages": "log",
        "timezone": "UTC",
        "log_timezone": "UTC",
        **target,
    }


def _replay(program: Path, folder: Path, account: Account, at: datetime | None) -> int:
    """Start the server and wait until it has replayed the log; its process."""
    data = folder / "data"
    # What the other server had set with ALTER SYSTEM would be in force here, too.
    for name in ("postgresql.auto.conf", "recovery.signal"):
        (data / name).write_text("")
        _chown(data / name, account)
    (data / "standby.signal").unlink(missing_ok=True)
    (data / "postmaster.pid").unlink(missing_ok=True)
    for name, content in (("postgresql.conf", ""), ("pg_hba.conf", _HBA), ("pg_ident.conf", "")):
        (folder / name).write_text(content)
        _chown(folder / name, account)
    child = _launch(program, folder, account, at)
    if _promoted(child, folder):
        return child.pid
    log = (folder / "log").read_text(errors="replace")
    if at is not None and _BEFORE_TARGET in log:
        # The log has nothing as late as that: all of it is what there was at that moment.
        child = _launch(program, folder, account, None)
        if _promoted(child, folder):
            return child.pid
        log = (folder / "log").read_text(errors="replace")
    raise BadBackup(f"the log could not be replayed: {_failure(log)}")


def _launch(program: Path, folder: Path, account: Account, at: datetime | None) -> subprocess.Popen[bytes]:
    log = folder / "log"
    log.touch(mode=0o600)
    with log.open("ab") as said:
        return subprocess.Popen(
            [program, "-D", folder / "data", *(f"--{name}={value}" for name, value in _settings(folder, at).items())],
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            start_new_session=True,
            cwd="/",
            env=environment(),
            user=account.uid,
            group=account.gid,
            extra_groups=account.groups,
        )


def _promoted(child: subprocess.Popen[bytes], folder: Path) -> bool:
    """Whether the server takes connections once it has replayed everything; False if it ended instead."""
    conninfo = make_conninfo("", host=str(folder / "tmp"), port=_PORT, dbname="postgres").encode()
    try:
        while child.poll() is None:
            if pq.PGconn.ping(conninfo) == pq.Ping.OK:
                child.returncode = 0  # it goes on without us
                return True
            sleep(0.1)
    except BaseException:
        _end(child.pid)
        raise
    return False


def _end(pid: int) -> None:
    for stronger in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
        try:
            os.kill(pid, stronger)
        except ProcessLookupError:
            return
        end = monotonic() + _STOP_SECONDS
        while monotonic() < end:
            if not _runs(pid):
                return
            sleep(0.05)


def _runs(pid: int) -> bool:
    with suppress(ChildProcessError):  # another process started it
        os.waitpid(pid, os.WNOHANG)
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _chown(path: Path, account: Account) -> None:
    if account.uid is not None:
        shutil.chown(path, account.uid, account.gid)


def _connection(settings: Settings, folder: Path) -> tuple[Settings, str]:
    """The restored server's connection for the same database and role; the socket asks for no password."""
    parts = conninfo_to_dict(settings.conninfo)
    user, database = str(parts.get("user") or "postgres"), str(parts.get("dbname") or parts.get("user") or "postgres")
    url = f"postgresql://{quote(user, safe='')}@{quote(str(folder / 'tmp'), safe='')}/{quote(database, safe='')}"
    own = Settings.load(url, environ={}, dotenv=Path(os.devnull))
    return own, url


def _reached(log: str) -> datetime | None:
    found = _REACHED.findall(log)
    return datetime.fromisoformat(found[-1]) if found else None


def _failure(log: str) -> str:
    lines = [line for line in log.splitlines() if "FATAL" in line or "PANIC" in line] or log.splitlines()
    return lines[-1] if lines else "it said nothing"


def _shown(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
