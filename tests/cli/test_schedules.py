"""Lines for cron and systemd, to which `%` says something."""

from __future__ import annotations

from pathlib import Path

import pytest

from atb_db.cli.schedules import archive_schedule, backup_schedule


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    made = tmp_path / "50% safe"
    made.mkdir()
    monkeypatch.chdir(made)
    return made


def crontab_lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if " cd " in line]


def test_a_crontab_gives_the_shell_what_is_meant(folder: Path) -> None:
    """In a crontab the first `%` without a backslash ends the command; `\\%` is `%` to the shell (crontab(5))."""
    commands = {name: f"atb-db {name} --backup-dir '10%'" for name in ("command", "check", "verify", "drill")}
    for text, number in (
        (backup_schedule(about=["why"], cron="7 * * * *", commands=commands, volume=Path("/backups")), 4),
        (archive_schedule("start '10%'", "check '10%'", "drill '10%'", container="archive start"), 3),
    ):
        lines = crontab_lines(text)
        assert len(lines) == number
        for line in lines:
            assert "%" not in line.replace(r"\%", "")
            heard = line.replace(r"\%", "%")
            assert f" cd '{folder}' && " in heard
            assert "'10%'" in heard


def test_a_unit_names_the_folder_and_the_command(folder: Path) -> None:
    """In a unit `%%` is `%` (systemd.unit(5), specifiers)."""
    lines = archive_schedule("start '10%'", "check", "drill", container="archive start").splitlines()
    assert f"WorkingDirectory={folder}".replace("%", "%%") in lines
    assert "ExecStart=start '10%%' --foreground" in lines
