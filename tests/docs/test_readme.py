"""What README.md, docs/tutorial.md and docs/python.md show is run."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def blocks(page: str) -> str:
    return "".join(re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(encoding="utf-8"), flags=re.DOTALL))


@pytest.mark.parametrize("pages", [("README.md", "docs/python.md"), ("docs/tutorial.md",)], ids=" ".join)
def test_the_examples_run_and_print_what_they_say(fresh_url: str, pages: tuple[str, ...]) -> None:
    script = "".join(map(blocks, pages))
    promised = re.findall(r"print.*\)  +# (.*)", script)
    assert len(promised) >= 3
    assert shown(script, fresh_url).splitlines() == promised


def test_the_tutorials_engine_can_be_restarted(fresh_url: str) -> None:
    script = blocks("docs/tutorial.md")
    shown(script, fresh_url)
    assert shown(script, fresh_url).startswith("RESUMED 998.586 0")


def shown(script: str, url: str) -> str:
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-c", script],
        env=os.environ | {"DATABASE_URL": url},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout
