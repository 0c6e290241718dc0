"""Running one migration at a time: under the lock, in one transaction, again while a table is in use."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from typing import Final, NamedTuple, TypeVar

import psycopg
from yoyo.migrations import Migration as YoyoMigration

from atb_db.admin.connection import Connection, ask, reading
from atb_db.admin.errors import LockHeld
from atb_db.admin.migrations.files import Migration, Release
from atb_db.admin.migrations.reading import read_facts
from atb_db.admin.migrations.running import place_of
from atb_db.admin.migrations.states import Facts
from atb_db.admin.migrations.steps import Event, Happened, OnEvent
from atb_db.admin.migrations.yoyo_backend import LOCK_TIMEOUT, Backend
from atb_db.admin.owner import schema_owner
from atb_db.admin.readable import shown_duration
from atb_db.config import Settings
from atb_db.database.connecting import accept
from atb_db.database.retry import MIGRATIONS
from atb_db.database.translation import translated
from atb_db.errors import AtbDbError, OutcomeUnknown, PermissionDenied, Unavailable

T = TypeVar("T")

_IN_USE: Final = (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected)


class _TableUser(NamedTuple):
    pid: int
    application: str | None
    login: str | None
    state: str | None
    """None where the role may not see it, as are the seconds."""
    seconds: float | None
    tables: str


class Engine(NamedTuple):
    """A connection that holds the lock on migrations."""

    backend: Backend
    facts: Facts
    """What there was when the lock was had."""
    wait: float
    """Seconds for which a migration is tried again while a table that it changes is in use."""
    progress: OnEvent

    def each(self, migrations: Sequence[Migration], do: Callable[[Migration], None]) -> tuple[str, ...]:
        """Do it to each migration and report each; their ids."""
        if migrations:
            self.prepare()
        for number, migration in enumerate(migrations, 1):
            self._one(migration, do, number=number, total=len(migrations))
        return tuple(migration.id for migration in migrations)

    def _one(self, migration: Migration, do: Callable[[Migration], None], *, number: int, total: int) -> None:
        def report(happened: Happened, seconds: float) -> None:
            self.progress(Event(migration.id, happened, number, total, seconds))

        with named(f"migration {migration.id}"):
            self.until_free(lambda: do(migration), report, again=migration.transactional)

    def until_free(self, do: Callable[[], T], report: Callable[[Happened, float], None], *, again: bool = True) -> T:
        """Do it, again when something that it changes is in use, until `wait` is over; report it with the seconds."""
        begun = time.monotonic()
        report(Happened.BEGUN, 0.0)
        done = _until_free(
            self.backend.connection,
            do,
            wait=self.wait if again else None,
            said="a table that it changes was in use for {:g} s; nothing of it was kept",
            waiting=lambda: report(Happened.WAITING, time.monotonic() - begun),
        )
        self.backend.connection.execute("RESET ALL")  # what the migration may have set
        report(Happened.DONE, time.monotonic() - begun)
        return done

    def prepare(self) -> None:
        """Make the tables that record migrations."""
        self.backend.ensure_internal_schema_updated()
        [(there,)] = self.backend.connection.execute("SELECT to_regclass('public._atb_migration') IS NOT NULL")
        if not there:
            with self.backend.transaction():
                ask(self.backend.connection, "migration_table")

    def record(self, migration: Migration, *, adopted: bool = False) -> None:
        """Record the migration as applied; inside the caller's transaction."""
        # The migration may have set another, and yoyo's tables go by their bare names.
        self.backend.connection.execute("SET LOCAL search_path TO public")
        marked = yoyo_migration(migration.id)
        if adopted:
            self.backend.unmark_one(marked, log=False)
        self.backend.mark_one(marked, log=adopted)
        if not adopted:
            self.backend.log_migration(marked, "apply")
        self.record_content(migration, adopted=adopted)

    def record_content(self, migration: Migration, *, adopted: bool = False) -> None:
        """Record what the migration's file says."""
        ask(self.backend.connection, "record_migration", values=[migration.id, migration.checksum, adopted])

    def forget(self, name: str, *, operation: str) -> None:
        """Forget the migration; inside the caller's transaction. The operation is rollback or unmark."""
        self.backend.connection.execute("SET LOCAL search_path TO public")
        marked = yoyo_migration(name)
        self.backend.unmark_one(marked, log=False)
        self.backend.log_migration(marked, operation)
        ask(self.backend.connection, "forget_migration", values=[name])


def _until_free(
    connection: Connection, do: Callable[[], T], *, wait: float | None, said: str, waiting: Callable[[], None]
) -> T:
    """Do it again while a lock is not to be had, until `wait` seconds are over; not at all with None."""
    begun = time.monotonic()
    failures = 1
    while True:
        try:
            return do()
        except _IN_USE:
            if wait is None:
                raise
            pause = MIGRATIONS.after(failures)
            if time.monotonic() - begun + pause + LOCK_TIMEOUT > wait:
                raise LockHeld(f"{said.format(wait)}{_oldest_user(connection)}") from None
        waiting()
        time.sleep(pause)
        failures += 1


def _oldest_user(connection: Connection) -> str:
    """Who is most likely in the way: the wait for a lock is over, so that the server no longer knows."""
    for one in ask(connection, "table_users", _TableUser):
        who = one.application or one.login
        state = f"{one.state or 'at work'} for {shown_duration(timedelta(seconds=one.seconds or 0))}"
        return (
            f". The oldest session that uses our tables is process {one.pid} ({who}, {state}, {one.tables}); "
            f"SELECT pg_terminate_backend({one.pid}) would end it"
        )
    return ""


def yoyo_migration(name: str) -> YoyoMigration:
    """The migration as yoyo knows it."""
    return YoyoMigration(name, "", "")


@contextmanager
def engine(settings: Settings, release: Release, *, wait: float, progress: OnEvent) -> Iterator[Engine]:
    """Connect and hold the lock on migrations until the end of the block.

    Raises:
        LockHeld: another process held it, or locked a table, for `wait` seconds.
        Unavailable: the server cannot be reached, or the connection was lost; the next run goes on from there.
    """
    with ExitStack() as stack:
        with translated():
            backend = stack.enter_context(Backend.connect_to(settings))
            accept(backend.connection)
            stack.enter_context(backend.lock(wait))
            # Whoever changes a table keeps its catalog from us, too.
            facts = _until_free(
                backend.connection,
                lambda: read_facts(backend.connection, release),
                wait=wait,
                said="a table was locked for {:g} s; nothing was done",
                waiting=lambda: None,
            )
        with _as_owner(settings), _resumable(), translated(writes=True):
            yield Engine(backend, facts, wait, progress)


@contextmanager
def _as_owner(settings: Settings) -> Iterator[None]:
    """Say who may do it, where the role may not: most often an engine's, in whose environment it was run."""
    try:
        yield
    except PermissionDenied as error:
        with reading(settings) as (connection, server):
            owner = schema_owner(connection)
        if owner is not None and owner.name != server.user:
            error.message += f"; run it as the owner of the schema, {owner.name}"
        raise


@contextmanager
def named(name: str) -> Iterator[None]:
    """Let errors name what failed, and in which line of its file."""
    try:
        with translated(writes=True):
            yield
    except AtbDbError as error:
        error.statement = name
        if (place := place_of(error.__context__)) is not None:
            error.message += f" ({place})"
        raise


@contextmanager
def _resumable() -> Iterator[None]:
    try:
        yield
    except OutcomeUnknown as error:
        message = f"{error.message}; run it again, and it goes on from where it was"
        raise Unavailable(message, statement=error.statement, sqlstate=error.sqlstate) from None
