"""The COPY of a frame: bounded, and a healthy connection however it ends."""

# ruff: noqa: PT012  what is tested is a block

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from math import inf
from time import monotonic

import psycopg
import pytest

from atb_db import AsyncDatabase, Database, Settings
from atb_db.database.aio.streams import copy_out as copy_out_in_tasks
from atb_db.database.connecting import COPY_BLOCK
from atb_db.database.sync.streams import copy_out
from atb_db.embedded import Server
from atb_db.errors import AtbDbError, Timeout, Unavailable
from tests.database.test_stream import AT_ONCE, Large
from tests.faults.proxy import proxied

pytest.importorskip("pyarrow")

LINE = 1000
"""Bytes, line break included."""


@pytest.fixture(scope="module")
def large(server: Server) -> Iterator[Large]:
    url = server.create_database("large_frames", template="atb_template")
    with Database(Settings.load(url, environ={})._replace(pool_max=1)) as db:
        yield Large(url, db)


def lines(number: int, *, failing_at: int = 0) -> bytes:
    """A COPY of so many lines."""
    shown = f"rpad((n / CASE n WHEN {failing_at} THEN 0 ELSE 1 END)::text, {LINE - 1}, 'x')"
    return f"COPY (SELECT {shown} FROM generate_series(1, {number}) AS n) TO STDOUT (FORMAT csv)".encode()


def in_threads(db: Database, text: bytes) -> list[bytes]:
    with db._pool.connection() as connection, copy_out(connection, text, None) as blocks:
        return [bytes(block) for block in blocks]


def in_tasks(db: Database, text: bytes) -> list[bytes]:
    async def read() -> list[bytes]:
        async with (
            AsyncDatabase(db.settings) as adb,
            adb._pool.connection() as connection,
            copy_out_in_tasks(connection, text, None) as blocks,
        ):
            return [bytes(block) async for block in blocks]

    return asyncio.run(read())


COPIES = pytest.mark.parametrize("copied", [in_threads, in_tasks])
Copied = Callable[[Database, bytes], list[bytes]]


@COPIES
@pytest.mark.parametrize("number", [0, 1, 12_345])
def test_every_line_comes_once_in_blocks_of_bounded_size(large: Large, copied: Copied, number: int) -> None:
    blocks = copied(large.db, lines(number))
    assert b"".join(blocks) == b"".join(str(n).encode().ljust(LINE - 1, b"x") + b"\n" for n in range(1, number + 1))
    assert len(blocks) == 0 if not number else len(blocks) >= number * LINE // (2 * COPY_BLOCK)
    assert all(block.endswith(b"\n") and len(block) < 2 * COPY_BLOCK for block in blocks)


@COPIES
def test_a_line_may_be_longer_than_a_block(large: Large, copied: Copied) -> None:
    text = f"COPY (SELECT repeat('x', {3 * COPY_BLOCK}) FROM generate_series(1, 3)) TO STDOUT (FORMAT csv)"
    assert copied(large.db, text.encode()) == [b"x" * 3 * COPY_BLOCK + b"\n"] * 3


@COPIES
@pytest.mark.parametrize("failing_at", [1, 10, 5000])
def test_an_error_behind_lines_is_raised(large: Large, copied: Copied, failing_at: int) -> None:
    with pytest.raises(AtbDbError, match="division by zero"):
        copied(large.db, lines(6000, failing_at=failing_at))
    assert large.db.statistics().open == 1
    assert len(copied(large.db, lines(1))) == 1


def test_leaving_early_leaves_a_healthy_connection(large: Large) -> None:
    with large.db._pool.connection() as connection:
        before = connection.info.backend_pid
    for read in (0, 1, 2):
        with large.db.frames(large.events()) as tables:
            for _ in range(read):
                next(tables)
    with pytest.raises(ZeroDivisionError), large.db.frames(large.events()) as tables:
        next(tables)
        1 / 0  # noqa: B018
    with large.db._pool.connection() as connection:
        assert connection.info.backend_pid == before


def leave_in_threads(large: Large, settings: Settings, act: Callable[[], object]) -> None:
    with Database(settings) as db, db.frames(large.events()) as tables:
        next(tables)
        act()
        for _ in tables:
            pass


def leave_in_tasks(large: Large, settings: Settings, act: Callable[[], object]) -> None:
    async def work() -> None:
        async with AsyncDatabase(settings) as db, db.frames(large.events()) as tables:
            await anext(tables)
            act()
            async for _ in tables:
                pass

    asyncio.run(work())


@pytest.mark.parametrize("leave", [leave_in_threads, leave_in_tasks])
def test_a_server_that_says_nothing_any_more_is_left_in_the_time_of_one_answer(
    large: Large, server: Server, leave: Callable[[Large, Settings, Callable[[], object]], None]
) -> None:
    with proxied(server.url(database="large_frames")) as proxy:
        settings = Settings.load(proxy.url, environ={}, query_deadline=1.0)
        began = inf

        def fall_silent() -> None:
            nonlocal began
            proxy.swallow()
            began = monotonic()

        with pytest.raises(Timeout):
            leave(large, settings, fall_silent)
        assert monotonic() - began < AT_ONCE


@pytest.mark.parametrize("leave", [leave_in_threads, leave_in_tasks])
def test_a_backend_that_ends_is_an_outage(
    large: Large, leave: Callable[[Large, Settings, Callable[[], object]], None]
) -> None:
    with psycopg.connect(large.db.settings.conninfo, autocommit=True) as other:
        kill = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'COPY%%' AND datname = %s"
        with pytest.raises(Unavailable):
            leave(large, large.db.settings, lambda: other.execute(kill, ["large_frames"]))
