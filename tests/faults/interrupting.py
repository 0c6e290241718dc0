"""Everything that a database does, to be interrupted anywhere: by a line of Python, a suspension, or a signal."""

from __future__ import annotations

import asyncio
import signal
import sys
import types
from collections.abc import Awaitable, Callable, Coroutine, Generator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from itertools import count
from linecache import getline
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

import psycopg

import atb_db.database
from atb_db import AsyncDatabase, Batch, Database
from atb_db.database import AsyncTransaction, Transaction
from atb_db.errors import AtbDbError
from atb_db.repository import account, events
from atb_db.statement import Statement

if TYPE_CHECKING:
    from _typeshed import TraceFunction

R = TypeVar("R")

_OURS: Final = str(Path(atb_db.database.__file__).parent)
_ROWS: Final = 4


class Read(NamedTuple):
    """What a batch reads."""

    balance: Decimal
    events: list[events.SystemEvent]


class Notes(NamedTuple):
    """The events that one act is to store: all or none."""

    session_id: int
    tag: str

    def commands(self) -> list[Statement[int]]:
        return [events.log_event(session_id=self.session_id, event_type="TEST", message=self.tag) for _ in range(_ROWS)]

    def rows(self) -> list[Statement[None]]:
        now = datetime.now(UTC)
        return [
            events.copy_events(session_id=self.session_id, event_type="TEST", message=self.tag, timestamp=now)
            for _ in range(_ROWS)
        ]

    def batch(self) -> Batch[Read]:
        balance = account.get_current_balance(session_id=self.session_id)
        return Batch(Read, balance=balance, events=self.query())

    def query(self) -> Statement[list[events.SystemEvent]]:
        return events.get_recent_events(session_id=self.session_id, limit=20)


def _run(db: Database, notes: Notes) -> None:
    db.run(account.get_current_balance(session_id=notes.session_id))


def _run_many(db: Database, notes: Notes) -> None:
    db.run_many(notes.commands())


def _run_batch(db: Database, notes: Notes) -> None:
    db.run_batch(notes.batch())


def _transaction(db: Database, notes: Notes) -> None:
    one, two, *others = notes.commands()
    with db.transaction() as tx:
        tx.run(one)
        with tx.transaction() as savepoint:
            savepoint.run(two)
        tx.run_many(others)


def _retrying(db: Database, notes: Notes) -> None:
    commands = notes.commands()

    def work(tx: Transaction) -> None:
        for command in commands:
            tx.run(command)

    db.retrying(work)


def _copy_in(db: Database, notes: Notes) -> None:
    db.copy_in(notes.rows())


def _stream(db: Database, notes: Notes) -> None:
    with db.stream(notes.query()) as rows:
        for _ in rows:
            pass


async def _arun(db: AsyncDatabase, notes: Notes) -> None:
    await db.run(account.get_current_balance(session_id=notes.session_id))


async def _arun_many(db: AsyncDatabase, notes: Notes) -> None:
    await db.run_many(notes.commands())


async def _arun_batch(db: AsyncDatabase, notes: Notes) -> None:
    await db.run_batch(notes.batch())


async def _atransaction(db: AsyncDatabase, notes: Notes) -> None:
    one, two, *others = notes.commands()
    async with db.transaction() as tx:
        await tx.run(one)
        async with tx.transaction() as savepoint:
            await savepoint.run(two)
        await tx.run_many(others)


async def _aretrying(db: AsyncDatabase, notes: Notes) -> None:
    commands = notes.commands()

    async def work(tx: AsyncTransaction) -> None:
        for command in commands:
            await tx.run(command)

    await db.retrying(work)


async def _acopy_in(db: AsyncDatabase, notes: Notes) -> None:
    await db.copy_in(notes.rows())


async def _astream(db: AsyncDatabase, notes: Notes) -> None:
    async with db.stream(notes.query()) as rows:
        async for _ in rows:
            pass


class Act(NamedTuple):
    """One method of both databases at work."""

    name: str
    sync: Callable[[Database, Notes], object]
    aio: Callable[[AsyncDatabase, Notes], Coroutine[Any, Any, None]]


ACTS: Final = (
    Act("run", _run, _arun),
    Act("run_many", _run_many, _arun_many),
    Act("run_batch", _run_batch, _arun_batch),
    Act("transaction", _transaction, _atransaction),
    Act("retrying", _retrying, _aretrying),
    Act("copy_in", _copy_in, _acopy_in),
    Act("stream", _stream, _astream),
)


def stored_in_part(url: str, session_id: int) -> list[tuple[str, int]]:
    """The acts of which something was stored, but not all, and how many rows were."""
    query = """
        SELECT message, count(*) FROM system_events
         WHERE session_id = %s AND event_type = 'TEST' GROUP BY message HAVING count(*) <> %s
    """
    with psycopg.connect(url) as connection:
        return connection.execute(query, [session_id, _ROWS]).fetchall()


class Strike:
    """An interruption to come."""

    def __init__(self, error: type[BaseException]) -> None:
        self.error = error
        self.has_come = False
        self.lines = 0
        """Lines of our modules that were run before."""

    def come(self) -> None:
        self.has_come = True
        raise self.error


@contextmanager
def at_line(number: int, strike: Strike) -> Iterator[None]:
    """Interrupt this thread before it runs the so-manieth line of our database modules.

    Not where it takes or leaves a lock: that is one step, between whose halves no signal comes.
    """

    def line(frame: FrameType, event: str, _argument: object) -> TraceFunction:
        if event == "line" and not strike.has_come and "lock:" not in getline(frame.f_code.co_filename, frame.f_lineno):
            if strike.lines == number:
                strike.come()
            strike.lines += 1
        return line

    def call(frame: FrameType, _event: str, _argument: object) -> TraceFunction | None:
        return line if not strike.has_come and frame.f_code.co_filename.startswith(_OURS) else None

    before = sys.gettrace()
    sys.settrace(call)
    try:
        yield
    finally:
        sys.settrace(before)


@contextmanager
def by_signal(seconds: float, strike: Strike) -> Iterator[None]:
    """Interrupt the main thread after so many seconds, by a signal's handler."""
    before = signal.signal(signal.SIGALRM, lambda _number, _frame: strike.come())
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@contextmanager
def struck(strike: Strike) -> Iterator[None]:
    """A block that the interruption ends; one that is an ordinary exception may have become an error of ours."""
    try:
        yield
    except strike.error:
        pass
    except AtbDbError:
        if not issubclass(strike.error, Exception):
            raise


@types.coroutine
def cancelled_at(number: int, work: Coroutine[Any, Any, R]) -> Generator[Any, Any, R]:
    """Await the work, and cancel its task at the so-manieth point at which it lets others run."""
    task = asyncio.current_task()
    assert task is not None
    resume: Callable[[], Any] = lambda: work.send(None)  # noqa: E731  what is next
    for step in count():
        try:
            wanted = resume()
        except StopIteration as stop:
            result: R = stop.value
            return result
        if step == number:
            task.cancel()
        try:
            yield wanted
        except BaseException as error:  # noqa: BLE001  it is the work's
            resume = lambda error=error: work.throw(error)  # type: ignore[misc]  # noqa: E731
        else:
            resume = lambda: work.send(None)  # noqa: E731
    raise AssertionError


def awaited(work: Awaitable[R]) -> Coroutine[Any, Any, R]:
    """A coroutine, as tasks are made of."""

    async def run() -> R:
        return await work

    return run()
