"""A disk without room: ResourceFull at once and no second attempt, and nothing acknowledged is lost."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Final

import psycopg

from atb_db import embedded
from atb_db.embedded import Server
from atb_db.errors import ResourceFull
from atb_db.sqlfile import schema_sql
from tests.conftest import TEMPLATE
from tests.disks import fill, small_disk
from tests.faults.breaking import start
from tests.faults.conftest import Record, only_in_full
from tests.faults.results import Line
from tests.faults.scene import Fault, Outcome, Scene, scene_on, suffer

pytestmark = only_in_full
_SWITCHES: Final = 20
LASTS: Final = 4.0
AT_ONCE: Final = 3.0
"""Seconds; a call that is tried again lasts as long as the disk is full."""


@contextmanager
def server_on(base: Path, log_folder: Path) -> Iterator[Server]:
    """A server with its data in one folder and its write-ahead log in another."""
    base.chmod(0o755)
    with embedded.postgresql(base_dir=base) as server:
        with psycopg.connect(server.create_database(TEMPLATE, template="template0")) as connection:
            connection.execute(schema_sql())
        owner = server.data_dir.stat()
    own = base / "data" / "pg_wal"
    shutil.copytree(own, log_folder / "pg_wal")
    shutil.rmtree(own)
    own.symlink_to(log_folder / "pg_wal")
    for path in (log_folder / "pg_wal").rglob("*"):
        shutil.chown(path, owner.st_uid, owner.st_gid)
    shutil.chown(log_folder / "pg_wal", owner.st_uid, owner.st_gid)
    settings = {"max_wal_size": "48MB", "min_wal_size": "32MB", "synchronous_commit": "on"}
    with embedded.postgresql(base_dir=base, durable=True, settings=settings) as server:
        yield server


@contextmanager
def two_folders() -> Iterator[tuple[Path, Path]]:
    with TemporaryDirectory(prefix="atb-full-", dir="/tmp") as parent:
        Path(parent).chmod(0o755)
        folders = Path(parent) / "small", Path(parent) / "large"
        for folder in folders:
            folder.mkdir()
        yield folders


def note(record: Record, name: str, outcome: Outcome, *, is_async: bool, times: int, promised: str) -> None:
    verdict = outcome.verdict
    errors = ", ".join(f"{number} {kind}" for kind, number in outcome.errors.items()) or "0"
    counts = (times, verdict.answers, verdict.lost, verdict.double)
    kind = "async" if is_async else "sync"
    record(Line(name, kind, *counts, errors=errors, recovery=outcome.recovery, promised=promised))


def test_no_room_for_data(chance: Random, tmp_path: Path, is_async: bool, record: Record) -> None:  # noqa: FBT001
    with (
        two_folders() as (small, large),
        small_disk(small, "256m"),
        server_on(small, large) as server,
        scene_on(server, chance) as scene,
    ):
        full = Fault(lambda _: fill(small), lambda _: (small / "filler").unlink(missing_ok=True), lasts=LASTS)
        outcome = suffer(scene, full, tmp_path, is_async=is_async, times=3)
    name, promised = f"data disk full for {LASTS:g} s", "ResourceFull, not run again"
    note(record, name, outcome, is_async=is_async, times=3, promised=promised)
    assert outcome.verdict.holds
    assert set(outcome.errors) == {"ResourceFull"}
    assert not [event for event in outcome.retries if isinstance(event.error, ResourceFull)]
    assert outcome.longest < AT_ONCE


def test_no_room_for_the_log(chance: Random, tmp_path: Path, is_async: bool, record: Record) -> None:  # noqa: FBT001
    def strike(scene: Scene) -> None:
        """The server uses up the segments that it has, and ends in a panic for want of another."""
        fill(small)
        try:
            for _ in range(_SWITCHES):
                scene.execute("SELECT pg_switch_wal()")
        except psycopg.OperationalError:
            return
        raise AssertionError("the log has room")

    def mend(scene: Scene) -> None:
        (small / "filler").unlink(missing_ok=True)
        start(scene.server)

    with (
        two_folders() as (small, large),
        small_disk(small, "100m"),
        server_on(large, small) as server,
        scene_on(server, chance) as scene,
    ):
        outcome = suffer(scene, Fault(strike, mend, lasts=1.0), tmp_path, is_async=is_async, times=2)
    note(record, "WAL disk full, the server gone", outcome, is_async=is_async, times=2, promised="0 lost")
    assert outcome.verdict.holds
