"""Behind a PgBouncer that gives a server connection for one transaction: every statement, retries and holds."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import cast

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from atb_db import AsyncDatabase, Database, Settings
from atb_db.admin.doctor import diagnose
from atb_db.admin.health import Demand, check_health
from atb_db.admin.migrations import migrate
from atb_db.admin.purge import crashed_sessions
from atb_db.admin.schema.verify import verify
from atb_db.database.retry import RetryEvent
from atb_db.embedded import Server
from atb_db.errors import ConfigurationError, SessionHeld
from atb_db.repository import positions, sessions, statements
from atb_db.repository.server import get_server_state
from atb_db.repository.sessions import HeldSession
from atb_db.statement import Kind, Statement
from tests.conftest import TEMPLATE
from tests.faults.proxy import proxied
from tests.invariants.running import run, run_together
from tests.statements.examples import World, example, prepare

PROGRAM = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="pgbouncer is not installed (Debian: apt install pgbouncer)")

CONFIGURATION = """
[databases]
* = host=127.0.0.1 port={port} user=postgres password={password}

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {own}
auth_type = plain
auth_file = {users}
pool_mode = transaction
default_pool_size = 4
max_client_conn = 100
unix_socket_dir =
"""


@pytest.fixture(scope="module")
def bouncer(server: Server) -> Iterator[str]:
    """URL of a database with the example's rows, by way of a PgBouncer with four server connections."""
    assert PROGRAM is not None
    server.create_database("bounced", template=TEMPLATE)
    own = free_port()
    with tempfile.TemporaryDirectory() as folder:
        users = Path(folder) / "users.txt"
        users.write_text(f'"postgres" "{server.password}"\n')
        file = users.with_name("pgbouncer.ini")
        file.write_text(CONFIGURATION.format(port=server.port, password=server.password, own=own, users=users))
        # It refuses to run as root; whom the server runs as may know the server's password.
        owner = server.data_dir.stat()
        other = os.geteuid() != owner.st_uid
        for path in (users, file, users.parent):
            shutil.chown(path, owner.st_uid, owner.st_gid)
        with subprocess.Popen(
            [PROGRAM, str(file)],
            user=owner.st_uid if other else None,
            group=owner.st_gid if other else None,
            extra_groups=[] if other else None,
            stderr=subprocess.DEVNULL,
        ) as process:
            try:
                bounced = f"postgresql://postgres:{server.password}@127.0.0.1:{own}/bounced"
                wait_until_it_answers(bounced, process)
                yield bounced
            finally:
                process.terminate()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until_it_answers(url: str, process: subprocess.Popen[bytes]) -> None:
    for _ in range(100):
        assert process.poll() is None, "pgbouncer has ended"
        try:
            psycopg.connect(url, connect_timeout=2).close()
        except psycopg.OperationalError:
            time.sleep(0.1)
        else:
            return
    pytest.fail("pgbouncer does not answer")


def settings(url: str) -> Settings:
    return Settings.load(url, environ={"DATABASE_PGBOUNCER": "1"})._replace(pool_max=8)


@pytest.fixture(scope="module")
def prepared(bouncer: str) -> World:
    with Database(settings(bouncer)) as db:
        return prepare(db)


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
def test_every_statement_runs(server: Server, bouncer: str, is_async: bool) -> None:  # noqa: FBT001
    suffix = "_async" if is_async else "_sync"
    server.create_database(f"bounced{suffix}", template=TEMPLATE)
    own = settings(f"{bouncer}{suffix}")
    with Database(own) as db:
        values = every_statement(prepare(db))
        if is_async:
            asyncio.run(run_in_a_task(own, values))
        else:
            for value in values:
                run(db, value)


async def run_in_a_task(own: Settings, values: Iterable[Statement[object]]) -> None:
    async with AsyncDatabase(own) as db:
        for value in values:
            if value.declaration.kind is Kind.COPY:
                await db.copy_in([cast("Statement[None]", value)])
            else:
                await db.run(value)


def every_statement(world: World) -> Iterator[Statement[object]]:
    """Twice, on whatever server connection it gets each time; last and once what ends a position and the session."""
    last = ("positions.close_position", "sessions.end_trading_session")
    for declaration in statements():
        if declaration.name not in last:
            moves = declaration.name == "positions.move_position_to_session"
            value = example(declaration, world._replace(position_id=world.other_position_id) if moves else world)
            yield value
            if declaration.kind is not Kind.COPY:
                yield value
    for name in last:
        [ending] = [declaration for declaration in statements() if declaration.name == name]
        yield example(ending, world)


def test_of_eight_engines_one_holds_the_session_and_goes_on_after_the_lease(bouncer: str) -> None:
    def claim(holder: str, lease: float) -> Statement[HeldSession]:
        return sessions.resume_or_create(
            strategy_name="bounced", symbol="BTCUSDT", timeframe="1h", mode="PAPER", initial_balance=1000,
            holder=holder, lease=lease,
        )  # fmt: skip

    with Database(settings(bouncer)) as db:
        answers = run_together(db, [claim(f"engine-{number}", 60) for number in range(8)])
        held = [answer for answer in answers if isinstance(answer, HeldSession)]
        assert {type(answer) for answer in answers} == {HeldSession, SessionHeld}
        assert len(held) == 1
        with psycopg.connect(db.settings.conninfo, autocommit=True) as owner:  # an hour later: nobody renewed it
            owner.execute(
                "UPDATE session_holds SET (renewed_at, expires_at) = (now() - interval '2 h', now() - interval '1 h')"
            )
        with db.transaction() as tx:
            taken = tx.run(claim("engine-9", 60))
            assert tx.run(positions.get_active_positions(session_id=taken.session_id)) == []
        assert taken.session_id == held[0].session_id


def test_more_clients_than_server_connections(bouncer: str, prepared: World) -> None:
    with Database(settings(bouncer)) as db:
        reads = [sessions.get_trading_session(session_id=prepared.other_session_id) for _ in range(8)]
        assert {answer.id for answer in run_together(db, reads) if hasattr(answer, "id")} == {prepared.other_session_id}


@pytest.mark.parametrize("look", [diagnose, verify, check_health], ids=lambda look: look.__name__)
def test_who_looks_leaves_no_session_that_cannot_write(bouncer: str, look: Callable[..., object]) -> None:
    look(settings(bouncer), *([Demand()] if look is check_health else []))
    given = "SELECT pg_backend_pid(), current_setting('default_transaction_read_only'), current_setting('role')"
    with ExitStack() as stack:
        clients = [stack.enter_context(psycopg.connect(bouncer, prepare_threshold=None)) for _ in range(4)]
        found = {client.execute(given).fetchone() for client in clients}
    assert len(found) == 4
    assert {row[1:] for row in found if row} == {("off", "none")}


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
def test_without_the_setting_it_is_named_at_once(bouncer: str, is_async: bool) -> None:  # noqa: FBT001
    tries: list[RetryEvent] = []

    async def ask() -> object:
        async with AsyncDatabase(bouncer, on_retry=tries.append) as db:
            return await db.run(get_server_state())

    with pytest.raises(ConfigurationError, match="a pooler is between: set DATABASE_PGBOUNCER=1"):
        asyncio.run(ask()) if is_async else Database(bouncer, on_retry=tries.append).run(get_server_state())
    assert tries == []


@pytest.mark.parametrize("command", [verify, migrate, crashed_sessions], ids=lambda command: command.__name__)
def test_operators_are_told_of_the_pooler_too(bouncer: str, command: Callable[..., object]) -> None:
    more = {"idle": timedelta(days=1)} if command is crashed_sessions else {}
    with pytest.raises(ConfigurationError, match="a pooler is between: set DATABASE_PGBOUNCER=1"):
        command(Settings.load(bouncer, environ={}), **more)


@pytest.mark.slow
def test_a_pooler_that_came_later_is_named(server: Server, bouncer: str) -> None:
    """The first connection is made to a server, the next ones to a pooler, as after a move."""
    pooled = int(conninfo_to_dict(bouncer)["port"] or 0)
    with proxied(bouncer.replace(f":{pooled}/", f":{server.port}/")) as proxy, Database(proxy.url) as db:
        db.run(get_server_state())
        proxy.lead_to(pooled)
        proxy.cut()
        with pytest.raises(ConfigurationError, match="a pooler is between: set DATABASE_PGBOUNCER=1"):
            db.run(get_server_state())
