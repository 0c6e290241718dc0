"""What the README shows is run."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

README = Path(__file__).parents[2] / "README.md"


def test_the_examples_run_and_print_what_they_say(fresh_url: str) -> None:
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), flags=re.DOTALL)
    script = "".join(blocks)
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=os.environ | {"DATABASE_URL": fresh_url},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    promised = re.findall(r"print.*\)  +# (.*)", script)
    assert len(promised) == 3
    assert done.stdout.splitlines() == ["BTCUSDT LONG 0.0025 ['FILLED']", *promised]
