"""Client programs that are newer than the server."""

from pathlib import Path

import pytest

from atb_db.admin import programs
from atb_db.admin.backup.checking import check_backup
from atb_db.admin.backup.dump import backup
from atb_db.admin.backup.restore import restore
from atb_db.admin.errors import ToolMissing
from atb_db.admin.programs import Tool
from atb_db.admin.scratch import in_embedded_server
from atb_db.config import Settings
from atb_db.embedded import wheel_binaries
from atb_db.embedded.binaries import major_of, program_version
from tests.backup.conftest import Saved


def only(monkeypatch: pytest.MonkeyPatch, *folders: Path) -> None:
    monkeypatch.setattr(programs, "_usual_folders", lambda: list(folders))
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.delenv("ATB_DB_PG_BIN", raising=False)


@pytest.mark.slow
@pytest.mark.parametrize(
    "folder",
    [
        pytest.param(folder, marks=[pytest.mark.slow] if number else [])
        for number, folder in enumerate(wheel_binaries())
    ],
    ids=lambda folder: folder.parent.name,
)
def test_a_newer_pg_dump_will_do(
    saved: Saved, folder: Path, empty_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tool = Tool(folder / "pg_dump", str(program_version(folder / "pg_dump")))
    if tool.major < major_of(saved.manifest.server_version):
        pytest.skip("this one is older than the server")
    only(monkeypatch, folder)
    made = backup(saved.settings, folder=tmp_path)
    assert made.manifest.client_version == tool.version
    check_backup(made.path)
    done = restore(Settings.load(empty_url), made.path)
    assert done.verification.clean
    with in_embedded_server(tool.major, durable=True) as newer:
        assert restore(newer.settings, made.path).verification.clean


def test_without_a_pg_dump_as_new_as_the_server_there_is_none(
    saved: Saved, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    only(monkeypatch)
    with pytest.raises(ToolMissing, match="no pg_dump"):
        backup(saved.settings, folder=tmp_path)
    with pytest.raises(ToolMissing, match="no pg_restore"):
        check_backup(saved.dump)
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == [".lock"]
