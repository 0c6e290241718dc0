from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from atb_db.admin.backup import names

TIME = datetime(2026, 11, 24, 17, 15, 30, 123456, tzinfo=UTC)


def test_the_place_of_a_backup() -> None:
    dump = names.dump_file(names.database_folder(Path("backups"), "atb"), TIME)
    assert str(dump) == "backups/atb/2026/11/24/backup-20261124T171530.123Z.dump"
    assert names.manifest_file(dump).name == "backup-20261124T171530.123Z.json"
    assert names.part_file(dump).name == "backup-20261124T171530.123Z.dump.part"
    assert names.time_of(dump) == TIME.replace(microsecond=123000)


def test_the_place_is_utcs() -> None:
    new_york = TIME.astimezone(timezone(timedelta(hours=-20)))
    assert names.dump_file(Path(), new_york) == names.dump_file(Path(), TIME)


@pytest.mark.parametrize(
    ("database", "folder"),
    [("a b", "a b"), ("../../etc", "..%2F..%2Fetc"), ("..", "%2E%2E"), (".", "%2E"), ("a/b", "a%2Fb"), ("ü", "%C3%BC")],
)
def test_no_database_has_a_folder_elsewhere(database: str, folder: str) -> None:
    assert names.database_folder(Path("backups"), database) == Path("backups") / folder


@pytest.mark.parametrize(
    "name",
    ["backup-.dump", "backup-20261324T171530.123Z.dump", "backup-20261124T171530.123Z.dump.part", "x.dump"],
)
def test_other_files_are_no_backups(name: str, tmp_path: Path) -> None:
    assert names.time_of(Path(name)) is None
    path = tmp_path / "2026" / "11" / "24" / name
    path.parent.mkdir(parents=True)
    path.touch()
    assert names.dump_files(tmp_path) == []


def test_dumps_come_in_the_order_of_their_names_times(tmp_path: Path) -> None:
    dumps = [names.dump_file(tmp_path, TIME + timedelta(hours=hours)) for hours in (0, 2, 12, 900)]
    for dump in reversed(dumps):
        dump.parent.mkdir(parents=True, exist_ok=True)
        dump.touch()
    assert names.dump_files(tmp_path) == dumps


def test_leftovers_are_unfinished_files_and_manifests_without_a_dump(tmp_path: Path) -> None:
    good = names.dump_file(tmp_path, TIME)
    bad = names.dump_file(tmp_path, TIME + timedelta(seconds=1))
    good.parent.mkdir(parents=True)
    for path in (good, names.manifest_file(good), names.manifest_file(bad), names.part_file(bad)):
        path.touch()
    (good.parent / "backup-notes.json").touch()
    assert sorted(names.leftovers(tmp_path)) == [names.part_file(bad), names.manifest_file(bad)]
