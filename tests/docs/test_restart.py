"""What docs/restart.md shows is run."""

from __future__ import annotations

import os
import subprocess
import sys

from atb_db import Database
from atb_db.repository import orders
from tests.docs.test_readme import blocks


def test_the_example_runs_and_repeats_exactly(fresh_url: str, fresh_db: Database) -> None:
    script = blocks("docs/restart.md").replace("resume_or_create(", "resume_or_create(take_over=True, ")
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-X", "dev", "-c", script],
            env=os.environ | {"DATABASE_URL": fresh_url},
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, done.stderr, done.stdout) == (0, "", "")
    [journaled] = fresh_db.run(orders.get_pending_orders(session_id=1))
    assert journaled.internal_order_id == "entry-2024-03-01T09"
