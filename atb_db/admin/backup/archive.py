"""A dump read through: pg_restore turns it into SQL and rows, from the first byte to the last."""

from __future__ import annotations

import re
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing, contextmanager
from io import BytesIO
from pathlib import Path
from subprocess import PIPE
from tempfile import NamedTemporaryFile
from typing import IO, Final, NamedTuple

from atb_db.admin.errors import BadBackup, ToolMissing
from atb_db.admin.programs import Invocation, Tool, running
from atb_db.admin.progress import Progress
from atb_db.errors import AtbDbError

SECTIONS: Final = ("pre-data", "data", "post-data")

_COPY: Final = re.compile(rb"COPY (.+?) (?:\(.*\))? ?FROM stdin;\n")
_END: Final = b"\\.\n"
_PSQL: Final = rb"\\(?:un)?restrict \w+\n"
# Of what is not rows: comments, psql's own commands, and what large objects are wrapped in, as the transaction is
# not theirs.
_IDLE: Final = re.compile(rb"--.*\n|\n|" + _PSQL + rb"|BEGIN;\n|COMMIT;\n")
_PSQL_LINE: Final = re.compile(rb"^" + _PSQL, re.MULTILINE)
_GRANT: Final = re.compile(rb"\d+; \d+ \d+ (?:DEFAULT )?ACL ")
_ENTRY: Final = re.compile(rb"\d+; \d+ \d+ (SCHEMA|EXTENSION|COMMENT) - (.+) [^ ]*\n")
_PUBLIC: Final = (b"SCHEMA", b"public")
_BATCH_BYTES: Final = 1 << 18


class Rows(NamedTuple):
    """The rows of one table, in COPY's text format."""

    table: str
    """Qualified, and quoted where needed."""
    statement: bytes
    """What takes them."""
    batches: Iterator[list[bytes]]
    """Some lines at a time; they must be read before the next piece is."""


class Contents(NamedTuple):
    """The entries of a dump's list, by what a target may refuse or have already; each is a line of the list."""

    schemas: dict[str, bytes]
    """Those that it makes: public is in every database, and is none of them."""
    extensions: dict[str, bytes]
    rest: tuple[bytes, ...]
    """In order; without comments on extensions and on public, which belong to others than the owner of the database."""


def contents(dump: Path, tool: Tool) -> Contents:
    """The contents of the dump, by its list.

    Raises:
        BadBackup: the list cannot be read.
    """
    schemas: dict[str, bytes] = {}
    extensions: dict[str, bytes] = {}
    rest: list[bytes] = []
    with _output(dump, tool, "--list") as stream:
        for line in stream:
            found = _ENTRY.fullmatch(line)
            kind, name = found.groups() if found else (b"", b"")
            if kind == b"EXTENSION":
                extensions[name.decode()] = line
            elif kind == b"SCHEMA" and name != b"public":
                schemas[name.decode()] = line
            elif not (line.startswith(b";") or (kind, name) == _PUBLIC or _is_comment_of_others(kind, name)):
                rest.append(line)
    return Contents(schemas, extensions, tuple(rest))


def _is_comment_of_others(kind: bytes, name: bytes) -> bool:
    return kind == b"COMMENT" and (name.startswith(b"EXTENSION ") or name == b"SCHEMA public")


def pieces(
    dump: Path, tool: Tool, section: str, *, entries: Iterable[bytes] | None = None
) -> Generator[bytes | Rows, None, None]:
    """A section of the dump as SQL, which may be several statements, and as tables' rows; no owners and no grants.

    Of the whole dump, or only of these lines of its list.

    Raises:
        BadBackup: pg_restore could not read all of it; what came before must not be kept.
    """
    with (
        _chosen(entries) as choice,
        _output(dump, tool, "--file=-", f"--section={section}", "--no-owner", "--no-privileges", *choice) as stream,
    ):
        if section == "data":
            yield from _split(stream)
        else:
            yield _PSQL_LINE.sub(b"", stream.read())


def grants(dump: Path, tool: Tool) -> bytes:
    """The grants in the dump as SQL; none may be in it.

    Raises:
        BadBackup: it is broken.
    """
    with _output(dump, tool, "--list") as stream:
        entries = [line for line in stream if _GRANT.match(line)]
    if not entries:
        return b""
    with _chosen(entries) as choice, _output(dump, tool, "--file=-", "--no-owner", *choice) as stream:
        return _PSQL_LINE.sub(b"", stream.read())


def read_through(
    dump: Path, tool: Tool, *, progress: Progress | None = None, total: int | None = None
) -> dict[str, int]:
    """Read all of the dump; how many rows of each table are in it. `total` is for `progress` only.

    Raises:
        BadBackup: it is broken.
    """
    rows: dict[str, int] = {}
    done = 0
    for section in SECTIONS:
        with closing(pieces(dump, tool, section)) as found:
            for piece in found:
                if isinstance(piece, Rows):
                    rows.setdefault(piece.table, 0)
                    for batch in piece.batches:
                        rows[piece.table] += len(batch)
                        done += len(batch)
                        if progress is not None:
                            progress("Reading through", done, total)
    return rows


@contextmanager
def _chosen(entries: Iterable[bytes] | None) -> Iterator[tuple[str, ...]]:
    """The argument that has pg_restore take these lines of the list only."""
    if entries is None:
        yield ()
        return
    with NamedTemporaryFile() as chosen:
        chosen.write(b"".join(entries))
        chosen.flush()
        yield (f"--use-list={chosen.name}",)


@contextmanager
def _output(dump: Path, tool: Tool, *arguments: str) -> Iterator[IO[bytes]]:
    """What pg_restore says about the dump."""
    program = Invocation(tool.path, (str(tool.path), *arguments, str(dump)), {})
    try:
        with running(program, output=PIPE) as child, child.stdout or BytesIO() as stream:
            yield stream
    except ToolMissing:
        raise
    except AtbDbError as error:
        raise BadBackup(f"{dump.name} is broken: {error.message}") from None


def _split(stream: IO[bytes]) -> Iterator[bytes | Rows]:
    statements: list[bytes] = []
    for line in stream:
        if table := _COPY.fullmatch(line):
            yield b"".join(statements)
            statements.clear()
            yield Rows(table[1].decode(), line, _batches(stream))
        elif not _IDLE.fullmatch(line):
            statements.append(line)
    yield b"".join(statements)


def _batches(stream: IO[bytes]) -> Iterator[list[bytes]]:
    batch: list[bytes] = []
    size = 0
    for line in stream:
        if line == _END:
            break
        batch.append(line)
        size += len(line)
        if size >= _BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
