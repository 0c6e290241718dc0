"""What README.md and docs/python.md show is run."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def blocks(page: str) -> str:
    return "".join(re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(encoding="utf-8"), flags=re.DOTALL))


def test_the_examples_run_and_print_what_they_say(fresh_url: str) -> None:
    script = blocks("README.md") + blocks("docs/python.md")
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-c", script],
        env=os.environ | {"DATABASE_URL": fresh_url},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    promised = re.findall(r"print.*\)  +# (.*)", script)
    assert len(promised) == 3
    assert done.stdout.splitlines() == ["BTCUSDT LONG 0.0025 ['FILLED']", *promised]
