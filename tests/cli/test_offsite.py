"""Backups that come, are thinned, checked and taken elsewhere by themselves."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from atb_db.cli.exits import ExitCode
from tests.cli.conftest import Run


@pytest.mark.slow
def test_the_schedule_works_where_there_is_hardly_an_environment(migrated_url: str, tmp_path: Path) -> None:
    """As cron starts it: every line of the crontab, with what it has in its environment."""
    program = Path(sys.executable).with_name("atb-db")
    (tmp_path / ".env").write_text(f"DATABASE_URL={migrated_url}\n")
    (tmp_path / ".env").chmod(0o600)

    def cron(command: str) -> subprocess.CompletedProcess[str]:
        bare = {"PATH": "/usr/bin:/bin", "SHELL": "/bin/sh", "LANG": "C"}
        return subprocess.run(
            ["/bin/sh", "-c", command], env=bare, cwd="/", capture_output=True, text=True, timeout=120, check=False
        )

    printed = cron(f"cd {shlex.quote(str(tmp_path))} && {program} backup schedule --backup-dir spare --rpo 1d")
    assert printed.returncode == 0, printed.stderr
    lines = re.findall(r"^[*/0-9]+ \S+ \S+ \S+ \S+ (.+)$", printed.stdout, re.MULTILINE)
    assert len(lines) == 4
    for line in lines:
        done = cron(line)
        assert (done.returncode, "atb-db: " in done.stdout) == (0, False), (line, done)
    assert "Kept are 1,474 backups" not in printed.stdout
    assert list((tmp_path / "spare").glob("*/*/*/*/*.dump"))
    again = cron(f"cd {shlex.quote(str(tmp_path))} && {program} backup schedule --backup-dir spare --rpo 1h --json")
    found = json.loads(again.stdout)
    assert found["most_kept"] == 48 + 14 + 8 + 12
    assert found["newest_bytes"] > 0


SAVE = """\
import pathlib, sys
path = pathlib.Path(sys.argv[2])
pathlib.Path(sys.argv[1], path.name).write_bytes(path.read_bytes())
"""


def test_a_backup_is_taken_elsewhere_and_a_failure_keeps_the_older_ones(
    migrated_url: str, call: Run, tmp_path: Path
) -> None:
    there, script = tmp_path / "there 1", tmp_path / "save.py"
    there.mkdir()
    script.write_text(SAVE)
    then = shlex.join([sys.executable, str(script), str(there)])
    made = call("backup", "--then", then, url=migrated_url)
    assert made.code == 0, made.err
    dump = Path(made.out.strip())
    assert {path.name for path in there.iterdir()} == {dump.name, dump.with_suffix(".json").name}
    assert (there / dump.name).read_bytes() == (tmp_path / dump).read_bytes()
    place = "import sys; sys.exit(sys.argv[1:] != [sys.argv[1]] or not sys.argv[1].startswith('file=/'))"
    with_place = shlex.join([sys.executable, "-c", place, "file={}"])
    assert call("backup", "--then", with_place, url=migrated_url).code == 0
    failing = call("backup", "--then", "sh -c 'echo no room >&2; exit 7'", url=migrated_url)
    assert (failing.code, "it is not elsewhere, and no older one was removed: sh failed: no room" in failing.err) == (
        ExitCode.FAILED,
        True,
    )
    assert (tmp_path / failing.out.strip()).exists()
    count = len(list(tmp_path.rglob("*.dump")))
    for wrong, code in (
        ("no-such-program", ExitCode.NO_TOOL),
        ("", ExitCode.USAGE),
        ("'", ExitCode.USAGE),
    ):
        assert call("backup", "--then", wrong, url=migrated_url).code == code
    assert call("backup", "--encrypt-to", "x", url=migrated_url).code == ExitCode.USAGE
    assert len(list(tmp_path.rglob("*.dump"))) == count


@pytest.mark.slow
def test_what_is_taken_elsewhere_is_encrypted_for_its_recipient(migrated_url: str, call: Run, tmp_path: Path) -> None:
    if shutil.which("gpg") is None:
        pytest.skip("there is no gpg on this machine")
    # Its sockets need a short path.
    with TemporaryDirectory(prefix="gpg") as home, pytest.MonkeyPatch.context() as patched:
        patched.setenv("GNUPGHOME", home)
        gpg = ["gpg", "--batch", "--passphrase", "", "--pinentry-mode", "loopback"]
        key = [*gpg, "--quick-generate-key", "backups@example.org", "default", "default", "never"]
        subprocess.run(key, check=True, capture_output=True)
        there, script = tmp_path / "there", tmp_path / "save.py"
        there.mkdir()
        script.write_text(SAVE)
        then = shlex.join([sys.executable, str(script), str(there)])
        made = call("backup", "--then", then, "--encrypt-to", "backups@example.org", url=migrated_url)
        assert made.code == 0, made.err
        dump = tmp_path / made.out.strip()
        assert {path.name for path in there.iterdir()} == {f"{dump.name}.gpg", f"{dump.stem}.json.gpg"}
        clear = subprocess.run([*gpg, "--decrypt", there / f"{dump.name}.gpg"], check=True, capture_output=True).stdout
        assert clear == dump.read_bytes()
        assert not list(tmp_path.rglob(".sending-*"))
        unknown = call("backup", "--then", then, "--encrypt-to", "nobody@example.org", url=migrated_url)
        assert (unknown.code, "gpg failed" in unknown.err) == (ExitCode.FAILED, True)
        subprocess.run(["gpgconf", "--kill", "all"], check=False)  # noqa: S607
