"""The fault suite's table: printed, and written into a document.

python -m tests.faults.results FILE [DOCUMENT]
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Final, NamedTuple

BEGIN: Final = "<!-- make faults: begin -->"
END: Final = "<!-- make faults: end -->"
_COLUMNS: Final = "| fault | client | times | acknowledged | lost | double | errors to callers | recovery | promised |"


class Line(NamedTuple):
    """One fault and what it came to."""

    fault: str
    client: str
    """sync, async, or what else was tried."""
    times: int
    answers: int | None = None
    lost: int | None = None
    double: int | None = None
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


def main(file: str, document: str | None = None) -> None:
    """Print the table of a file of results, and write it into a document."""
    lines = [Line(**json.loads(line)) for line in Path(file).read_text().splitlines()]
    made = table(lines)
    print(made)  # noqa: T201
    if document is not None:
        git = ["git", "describe", "--always", "--dirty"]
        commit = subprocess.run(git, capture_output=True, text=True, check=False).stdout.strip() or "unknown"
        python = platform.python_version()
        about = (
            f"`make faults` on commit {commit}, ATB_DB_SEED={os.environ.get('ATB_DB_SEED')}: {os.cpu_count()} cores, "
            f"{platform.system()}, Python {python}."
        )
        text = Path(document).read_text()
        before, _, rest = text.partition(BEGIN)
        _, _, after = rest.partition(END)
        Path(document).write_text(f"{before}{BEGIN}\n{about}\n\n{made}\n{END}{after}")


if __name__ == "__main__":
    main(*sys.argv[1:])
