from __future__ import annotations

import json
import os
import random
import resource
import signal
import subprocess
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import psycopg
import pytest

from atb_db.admin.backup.checking import check_backup
from atb_db.admin.backup.folder import locked
from atb_db.admin.backup.manifest import read_manifest, to_json
from atb_db.admin.backup.names import dump_file, dump_files, leftovers, manifest_file, part_file
from atb_db.admin.backup.schedule import plan
from atb_db.cli.exits import ExitCode
from atb_db.embedded import Server
from atb_db.errors import InvalidInput
from atb_db.sqlfile import sql_root
from tests.cli.conftest import COMMAND, PASSWORD, Ended, Run, environment
from tests.disks import small_disk
from tests.faults.proxy import proxied

KILLS = int(os.environ.get("ATB_DB_KILLS", "10"))
NOW = datetime.now(UTC)


class Source(NamedTuple):
    """A database with random, and so incompressible, content; tests only back it up."""

    url: str
    name: str

    def home(self, folder: Path) -> Path:
        return folder / "backups" / self.name


@pytest.fixture(scope="module")
def source(server: Server, migrated: str) -> Source:
    url = server.create_database("backed_up", template=migrated)
    with psycopg.connect(url) as connection:
        connection.execute(
            "INSERT INTO system_events (timestamp, event_type, severity, message)"
            " SELECT now(), 'TEST', 'INFO', repeat(gen_random_uuid()::text, 3) FROM generate_series(1, 5000)"
        )
    return Source(url, "backed_up")


def start(
    source: Source, folder: Path, *arguments: str, limit: Callable[[], None] | None = None
) -> subprocess.Popen[str]:
    return subprocess.Popen(
        (*COMMAND, "backup", *arguments),
        # Coverage would want to write, too.
        env={name: text for name, text in environment(source.url).items() if not name.startswith("COVERAGE_")},
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=limit,  # noqa: PLW1509  there are no threads
    )


def test_a_backup_is_made_listed_and_found_good(source: Source, tmp_path: Path, run: Run, call: Run) -> None:
    code, out, err = run("backup", url=source.url)
    assert code == 0
    dump = tmp_path / out.strip()
    assert f"Restore it with: atb-db restore {out.strip()} --target URL\n" in err
    assert dump_files(source.home(tmp_path)) == [dump]
    manifest = read_manifest(dump)
    with psycopg.connect(source.url) as connection:
        events = connection.execute("SELECT count(*) FROM system_events").fetchall()[0][0]
        recorded = connection.execute("SELECT details FROM system_events WHERE event_type = 'BACKUP'").fetchall()
    assert manifest.rows["public.system_events"] + 1 == events
    assert manifest.migration == max(path.stem for path in (sql_root() / "migrations").glob("*[!k].sql"))
    assert recorded[-1][0]["sha256"] == manifest.sha256
    found = json.loads(call("backup", "list", "--json", url=source.url).out)
    assert [(one["path"], one["problem"]) for one in found] == [(out.strip(), None)]
    assert call("backup", "list", url=source.url).code == 0
    assert call("backup", "verify", "--all", url=source.url).code == 0
    assert json.loads(call("backup", "verify", out.strip(), "--json", url=source.url).out)[0]["good"] is True
    code, out, err = call("backup", "status", url=source.url)
    assert (code, out.strip()) == (0, str(dump.relative_to(tmp_path)))
    assert "at most 15m is wanted" in err
    assert call("backup", "status", "--rpo", "0.001s", url=source.url).code == ExitCode.FOUND


def test_the_files_are_for_their_owner_alone(source: Source, tmp_path: Path, call: Run) -> None:
    call("backup", url=source.url)
    modes = {path: path.stat().st_mode & 0o777 for path in (tmp_path / "backups").rglob("*")}
    assert {mode for path, mode in modes.items() if path.is_file()} == {0o600}
    assert {mode for path, mode in modes.items() if path.is_dir()} == {0o700}


def test_two_at_once(source: Source, tmp_path: Path, call: Run) -> None:
    with locked(source.home(tmp_path)):
        code, out, err = call("backup", url=source.url)
    assert (code, out) == (ExitCode.LOCKED, "")
    assert "another backup is being made" in err
    assert call("backup", url=source.url).code == 0


@pytest.mark.slow
def test_old_ones_are_removed_by_their_names_times_and_other_files_stay(
    source: Source, tmp_path: Path, call: Run
) -> None:
    call("backup", url=source.url)
    home = source.home(tmp_path)
    (good,) = dump_files(home)
    aged = [age(good, timedelta(days=days)) for days in (2, 9, 40)]
    foreign = aged[1].with_name("backup-of-mine.dump")
    foreign.touch()
    assert call("backup", "verify", "--all", url=source.url).code == 0
    code, _, err = call("backup", "--retention", "7", url=source.url)
    assert code == 0
    assert "Removed 2" in err
    assert dump_files(home)[:2] == [aged[0], good]
    assert foreign.exists()
    assert not aged[2].parent.exists()


def age(dump: Path, by: timedelta) -> Path:
    """A copy of the backup as if it had been made so much earlier."""
    manifest = read_manifest(dump)
    older = manifest._replace(started_at=manifest.started_at - by)
    path = dump_file(dump.parents[3], older.started_at)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(dump.read_bytes())
    manifest_file(path).write_text(to_json(older))
    return path


@pytest.mark.slow
def test_one_from_the_future_is_not_fresh(source: Source, tmp_path: Path, call: Run) -> None:
    call("backup", url=source.url)
    (good,) = dump_files(source.home(tmp_path))
    age(good, -timedelta(days=1))
    code, out, err = call("backup", "status", url=source.url)
    assert (code, out.strip()) == (0, str(good.relative_to(tmp_path)))
    assert "was made in the future" in err
    assert call("backup", "verify", "--all", url=source.url).code == ExitCode.FOUND


@pytest.mark.slow
def test_a_damaged_one_is_passed_over(source: Source, tmp_path: Path, call: Run) -> None:
    assert call("backup", "status", url=source.url).code == ExitCode.FOUND
    call("backup", url=source.url)
    call("backup", url=source.url)
    older, newer = dump_files(source.home(tmp_path))
    content = bytearray(newer.read_bytes())
    content[-9] ^= 1
    newer.write_bytes(content)
    code, out, err = call("backup", "status", url=source.url)
    assert (code, out.strip()) == (0, str(older.relative_to(tmp_path)))
    assert "its checksum differs" in err
    manifest_file(newer).unlink()
    assert "no manifest" in call("backup", "list", url=source.url).out


@pytest.mark.slow
def test_killed_at_any_moment_it_leaves_nothing_that_looks_like_a_backup(
    source: Source, tmp_path: Path, call: Run
) -> None:
    call("backup", url=source.url)
    home = source.home(tmp_path)
    older = {path: path.read_bytes() for path in home.rglob("backup-*")}
    generator = random.Random(7)  # noqa: S311
    begun = 0
    for _ in range(KILLS):
        child = start(source, tmp_path)
        if generator.random() < 0.7:
            wait_for(lambda: list(home.rglob("*.part")), child)
            begun += 1
        time.sleep(generator.uniform(0, 0.25))
        child.send_signal(signal.SIGKILL)
        child.communicate()
        for dump in dump_files(home):
            check_backup(dump)
    assert begun
    assert all(path.read_bytes() == content for path, content in older.items())
    part = part_file(dump_file(home, NOW))
    part.parent.mkdir(parents=True, exist_ok=True)
    part.touch()
    assert call("backup", url=source.url).code == 0
    assert list(leftovers(home)) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_told_to_end_it_ends_pg_dump_and_leaves_nothing(source: Source, tmp_path: Path, number: signal.Signals) -> None:
    dumping = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_publication%' AND wait_event = 'relation'"
    with psycopg.connect(source.url) as connection, psycopg.connect(source.url, autocommit=True) as watching:
        connection.execute("LOCK TABLE pg_catalog.pg_publication IN ACCESS EXCLUSIVE MODE")  # only pg_dump reads it
        child = start(source, tmp_path)
        # Asked once: a process that waits for a lock wakes up for a moment now and then.
        wait_for(lambda: watching.execute(dumping).fetchone() == (1,), child)
        child.send_signal(number)
        child.communicate(timeout=60)
        assert child.returncode == 128 + number
        deadline = time.monotonic() + 60  # a server process notices a little later
        while watching.execute(dumping).fetchone() != (0,) and time.monotonic() < deadline:
            time.sleep(0.01)
        assert watching.execute(dumping).fetchone() == (0,)
    assert list(leftovers(source.home(tmp_path))) == []


def test_a_server_that_goes_away_leaves_nothing(source: Source, tmp_path: Path) -> None:
    with proxied(source.url) as proxy:
        proxy.delay = 0.01  # so that it is in the middle of it
        through = source._replace(url=proxy.url)
        child = start(through, tmp_path)
        wait_for(lambda: list(tmp_path.rglob("*.part")), child)
        proxy.refuse()
        _, err = child.communicate(timeout=60)
    assert child.returncode in {ExitCode.FAILED, ExitCode.UNREACHABLE}
    assert err.count("\n") == 1
    assert "Traceback" not in err
    assert dump_files(through.home(tmp_path)) == []
    assert list(leftovers(through.home(tmp_path))) == []


def wait_for(seen: Callable[[], object], child: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 20
    while not seen():
        assert child.poll() is None, child.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.002)


def refuses_for_lack_of_room(source: Source, folder: Path, ended: Ended) -> None:
    assert ended.code == ExitCode.FAILED, ended.err
    assert ended.err.count("\n") == 1
    assert [path.name for path in source.home(folder).rglob("*") if path.is_file()] == [".lock"]


def test_a_file_that_may_not_grow(source: Source, tmp_path: Path) -> None:
    child = start(source, tmp_path, limit=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000)))
    out, err = child.communicate()
    refuses_for_lack_of_room(source, tmp_path, Ended(child.returncode, out, err))


def test_a_full_disk(source: Source, tmp_path: Path) -> None:
    with small_disk(tmp_path, "256k"):
        child = start(source, tmp_path)
        out, err = child.communicate()
        assert "No space left on device" in err
        refuses_for_lack_of_room(source, tmp_path, Ended(child.returncode, out, err))


@pytest.mark.parametrize(
    ("command", "url", "code"),
    [
        ("backup --retention 0", "", ExitCode.USAGE),
        ("backup --retention -1", "", ExitCode.USAGE),
        ("backup --retention 99999999999", "", ExitCode.USAGE),
        ("backup --backup-dir=", "", ExitCode.USAGE),
        ("backup --keep-daily -1", "", ExitCode.USAGE),
        ("backup --env nowhere", "", ExitCode.USAGE),
        ("backup --backup-dir /dev/null/x", "", ExitCode.USAGE),
        ("backup", "mysql://bot@db/atb", ExitCode.USAGE),
        ("backup", "postgresql://bot@127.0.0.1:1/atb", ExitCode.UNREACHABLE),
        ("backup verify", "", ExitCode.USAGE),
        ("backup verify nowhere.dump", "", ExitCode.USAGE),
        ("backup verify text.dump", "", ExitCode.FOUND),
        ("backup status --rpo soon", "", ExitCode.USAGE),
        ("backup status", "", ExitCode.FOUND),
        ("backup schedule --rpo 1m", "", ExitCode.FAILED),
        ("restore text.dump", "", ExitCode.FAILED),
        ("restore nowhere.dump", "", ExitCode.USAGE),
        ("restore text.dump --target mysql://x/y", "", ExitCode.USAGE),
        ("drill", "", ExitCode.USAGE),
        ("drill text.dump --random", "", ExitCode.USAGE),
        ("drill text.dump", "", ExitCode.FOUND),
    ],
    ids=str,
)
def test_bad_input_is_refused_in_one_sentence(  # noqa: PLR0917  fixtures, too
    source: Source, tmp_path: Path, call: Run, command: str, url: str, code: ExitCode
) -> None:
    (tmp_path / "text.dump").write_text("INSERT INTO trades VALUES (1);\n")
    ended = call(*command.split(), url=url or source.url)
    assert ended.code == code, ended.err
    assert "Traceback" not in ended.err
    assert dump_files(source.home(tmp_path)) == []


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="needs /proc")
def test_no_program_is_told_the_password_on_its_command_line(source: Source, tmp_path: Path) -> None:
    seen: set[bytes] = set()
    child = start(source, tmp_path)
    while child.poll() is None:
        for process in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                line = process.read_bytes()
            except OSError:
                continue
            if b"pg_dump" in line or b"pg_restore" in line:
                seen.add(line)
    out, err = child.communicate()
    assert seen
    assert not any(PASSWORD.encode() in line for line in seen)
    assert PASSWORD not in out + err
    assert PASSWORD not in "".join(path.read_text() for path in source.home(tmp_path).rglob("*.json"))


def test_on_railway_without_a_volume_it_warns(
    source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: Run
) -> None:
    monkeypatch.setenv("RAILWAY_ENVIRONMENT", "production")
    assert "lost with the next deployment" in call("backup", url=source.url).err
    monkeypatch.setenv("RAILWAY_VOLUME_MOUNT_PATH", str(tmp_path))
    assert "lost with the next deployment" not in call("backup", url=source.url).err


def test_the_environments_database_is_taken(source: Source, monkeypatch: pytest.MonkeyPatch, call: Run) -> None:
    monkeypatch.setenv("RAILWAY_STAGING_DATABASE_URL", source.url)
    assert call("backup", "--env", "staging", url="postgresql://bot@127.0.0.1:1/atb").code == 0


@pytest.mark.parametrize(
    ("rpo", "seconds", "cron"),
    [
        (15, 10, "*/12 * * * *"),
        (15, 0, "*/15 * * * *"),
        (65, 60, "0 * * * *"),
        (300, 60, "0 */4 * * *"),
        (5, 0, "*/5 * * * *"),
    ],
)
def test_the_schedule_honours_the_rpo(rpo: int, seconds: int, cron: str) -> None:
    found = plan(timedelta(minutes=rpo), timedelta(seconds=seconds))
    assert found.cron == cron
    assert found.worst_loss <= timedelta(minutes=rpo)


def test_no_schedule_is_made_up(source: Source, call: Run) -> None:
    with pytest.raises(InvalidInput, match="no schedule"):
        plan(timedelta(minutes=5), timedelta(seconds=1))
    code, out, _ = call("backup", "schedule", url=source.url)
    assert code == 0
    assert "\n*/12 * * * * cd /" in out
    assert out.count(" --rpo 15m ") == 2
    assert "mount a volume at /backups," in out
    assert '"startCommand": "atb-db backup --backup-dir /backups --retention' in out
    assert call("backup", "schedule", "--rpo", "1h2m3s", url=source.url).out.count(" --rpo 3723s ") == 2
    assert json.loads(call("backup", "schedule", "--json", url=source.url).out)["railway"]["deploy"]["cronSchedule"]


def test_folder_and_retention_may_come_from_the_environment(
    source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: Run
) -> None:
    monkeypatch.setenv("BACKUP_DIR", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("BACKUP_RETENTION_DAYS", "2")
    assert call("backup", url=source.url).code == 0
    home = tmp_path / "elsewhere" / source.name
    (good,) = dump_files(home)
    for days in (1, 3):
        age(good, timedelta(days=days))
    assert "Removed 1" in call("backup", url=source.url).err
    assert len(dump_files(home)) == 3
    monkeypatch.setenv("BACKUP_RETENTION_DAYS", "never")
    assert call("backup", url=source.url).code == ExitCode.USAGE
