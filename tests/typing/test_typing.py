"""mypy --strict and pyright both know what `db.run(...)` and `await adb.run(...)` return, and find wrong calls."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
CHECKERS = {
    "mypy": ["mypy", "--no-incremental", "--cache-dir", "/dev/null"],
    "pyright": ["basedpyright", "--warnings"],
}


@pytest.mark.parametrize("checker", CHECKERS)
def test_the_checker_agrees(checker: str) -> None:
    files = [str(HERE / "results.py"), str(HERE / "mistakes.py")]
    done = subprocess.run(
        [sys.executable, "-m", *CHECKERS[checker], *files], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("checker", CHECKERS)
def test_the_checker_would_disagree(checker: str, tmp_path: Path) -> None:
    """A test that cannot fail shows nothing: with one result's type changed, the checker must object."""
    text = (HERE / "results.py").read_text()
    wrong = tmp_path / "wrong.py"
    wrong.write_text(text.replace("Statement[Position])", "Statement[Trade])"))
    done = subprocess.run(
        [sys.executable, "-m", *CHECKERS[checker], str(wrong)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    assert "wrong.py" in done.stdout
