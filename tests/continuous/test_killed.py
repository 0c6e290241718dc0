"""Archivers, servers and disks that go at any moment: what was acknowledged is brought back, but for the stated RPO."""

from __future__ import annotations

import time
from contextlib import suppress
from datetime import datetime, timedelta
from random import Random
from signal import SIGKILL
from subprocess import Popen, TimeoutExpired
from threading import Event, Thread

import psycopg
import pytest

from atb_db.admin.continuous.layout import read_archive, read_state
from atb_db.admin.continuous.plan import plan
from atb_db.admin.continuous.recover import scratch
from tests.continuous.conftest import PATIENCE, Scene, numbers, receivers
from tests.disks import fill, small_disk
from tests.faults.conftest import FULL, Record
from tests.faults.results import Line

ROUNDS = 30 if FULL else 4
RPO = timedelta(seconds=5)
pytestmark = pytest.mark.slow


class Writer(Thread):
    """Records numbers one after the other, at up to a hundred a second; knows when each was acknowledged."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._url = url
        self._ended = Event()
        self.acknowledged: dict[int, datetime] = {}

    def run(self) -> None:
        number = 0
        while not self._ended.is_set():
            try:
                with psycopg.connect(self._url, autocommit=True) as connection:
                    while not self._ended.wait(0.01):
                        number += 1
                        [(at,)] = connection.execute(
                            "INSERT INTO system_events (timestamp, event_type, severity, message) "
                            "VALUES (clock_timestamp(), 'TEST', 'INFO', %s) RETURNING clock_timestamp()",
                            [f"number {number}"],
                        ).fetchall()
                        assert isinstance(at, datetime)
                        self.acknowledged[number] = at
            except psycopg.OperationalError:
                time.sleep(0.05)

    def stop(self) -> None:
        self._ended.set()
        self.join()


def kill_archiver(scene: Scene, archiver: Popen[bytes]) -> Popen[bytes]:
    archiver.kill()
    archiver.wait()
    return scene.launch()


def attended(scene: Scene, archiver: Popen[bytes]) -> Popen[bytes]:
    """Until it protects. As a service manager has it: one that met no server as it began is started again."""
    moment, end = scene.now(), time.monotonic() + PATIENCE
    while True:
        with suppress(TimeoutExpired):
            archiver.wait(0.1)
            archiver = scene.launch()
        state = read_state(scene.archive)
        if state is not None and state.protected_until is not None and state.protected_until >= moment:
            return archiver
        assert time.monotonic() < end, state


def test_archivers_and_servers_killed_under_load(scene: Scene, chance: Random) -> None:
    archiver = scene.launch()
    writer = Writer(scene.url)
    scene.protects(scene.now())
    writer.start()
    try:
        for _ in range(ROUNDS):
            time.sleep(chance.uniform(0.2, 2.0))
            if chance.random() < 0.3:
                scene.server.restart(crash=True)
            else:
                archiver = kill_archiver(scene, archiver)
        archiver = attended(scene, archiver)
        time.sleep(chance.uniform(0.5, 2.0))
        # The server's machine goes, and its disk with it; the archiver has whatever has come.
        scene.server._end(SIGKILL)
        gone_at = max(writer.acknowledged.values())
    finally:
        writer.stop()
        archiver.terminate()
        archiver.wait(60)
    archive, state = read_archive(scene.archive), read_state(scene.archive)
    assert archive is not None
    assert state is not None
    chosen = plan(scene.archive, None)
    assert chosen.chain.until is not None
    began = time.monotonic()
    with scratch(chosen, scene.settings) as recovered:
        found = set(numbers(recovered.settings))
        assert recovered.books.findings == ()
    took = time.monotonic() - began
    lost = {number: at for number, at in writer.acknowledged.items() if number not in found}
    assert [number for number, at in lost.items() if at <= chosen.chain.until] == []
    assert [number for number, at in lost.items() if at < gone_at - RPO] == []
    assert len(writer.acknowledged) > ROUNDS
    promised = "at most 5 s lost"
    Record()(
        Line(
            "archivers and servers killed under load, then server and disk lost",
            "archive",
            ROUNDS,
            len(writer.acknowledged),
            len(lost),
            double=0,
            recovery=took,
            promised=promised,
        )
    )


def test_nothing_is_lost_when_commits_wait_for_the_archive(scene: Scene, chance: Random) -> None:
    archiver = scene.launch()
    scene.protects(scene.now())
    archive = read_archive(scene.archive)
    assert archive is not None
    with psycopg.connect(scene.url, autocommit=True) as connection:
        connection.execute(f"ALTER SYSTEM SET synchronous_standby_names = '{archive.slot}'".encode())
        connection.execute("SELECT pg_reload_conf()")
    writer = Writer(scene.url)
    time.sleep(1)
    writer.start()
    rounds = 10 if FULL else 1
    try:
        for _ in range(rounds):
            time.sleep(chance.uniform(0.5, 2.0))
            archiver = kill_archiver(scene, archiver)
        seen = len(writer.acknowledged)
        scene.until(lambda state: state.streaming and len(writer.acknowledged) > seen + 10)
        scene.server._end(SIGKILL)
    finally:
        writer.stop()
        archiver.terminate()
        archiver.wait(60)
    with scratch(plan(scene.archive, None), scene.settings) as recovered:
        found = set(numbers(recovered.settings))
    lost = writer.acknowledged.keys() - found
    assert lost == set()
    assert len(writer.acknowledged) > 10
    Record()(
        Line(
            "the same while commits wait for the archive",
            "archive",
            rounds + 1,
            len(writer.acknowledged),
            len(lost),
            double=0,
            promised="0 lost",
        )
    )


def says_full(scene: Scene) -> None:
    """Wait until `archive status` says why nothing is protected any more."""
    end = time.monotonic() + PATIENCE
    while True:
        status = scene.cli("archive", "status", "--archive-dir", str(scene.archive), "--rpo", "1s")
        if (status.code, "disk is full" in status.err) == (3, True):
            break
        assert time.monotonic() < end, status.err


def test_a_full_disk_stops_it_and_room_lets_it_go_on(scene: Scene, chance: Random) -> None:
    scene.archive.mkdir()
    rounds = 10 if FULL else 2
    number = 1
    with small_disk(scene.archive, "200m") as disk:
        archiver = scene.launch()
        moment = scene.record(number)
        scene.protects(moment)
        for again in range(rounds):
            filler = fill(disk)
            with psycopg.connect(scene.url, autocommit=True) as connection:
                connection.execute("SELECT pg_switch_wal()")
            number += 1
            scene.record(number)
            time.sleep(chance.uniform(1.5, 3))
            assert archiver.poll() is None
            says_full(scene)
            if again % 2:
                # Killed while there is no room, it leaves nothing that hinders the next one.
                archiver.kill()
                archiver.wait()
            filler.unlink()
            if again % 2:
                archiver = scene.launch()
            number += 1
            moment = scene.record(number)
            scene.protects(moment)
        with scratch(plan(scene.archive, moment), scene.settings) as recovered:
            lost = set(range(1, number + 1)) - set(numbers(recovered.settings))
        archiver.terminate()
        assert archiver.wait(60) == 0
        assert not any(str(scene.archive) in line for line in receivers())
    assert lost == set()
    Record()(Line("the archive's disk full", "archive", rounds, number, len(lost), double=0, promised="0 lost"))
