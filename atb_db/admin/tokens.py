"""SQL as tokens: statements, checksums and what lint rules look at; no grammar."""

from __future__ import annotations

import re
from collections.abc import Iterator
from hashlib import sha256
from typing import Final, NamedTuple

from atb_db.sqlfile import OPAQUE

_TOKENS: Final = re.compile(
    rf"""
    {OPAQUE}
  | (?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?(?!\w)
  | [^\W\d][\w$]*
  | (?:(?!--|/\*)[-+*/<>=~!@#%^&|`?:])+
  | \S
    """,
    re.VERBOSE | re.DOTALL,
)


class Token(NamedTuple):
    """A word, name, number, operator, string or dollar quote, as it is written."""

    text: str
    line: int
    """In the file, from 1."""
    start: int = 0
    """Where it begins in the file, in characters."""

    @property
    def is_text(self) -> bool:
        """Whether it is a string or a dollar quote."""
        return self.text.startswith(("'", "E'", "e'", "$"))


class SqlStatement(NamedTuple):
    """One statement of a file, without its semicolon."""

    tokens: tuple[Token, ...]
    text: str = ""
    """As the file has it, from its first token to its last; empty for a part of a statement."""

    @property
    def line(self) -> int:
        """Where it begins."""
        return self.tokens[0].line

    @property
    def shape(self) -> str:
        """Its tokens with one blank between them, without what strings say, words in upper case unless quoted."""
        return " ".join(
            "''" if token.is_text else token.text if token.text.startswith('"') else token.text.upper()
            for token in self.tokens
        )


def tokens(sql: str) -> Iterator[Token]:
    """The tokens of SQL text; comments and white space are none."""
    line, at = 1, 0
    for match in _TOKENS.finditer(sql):
        line, at = line + sql.count("\n", at, match.start()), match.start()
        if match["comment"] is None:
            yield Token(match[0], line, at)


def statements(sql: str) -> list[SqlStatement]:
    """The statements of SQL text; a semicolon in a `BEGIN ATOMIC … END` body or in parentheses ends none."""
    found: list[SqlStatement] = []
    current: list[Token] = []
    depth = inside = 0

    def end() -> None:
        if current:
            text = sql[current[0].start : current[-1].start + len(current[-1].text)]
            found.append(SqlStatement(tuple(current), text))
            current.clear()

    for token in tokens(sql):
        word = token.text.upper()
        if word == ";" and depth == inside == 0:
            end()
            continue
        if word in {"(", ")"}:
            inside = max(0, inside + (1 if word == "(" else -1))
        if word == "ATOMIC" or (depth and word == "CASE"):
            depth += 1
        elif depth and word == "END":
            depth -= 1
        current.append(token)
    end()
    return found


def checksum(sql: str) -> str:
    """SHA-256 of what the SQL says: comments, white space and line endings do not count, what strings say does."""
    normal = sql.replace("\r\n", "\n").replace("\r", "\n")
    said = ("\0".join(token.text for token in statement.tokens) for statement in statements(normal))
    return sha256("\0;\0".join(said).encode()).hexdigest()
