"""The audit: every session's books, and what holds between sessions."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Final, NamedTuple

from atb_db.admin.audit_marks import WIDTH, Marks
from atb_db.admin.connection import Connection, perform, reading, reading_beside
from atb_db.admin.progress import Progress, silent
from atb_db.admin.side_by_side import side_by_side
from atb_db.config import Settings
from atb_db.database.connecting import NO_TIMEOUT, ServerInfo
from atb_db.repository.audit import (
    BookFinding,
    MonthBlock,
    PositionBlock,
    audit_across_sessions,
    audit_books,
    audit_days,
    audit_decision_chunks,
    audit_equity,
    audit_ledger,
    audit_metrics,
    audit_orders,
    audit_orphans,
    audit_positions,
    audit_trades,
    get_decision_chunk_ids,
    get_doubtful_positions,
    get_months,
    get_position_blocks,
    get_session_ids,
)
from atb_db.statement import Statement

STEP: Final = 20_000
"""Positions that one step compares."""
CHUNKS: Final = 200
"""Rows of compacted decisions that one step compares."""

# Compiling takes longer than it saves. What belongs to a step lies near each other, mostly: looking it up is cheaper
# than reading the session once a step.
PLANS: Final = (
    "SET LOCAL jit TO off; SET LOCAL work_mem TO '64MB'; SET LOCAL random_page_cost TO 1;"
    " SET LOCAL plan_cache_mode TO force_custom_plan"
)
# By position, how many groups there are is estimated far too low: they would not fit.
BY_POSITION: Final = "SET LOCAL enable_hashagg TO off"
BY_TIME: Final = "SET LOCAL enable_hashagg TO on"


class Span(NamedTuple):
    """Positions by their ids, as the statements take them; None does not limit."""

    first_position: int | None
    last_position: int | None


class SessionFinding(NamedTuple):
    """A contradiction in one session's books, or between sessions."""

    session_id: int | None
    """None for what lies between sessions."""
    finding: BookFinding


class Audit(NamedTuple):
    """What the books of a database say of each other."""

    server: ServerInfo
    sessions: int
    """Number of sessions."""
    audited: int
    """Number of those whose books were audited."""
    findings: tuple[SessionFinding, ...]
    passed_over: int = 0
    """Positions that a mark says were sound, and that no transaction has written since."""


def audit(
    settings: Settings,
    *,
    session_id: int | None = None,
    marks: Path | None = None,
    jobs: int = 1,
    contents: bool = False,
    progress: Progress = silent,
) -> Audit:
    """Audit all sessions and what holds between them, or one session; reads only, as of one moment.

    With several `jobs`, as many connections read at once. With `contents`, compacted decisions are read, too, and not
    only what is said of them.

    With a file for `marks`, what was found sound is noted there as the audit goes on: the next one with the same file
    passes over the positions of which no transaction has written anything since, also after this one was killed.

    Raises:
        NotFound: there is no such session.
        SchemaMismatch: the schema is not this version's.
        Unavailable: the server cannot be reached.
        Unusable: the file of marks cannot be read or written, or is something else.
    """
    with reading(settings) as (connection, server), reading_beside(connection, settings, more=jobs - 1) as connections:
        for one in connections:
            one.execute(NO_TIMEOUT)
        kept = Marks(marks, connection) if marks is not None else None
        found = read_audit(connections, server, session_id=session_id, marks=kept, contents=contents, progress=progress)
        if kept is not None:
            kept.write()
        return found


def read_audit(
    connections: Sequence[Connection],
    server: ServerInfo,
    *,
    session_id: int | None = None,
    seconds: float | None = None,
    step: int = STEP,
    width: int = WIDTH,
    marks: Marks | None = None,
    contents: bool = False,
    progress: Progress = silent,
) -> Audit:
    """`audit` on connections that see the same; the newest sessions first, and no step begun after so many seconds.

    A step compares about `step` positions with all that belongs to them, and whole blocks of `width` ids.
    """
    until = None if seconds is None else time.monotonic() + seconds
    connection = connections[0]
    for one in connections:
        one.execute(PLANS)
    ids = perform(connection, get_session_ids()) if session_id is None else [session_id]
    findings: list[SessionFinding] = []
    audited = passed_over = 0
    for number in ids:
        books = _Books(connections, number, step=step, width=width, marks=marks, contents=contents)
        for done in books.audit():
            progress(f"Comparing session {number}", done, books.positions or None)
            if until is not None and time.monotonic() > until:
                break
        findings += (SessionFinding(number, finding) for finding in books.findings)
        passed_over += books.passed_over
        if not books.is_complete:
            return Audit(server, len(ids), audited, tuple(findings), passed_over)
        audited += 1
        if until is not None and time.monotonic() > until and audited < len(ids):
            return Audit(server, len(ids), audited, tuple(findings), passed_over)
    if session_id is None:
        for between in (audit_across_sessions(), audit_orphans()):
            findings += (SessionFinding(None, finding) for finding in perform(connection, between))
    return Audit(server, len(ids), audited, tuple(findings), passed_over)


def session_findings(connection: Connection, session_id: int) -> tuple[SessionFinding, ...]:
    """What contradicts itself in one session's books, on an open connection."""
    books = _Books([connection], session_id)
    for _ in books.audit():
        pass
    return tuple(SessionFinding(session_id, finding) for finding in books.findings)


class _Books:
    """The books of one session, audited step by step."""

    def __init__(
        self,
        connections: Sequence[Connection],
        session_id: int,
        *,
        step: int = STEP,
        width: int = WIDTH,
        marks: Marks | None = None,
        contents: bool = False,
    ) -> None:
        self._connections = connections
        self._session_id = session_id
        self._step = step
        self._width = width
        self._marks = marks
        self._contents = contents
        self.findings: list[BookFinding] = []
        self.positions = self.passed_over = 0
        self.is_complete = False
        self._is_odd = False

    def audit(self) -> Iterator[int]:
        """How many positions are done, after each step."""
        blocks: list[PositionBlock] = []

        def read_blocks(connection: Connection) -> list[BookFinding]:
            wanted = get_position_blocks(
                session_id=self._session_id, width=self._width, with_rows=self._marks is not None
            )
            blocks.extend(perform(connection, wanted))
            return []

        reads: list[Callable[[Connection], list[BookFinding]]] = [read_blocks]
        reads += (partial(_perform, statement=statement) for statement in self._sums())
        for _, found in side_by_side(self._connections, reads, lambda connection, read: read(connection)):
            self.findings += found
            yield 0
        touched = [one for one in blocks if self._marks is None or not self._marks.untouched(self._session_id, one)]
        self.positions = sum(one.positions for one in blocks)
        self.passed_over = done = self.positions - sum(one.positions for one in touched)
        runs = list(_runs(blocks, touched, self._step))
        if not blocks and self._marks is None:
            runs = [[]]  # There may be orders and ledger entries without a position.
        self.is_complete = not runs

        def compare(connection: Connection, run: Sequence[PositionBlock]) -> list[BookFinding]:
            connection.execute(BY_POSITION)
            # Without limits the plan is that of a whole session, and what has no position is compared.
            span = Span(
                None if not run or run[0] is blocks[0] else run[0].block * self._width,
                None if not run or run[-1] is blocks[-1] else (run[-1].block + 1) * self._width - 1,
            )
            statements = [audit_trades(session_id=self._session_id, **span._asdict())]
            if (doubted := self._doubted(connection, span, sum(one.positions for one in run))) is not None:
                statements += (
                    one(session_id=self._session_id, **doubted._asdict()) for one in (audit_positions, audit_orders)
                )
            return [finding for statement in statements for finding in perform(connection, statement)]

        known = set(self.findings)
        for number, (run, found) in enumerate(side_by_side(self._connections, runs, compare), 1):
            # A fill that is elsewhere than its order has both computed, by the steps of both.
            self.findings += [one for one in found if one not in known]
            known.update(found)
            if self._marks is not None:
                self._marks.keep(self._session_id, sound=() if found else run, unsound=run if found else ())
            done += sum(one.positions for one in run)
            self.is_complete = number == len(runs)
            yield done

    def _doubted(self, connection: Connection, span: Span, positions: int) -> Span | None:
        """The part of a span in which it is not plain that positions and orders are sound."""
        if self._is_odd:
            return span
        doubts = perform(connection, get_doubtful_positions(session_id=self._session_id, **span._asdict()))
        # Where most positions are odd, asking first is in vain, in this session's other spans as well.
        self._is_odd = doubts.positions > positions / 2
        if doubts.first_position is None:
            return None
        return Span(doubts.first_position if doubts.first_position >= 0 else None, doubts.last_position)

    def _sums(self) -> Iterator[Statement[list[BookFinding]]]:
        """What compares sums, and what is not compared by positions; the balance first, should time run out."""
        connection, session_id = self._connections[0], self._session_id
        months = perform(connection, get_months(session_id=session_id))
        chunks = perform(connection, get_decision_chunk_ids(session_id=session_id))
        yield audit_books(session_id=session_id)
        yield audit_ledger(session_id=session_id)
        yield audit_metrics(session_id=session_id, daily=False)
        yield audit_metrics(session_id=session_id, daily=True)
        yield audit_equity(session_id=session_id)
        for start, end in pairwise([None, *_cuts(months, self._step), None]):
            yield audit_days(session_id=session_id, start=start, end=end)
        for some in (chunks[first : first + CHUNKS] for first in range(0, len(chunks), CHUNKS)):
            yield audit_decision_chunks(
                session_id=session_id, first_chunk=some[0], last_chunk=some[-1], contents=self._contents
            )


def _perform(connection: Connection, *, statement: Statement[list[BookFinding]]) -> list[BookFinding]:
    connection.execute(BY_TIME)
    return perform(connection, statement)


def _cuts(months: Sequence[MonthBlock], step: int) -> Iterator[datetime]:
    """Where days are cut into spans: before a month, once a step's rows are before it."""
    rows = 0
    for one in months:
        if rows >= step:
            yield one.month
            rows = 0
        rows += one.row_count


def _runs(
    blocks: Sequence[PositionBlock], touched: Sequence[PositionBlock], step: int
) -> Iterator[list[PositionBlock]]:
    """Those that were touched, in runs: one ends before one that was not, and at the positions of a step."""
    wanted = {one.block for one in touched}
    run: list[PositionBlock] = []
    positions = 0
    for one in blocks:
        if run and (one.block not in wanted or positions + one.positions > step):
            yield run
            run, positions = [], 0
        if one.block in wanted:
            run.append(one)
            positions += one.positions
    if run:
        yield run
