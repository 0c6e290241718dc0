"""A forked process has connections of its own: neither reads the other's answers."""

# ruff: noqa: PT012  what is tested is a block

from __future__ import annotations

import asyncio
import multiprocessing
import os
import pickle
import socket
from collections.abc import Callable
from decimal import Decimal
from threading import Thread

import pytest

from atb_db import AsyncDatabase, Database, Settings
from atb_db.database import Transaction
from atb_db.errors import AtbDbError, TransactionAborted, Unavailable
from atb_db.repository import account
from tests.database.conftest import Messages, note

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here"),
    # The pool has threads; what they hold is what is tested.
    pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning"),
]
ROUNDS = 100


def forked(work: Callable[[], object]) -> int:
    """The process of a child that does this and nothing else; it exits with 0 if all was well."""
    if (pid := os.fork()) != 0:
        return pid
    code = 1
    try:
        work()
        code = 0
    finally:
        os._exit(code)


def check(*children: int) -> None:
    for pid in children:
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def read(db: Database, session_id: int, balance: Decimal) -> None:
    for _ in range(ROUNDS):
        assert db.run(account.get_current_balance(session_id=session_id)) == balance


@pytest.fixture
def sessions(start_session: Callable[..., int]) -> list[int]:
    return [start_session(initial_balance=str(1000 + number)) for number in range(3)]


def test_parent_and_children_read_their_own_answers(url: str, sessions: list[int]) -> None:
    with Database(url) as db:
        read(db, sessions[0], Decimal(1000))
        children = [
            forked(lambda number=number: read(db, sessions[number], Decimal(1000 + number)))  # type: ignore[misc]
            for number in (1, 2)
        ]
        read(db, sessions[0], Decimal(1000))
        check(*children)
        read(db, sessions[0], Decimal(1000))


def test_a_child_forked_while_threads_work(url: str, sessions: list[int]) -> None:
    with Database(url) as db:
        threads = [Thread(target=read, args=(db, sessions[0], Decimal(1000))) for _ in range(4)]
        for thread in threads:
            thread.start()
        check(*[forked(lambda: read(db, sessions[1], Decimal(1001))) for _ in range(5)])
        for thread in threads:
            thread.join()
        read(db, sessions[0], Decimal(1000))


def test_a_transaction_stays_with_the_parent(url: str, session_id: int, messages: Messages) -> None:
    def use(transaction: Transaction) -> None:
        with pytest.raises(Unavailable, match="the connection is closed"):
            transaction.run(note(session_id, "the child's"))

    def leave(db: Database) -> None:
        with pytest.raises(TransactionAborted), db.transaction() as transaction:
            transaction.run(note(session_id, "before"))
            if (pid := os.fork()) != 0:
                check(pid)
                transaction.run(note(session_id, "after"))
                raise TransactionAborted
            use(transaction)

    with Database(url) as db:
        parent = os.getpid()
        code = 1
        try:
            leave(db)
            read(db, session_id, Decimal(1000))
            code = 0
        finally:
            if os.getpid() != parent:
                os._exit(code)
        with db.transaction() as transaction:
            transaction.run(note(session_id, "kept"))
            check(forked(lambda: use(transaction)))
            transaction.run(note(session_id, "kept, too"))
    assert messages() == ["kept", "kept, too"]


def test_a_closed_database_stays_closed_in_a_child(url: str) -> None:
    db = Database(url)
    db.open()
    db.close()

    def use() -> None:
        with pytest.raises(AtbDbError, match="is closed"):
            db.ping()

    check(forked(use))


def test_tasks_in_a_child(url: str, sessions: list[int]) -> None:
    query = account.get_current_balance(session_id=sessions[1])

    async def work() -> None:
        async with AsyncDatabase(url) as db:
            await db.run(query)

            async def again() -> None:
                try:
                    assert [await db.run(query) for _ in range(ROUNDS)] == [Decimal(1001)] * ROUNDS
                finally:
                    await db.close()  # or the loop may wait for a task of the pool, for ever: docs/reliability.md

            thread = Thread(target=lambda: check(forked(lambda: asyncio.run(again()))))
            thread.start()
            for _ in range(ROUNDS):
                assert await db.run(account.get_current_balance(session_id=sessions[0])) == 1000
            await asyncio.to_thread(thread.join)
            await db.run(query)

    asyncio.run(work())


def test_a_preforking_server(url: str, sessions: list[int]) -> None:
    """The application is loaded once, with a database in use; workers are forked and answer on one listening socket."""
    with Database(url) as db, socket.create_server(("127.0.0.1", 0)) as listening:
        db.run(account.get_current_balance(session_id=sessions[0]))

        def serve() -> None:
            while True:
                peer, _ = listening.accept()
                with peer, peer.makefile("rw") as request:
                    asked = request.readline().strip()
                    if not asked:
                        return
                    request.write(f"{db.run(account.get_current_balance(session_id=int(asked)))}\n")

        def ask(text: str) -> str:
            with socket.create_connection(listening.getsockname()) as peer, peer.makefile("rw") as request:
                request.write(text + "\n")
                request.flush()
                return request.readline().strip()

        workers = [forked(serve) for _ in range(3)]
        for number in range(ROUNDS):
            place = number % 3
            assert Decimal(ask(str(sessions[place]))) == 1000 + place
            assert db.run(account.get_current_balance(session_id=sessions[0])) == 1000
        for _ in workers:
            ask("")
        check(*workers)


def in_a_forked_process(db: Database, session_id: int) -> None:
    read(db, session_id, Decimal(1001))


def in_a_spawned_process(settings: Settings, session_id: int) -> None:
    with Database(settings) as db:
        read(db, session_id, Decimal(1001))


def test_multiprocessing(url: str, sessions: list[int]) -> None:
    with Database(url) as db:
        db.ping()
        processes = [
            multiprocessing.get_context("fork").Process(target=in_a_forked_process, args=(db, sessions[1])),
            multiprocessing.get_context("spawn").Process(target=in_a_spawned_process, args=(db.settings, sessions[1])),
        ]
        for process in processes:
            process.start()
        read(db, sessions[0], Decimal(1000))
        for process in processes:
            process.join()
            assert process.exitcode == 0


@pytest.mark.parametrize("kind", [Database, AsyncDatabase])
def test_no_database_is_sent_to_another_process(url: str, kind: type[Database | AsyncDatabase]) -> None:
    with pytest.raises(TypeError, match="make one there, of its settings"):
        pickle.dumps(kind(url))
