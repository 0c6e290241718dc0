"""The contents of a journal: the entries that are not done, each waiting or set aside."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from atb_db.errors import AtbDbError
from atb_db.journal.entries import restored, stored_values
from atb_db.journal.file import Line, read_lines
from atb_db.journal.frames import Record, frame
from atb_db.statement import Statement
from atb_db.types import JsonValue


class Problem(NamedTuple):
    """Why an entry is set aside."""

    error: str
    """The name of the error's class, or Damaged."""
    message: str
    sqlstate: str | None
    at: datetime | None
    """When; None if it shows only in reading."""


class JournalEntry(NamedTuple):
    """An entry that is not done: it waits, or it has a problem and is set aside."""

    number: int
    recorded_at: datetime
    statement: str | None
    """None if the entry is damaged."""
    request_id: str | None
    values: Mapping[str, JsonValue]
    problem: Problem | None


class JournalStatus(NamedTuple):
    """A journal's file at a moment."""

    path: str
    bytes: int
    waiting: int
    """Entries that are not applied yet."""
    set_aside: int
    """Entries that the server refused for good, or that cannot be read."""
    oldest_waiting: datetime | None
    """When the first of those that wait was recorded."""


class Kept(NamedTuple):
    """An entry's record, and the statement in it if this version can run it."""

    entry: JournalEntry
    statement: Statement[object] | None
    size: int


class Contents(NamedTuple):
    """All that a file holds."""

    kept: Mapping[int, Kept]
    next_number: int
    damaged: tuple[Line, ...]
    """Lines that are not what was written, if they are not among those kept already."""
    torn: bool
    """Whether the last line was only begun."""
    bytes: int


def read_contents(path: Path) -> Contents:
    """Read a file; its writer may continue meanwhile.

    Raises:
        JournalUnusable: it cannot be read, is of a later format, or is no journal.
    """
    kept: dict[int, Kept] = {}
    next_number, size, torn = 1, 0, False
    damaged: list[Line] = []
    for line in read_lines(path):
        size += len(line.raw)
        torn = line.torn
        if line.record is None:
            if not line.torn:
                damaged.append(line)
            continue
        try:
            next_number = max(next_number, _take(line.record, kept, len(line.raw)))
        except (KeyError, TypeError, ValueError):
            damaged.append(line)
    return Contents(kept, next_number, tuple(damaged), torn, size)


def read_entries(path: Path) -> list[JournalEntry]:
    """The entries of a journal that are not done, the oldest first; damaged lines behind them.

    Raises:
        JournalUnusable: the file cannot be read, is of a later format, or is no journal.
    """
    contents = read_contents(path)
    found = [kept.entry for kept in contents.kept.values()]
    unread = (damaged_record(line, contents.next_number + place) for place, line in enumerate(contents.damaged))
    return [*sorted(found, key=lambda entry: entry.number), *map(_entry, unread)]


def read_status(path: Path) -> JournalStatus:
    """How many entries of a journal wait or are set aside.

    Raises:
        JournalUnusable: the file cannot be read, is of a later format, or is no journal.
    """
    entries = read_entries(path)
    waiting = [entry.recorded_at for entry in entries if entry.problem is None]
    size = path.stat().st_size
    return JournalStatus(str(path), size, len(waiting), len(entries) - len(waiting), min(waiting, default=None))


def header(next_number: int) -> Record:
    """A file's first record."""
    return {"journal": "atb_db", "next": next_number}


def entry_record(number: int, statement: Statement[object], at: datetime) -> Mapping[str, object]:
    """An entry's record."""
    return {
        "entry": number,
        "at": at.isoformat(),
        "statement": statement.name,
        "given": list(statement.given),
        "values": stored_values(statement),
    }


def aside_record(number: int, problem: Problem) -> Record:
    """The record that an entry is set aside."""
    at = problem.at.isoformat() if problem.at is not None else None
    return {"aside": number, "at": at, **{key: value for key, value in problem._asdict().items() if key != "at"}}


def done_record(number: int) -> Record:
    """The record that an entry needs nothing any more."""
    return {"done": number}


def damaged_record(line: Line, number: int) -> Record:
    """The record that keeps what cannot be read."""
    return {"damaged": number, "at": datetime.now(UTC).isoformat(), "bytes": b64encode(line.raw).decode()}


def problem_of(error: AtbDbError) -> Problem:
    """Why an entry is set aside, from its error."""
    return Problem(type(error).__name__, str(error), error.sqlstate, datetime.now(UTC))


def _take(record: Record, kept: dict[int, Kept], size: int) -> int:
    """Note what a record says; the next number after it."""
    if "journal" in record:
        return _number(record["next"])
    if "done" in record:
        number = _number(record["done"])
        kept.pop(number, None)
    elif "aside" in record:
        number = _number(record["aside"])
        if (found := kept.get(number)) is not None:
            entry = found.entry._replace(problem=_problem(record))
            kept[number] = found._replace(entry=entry, size=found.size + size)
    else:
        number = _number(record["damaged" if "damaged" in record else "entry"])
        kept[number] = _kept(record, size)
    return number + 1


def _kept(record: Record, size: int) -> Kept:
    entry = _entry(record)
    if entry.problem is not None or entry.statement is None:
        return Kept(entry, None, size)
    given = record["given"]
    try:
        return Kept(entry, restored(entry.statement, given if isinstance(given, list) else [], entry.values), size)
    except AtbDbError as error:
        return Kept(entry._replace(problem=problem_of(error)._replace(at=None)), None, size)


def _entry(record: Record) -> JournalEntry:
    at = datetime.fromisoformat(str(record["at"]))
    if "damaged" in record:
        problem = Problem("Damaged", "is not what was written, and is kept as it was found", None, None)
        return JournalEntry(_number(record["damaged"]), at, None, None, {"bytes": record["bytes"]}, problem)
    values = record["values"]
    if not isinstance(values, dict):
        raise TypeError
    request_id = values.get("request_id")
    return JournalEntry(
        _number(record["entry"]),
        at,
        str(record["statement"]),
        request_id if isinstance(request_id, str) else None,
        values,
        None,
    )


def _problem(record: Record) -> Problem:
    state, at = record["sqlstate"], record["at"]
    return Problem(
        str(record["error"]),
        str(record["message"]),
        state if isinstance(state, str) else None,
        datetime.fromisoformat(at) if isinstance(at, str) else None,
    )


def _number(value: JsonValue) -> int:
    if not isinstance(value, int):
        raise TypeError
    return value


def compacted(path: Path, kept: Mapping[int, Kept | None], next_number: int) -> Iterator[bytes]:
    """The lines of the entries that are kept, each with why it is set aside."""
    yield frame(header(next_number))
    for line in read_lines(path):
        record = line.record or {}
        number = record.get("entry", record.get("damaged"))
        if not isinstance(number, int) or number not in kept:
            continue
        yield line.raw
        found = kept[number]
        if "entry" in record and found is not None and found.entry.problem is not None and found.entry.problem.at:
            yield frame(aside_record(number, found.entry.problem))
