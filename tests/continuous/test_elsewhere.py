"""`archive start --then`: what is complete gets elsewhere, and nothing is removed as long as that fails."""

from __future__ import annotations

import gzip
import os
import re
import shlex
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest

from atb_db.admin.backup.offsite import SENDING, OffSite
from atb_db.admin.continuous.elsewhere import Sender
from atb_db.admin.continuous.layout import (
    Archive,
    Base,
    base_folder,
    new_chain,
    read_chains,
    write_archive,
    write_base,
    write_until,
)
from atb_db.admin.continuous.plan import plan
from atb_db.admin.continuous.recover import scratch
from atb_db.cli.exits import ExitCode
from tests.cli.conftest import Run
from tests.continuous.conftest import PATIENCE, Scene, numbers

SIZE = 1 << 24
NOW = datetime(2026, 11, 29, 3, tzinfo=UTC)
COPY = 'test ! -e "$1/full" || { echo no room >&2; exit 7; }; mkdir -p "$(dirname "$1/$2")" && cp "$3" "$1/$2"'
PAGE = (Path(__file__).parents[2] / "docs" / "archive.md").read_text(encoding="utf-8")


def copying(there: Path) -> tuple[str, ...]:
    return ("sh", "-c", COPY, "sh", str(there), "{name}", "{}")


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def wait(is_so: Callable[[], object]) -> None:
    end = time.monotonic() + PATIENCE
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.02)


def segment(chain: Path, number: int) -> str:
    name = f"0000000100000000000000{number:02X}.gz"
    (chain / "wal" / name).write_bytes(gzip.compress(b"log"))
    return f"chains/{chain.name}/wal/{name}"


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """An archive with a base backup and two finished segments; a third is still being written."""
    folder = tmp_path / "archive"
    folder.mkdir()
    write_archive(folder, Archive(1, "7", "slot", SIZE, 15))
    chain = new_chain(folder)
    for number in (1, 2):
        segment(chain, number)
    (chain / "wal" / "000000010000000000000003.partial").touch()
    place = base_folder(chain, NOW)
    place.mkdir()
    (place / "PG_VERSION").write_text("15\n")
    write_until(chain, NOW)
    write_base(Base(place, NOW, NOW, SIZE + 40, SIZE + 90, 3, 0.1))
    return folder


@contextmanager
def sending(archive: Path, command: tuple[str, ...], told: list[str]) -> Iterator[Sender]:
    def until_of(_: Path, number: int) -> datetime:
        return NOW.replace(minute=number)

    sender = Sender(archive, OffSite(command), until_of=until_of, tell=told.append)
    try:
        yield sender
    finally:
        sender.stop()


def test_each_complete_file_is_handed_on_once_and_what_is_there_says_until_when(archive: Path, tmp_path: Path) -> None:
    there, told = tmp_path / "there", list[str]()
    [chain] = read_chains(archive, SIZE)
    with sending(archive, copying(there), told) as sender:
        wait(lambda: sender.has_all() and sender.until == NOW.replace(minute=2))
        base = f"chains/{chain.folder.name}/base/{chain.bases[0].folder.name}"
        expected = {
            "archive.json",
            f"chains/{chain.folder.name}/chain.json",
            *(f"chains/{chain.folder.name}/wal/{one.file}" for one in chain.segments if one.compressed),
            *(f"{base}.json", f"{base}.tar.gz"),
        }
        assert files(there) == expected
    shutil.rmtree(there)
    with sending(archive, copying(there), told) as sender:
        wait(sender.has_all)
        assert sender.until == NOW.replace(minute=2)
        third = segment(chain.folder, 3)
        wait(lambda: sender.until == NOW.replace(minute=3))
        assert files(there) == {third, f"chains/{chain.folder.name}/chain.json"}
    assert (told, list(archive.rglob(f"{SENDING}*"))) == ([], [])


def test_a_failure_is_said_once_and_holds_what_is_older(archive: Path, tmp_path: Path) -> None:
    there, told = tmp_path / "there", list[str]()
    there.mkdir()
    (there / "full").touch()
    with sending(archive, copying(there), told) as sender:
        wait(lambda: sender.problem)
        assert not sender.has_all()
        assert sender.problem == "not taken elsewhere, and nothing older is removed: sh failed: no room"
        assert told == [sender.problem]
        assert files(there) == {"full"}
    # One that is at work is ended when the archiver is; else this would take for ever.
    with sending(archive, ("sh", "-c", 'touch "$1/began"; exec sleep 100000', "sh", str(there), "{name}"), told):
        wait((there / "began").exists)


@pytest.mark.parametrize("then", ["cp {} /there", "", "'{name}"])
def test_a_command_that_cannot_be_right_is_refused_before_anything(migrated_url: str, call: Run, then: str) -> None:
    for action in ("start", "schedule"):
        assert call("archive", action, "--then", then, url=migrated_url).code == ExitCode.USAGE
    assert call("archive", "start", "--encrypt-to", "x", url=migrated_url).code == ExitCode.USAGE


def test_a_program_that_is_missing_is_said_at_the_start(migrated_url: str, call: Run, tmp_path: Path) -> None:
    where = ("--archive-dir", str(tmp_path / "archive"))
    for more in ((), ("--foreground",)):
        ended = call("archive", "start", *where, *more, "--then", "no-such-program {} {name}", url=migrated_url)
        assert (ended.code, "no program no-such-program" in ended.err) == (ExitCode.NO_TOOL, True)
    printed = call("archive", "schedule", *where, "--then", "rclone copyto {} off:a/{name}", url=migrated_url).out
    assert printed.count("--then 'rclone copyto {} off:a/{name}'") == 3
    # Cron starts them in a home folder, without DATABASE_URL.
    lines = [line.split(maxsplit=5)[5] for line in printed.splitlines() if re.match(r"[*/0-9]+ \S+ \S+ \S+ \S+ ", line)]
    assert len(lines) == 3
    assert all(line.startswith(f"cd {shlex.quote(str(tmp_path))} && /") for line in lines)


@pytest.mark.slow
def test_what_is_elsewhere_brings_back_a_moment_as_the_page_says(scene: Scene, tmp_path: Path) -> None:
    there, where = tmp_path / "there", ("--archive-dir", str(scene.archive))
    there.mkdir()
    started = scene.cli("archive", "start", *where, "--then", shlex.join(copying(there)))
    assert started.code == ExitCode.OK, started.err
    moment = scene.record(1, 2, 3)
    time.sleep(0.01)
    scene.forget()

    def is_elsewhere() -> bool:
        # The server's own archive_timeout does this.
        with psycopg.connect(scene.url, autocommit=True) as connection:
            connection.execute("SELECT pg_logical_emit_message(false, 'test', 'x'), pg_switch_wal()")
        time.sleep(1)
        found = read_chains(there, SIZE) if (there / "chains").exists() else []
        return any(chain.until is not None and chain.until >= moment for chain in found)

    wait(is_elsewhere)
    assert "Elsewhere until " in scene.cli("archive", "status", *where).out
    (there / "full").touch()
    scene.until(lambda state: is_elsewhere() and state.problem is not None)
    late = scene.cli("archive", "status", *where)
    assert (late.code, "Not taken elsewhere, and nothing older is removed: sh failed: no room." in late.err) == (
        3,
        True,
    )
    assert scene.cli("archive", "stop", *where).code == ExitCode.OK
    shutil.rmtree(scene.archive)
    (there / "full").unlink()
    [unpack] = re.findall(r"^find archive .*tar.*$", PAGE, re.MULTILINE)
    there.rename(scene.archive)
    assert os.system(f"cd {shlex.quote(str(scene.archive.parent))} && {unpack}") == 0  # noqa: S605  as it is printed
    with scratch(plan(scene.archive, moment), scene.settings) as recovered:
        assert numbers(recovered.settings) == [1, 2, 3]
