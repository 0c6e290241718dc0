"""Faults and attacks whose tests are with their subjects: a line each."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import Final

import pytest

from tests.faults.conftest import Record, only_in_full
from tests.faults.results import Line

pytestmark = only_in_full
SUBJECTS: Final = {
    "PgBouncer in transaction mode: every statement": ["tests/database/test_pgbouncer.py"],
    "migrations killed, cut off, raced, blocked": ["tests/admin/migrations/test_faults.py"],
    "backups killed, without server or room, damaged": [
        *("tests/cli/test_backup.py", "tests/backup/test_damage.py"),
        *("-k", "killed or grow or full_disk or damage or cut or goes_away"),
    ],
    "any value for any parameter of every command": [
        *(
            "tests/invariants/test_any_values.py",
            "tests/invariants/test_bad_values.py",
            "tests/invariants/test_json.py",
        ),
    ],
    "a statement inside a stream; a stream or load slower than idle_timeout": [
        *("tests/database/test_stream.py", "tests/database/test_async.py", "-k", "stream or turn or reader"),
    ],
    "forked children: 0 answers of another process": ["tests/database/test_forks.py"],
    "a journal on a server that refuses writes, in the place of something else": [
        *("tests/journal/test_troubles.py", "tests/journal/test_places.py"),
    ],
    "clocks set back and forward, DST and leap years": ["tests/books/test_clocks.py"],
    "encryption weaker than libpq's own, passwords in what is shown": [
        *("tests/unit/test_conninfo.py", "tests/admin/test_encryption.py", "tests/database/test_secrets.py"),
    ],
    "a name or a list whose first address is deaf": ["tests/database/test_addresses.py"],
    "SQL in every string of every statement": ["tests/invariants/test_injection.py"],
    "what the engine's and the readers' logins must not do": ["tests/admin/access/test_roles.py"],
}


@pytest.mark.parametrize("subject", SUBJECTS)
def test_under_fault(subject: str, record: Record) -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-n", "0", *SUBJECTS[subject]]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    counts = {word: int(number) for number, word in re.findall(r"(\d+) (passed|skipped)", done.stdout)}
    promised = "as in their tests" + (f", {counts['skipped']} skipped here" if "skipped" in counts else "")
    record(Line(subject, "own tests", counts.get("passed", 0), promised=promised))
    assert counts.get("passed")
