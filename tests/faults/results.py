"""The fault suite's table: printed, and written into a document.

python -m tests.faults.results FILE DOCUMENT PART
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple

_COLUMNS: Final = (
    "| fault | client | times | acknowledged | lost | double | halves | errors to callers | recovery | promised |"
)


class Line(NamedTuple):
    """One fault and what it came to."""

    fault: str
    client: str
    """sync, async, or what else was tried."""
    times: int
    answers: int | None = None
    lost: int | None = None
    double: int | None = None
    halves: int | None = None
    """Of which something was stored, but not all."""
    errors: str = ""
    recovery: float | None = None
    """Seconds."""
    promised: str = ""

    def __str__(self) -> str:
        cells = ["" if cell is None else f"{cell:.2f} s" if isinstance(cell, float) else str(cell) for cell in self]
        return f"| {' | '.join(cells)} |"


def table(lines: list[Line]) -> str:
    """In Markdown."""
    return "\n".join([_COLUMNS, "|" + " --- |" * len(Line._fields), *map(str, lines)])


def main(file: str, document: str, part: str) -> None:
    """Print the table of a file of results, and write it into its part of a document."""
    made = table([Line(**json.loads(line)) for line in Path(file).read_text().splitlines()])
    about = (
        f"`make {part}` of {datetime.now(UTC):%Y-%m-%d} on commit {_commit()}, SEED={os.environ.get('ATB_DB_SEED')}: "
        f"{os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}."
    )
    print(about, made, sep="\n\n")  # noqa: T201
    before, begin, rest = Path(document).read_text().partition(f"<!-- {part}: begin -->\n")
    _, end, after = rest.partition(f"<!-- {part}: end -->")
    if not (begin and end):
        sys.exit(f"{document} has no place for {part}")
    Path(document).write_text(f"{before}{begin}{about}\n\n{made}\n{end}{after}")


def _commit() -> str:
    git = ["git", "rev-parse", "--short", "HEAD"]
    return subprocess.run(git, capture_output=True, text=True, check=False).stdout.strip() or "unknown"


if __name__ == "__main__":
    main(*sys.argv[1:])
