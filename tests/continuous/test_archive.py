"""Continuous protection as its users have it: start, look, go back to a moment, drill, stop."""

from __future__ import annotations

import gzip
import json
import os
import re
import shutil
import signal
import time
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest

from atb_db import Settings
from atb_db.admin.continuous.layout import is_archiving, read_archive, read_chains
from atb_db.admin.continuous.plan import plan
from atb_db.admin.continuous.recover import scratch
from atb_db.admin.errors import BadBackup, Unusable
from atb_db.cli.exits import ExitCode
from tests.cli.conftest import PASSWORD
from tests.continuous.conftest import Scene, numbers, receivers

OK, FOUND = ExitCode.OK, ExitCode.FOUND
pytestmark = pytest.mark.slow


def at(scene: Scene, moment: object) -> list[int]:
    """The numbers that the archive brings back."""
    with scratch(plan(scene.archive, moment), scene.settings) as recovered:  # type: ignore[arg-type]
        assert recovered.verification.clean
        assert recovered.books.findings == ()
        with psycopg.connect(recovered.settings.conninfo) as connection:
            # Production's rows: no other user of the machine gets in.
            assert connection.execute("SHOW listen_addresses").fetchone() == ("",)
            assert Path(connection.info.host).stat().st_mode & 0o077 == 0
        return numbers(recovered.settings)


def test_somebody_deletes_at_three_and_it_is_brought_back_to_the_second(scene: Scene) -> None:
    where = ("--archive-dir", str(scene.archive))
    started = scene.cli("archive", "start", *where)
    assert started.code == OK, started.err
    assert re.match(r"Every moment from .* UTC to .* UTC \(.* ago\) can be restored: 1 base backup", started.out)
    assert scene.cli("archive", "start", *where).code == ExitCode.LOCKED
    assert all(PASSWORD not in line for line in receivers())

    before = scene.record(1, 2, 3)
    time.sleep(0.01)
    scene.forget()
    after = scene.record(4)
    scene.protects(after)
    status = scene.cli("archive", "status", *where, "--rpo", "2m", "--json")
    found = json.loads(status.out)
    assert (status.code, found["late"], found["streaming"], found["problems"]) == (OK, False, True, [])

    # The server is gone, and all its files with it.
    scene.server._end(signal.SIGKILL)
    lost = scene.cli("restore", "--at", before.isoformat(sep=" "), *where, "--json")
    assert lost.code == OK, lost.err
    restored = json.loads(lost.out)
    try:
        assert numbers(Settings.load(restored["url"], environ={})) == [1, 2, 3]
        folder = Path(restored["stop_command"].split()[-1])
        assert folder.exists()
    finally:
        os.system(restored["stop_command"])  # noqa: S605  as it is printed
    assert not folder.exists()
    dumped = scene.cli("restore", "--latest", *where, "--dump", "--backup-dir", str(scene.archive.parent / "dumps"))
    assert dumped.code == OK, dumped.err
    scene.server.start()
    assert scene.cli("archive", "stop", *where).code == OK
    assert not is_archiving(scene.archive)
    assert not any(str(scene.archive) in line for line in receivers())
    assert scene.cli("archive", "stop", *where).code == FOUND
    late = scene.cli("archive", "status", *where)
    assert (late.code, "No archiver is running" in late.err) == (FOUND, True)
    into = scene.server.create_database("from_dump")
    again = scene.cli("restore", dumped.out.strip(), "--target", into)
    assert (again.code, numbers(Settings.load(into, environ={}))) == (OK, [4])


def test_moments_that_there_are_none_of_are_refused_with_those_that_there_are(scene: Scene) -> None:
    where = ("--archive-dir", str(scene.archive))
    nothing = scene.cli("restore", "--latest", *where)
    assert (nothing.code, "atb-db archive start" in nothing.err) == (ExitCode.USAGE, True)
    for wrong in ("yesterday", "2026-11-29 03:00:05"):
        assert scene.cli("restore", "--at", wrong, *where).code == ExitCode.USAGE
    assert scene.cli("restore", "--at", "2026-11-29 03:00:05+00", "--latest").code == ExitCode.USAGE
    assert scene.cli("archive", "start", *where).code == OK
    until = scene.until(lambda state: state.protected_until is not None).protected_until
    assert until is not None
    for moment in (until - timedelta(days=1), until + timedelta(days=1)):
        refused = scene.cli("restore", "--at", moment.isoformat(), *where)
        assert (refused.code, "what can be: " in refused.err) == (ExitCode.USAGE, True)


def test_an_idle_server_is_restored_to_a_moment_after_its_last_transaction(scene: Scene) -> None:
    """There is nothing in the log as late as that: PostgreSQL itself refuses to stop there."""
    assert scene.cli("archive", "start", "--archive-dir", str(scene.archive)).code == OK
    scene.record(1, 2)
    time.sleep(1.5)
    moment = scene.now()
    scene.protects(moment)
    assert at(scene, moment) == [1, 2]


def test_a_drill_restores_any_moment_and_is_recorded(scene: Scene) -> None:
    assert scene.cli("archive", "start", "--archive-dir", str(scene.archive)).code == OK
    scene.protects(scene.record(1))
    drilled = scene.cli("drill", "--at", "random", "--rpo", "2m", "--archive-dir", str(scene.archive), "--json")
    found = json.loads(drilled.out)
    assert (drilled.code, found["problems"], found["missed"]) == (OK, [], []), drilled.err
    assert found["rpo_seconds"] < 120
    assert json.loads(scene.cli("drill", "--history", "--json").out)[0]["details"]["moment"] == found["moment"]
    protected = scene.cli("backup", "status", "--rpo", "2m", "--archive-dir", str(scene.archive))
    assert (protected.code, "Every moment from" in protected.err) == (OK, True)
    assert scene.cli("health", "--rpo", "2m").out.count("archived continuously") == 1
    doctor = json.loads(scene.cli("doctor", "--json").out)
    assert [one for one in doctor["findings"] if one["what"] in {"backup", "replication slot"}] == []


def test_a_killed_archiver_leaves_no_receiver_and_the_next_goes_on_without_a_gap(scene: Scene) -> None:
    seen: list[int] = []
    for number in range(3):
        process = scene.launch()
        seen.append(number)
        scene.protects(scene.record(number))
        process.kill()
        process.wait()
        end = time.monotonic() + 30
        while any(str(scene.archive) in line for line in receivers()):
            assert time.monotonic() < end
            time.sleep(0.05)
        scene.record(100 + number)  # while nobody follows: the slot keeps it
        seen.append(100 + number)
    process = scene.launch()
    moment = scene.record(7)
    scene.protects(moment)
    assert at(scene, None) == [*seen, 7]
    process.terminate()
    assert process.wait(60) == 0
    archive = read_archive(scene.archive)
    assert archive is not None
    assert len(read_chains(scene.archive, archive.segment_size)) == 1


def test_a_server_that_crashes_and_comes_back_is_followed_further(scene: Scene) -> None:
    process = scene.launch()
    scene.protects(scene.record(1))
    scene.server.restart(crash=True)
    moment = scene.record(2)
    scene.protects(moment)
    assert at(scene, None) == [1, 2]
    process.terminate()
    process.wait(60)


def test_a_lost_slot_is_a_gap_that_is_said_and_the_archive_begins_anew(scene: Scene) -> None:
    where = ("--archive-dir", str(scene.archive))
    process = scene.launch()
    scene.protects(scene.now())
    first = scene.record(1)
    scene.protects(first)
    process.terminate()
    process.wait(60)
    assert scene.cli("archive", "stop", "--drop-slot", *where).code == OK
    lost = scene.record(2)
    process = scene.launch()
    scene.until(lambda state: state.protected_until is not None and state.protected_until > lost)
    last = scene.record(3)
    scene.protects(last)
    status = scene.cli("archive", "status", *where)
    assert (status.code, "A gap from" in status.err, "except in gaps" in status.out) == (FOUND, True, True)
    assert at(scene, first) == [1]
    assert at(scene, last) == [1, 2, 3]
    with pytest.raises(Unusable, match="cannot be restored"):
        plan(scene.archive, lost)
    process.terminate()
    process.wait(60)


def test_finished_segments_are_compressed_and_a_damaged_one_is_noticed(scene: Scene, tmp_path: Path) -> None:
    process = scene.launch()
    scene.protects(scene.record(1))
    with psycopg.connect(scene.url, autocommit=True) as connection:
        for _ in range(4):
            connection.execute("SELECT pg_switch_wal()")
            connection.execute("CREATE TABLE IF NOT EXISTS filler ()")
            scene.record(2)
    end = time.monotonic() + 60
    while len(packed := sorted(scene.archive.glob("chains/*/wal/*.gz"))) < 3:
        assert time.monotonic() < end
        time.sleep(0.1)
    scene.protects(scene.now())
    process.terminate()
    process.wait(60)
    assert len(gzip.decompress(packed[0].read_bytes())) == 1 << 24
    assert packed[0].stat().st_mode & 0o777 == 0o600
    assert at(scene, None) == [1, 2, 2, 2, 2]
    copy = tmp_path / "copy"
    shutil.copytree(scene.archive, copy)
    victim = copy / packed[-1].relative_to(scene.archive)
    victim.write_bytes(victim.read_bytes()[:1000])
    with pytest.raises(BadBackup, match="damaged"), scratch(plan(copy, None), scene.settings):
        pytest.fail("it was restored")
    victim.unlink()
    with pytest.raises(Unusable, match="cannot be restored"):
        plan(copy, None)
    file = next(path for path in scene.archive.glob("chains/*/base/*/base/1/*") if path.stat().st_size > 8192)
    content = bytearray(file.read_bytes())
    content[5000] ^= 1
    file.write_bytes(content)
    with pytest.raises(BadBackup, match="base backup"), scratch(plan(scene.archive, None), scene.settings):
        pytest.fail("it was restored")


def test_what_the_server_does_not_allow_is_said_with_what_would(scene: Scene) -> None:
    with psycopg.connect(scene.url, autocommit=True) as connection:
        connection.execute("CREATE ROLE plain LOGIN")
    url = scene.url.replace("postgres@", "plain@")
    refused = scene.cli("archive", "start", "--archive-dir", str(scene.archive), url=url)
    assert (refused.code, 'ALTER ROLE "plain" REPLICATION' in refused.err) == (ExitCode.REFUSED, True)
    assert "Until then backups every few minutes are the best there is" in refused.err
    with psycopg.connect(scene.url, autocommit=True) as connection:
        connection.execute("CREATE ROLE rds_superuser")
    refused = scene.cli("archive", "start", "--archive-dir", str(scene.archive), url=url)
    assert "This is Amazon RDS: use its own point-in-time recovery" in refused.err
    assert not scene.archive.exists()
    with psycopg.connect(scene.url, autocommit=True) as connection:
        connection.execute("ALTER ROLE plain REPLICATION")
    hba = scene.server.data_dir / "pg_hba.conf"
    hba.write_text("local all all trust\n")
    with psycopg.connect(scene.url, autocommit=True) as connection:
        connection.execute("SELECT pg_reload_conf()")
    refused = scene.cli("archive", "start", "--archive-dir", str(scene.archive), url=url)
    assert (refused.code, 'host replication "plain"' in refused.err) == (ExitCode.REFUSED, True)
    hba.write_text("local all all trust\nlocal replication all trust\n")
    with psycopg.connect(scene.url, autocommit=True) as connection:
        connection.execute("SELECT pg_reload_conf()")
    started = scene.cli("archive", "start", "--archive-dir", str(scene.archive), url=url)
    assert started.code == OK, started.err
