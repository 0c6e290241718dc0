"""The SQL files: where they are, and how `:name` becomes `$1`."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

# Comments (which may hold one more), strings, quoted names and dollar quotes: their contents are not SQL of the file.
OPAQUE: Final = r"""
    (?P<comment>--[^\n]*|/\*(?:/\*.*?\*/|.)*?\*/)
  | (?P<string>[eE]'(?:[^'\\]|\\.|'')*'|'(?:[^']|'')*')
  | "(?:[^"]|"")*"
  | (?P<tag>\$(?:[A-Za-z_]\w*)?\$).*?(?P=tag)
"""

_TOKENS: Final = re.compile(rf"{OPAQUE} | :: | :(?P<name>[A-Za-z_]\w*)", re.VERBOSE | re.DOTALL)


class CompiledSql(NamedTuple):
    """SQL with `$1 … $n`, and the parameters' names in that order."""

    text: str
    names: tuple[str, ...]


def compile_sql(text: str) -> CompiledSql:
    """Replace each `:name` by `$n`, equal names by the same n; strings, comments, casts and dollar quotes stay.

    psql reads the same text with `-v name=value`, so a file runs in both.
    """
    names: dict[str, int] = {}

    def number(match: re.Match[str]) -> str:
        name = match["name"]
        if name is None or text[match.end() : match.end() + 1] == "=":
            return match[0]
        return f"${names.setdefault(name, len(names) + 1)}"

    return CompiledSql(_TOKENS.sub(number, text), tuple(names))


@cache
def sql_root() -> Path:
    """The folder with schema/, migrations/ and queries/: inside an installed package, beside it in a checkout."""
    package = Path(__file__).resolve().parent
    installed = package / "sql"
    return installed if installed.is_dir() else package.parent / "sql"


def query_file(module: str, function: str) -> Path:
    """The file of a statement: `positions`, `open_position` → `queries/positions/open_position.sql`."""
    return sql_root() / "queries" / module / f"{function}.sql"


def schema_files() -> list[Path]:
    """The files that describe the schema, in the order in which they are run."""
    return sorted((sql_root() / "schema").glob("*.sql"))


def schema_sql() -> str:
    """The SQL that creates the schema in an empty database."""
    return "\n".join(path.read_text(encoding="utf-8") for path in schema_files())
