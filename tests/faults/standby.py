"""A primary with a standby, by default a synchronous one, and one URL for both."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp
from time import sleep
from typing import NamedTuple

import psycopg

from atb_db import embedded
from atb_db.embedded import Server
from atb_db.embedded.account import run, server_account
from atb_db.sqlfile import schema_sql
from tests.faults.breaking import processes, signal_all


class Pair(NamedTuple):
    """Two servers; what the first one acknowledges, the second one has if it is synchronous."""

    primary: Server
    standby: Server

    @property
    def url(self) -> str:
        """Leads to whichever of them takes writes."""
        hosts = ",".join(f"127.0.0.1:{server.port}" for server in self)
        return f"postgresql://postgres:{self.primary.password}@{hosts}/postgres?target_session_attrs=read-write&connect_timeout=2"

    @contextmanager
    def frozen_sender(self) -> Iterator[None]:
        """Nothing reaches the standby, and every commit waits for it."""
        sender = self.value("SELECT pid FROM pg_stat_replication")
        assert isinstance(sender, int)
        signal_all([sender], signal.SIGSTOP)
        try:
            yield
        finally:
            signal_all([sender], signal.SIGCONT)  # whatever became of the primary: stopped, it would never end

    def kill_primary(self) -> None:
        """As a machine that is gone: all its processes at once."""
        child = self.primary.child_process
        assert child is not None
        signal_all(processes(self.primary), signal.SIGKILL)
        child.wait()

    def promote(self) -> None:
        """Let the standby take writes; until it does."""
        with psycopg.connect(self.standby.url(), autocommit=True) as connection:
            connection.execute("SELECT pg_promote(wait => TRUE)")

    def value(self, query: str) -> object:
        """What the primary answers."""
        with psycopg.connect(self.primary.url(), autocommit=True) as connection:
            row = connection.execute(query.encode()).fetchone()
            return row[0] if row else None


@contextmanager
def pair(*, synchronous: bool = True) -> Iterator[Pair]:
    """Make both, with the schema."""
    base = Path(mkdtemp(prefix="atb-standby-", dir="/tmp"))
    try:
        with embedded.postgresql(settings={"synchronous_commit": "on"}) as primary:
            with psycopg.connect(primary.url()) as connection:
                connection.execute(schema_sql())
            account = server_account()
            if account.uid is not None:
                base.chmod(0o755)
                shutil.chown(base, account.uid, account.gid)
            done = run(
                *(primary.bin_dir / "pg_basebackup", "-D", base / "data", "-R", "-X", "stream", "-c", "fast"),
                *("-d", f"host={primary.socket_dir} port={primary.port} user=postgres"),
                account=account,
            )
            assert done.returncode == 0, done.stderr
            with embedded.postgresql(base_dir=base, settings={"synchronous_commit": "on"}) as standby:
                both = Pair(primary, standby)
                if synchronous:
                    with psycopg.connect(primary.url(), autocommit=True) as connection:
                        connection.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
                        connection.execute("SELECT pg_reload_conf()")
                state = "sync" if synchronous else "async"
                while both.value(f"SELECT count(*) FROM pg_stat_replication WHERE sync_state = '{state}'") != 1:
                    sleep(0.02)
                yield both
    finally:
        shutil.rmtree(base)
