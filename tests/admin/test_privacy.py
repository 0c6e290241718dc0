"""What other users of the machine can read is said."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from atb_db.admin.backup.dump import backup
from atb_db.admin.doctor import diagnose
from atb_db.admin.privacy import dotenv_findings, is_open
from atb_db.config import Settings


@pytest.fixture
def shared() -> Iterator[Path]:
    """A folder that everybody may enter."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.mark.parametrize(("mode", "found"), [(0o644, True), (0o604, True), (0o640, False), (0o600, False)])
def test_a_file_for_everybody(shared: Path, *, mode: int, found: bool) -> None:
    file = shared / "a file"
    file.write_text("DATABASE_URL=postgresql://bot:s3cret@h/d")
    file.chmod(mode)
    assert is_open(file) is found
    assert [one.repair for one in dotenv_findings(file)] == ([f"chmod 600 '{file}'"] if found else [])


def test_a_folder_that_nobody_enters_hides_what_is_in_it(shared: Path) -> None:
    file = shared / "private" / ".env"
    file.parent.mkdir(mode=0o700)
    file.touch()
    file.chmod(0o644)
    assert not is_open(file)
    assert not is_open(shared / "absent")
    file.parent.chmod(0o711)
    assert is_open(file)


def test_the_doctor_warns_of_a_file(shared: Path, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (shared / ".env").write_text("NAME=value\n")
    (shared / ".env").chmod(0o644)
    monkeypatch.chdir(shared)
    settings = Settings.load(url)
    repairs = [one.repair for one in diagnose(settings).findings]
    assert "chmod 600 .env" in repairs
    (shared / ".env").chmod(0o600)
    assert "chmod 600 .env" not in [one.repair for one in diagnose(settings).findings]


def test_backup_warns_of_a_folder(shared: Path, fresh_url: str) -> None:
    settings = Settings.load(fresh_url, environ={})
    home = shared / "backups" / str(fresh_url.rpartition("/")[2])
    assert not any("chmod" in note for note in backup(settings, folder=shared / "backups").notes)
    (shared / "backups").chmod(0o755)
    home.chmod(0o755)
    assert backup(settings, folder=shared / "backups").notes == (
        f"Everybody on this machine can read the backups: chmod 700 {home}",
    )
