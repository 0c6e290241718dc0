"""Running `atb-db` as its users do: in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, TypeAlias

import pytest

from atb_db.cli import main

PASSWORD = "s3cret-pw"
COMMAND = (sys.executable, "-m", "atb_db")


class Ended(NamedTuple):
    code: int
    out: str
    err: str


Run: TypeAlias = Callable[..., Ended]


def with_password(url: str) -> str:
    """The URL with a password that the test's server does not ask for."""
    return url.replace("postgres@", f"postgres:{PASSWORD}@")


def environment(url: str | None) -> dict[str, str]:
    """The environment for the command, without any setting of the developer's own."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith(("DATABASE_", "PG"))}
    package = str(Path(__file__).parents[2])
    return kept | {"PYTHONPATH": package} | ({"DATABASE_URL": with_password(url)} if url is not None else {})


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Run `atb-db` to its end; no output of any command may ever show the password."""

    def run_command(*arguments: str, url: str | None = None) -> Ended:
        done = subprocess.run(
            (*COMMAND, *arguments),
            env=environment(url),
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert PASSWORD not in done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return Ended(done.returncode, done.stdout, done.stderr)

    return run_command


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run `atb-db` to its end in this process, which starts no interpreter and so is faster than `run`."""

    def call_command(*arguments: str, url: str | None = None) -> Ended:
        with monkeypatch.context() as patched:
            for name in os.environ.keys() - environment(url).keys():
                patched.delenv(name)
            for name, value in environment(url).items():
                patched.setenv(name, value)
            patched.chdir(tmp_path)
            patched.setattr(sys, "argv", ["atb-db", *arguments])
            capsys.readouterr()
            with pytest.raises(SystemExit) as ended:
                main()
        out, err = capsys.readouterr()
        assert PASSWORD not in out + err
        return Ended(int(ended.value.code or 0), out, err)

    return call_command
