"""mypy --strict and pyright both know what `db.run(...)` and `await adb.run(...)` return, and find wrong calls."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]


@pytest.mark.parametrize(
    "checker",
    [pytest.param(["mypy"], marks=pytest.mark.slow), ["basedpyright", "--warnings"]],
    ids=lambda command: command[0],
)
def test_the_checker_agrees_and_would_disagree(checker: list[str], tmp_path: Path) -> None:
    """A test that cannot fail shows nothing: with one result's type changed, the checker must object to that alone."""
    wrong = tmp_path / "wrong.py"
    wrong.write_text((HERE / "results.py").read_text().replace("Statement[Position])", "Statement[Trade])"))
    files = [HERE / "results.py", HERE / "mistakes.py", wrong]
    done = subprocess.run(
        [sys.executable, "-m", *checker, *files], cwd=ROOT, capture_output=True, text=True, check=False
    )
    objections = [line for line in done.stdout.splitlines() if " error: " in line or " warning: " in line]
    assert objections, done.stdout + done.stderr
    assert [line for line in objections if "wrong.py:" not in line] == []
    assert done.returncode == 1, done.stderr
