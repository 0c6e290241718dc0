"""Names and texts as SQL writes them."""

from __future__ import annotations

from psycopg import sql


def quoted(*name: str) -> str:
    """A name, or several with dots between them."""
    return sql.Identifier(*name).as_string(None)


def literal(text: str | None) -> str:
    """A text, or NULL."""
    return sql.Literal(text).as_string(None).strip()
