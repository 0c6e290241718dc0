"""Running a file's statements one after the other, so that the one that fails can be named."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import psycopg

from atb_db.admin.connection import Connection
from atb_db.admin.tokens import SqlStatement

_SHOWN: Final = 80


def run_statements(connection: Connection, file: str, statements: Iterable[SqlStatement]) -> None:
    """Run them; an error has a note that says in which line of the file, and with which statement."""
    for statement in statements:
        try:
            connection.execute(statement.text.encode())
        except psycopg.Error as error:
            error.add_note(_where(file, statement, error))
            raise


def place_of(error: BaseException | None) -> str | None:
    """What the note of an error says, or of what it came from; None without one."""
    notes: list[str] = getattr(error, "__notes__", [])
    return notes[0] if notes else None


def _where(file: str, statement: SqlStatement, error: psycopg.Error) -> str:
    position = error.diag.statement_position
    before = statement.text[: int(position) - 1] if position else ""
    words = " ".join(statement.text.split())
    shown = words if len(words) <= _SHOWN else f"{words[:_SHOWN]}…"
    return f"{file}, line {statement.line + before.count(chr(10))}: {shown}"
