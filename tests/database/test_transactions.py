"""Transactions commit as a whole or not at all, and nobody is told otherwise."""

# ruff: noqa: PT012  what is tested is a block

from __future__ import annotations

from contextlib import suppress

import psycopg
import pytest

from atb_db import Database
from atb_db.errors import AtbDbError, InvalidInput, NotFound, TransactionAborted
from atb_db.repository import account, events, positions
from atb_db.statement import Statement
from tests.database.conftest import Messages, note


def failing() -> Statement[int]:
    return positions.update_position(position_id=10**12, stop_loss=1)


def test_a_block_is_committed_at_its_end(db: Database, session_id: int, messages: Messages) -> None:
    with db.transaction() as transaction:
        transaction.run(note(session_id, "one"))
        assert messages() == []
        transaction.run(note(session_id, "two"))
    assert messages() == ["one", "two"]


def test_an_exception_undoes_the_block(db: Database, session_id: int, messages: Messages) -> None:
    with pytest.raises(ZeroDivisionError), db.transaction() as transaction:
        transaction.run(note(session_id, "one"))
        1 / 0  # noqa: B018
    assert messages() == []


def test_an_error_of_a_statement_undoes_the_block(db: Database, session_id: int, messages: Messages) -> None:
    with pytest.raises(NotFound) as caught, db.transaction() as transaction:
        transaction.run(note(session_id, "one"))
        transaction.run(failing())
    assert caught.value.statement == "positions.update_position"
    assert messages() == []


def swallow(database: Database, session_id: int) -> None:
    with database.transaction() as transaction:
        transaction.run(note(session_id, "lost"))
        with suppress(AtbDbError):
            transaction.run(failing())


def test_a_swallowed_error_is_not_a_commit(db: Database, session_id: int, messages: Messages) -> None:
    with pytest.raises(TransactionAborted):
        swallow(db, session_id)
    assert messages() == []
    db.run(note(session_id, "the connection is fine"))
    assert messages() == ["the connection is fine"]


def swallow_a_lost_connection(database: Database, other: psycopg.Connection, session_id: int) -> None:
    with database.transaction() as transaction:
        transaction.run(note(session_id, "lost"))
        pid = transaction._connection.info.backend_pid
        other.execute("SELECT pg_terminate_backend(%s, 10000)", [pid])
        with suppress(AtbDbError):
            transaction.run(note(session_id, "lost, too"))


def test_a_swallowed_lost_connection_is_not_a_commit(
    db: Database, other: psycopg.Connection, session_id: int, messages: Messages
) -> None:
    with pytest.raises(TransactionAborted):
        swallow_a_lost_connection(db, other, session_id)
    assert messages() == []


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_an_interruption_closes_the_connection_at_once(
    db: Database, session_id: int, messages: Messages, interruption: type[BaseException]
) -> None:
    with pytest.raises(interruption), db.transaction() as transaction:
        transaction.run(note(session_id, "one"))
        connection = transaction._connection
        raise interruption
    assert connection.closed
    assert messages() == []


def test_an_error_is_itself_while_an_interruption_is_handled(db: Database) -> None:
    for interruption in (KeyboardInterrupt, SystemExit, GeneratorExit):
        try:
            raise interruption
        except interruption:
            with pytest.raises(NotFound):
                db.run(failing())
            with pytest.raises(NotFound), db.transaction() as transaction:
                transaction.run(failing())


def test_what_cannot_be_sent_takes_with_it_what_was_sent(
    db: Database, session_id: int, messages: Messages, monkeypatch: pytest.MonkeyPatch
) -> None:
    cannot = note(session_id, "two")
    values = Statement.server_values

    def damaged(statement: Statement[object]) -> tuple[str | None, ...]:
        return tuple("\ud800" if statement is cannot else value for value in values(statement))

    monkeypatch.setattr(Statement, "server_values", damaged)  # values refuse it long before
    with pytest.raises(InvalidInput, match="not UTF-8"):
        db.run_many([note(session_id, "one"), cannot])
    assert messages() == []


def test_after_an_error_the_transaction_refuses_everything(db: Database, session_id: int, messages: Messages) -> None:
    with pytest.raises(TransactionAborted), db.transaction() as transaction:
        with pytest.raises(NotFound):
            transaction.run(failing())
        transaction.run(note(session_id, "too late"))
    assert messages() == []


def test_what_is_refused_before_it_is_sent_aborts_nothing(db: Database, session_id: int, messages: Messages) -> None:
    with db.transaction() as transaction:
        transaction.run(note(session_id, "one"))
        with pytest.raises(InvalidInput):
            transaction.run(account.adjust_balance(session_id=session_id, delta="nan", reason="test"))
    assert messages() == ["one"]


def test_a_savepoint_undoes_its_block_alone(db: Database, session_id: int, messages: Messages) -> None:
    with db.transaction() as transaction:
        transaction.run(note(session_id, "one"))
        with pytest.raises(NotFound), transaction.transaction() as inner:
            inner.run(note(session_id, "undone"))
            inner.run(failing())
        with transaction.transaction() as inner:
            inner.run(note(session_id, "two"))
            with pytest.raises(ZeroDivisionError), inner.transaction() as innermost:
                innermost.run(note(session_id, "undone"))
                1 / 0  # noqa: B018
        transaction.run(note(session_id, "three"))
    assert messages() == ["one", "two", "three"]


def test_an_error_swallowed_in_a_savepoint_undoes_the_savepoint(
    db: Database, session_id: int, messages: Messages
) -> None:
    with db.transaction() as transaction:
        transaction.run(note(session_id, "one"))
        with pytest.raises(TransactionAborted), transaction.transaction() as inner:
            inner.run(note(session_id, "undone"))
            with pytest.raises(NotFound):
                inner.run(failing())
        transaction.run(note(session_id, "two"))
    assert messages() == ["one", "two"]


def test_all_of_it_inside_one_transaction(db: Database, session_id: int, messages: Messages) -> None:
    with db.transaction() as transaction:
        transaction.run_many([note(session_id, "one"), note(session_id, "two")])
        transaction.copy_in(
            [
                events.copy_events(
                    session_id=session_id,
                    event_type="TEST",
                    message="three",
                    timestamp=transaction.run(events.get_recent_events(session_id=session_id, limit=1))[0].timestamp,
                )
            ]
        )
        with transaction.stream(events.get_recent_events(session_id=session_id)) as rows:
            assert sum(1 for _ in rows) == 4
        with transaction.stream(events.get_recent_events(session_id=session_id)) as rows:
            next(rows)
        transaction.run(note(session_id, "four"))
        assert messages() == []
    assert sorted(messages()) == ["four", "one", "three", "two"]


def test_a_transaction_that_is_over_runs_nothing(db: Database, session_id: int, messages: Messages) -> None:
    with db.transaction() as transaction, transaction.transaction() as savepoint:
        savepoint.run(note(session_id, "one"))
    for over in (transaction, savepoint):
        with pytest.raises(AtbDbError, match="the transaction is over"):
            over.run(note(session_id, "two"))
    assert messages() == ["one"]
