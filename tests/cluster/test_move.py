"""docs/scaling.md, tried: one server becomes a cluster's first node, and of its engine only the environment changes."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from pwd import getpwnam
from time import monotonic, sleep
from typing import Final

import psycopg
import pytest

from atb_db import Database, Settings, embedded
from atb_db.admin.migrations import migrate
from atb_db.errors import OutcomeUnknown, Unavailable
from atb_db.repository import account, sessions
from tests.cluster.cluster import NODES, Cluster
from tests.faults.conftest import FULL

pytestmark = pytest.mark.skipif(not FULL, reason="part of make cluster-faults")
PATH: Final = f"{os.environ.get('PATH', '')}:/usr/sbin"
BOUNCER: Final = all(shutil.which(program, path=PATH) for program in ("pgbouncer", "haproxy"))
URL: Final = Cluster().url
REPLICAS: Final = URL.replace("read-write", "prefer-standby")
BOUNCED: Final = {"DATABASE_URL": "postgresql://postgres@127.0.0.1:6440/postgres", "DATABASE_PGBOUNCER": "1"}
HAPROXY: Final = """
defaults
  mode tcp
  timeout connect 2s
  timeout client 1h
  timeout server 1h
  timeout check 2s
listen leader
  bind 127.0.0.1:5440
  option httpchk OPTIONS /primary
  http-check expect status 200
  default-server inter 1s fall 2 rise 1 on-marked-down shutdown-sessions
"""
PGBOUNCER: Final = """
[databases]
* = host=127.0.0.1 port=5440 user=postgres
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = 6440
auth_type = any
pool_mode = transaction
server_login_retry = 1
query_wait_timeout = 5
unix_socket_dir =
"""


def engine(environ: dict[str, str]) -> tuple[int, int | None]:
    """A program that knows nothing of clusters: it adds to the newest session; the balance, and the replica's lag."""
    settings = Settings.load(environ=environ)
    with Database(settings) as db:
        [session] = db.run(sessions.get_active_sessions(), stale_ok=True)
        change = account.adjust_balance(session_id=session.id, delta=1, reason="deposit")
        until = monotonic() + 60
        while True:
            try:
                db.run(change)
                break
            except (Unavailable, OutcomeUnknown):
                assert monotonic() < until
        lag = db.health().replica_lag
        return int(db.run(account.get_current_balance(session_id=session.id))), None if lag is None else round(lag)


def test_from_one_server_to_a_cluster() -> None:
    folder = Path(tempfile.mkdtemp(prefix="atb-move-", dir="/tmp"))
    folder.chmod(0o755)
    cluster = Cluster()
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        with embedded.postgresql(durable=True, base_dir=folder) as server:
            migrate(Settings.load(server.url(), environ={}))
            with Database(server.url()) as db:
                db.run(
                    sessions.create_trading_session(
                        mode="PAPER", strategy_name="moved", symbol="X", timeframe="1h", initial_balance=100
                    )
                )
            assert engine({"DATABASE_URL": server.url()}) == (101, None)
            with psycopg.connect(server.url(), autocommit=True) as connection:
                connection.execute("CREATE ROLE replicator LOGIN REPLICATION")
        stack.callback(cluster.stop)
        leader = cluster.start(folder / "data")
        assert leader == "node1"
        assert engine({"DATABASE_URL": URL}) == (102, None)
        assert engine({"DATABASE_URL": URL, "DATABASE_REPLICA_URL": REPLICAS}) == (103, 0)
        expected, environ = 104, {"DATABASE_URL": URL}
        if BOUNCER:
            stack.enter_context(bouncer(folder))
            environ = BOUNCED
            assert engine(environ) == (expected, None)
            expected += 1
        cluster.signal(leader, signal.SIGKILL)
        cluster.wait_for(lambda: cluster.leader() not in {None, leader}, 60)
        assert engine(environ) == (expected, None)


@contextmanager
def bouncer(folder: Path) -> Iterator[None]:
    """PgBouncer before HAProxy, which asks each node's Patroni whether it leads."""
    with psycopg.connect(URL, autocommit=True) as connection:
        connection.execute("ALTER ROLE postgres SET search_path = public")
    (folder / "haproxy.cfg").write_text(
        HAPROXY + "".join(f"  server node{n} 127.0.0.1:{5440 + n} check port {8040 + n}\n" for n in NODES)
    )
    (folder / "pgbouncer.ini").write_text(PGBOUNCER)
    nobody = getpwnam("nobody").pw_uid if os.geteuid() == 0 else None
    with ExitStack() as stack:
        for command in (["haproxy", "-db", "-f", "haproxy.cfg"], ["pgbouncer", "pgbouncer.ini"]):
            child = subprocess.Popen(command, cwd=folder, user=nobody, env={"PATH": PATH}, stderr=subprocess.DEVNULL)
            stack.callback(child.wait)
            stack.callback(child.terminate)
        sleep(2)
        yield
