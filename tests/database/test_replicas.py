"""Queries that may be stale go to a replica that is fresh enough, and everything else to the primary."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterator
from pathlib import Path
from tempfile import mkdtemp
from time import sleep

import psycopg
import pytest

from atb_db import AsyncDatabase, Database, Settings, embedded
from atb_db.database.replica import Freshness
from atb_db.embedded import Server
from atb_db.embedded.account import run, server_account
from atb_db.errors import StatementError
from atb_db.repository import control
from atb_db.repository.server import ServerState, get_server_state
from atb_db.sqlfile import schema_sql

STATE = get_server_state()


@pytest.fixture(scope="module")
def servers() -> Iterator[tuple[Server, Server]]:
    """A primary with the schema, and its standby."""
    base = Path(mkdtemp(prefix="atb-standby-", dir="/tmp"))
    try:
        with embedded.postgresql() as primary:
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
            with embedded.postgresql(base_dir=base) as standby:
                yield primary, standby
    finally:
        shutil.rmtree(base)


def settings(servers: tuple[Server, Server], lag: float = 60.0) -> Settings:
    primary, standby = servers
    return Settings.load(primary.url(), replica_url=standby.url(), replica_lag=lag, environ={})


def test_only_what_may_be_stale_goes_to_the_replica(servers: tuple[Server, Server]) -> None:
    with Database(settings(servers)) as db:
        for _ in range(100):  # until the replica is known to be fresh
            if not db.run(STATE, stale_ok=True).is_primary:
                break
            sleep(0.05)
            db._replica.freshness._measured = 0.0  # type: ignore[union-attr]
        assert not db.run(STATE, stale_ok=True).is_primary
        assert db.run(STATE).is_primary
        with db.primary():
            assert db.run(STATE, stale_ok=True).is_primary
        assert db.health().replica_lag is not None
        with pytest.raises(StatementError, match="cannot be stale"):
            db.run(control.set_control_flag(name="x", reason="x", source="x"), stale_ok=True)


def test_tasks_do_the_same(servers: tuple[Server, Server]) -> None:
    async def work() -> None:
        async with AsyncDatabase(settings(servers)) as db:
            for _ in range(100):
                if not (await db.run(STATE, stale_ok=True)).is_primary:
                    break
                await asyncio.sleep(0.05)
                db._replica.freshness._measured = 0.0  # type: ignore[union-attr]
            assert not (await db.run(STATE, stale_ok=True)).is_primary
            with db.primary():
                assert (await db.run(STATE, stale_ok=True)).is_primary

    asyncio.run(work())


def test_a_replica_that_lags_or_is_gone_is_not_read(servers: tuple[Server, Server]) -> None:
    _, standby = servers
    with psycopg.connect(standby.url(), autocommit=True) as connection, Database(settings(servers, 0.2)) as db:
        connection.execute("SELECT pg_wal_replay_pause()")
        db.run(control.set_control_flag(name="pause", reason="test", source="test"))
        sleep(0.25)
        for _ in range(3):
            assert db.run(STATE, stale_ok=True).is_primary
            assert [flag.name for flag in db.run(control.get_active_control_flags(), stale_ok=True)] == ["pause"]
            sleep(0.05)
        connection.execute("SELECT pg_wal_replay_resume()")
    gone = settings(servers)._replace(replica_conninfo="host=127.0.0.1 port=1 user=postgres")
    with Database(gone) as db:
        assert db.run(STATE, stale_ok=True).is_primary
        assert db.health().ok


def test_freshness_is_proven_by_positions() -> None:
    def at(position: int, *, primary: bool = False) -> ServerState:
        return ServerState(is_primary=primary, is_writable=primary, log_position=position)

    freshness = Freshness(bound=4.0)
    assert freshness.is_due(100)
    assert not freshness.is_usable(100)
    freshness.sample(100, at(10, primary=True))
    freshness.measure(at(9))
    assert freshness.lag(100) is None
    assert not freshness.is_due(100.9)
    freshness.sample(101, at(20, primary=True))
    freshness.measure(at(15))
    assert freshness.lag(101) == 1
    assert freshness.is_usable(104)
    assert not freshness.is_usable(104.1)
    freshness.measure(at(20))
    assert freshness.is_usable(105)
    freshness.fail(103)
    assert not freshness.is_usable(104)
    freshness.measure(at(30, primary=True))
    assert not freshness.is_usable(105.1)
