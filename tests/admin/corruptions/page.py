"""The tables of docs/verify.md: which corruptions are named, and which nothing can name: `make docs`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import psycopg

from atb_db import Database, embedded
from atb_db.sqlfile import schema_sql
from tests.admin.corruptions.auditing import connected, filled_in, is_refused, keep_days
from tests.admin.corruptions.planted import PLANTED, UNDECIDABLE
from tests.admin.corruptions.world import write

PAGE: Final = Path(__file__).parents[3] / "docs" / "verify.md"
BEGIN: Final = "<!-- corruptions: written by make docs -->\n"
END: Final = "<!-- end of corruptions -->\n"


def tables(refused: Sequence[bool]) -> str:
    """The section as it should be; `refused` says of each planted corruption whether the schema refuses it."""
    lines = [
        f"{len(PLANTED)} corruptions of one row, of which the schema refuses {sum(refused)} while its constraints and",
        "triggers are on. The audit names every one, also when they were off:",
        "",
        "| table | changed | the schema | named as | of |",
        "|---|---|---|---|---|",
    ]
    for one, is_so in zip(PLANTED, refused, strict=True):
        subject = one.subject.replace("{", "").replace("}", "").replace("|", "\\|")
        lines.append(f"| {one.table} | {one.what} | {'refuses' if is_so else ''} | {one.identity} | {subject} |")
    lines += [
        "",
        "Changes that contradict nothing, and are therefore not named:",
        "",
        "| table | changed | why |",
        "|---|---|---|",
        *(f"| {one.table} | {one.what} | {one.reason} |" for one in UNDECIDABLE),
        "",
    ]
    return "\n".join(lines)


def written(refused: Sequence[bool], page: Path = PAGE) -> str:
    """The whole page with that section."""
    before, _, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    return before + BEGIN + tables(refused) + END + rest.partition(END)[2]


def main(page: Path) -> None:
    """Ask a server what the schema refuses, and write the section."""
    with embedded.postgresql() as server:
        url = server.create_database("corrupted")
        with psycopg.connect(url) as connection:
            connection.execute(schema_sql())
        with Database(url) as db:
            world = write(db)
        keep_days(url, world)
        with connected(url) as (connection, _):
            refused = [is_refused(connection, filled_in(one.script, world)) for one in PLANTED]
    page.write_text(written(refused, page), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
