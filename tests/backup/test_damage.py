"""No damage to a dump goes unnoticed."""

import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from atb_db.admin.backup.archive import read_through
from atb_db.admin.backup.checking import check_backup
from atb_db.admin.backup.drill import drill
from atb_db.admin.backup.manifest import checksum, to_json
from atb_db.admin.backup.names import manifest_file
from atb_db.admin.backup.restore import restore
from atb_db.admin.errors import BadBackup
from atb_db.admin.programs import tool_for
from atb_db.config import Settings
from atb_db.embedded.binaries import major_of
from atb_db.errors import AtbDbError
from tests.backup.conftest import Saved

DAMAGES = 60


def damages(dump: Path, folder: Path, count: int, seed: int) -> Iterator[Path]:
    """Copies of the backup, each cut off at a random place, with a bit flipped, or with bytes added."""
    generator = random.Random(seed)  # noqa: S311
    content = dump.read_bytes()
    copy = folder / dump.name
    shutil.copy(manifest_file(dump), manifest_file(copy))
    for number in range(count):
        damaged = bytearray(content)
        match number % 5:
            case 0 | 1:
                del damaged[generator.randrange(len(damaged)) :]
            case 2:
                damaged += generator.randbytes(generator.randrange(1, 100))
            case _:
                damaged[generator.randrange(len(damaged))] ^= 1 << generator.randrange(8)
        copy.write_bytes(damaged)
        yield copy


def objects(settings: Settings) -> int:
    with psycopg.connect(settings.conninfo) as connection:
        query = "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace"
        return int(connection.execute(query).fetchall()[0][0])


@pytest.mark.slow
def test_every_damage_is_refused_by_verify_restore_and_drill(saved: Saved, empty_url: str, tmp_path: Path) -> None:
    target = Settings.load(empty_url)
    refused = 0
    for dump in damages(saved.dump, tmp_path, DAMAGES, seed=1):
        with pytest.raises(BadBackup):
            check_backup(dump)
        with pytest.raises(BadBackup):
            restore(target, dump)
        found = drill(saved.settings, dump, home=tmp_path, target=target).drill
        assert not found.passed
        assert found.problems
        refused += 1
    assert refused == DAMAGES
    assert objects(target) == 0


@pytest.mark.slow
def test_reading_through_alone_notices_every_cut_and_what_is_flipped_in_rows(saved: Saved, tmp_path: Path) -> None:
    tool = tool_for("pg_restore", major_of(saved.manifest.client_version))
    assert read_through(saved.dump, tool) == saved.manifest.rows
    noticed: set[int] = set()
    for number, dump in enumerate(damages(saved.dump, tmp_path, DAMAGES, seed=2)):
        try:
            read_through(dump, tool)
        except BadBackup:
            noticed.add(number)
    cuts = {number for number in range(DAMAGES) if number % 5 in {0, 1}}
    # The rest is for the checksum: bytes after the end, and letters in the definitions, most of so small a dump.
    assert cuts < noticed


@pytest.mark.slow
def test_damage_behind_a_right_checksum_leaves_the_target_as_it_was_or_is_harmless(
    saved: Saved, empty_url: str, tmp_path: Path
) -> None:
    target = Settings.load(empty_url)
    for dump in damages(saved.dump, tmp_path, 15, seed=3):
        told = saved.manifest._replace(bytes=dump.stat().st_size, sha256=checksum(dump))
        manifest_file(dump).write_text(to_json(told))
        try:
            assert restore(target, dump).rows == saved.manifest.rows
        except AtbDbError:
            assert objects(target) == 0
        else:
            with psycopg.connect(target.conninfo, autocommit=True) as connection:
                connection.execute("DROP SCHEMA public CASCADE")
                connection.execute("CREATE SCHEMA public")


@pytest.mark.parametrize(
    "manifest", ["", "{", "[]", "null", '{"format": 1}', '{"format": "1"}', "\udcff", "{}" * 9], ids=repr
)
def test_a_damaged_manifest_is_refused(saved: Saved, tmp_path: Path, manifest: str) -> None:
    dump = Path(shutil.copy(saved.dump, tmp_path))
    manifest_file(dump).write_text(manifest, errors="surrogateescape")
    with pytest.raises(BadBackup, match="cannot be read"):
        check_backup(dump)


def test_a_manifest_for_another_dump_is_refused(saved: Saved, tmp_path: Path) -> None:
    dump = Path(shutil.copy(saved.dump, tmp_path / "backup-20200101T000000.000Z.dump"))
    with pytest.raises(BadBackup, match="no manifest"):
        check_backup(dump)
    shutil.copy(manifest_file(saved.dump), manifest_file(dump))
    with pytest.raises(BadBackup, match="another time"):
        check_backup(dump)


def test_other_rows_than_promised_are_refused(saved: Saved, tmp_path: Path, empty_url: str) -> None:
    dump = Path(shutil.copy(saved.dump, tmp_path))
    rows = {**saved.manifest.rows, "public.trades": 7}
    manifest_file(dump).write_text(to_json(saved.manifest._replace(rows=rows)))
    for refuse in (check_backup, lambda dump: restore(Settings.load(empty_url), dump)):
        with pytest.raises(BadBackup, match=r"6 rows of public\.trades where 7 are due"):
            refuse(dump)
    assert objects(Settings.load(empty_url)) == 0
