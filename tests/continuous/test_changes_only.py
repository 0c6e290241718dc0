"""Base backups of what has changed, where the server notes that: smaller, and as good as whole ones."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import pytest

from atb_db.admin.continuous.layout import Chain, read_archive, read_chains
from atb_db.admin.continuous.plan import plan
from atb_db.admin.continuous.recover import scratch
from atb_db.admin.errors import BadBackup, Unusable
from atb_db.embedded import version_of, wheel_binaries
from atb_db.embedded.account import server_account
from atb_db.embedded.binaries import major_of, usual_folders
from tests.continuous.conftest import PATIENCE, Scene, numbers, opened

pytestmark = pytest.mark.slow
SINCE = 17


def newer() -> Path | None:
    """A PostgreSQL that can make them."""
    for folder in (*usual_folders(), *wheel_binaries()):
        version = version_of(folder, server_account())
        if version is not None and major_of(version) >= SINCE and (folder / "pg_combinebackup").exists():
            return folder
    return None


@pytest.fixture
def modern(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Scene]:
    bin_dir = newer()
    if bin_dir is None:
        pytest.skip(f"there is no PostgreSQL {SINCE} or newer on this machine")
    with opened(tmp_path, bin_dir=bin_dir, settings=getattr(request, "param", {"summarize_wal": "on"})) as scene:
        yield scene


def chain(scene: Scene, is_so: Callable[[Chain], bool]) -> Chain:
    """The chain, once it is so."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        archive = read_archive(scene.archive)
        if archive is not None and (chains := read_chains(scene.archive, archive.segment_size)) and is_so(chains[-1]):
            return chains[-1]
        time.sleep(0.1)
    pytest.fail("it never was so")


def brought_back(scene: Scene, moment: datetime | None) -> list[int]:
    with scratch(plan(scene.archive, moment), scene.settings) as recovered:
        assert recovered.verification.clean
        assert recovered.books.findings == ()
        return numbers(recovered.settings)


def test_every_moment_is_restored_from_a_whole_one_and_the_changes_since(modern: Scene) -> None:
    archiver = modern.launch("--base-every", "3s", "--whole-every", "1h")
    moments = []
    for number in range(4):
        chain(modern, lambda found, wanted=number + 1: len(found.bases) >= wanted)  # type: ignore[misc]
        moments.append(modern.record(number))
    modern.protects(moments[-1])
    found = chain(modern, lambda _: True)
    whole, *changes = found.bases
    assert whole.parent is None
    assert [one.parent for one in changes] == [one.folder.name for one in found.bases[:-1]]
    assert all(one.bytes < whole.bytes / 2 for one in changes)
    archiver.terminate()
    archiver.wait(60)
    for number, moment in enumerate(moments):
        assert brought_back(modern, moment) == list(range(number + 1))
    last = found.lineage(found.bases[-1])
    assert len(last) == len(found.bases)
    # What is put together of damaged parts is not taken for whole; without a part, what needs it is not counted.
    victim = next(path for path in last[1].folder.glob("base/*/INCREMENTAL.*") if path.stat().st_size > 100)
    content = victim.read_bytes()
    victim.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(BadBackup, match="damaged"):
        brought_back(modern, None)
    victim.write_bytes(content)
    last[1].folder.with_suffix(".json").unlink()
    assert [one.folder for one in chain(modern, lambda _: True).bases] == [whole.folder]
    assert brought_back(modern, None) == [0, 1, 2, 3]
    last[0].folder.with_suffix(".json").unlink()
    with pytest.raises(Unusable, match="cannot be restored"):
        plan(modern.archive, None)


def test_a_whole_one_comes_when_it_is_due_or_the_server_has_not_noted_the_changes(modern: Scene) -> None:
    archiver = modern.launch("--base-every", "1s", "--whole-every", "1h")
    chain(modern, lambda found: any(one.parent for one in found.bases))
    archiver.terminate()
    archiver.wait(60)
    archiver = modern.launch("--base-every", "1s", "--whole-every", "1s")
    chain(modern, lambda found: len([one for one in found.bases if one.parent is None]) >= 2)
    archiver.terminate()
    archiver.wait(60)
    # As if it had been off for a while.
    with modern.server.outage():
        for noted in (modern.server.data_dir / "pg_wal" / "summaries").glob("*"):
            noted.unlink()
    before = chain(modern, lambda _: True).bases
    modern.record(1)
    archiver = modern.launch("--base-every", "2s", "--whole-every", "1h")
    chain(modern, lambda found: any(one not in before for one in found.bases))
    moment = modern.record(2)
    modern.protects(moment)
    archiver.terminate()
    archiver.wait(60)
    assert brought_back(modern, moment) == [1, 2]


@pytest.mark.parametrize("modern", [{"summarize_wal": "off"}], indirect=True)
def test_without_notes_every_one_is_whole_and_the_way_to_it_is_said(modern: Scene) -> None:
    archiver = modern.launch("--base-every", "1s")
    found = chain(modern, lambda found: len(found.bases) >= 2)
    assert [one.parent for one in found.bases] == [None] * len(found.bases)
    archiver.terminate()
    archiver.wait(60)
    assert "summarize_wal = on" in (modern.archive.parent / "archiver.err").read_text()
