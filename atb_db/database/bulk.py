"""Rows of bulk loads as COPY takes them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Final

from atb_db.errors import StatementError
from atb_db.statement import Declared, Kind, Statement, declaration_of

_BLOCK: Final = 64 * 1024
_ESCAPES: Final = str.maketrans({"\\": r"\\", "\t": r"\t", "\n": r"\n", "\r": r"\r"})


def as_copy(rows: Iterable[Statement[None]]) -> tuple[Declared[None], Iterator[bytes]] | None:
    """A bulk load: its declaration, and its rows in COPY's text format, some at a time; None without rows."""
    iterator = iter(rows)
    first = next(iterator, None)
    if first is None:
        return None
    declaration = declaration_of(first)
    if declaration.kind is not Kind.COPY:
        raise StatementError("is no row of a bulk load: use run()", statement=first.name)
    return declaration, _blocks(declaration, chain([first], iterator))


def _blocks(declaration: Declared[None], rows: Iterable[Statement[None]]) -> Iterator[bytes]:
    lines: list[str] = []
    size = 0
    for row in rows:
        if row.declaration is not declaration:
            raise StatementError(f"is in a bulk load of {declaration.name}", statement=row.name)
        line = "\t".join(
            [
                "\\N" if text is None else text if text.isprintable() and "\\" not in text else text.translate(_ESCAPES)
                for text in row.server_values()
            ]
        )
        lines.append(line)
        size += len(line)
        if size >= _BLOCK:
            yield ("\n".join(lines) + "\n").encode()
            lines.clear()
            size = 0
    yield "".join(f"{line}\n" for line in lines).encode()


class BulkRows(Iterable[Statement[None]]):
    """The rows of a bulk load, and which sessions they are for."""

    REFUSE_ENDED: Final = b"SELECT count(active_session(id)) FROM unnest($1::bigint[]) AS named (id)"
    """Single commands ask this of each row; here all rows are asked once, in their transaction."""

    def __init__(self, rows: Iterable[Statement[None]]) -> None:
        self._rows = rows
        self._sessions: set[object] = set()
        self.declaration: Declared[None] | None = None
        """That of the rows, once there was one."""

    def __iter__(self) -> Iterator[Statement[None]]:
        """Each row, noting its session."""
        places: list[int] = []
        for row in self._rows:
            if self.declaration is None:
                self.declaration = declaration_of(row)
                names = enumerate(parameter.name for parameter in row.declaration.parameters)
                places = [place for place, name in names if name == "session_id"]
            yield row
            for place in places:
                self._sessions.add(row.values[place])

    @property
    def sessions(self) -> str:
        """The ids of the sessions, as an array."""
        return "{" + ",".join(str(session) for session in self._sessions if session is not None) + "}"
