"""What docs/journal.md shows is run, and names commands that there are."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from atb_db.cli.reference import names

TEXT = (Path(__file__).parents[2] / "docs" / "journal.md").read_text(encoding="utf-8")


def test_the_example_runs(fresh_url: str, tmp_path: Path) -> None:
    [example] = re.findall(r"```python\n(.*?)```", TEXT, flags=re.DOTALL)
    done = subprocess.run(
        [sys.executable, "-c", example],
        env=os.environ | {"DATABASE_URL": fresh_url},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("stored as ")


def test_its_commands_exist() -> None:
    found = set(re.findall(r"^atb-db (journal [a-z]+)", TEXT, flags=re.MULTILINE))
    assert found == {name for name in names() if name.startswith("journal ")}
