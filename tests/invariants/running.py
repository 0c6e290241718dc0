"""Running any statement's value, and running many at the same moment."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from threading import Barrier
from typing import TypeVar, cast

from atb_db import Database
from atb_db.database import Transaction
from atb_db.errors import AtbDbError
from atb_db.statement import Kind, Statement

T = TypeVar("T")


class Rollback(Exception):  # noqa: N818  not an error
    """Ends a transaction without a trace."""


@contextmanager
def undone(db: Database) -> Iterator[Transaction]:
    """A transaction that leaves nothing behind."""
    with suppress(Rollback), db.transaction() as transaction:
        yield transaction
        raise Rollback


def run(db: Database, statement: Statement[object]) -> object:
    """The result; the number of rows for a bulk load of this one."""
    if statement.declaration.kind is Kind.COPY:
        return db.copy_in([cast("Statement[None]", statement)])
    return db.run(statement)


def together(calls: Iterable[Callable[[], T]]) -> list[T | AtbDbError]:
    """Each call in a thread of its own, all released at once; their results, or what was refused, in order."""
    waiting = list(calls)
    barrier = Barrier(len(waiting))

    def at_once(call: Callable[[], T]) -> T | AtbDbError:
        barrier.wait()
        try:
            return call()
        except AtbDbError as error:
            return error

    with ThreadPoolExecutor(len(waiting)) as pool:
        return list(pool.map(at_once, waiting))


def run_together(db: Database, statements: Iterable[Statement[T]]) -> list[T | AtbDbError]:
    """The statements at once, each on a connection of its own."""
    return together([lambda statement=statement: db.run(statement) for statement in statements])  # type: ignore[misc]
