"""Names and texts as SQL writes them."""

from __future__ import annotations

from typing import LiteralString

from psycopg import sql
from psycopg.abc import AdaptContext


class Written(sql.Composable):
    """What is SQL already: a word of ours, or what the server or sql/schema wrote, as a function with its types."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._text = text

    def as_bytes(self, context: AdaptContext | None = None) -> bytes:  # noqa: ARG002  psycopg's signature
        """As it stands."""
        return self._text.encode()


def composed(template: LiteralString, **parts: sql.Composable) -> str:
    """A statement with its parts, as it is shown and run."""
    return sql.SQL(template).format(**parts).as_string(None)


def quoted(*name: str) -> str:
    """A name, or several with dots between them."""
    return sql.Identifier(*name).as_string(None)


def literal(text: str | None) -> str:
    """A text, or NULL."""
    return sql.Literal(text).as_string(None).strip()
