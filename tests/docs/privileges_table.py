"""The table of what the engine may write in docs/verify.md, made from the rules: `make docs`."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from atb_db.admin.access.privileges import TABLES
from atb_db.admin.schema.catalog import expected_catalog

_PLACE: Final = re.compile(r"(?<=<!-- privileges -->\n).*?(?=<!-- /privileges -->)", re.DOTALL)


def placed(page: str) -> str:
    """The page with the table as it should be."""
    return _PLACE.sub(lambda _: "\n".join((*_rows(), "")), page)


def _rows() -> Iterator[str]:
    keyed = {entry.name for entry in expected_catalog() if entry.kind == "column"}
    yield "| table | `atb_runtime` may INSERT | UPDATE | DELETE |"
    yield "|---|---|---|---|"
    for table, writes in sorted(TABLES.items()):
        key = {"request_id"} if writes.inserts and f"{table}.request_id" in keyed else set()
        columns = ", ".join(f"`{column}`" for column in sorted(writes.updates | key))
        yield f"| `{table}` | {'yes' if writes.inserts else ''} | {columns} | {'yes' if writes.deletes else ''} |"


if __name__ == "__main__":
    path = Path(sys.argv[1])
    path.write_text(placed(path.read_text()))
