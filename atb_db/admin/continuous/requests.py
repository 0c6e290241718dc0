"""When a request was stored, as the log shows it: which transaction wrote it, and where that was committed.

Its identifier stands in the log as its 16 bytes, in the row, also after that was changed or deleted. Of the
transactions that wrote them the first that was committed is the one that stored the request. pg_waldump says where
records begin, and which transactions were committed.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from typing import Final, NamedTuple
from uuid import UUID

from psycopg import sql

from atb_db.admin.connection import ask, reading
from atb_db.admin.continuous.layout import Archive, Chain, read_archive, read_chains
from atb_db.admin.continuous.plan import Plan, Stored, windows
from atb_db.admin.continuous.records import place_of, stripped, stripped_place, writers
from atb_db.admin.continuous.segments import Segment, parse_position, shown_position
from atb_db.admin.continuous.unpack import unpack
from atb_db.admin.errors import ToolMissing, Unusable
from atb_db.admin.programs import Invocation, Tool, running, tool_for
from atb_db.admin.progress import Progress, silent
from atb_db.admin.readable import shown_moment
from atb_db.config import Settings
from atb_db.errors import AtbDbError

_RECORD: Final = re.compile(
    rb"^rmgr: (\S+) +len \(rec/tot\): +\d+/ *(\d+), tx: +(\d+), lsn: ([0-9A-F]+/[0-9A-F]+), .*?desc: (.*)$"
)
_COMMIT: Final = re.compile(rb"COMMIT (?:PREPARED )?.*?(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+) \S+?(?:;|$)")
_SUBTRANSACTIONS: Final = re.compile(rb"; subxacts:((?: \d+)+)")
_AHEAD: Final = 16
"""Segments that are looked through at once for the end of a transaction."""


class _Record(NamedTuple):
    transaction: int
    position: int
    length: int
    committed_at: datetime | None
    """None unless it is a commit."""
    parts: frozenset[int]
    """The transactions that a commit ends: the transaction and those inside it."""


def plan_before(folder: Path, request_id: UUID, *, progress: Progress = silent) -> Plan:
    """How the moment just before the transaction that stored a request is restored: all that was committed before it.

    Reads the whole log of the archive, about 16 MB in a tenth of a second.

    Raises:
        Unusable: there is no archive, or no transaction in its log has stored the request since a base backup.
        ToolMissing: there is no pg_waldump of the archive's version.
    """
    archive = read_archive(folder)
    if archive is None:
        raise Unusable(f"there is no archive in {folder}: atb-db archive start begins one")
    tool = tool_for("pg_waldump", archive.major)
    if tool.major != archive.major:
        raise ToolMissing(f"the log is of PostgreSQL {archive.major}, and there is only pg_waldump {tool.version} here")
    chains = [chain for chain in read_chains(folder, archive.segment_size) if chain.bases and not chain.missing]
    for chain in chains:
        stored = _find(tool, archive, chain, request_id, progress)
        bases = [base for base in chain.bases if stored is not None and base.end_position <= stored.position]
        if stored is not None and bases:
            return Plan(archive, chain, max(bases, key=lambda one: one.end_position), None, stored)
    spans = "; ".join(f"{shown_moment(one.since)} to {shown_moment(one.until)}" for one in windows(chains))
    raise Unusable(
        f"no transaction in {folder} has stored the request {request_id}; what can be restored: "
        f"{spans or 'nothing yet'}. It can be hidden where the server has wal_compression on: give a moment with --at"
    )


def is_stored(settings: Settings, request_id: UUID) -> bool:
    """Whether the database has the request."""
    with reading(settings) as (connection, _):
        looks = [
            sql.SQL("SELECT FROM {} WHERE {} = {}").format(
                sql.Identifier("public", str(table)), sql.Identifier(str(column)), sql.Literal(request_id)
            )
            for table, column in ask(connection, "request_columns")
        ]
        return any(connection.execute(look).fetchone() is not None for look in looks)


def _find(tool: Tool, archive: Archive, chain: Chain, request_id: UUID, progress: Progress) -> Stored | None:
    """The first transaction of a chain that has the request and was committed."""
    wanted, size = request_id.bytes, archive.segment_size
    rest, number = b"", -1
    with TemporaryDirectory() as name:
        log = _Log(tool, chain, Path(name), size)
        for done, segment in enumerate(chain.segments):
            progress("Reading the log", done, len(chain.segments))
            if segment.number != number + 1:
                rest = b""
            number = segment.number
            content = rest + stripped(log.fetch(segment).read_bytes())
            if wanted in content:
                positions = _positions(content, wanted, begins=number * size, before=len(rest))
                if (
                    record := log.committed(segment, positions, wanted)
                ) is not None and record.committed_at is not None:
                    return Stored(request_id, record.transaction, record.position, record.committed_at)
            rest = content[1 - len(wanted) :]
            log.forget(before=number)
    return None


def _positions(content: bytes, wanted: bytes, *, begins: int, before: int) -> Iterator[int]:
    """Where in the log the bytes stand; `before` bytes of the content are of the segment before."""
    found = content.find(wanted)
    while found >= 0:
        yield begins + (place_of(found - before) if found >= before else 0)
        found = content.find(wanted, found + 1)


class _Log:
    """The segments of a chain as pg_waldump reads them."""

    def __init__(self, tool: Tool, chain: Chain, folder: Path, size: int) -> None:
        self._tool = tool
        self._chain = chain
        self._folder = folder
        self._size = size

    def fetch(self, segment: Segment) -> Path:
        """The segment, unpacked."""
        target = self._folder / segment.name
        if not target.exists():
            unpack(self._chain.wal, segment, target, self._size)
        return target

    def forget(self, *, before: int) -> None:
        """Remove what lies more than a segment before."""
        for segment in self._chain.segments:
            if segment.number < before:
                (self._folder / segment.name).unlink(missing_ok=True)

    def committed(self, segment: Segment, positions: Iterator[int], wanted: bytes) -> _Record | None:
        """The first commit of a transaction that wrote what is wanted, at one of the positions in a segment."""
        records = self._read(segment, first=segment.number - 1, last=segment.number + 1)
        begins = [record.position for record in records]
        sought: set[int] = set()
        for position in positions:
            place = bisect_right(begins, position) - 1
            if place < 0:
                continue
            for transaction in writers(self._content(records[place], segment), wanted, major=self._tool.major):
                if transaction not in sought:
                    sought.add(transaction)
                    if (commit := self._end_of(transaction, segment, records[place:])) is not None:
                        return commit
        return None

    def _content(self, record: _Record, within: Segment) -> bytes:
        """The bytes of a record, which may go on in the segments after the one in which it begins."""
        number, place = divmod(record.position, self._size)
        content, place = b"", stripped_place(place)
        for segment in self._chain.segments:
            if (
                segment.number == number
                and segment.timeline == within.timeline
                and len(content) < place + record.length
            ):
                content += stripped(self.fetch(segment).read_bytes())
                number += 1
        return content[place : place + record.length]

    def _end_of(self, transaction: int, segment: Segment, records: Sequence[_Record]) -> _Record | None:
        last, newest = segment.number + 1, self._chain.segments[-1].number
        while True:
            for one in records:
                if one.committed_at is not None and transaction in one.parts:
                    return one
            if last >= newest:
                return None
            records = self._read(segment, first=last, last=last + _AHEAD, only="Transaction")
            last += _AHEAD

    def _read(self, within: Segment, *, first: int, last: int, only: str | None = None) -> list[_Record]:
        chosen = [
            one for one in self._chain.segments if first <= one.number <= last and one.timeline == within.timeline
        ]
        for one in chosen:
            self.fetch(one)
        start, end = chosen[0].number * self._size, (chosen[-1].number + 1) * self._size
        arguments = [
            *(str(self._tool.path), f"--path={self._folder}", f"--timeline={within.timeline}"),
            *(f"--start={shown_position(start)}", f"--end={shown_position(end)}"),
            *([f"--rmgr={only}"] if only else []),
        ]
        with TemporaryFile() as said:
            problem = None
            try:
                with running(Invocation(self._tool.path, tuple(arguments), {"TZ": "UTC"}), output=said):
                    pass
            except ToolMissing:
                raise
            except AtbDbError as error:
                problem = error  # also where the log has no more yet, in the middle of a segment
            said.seek(0)
            found = [record for line in said if (record := _record(line)) is not None]
        if not found and problem is not None and only is None:
            raise problem
        return found


def _record(line: bytes) -> _Record | None:
    match = _RECORD.match(line)
    if match is None:
        return None
    manager, length, transaction, position, description = match.groups()
    at, parts = None, frozenset[int]()
    if manager == b"Transaction" and (commit := _COMMIT.match(description)) is not None:
        at = datetime.fromisoformat(commit[1].decode()).replace(tzinfo=UTC)
        inside = _SUBTRANSACTIONS.search(description)
        parts = frozenset((int(transaction), *(map(int, inside[1].split()) if inside else ())))
    return _Record(int(transaction), parse_position(position.decode()), int(length), at, parts)
