"""Running one statement, or several in one round trip, on a connection."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from contextlib import suppress
from time import perf_counter
from typing import TypeVar

import psycopg
from psycopg import RawCursor

from atb_db.database.connecting import BEGIN_SNAPSHOT, first_unanswered, result, runnable, writing
from atb_db.database.connections import Connection
from atb_db.database.observing import heard
from atb_db.database.translation import DRIVER_ERRORS, check_replicated, failure, forward_interruption
from atb_db.statement import Statement

R = TypeVar("R")


def run(connection: Connection, statement: Statement[R], *, alone: bool = True) -> R:
    """Run one statement; `alone` is whether it is a transaction of its own."""
    observer = connection.observer
    began = perf_counter() if observer is not None else 0.0
    try:
        rows = connection.ask(statement.declaration, statement.server_values())
    except DRIVER_ERRORS as error:
        # What is lost before the COMMIT has not happened.
        failed = failure(connection, error, statement, writes=alone and writing(statement))
        if observer is not None:
            observer.ran(statement.name, seconds=perf_counter() - began, error=failed, together=1)
        raise failed from None
    if observer is not None:
        observer.ran(statement.name, seconds=perf_counter() - began, error=None, together=1)
    if alone:
        check_replicated(connection, statement.name)
    return result(statement, rows)


def run_many(
    connection: Connection, statements: Iterable[Statement[R]], *, alone: bool = True, snapshot: bool = False
) -> list[R]:
    """Run statements in one round trip; `alone` as in `run`, `snapshot` whether they see one."""
    handled = sys.exception()
    sent = list(statements)
    for statement in sent:
        runnable(statement)
    cursors = [RawCursor(connection, row_factory=statement.declaration.reader.row_factory) for statement in sent]
    observer = connection.observer
    began = perf_counter() if observer is not None else 0.0
    try:
        # Leaving the pipeline sends a Sync, which commits what was sent so far.
        with connection.pipeline(), connection.all_or_nothing() if alone else connection.interruptible():
            if snapshot:
                connection.execute(BEGIN_SNAPSHOT)
            for cursor, statement in zip(cursors, sent, strict=True):
                cursor.execute(statement.declaration.sql, statement.server_values())
            if snapshot:
                connection.execute("COMMIT")
    except DRIVER_ERRORS as error:
        forward_interruption(error, handled)
        if snapshot and not connection.closed:
            with suppress(psycopg.Error):  # or the pool closes it
                connection.rollback()
        writes = alone and any(map(writing, sent))
        failed = failure(connection, error, first_unanswered(sent, cursors), writes=writes)
        if observer is not None:
            heard(observer, sent, seconds=perf_counter() - began, error=failed)
        raise failed from None
    if observer is not None:
        heard(observer, sent, seconds=perf_counter() - began, error=None)
    connection.prepared.ran.update(statement.declaration.sql for statement in sent)
    if alone:
        check_replicated(connection)
    return [
        result(statement, cursor.fetchall() if cursor.description else [])
        for cursor, statement in zip(cursors, sent, strict=True)
    ]
