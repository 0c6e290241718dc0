"""docs/verify.md says what the engine may write, and the statements are what it follows from."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path
from typing import Final

from atb_db.admin.access.privileges import TABLES
from tests.docs.privileges_table import placed

ROOT: Final = Path(__file__).parents[2]
COMMENT: Final = re.compile(r"--.*$", re.MULTILINE)
WRITE: Final = re.compile(r"\b(INSERT INTO|DELETE FROM|(?<!DO )UPDATE(?! SKIP)(?! OF))\s+(\w+)", re.MULTILINE)
SET: Final = re.compile(r"\bSET\b")
ENDS: Final = re.compile(r"\b(WHERE|FROM|RETURNING)\b")


def top_level(text: str) -> str:
    """The text with what is in parentheses left out, up to the one that closes more than was opened."""
    shown, depth = [], 0
    for character in text:
        depth += (character == "(") - (character == ")")
        if depth < 0:
            break
        if depth == 0 and character != ")":
            shown.append(character)
    return "".join(shown)


def set_columns(text: str) -> set[str]:
    """The columns of a SET clause, whose text begins after SET."""
    clause = ENDS.split(re.sub(r"\bCASE\b.*?\bEND\b", "", top_level(text), flags=re.DOTALL))[0]
    return {part.partition("=")[0].strip() for part in clause.split(",")}


def written() -> tuple[set[str], dict[str, set[str]], set[str]]:
    """Of all statements: tables that are inserted into, columns that are updated, tables that are deleted from."""
    inserted, updated, deleted = set(), defaultdict[str, set[str]](set), set()
    for path in (ROOT / "sql" / "queries").rglob("*.sql"):
        text = COMMENT.sub("", path.read_text())
        for match in WRITE.finditer(text):
            verb, table = match.groups()
            # What comes after belongs to the next part of the statement.
            following = text[match.end() :]
            if nearest := WRITE.search(following):
                following = following[: nearest.start()]
            if verb == "DELETE FROM":
                deleted.add(table)
            elif verb == "UPDATE":
                updated[table] |= set_columns(SET.split(following, maxsplit=1)[1])
            else:
                inserted.add(table)
                if upsert := re.search(r"\bDO UPDATE\s+SET\b", following):
                    updated[table] |= set_columns(following[upsert.end() :])
    return inserted, dict(updated), deleted


def test_the_page_has_the_rules() -> None:
    page = (ROOT / "docs" / "verify.md").read_text()
    assert page == placed(page)
    assert page.count("| `trading_sessions` |") == 1


def test_the_engine_may_write_by_hand_what_its_statements_write() -> None:
    inserted, updated, deleted = written()
    assert {table for table, writes in TABLES.items() if writes.inserts} == inserted
    assert {table for table, writes in TABLES.items() if writes.deletes} == deleted
    for table, writes in TABLES.items():
        assert writes.updates == updated.get(table, set()) - {"request_id"}, table
