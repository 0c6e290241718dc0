"""Without the private parts of psycopg that are used everything goes on by the public way, and `doctor` says so."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from atb_db import Database, Settings
from atb_db.admin.doctor import diagnose
from atb_db.admin.findings import Level
from atb_db.database import private
from atb_db.errors import PoolExhausted, Unavailable
from atb_db.repository import account
from tests.database.renaming import NAME
from tests.faults.client import clients
from tests.faults.proxy import proxied

PARTS = {
    "psycopg:_prepared": private.NAMES,
    "psycopg:_names": private.NAMES,
    "psycopg:_connect_gen": private.CONNECT_GEN,
    "psycopg_pool:_lock": private.QUEUE,
    "psycopg_pool:_waiting": private.QUEUE,
}
CORE = (
    "tests/database/test_private_parts.py",
    "tests/database/test_transactions.py",
    "tests/database/test_batches.py",
    "tests/database/test_stream.py",
    "tests/database/test_async.py",
)
ROOT = Path(__file__).parents[2]


@pytest.mark.slow
@pytest.mark.skipif(bool(NAME), reason="this is the run without one")
@pytest.mark.parametrize("renamed", PARTS)
def test_the_core_works_without(renamed: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-x", "-p", "tests.database.renaming", "-p", "no:cacheprovider", *CORE],
        cwd=ROOT,
        env={**os.environ, "ATB_DB_RENAMED": renamed},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]


def test_doctor_says_what_is_missing(url: str) -> None:
    found = diagnose(Settings.load(url, environ={}))
    missing = {one.where: one for one in found.findings if one.what == "psycopg"}
    assert set(missing) == {part for renamed, part in PARTS.items() if NAME and renamed.endswith(f":{NAME}")}
    assert all(one.level is Level.INFO for one in missing.values())
    assert "psycopg" in {fact.what for fact in found.facts}


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
def test_an_outage_with_many_callers_ends(url: str, session_id: int, *, is_async: bool) -> None:
    read = account.get_current_balance(session_id=session_id)
    with proxied(url) as proxy, clients(is_async=is_async) as connect:
        db = connect(proxy.url, pool_max=1, pool_waiting=2)
        assert db.run(read) == 1000
        proxy.refuse()
        for _ in range(4):
            with pytest.raises(Unavailable) as caught:
                db.run(read, timeout=0.5)
            assert not isinstance(caught.value, PoolExhausted)
        proxy.listen()
        assert db.run(read) == 1000


def test_names_of_another_kind_are_not_used(url: str, session_id: int) -> None:
    read = account.get_current_balance(session_id=session_id)
    with Database(Settings.load(url, environ={})._replace(pool_max=1)) as db:
        assert db.run(read) == 1000
        with db._pool.connection() as connection:
            connection.prepared._names = {read.declaration.key: "_pg3_0"}
        assert [db.run(read) for _ in range(3)] == [1000] * 3


def test_parts_of_another_kind_count_as_missing() -> None:
    for other in (
        SimpleNamespace(),
        SimpleNamespace(_prepared=None),
        SimpleNamespace(_prepared=SimpleNamespace(_names=[])),
    ):
        assert private.prepared_names(other) == {}
        assert private.NAMES in {one.part for one in private.missing(other)}
    assert private.queue_of(SimpleNamespace(_waiting={})) is None
    assert private.lock_of(SimpleNamespace(_lock=asyncio.Lock())) is None
    assert private.async_lock_of(SimpleNamespace()) is None
