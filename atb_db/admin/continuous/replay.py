"""A server of this machine's own that replays the log up to a moment, then takes connections."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC
from pathlib import Path
from time import monotonic, sleep
from typing import Final

from psycopg import pq
from psycopg.conninfo import make_conninfo

from atb_db.admin.continuous.plan import Plan
from atb_db.admin.errors import BadBackup
from atb_db.embedded.account import Account, environment

PORT: Final = 5432
_STOP_SECONDS: Final = 20
_BEFORE_TARGET: Final = "recovery ended before configured recovery target was reached"
_HBA: Final = "local all all trust\n"
"""By the socket alone, in a folder that only this account and the server's may enter."""


def _target(found: Plan) -> dict[str, str]:
    """Where the replay ends."""
    if found.before is not None:
        return {"recovery_target_xid": str(found.before.transaction), "recovery_target_inclusive": "off"}
    return {} if found.at is None else {"recovery_target_time": found.at.astimezone(UTC).isoformat(sep=" ")}


def _settings(folder: Path, target: Mapping[str, str]) -> dict[str, str]:
    """Of the server; nothing of the files that came with the base backup, which speak of another machine."""
    wal = str(folder / "wal").replace("%", "%%")
    return {
        "config_file": str(folder / "postgresql.conf"),
        "hba_file": str(folder / "pg_hba.conf"),
        "ident_file": str(folder / "pg_ident.conf"),
        "port": str(PORT),
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


def replay(program: Path, folder: Path, account: Account, found: Plan) -> int:
    """Start the server and wait until it has replayed the log; its process.

    Raises:
        BadBackup: it could not.
    """
    data = folder / "data"
    # What the other server had set with ALTER SYSTEM would be in force here, too.
    for name in ("postgresql.auto.conf", "recovery.signal"):
        (data / name).write_text("")
        own(data / name, account)
    (data / "standby.signal").unlink(missing_ok=True)
    (data / "postmaster.pid").unlink(missing_ok=True)
    for name, content in (("postgresql.conf", ""), ("pg_hba.conf", _HBA), ("pg_ident.conf", "")):
        (folder / name).write_text(content)
        own(folder / name, account)
    child = _launch(program, folder, account, _target(found))
    if _promoted(child, folder):
        return child.pid
    log = (folder / "log").read_text(errors="replace")
    if found.at is not None and _BEFORE_TARGET in log:
        # The log has nothing as late as that: all of it is what there was at that moment.
        child = _launch(program, folder, account, {})
        if _promoted(child, folder):
            return child.pid
        log = (folder / "log").read_text(errors="replace")
    raise BadBackup(f"the log could not be replayed: {_failure(log)}")


def _launch(program: Path, folder: Path, account: Account, target: Mapping[str, str]) -> subprocess.Popen[bytes]:
    log = folder / "log"
    log.touch(mode=0o600)
    with log.open("ab") as said:
        return subprocess.Popen(
            [
                program,
                "-D",
                folder / "data",
                *(f"--{name}={value}" for name, value in _settings(folder, target).items()),
            ],
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
    conninfo = make_conninfo("", host=str(folder / "tmp"), port=PORT, dbname="postgres").encode()
    try:
        while child.poll() is None:
            if pq.PGconn.ping(conninfo) == pq.Ping.OK:
                child.returncode = 0  # it goes on without us
                return True
            sleep(0.1)
    except BaseException:
        end(child.pid)
        raise
    return False


def end(pid: int) -> None:
    """Stop the server, the harder the longer it takes."""
    for stronger in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
        try:
            os.kill(pid, stronger)
        except ProcessLookupError:
            return
        until = monotonic() + _STOP_SECONDS
        while monotonic() < until:
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


def own(path: Path, account: Account) -> None:
    """Give a file to the server's account."""
    if account.uid is not None:
        shutil.chown(path, account.uid, account.gid)


def _failure(log: str) -> str:
    lines = [line for line in log.splitlines() if "FATAL" in line or "PANIC" in line] or log.splitlines()
    return lines[-1] if lines else "it said nothing"
