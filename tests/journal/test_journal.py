"""The journal on a real server: in order, exactly once, through outages, refusals and lost answers; sync and async."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from threading import RLock
from time import monotonic, sleep

import psycopg
import pytest

from atb_db import Database, Journal, embedded
from atb_db.errors import JournalHeld, ResourceFull, SessionClosed, StatementError, Unavailable
from atb_db.journal import Queued, read_entries, read_status
from atb_db.repository import account, events, sessions, trades
from atb_db.sqlfile import schema_sql
from atb_db.statement import Statement
from tests.faults.proxy import proxied
from tests.journal.conftest import ANSWERED, Either

Connect = Callable[..., Either]


def note(session_id: int, message: str) -> Statement[int]:
    return events.log_event(session_id=session_id, event_type="TEST", message=message)


def messages(db: Database, session_id: int) -> list[str]:
    """The session's messages in the order in which they were stored."""
    found = sorted(db.run(events.get_recent_events(session_id=session_id, limit=10**6)), key=lambda event: event.id)
    return [event.message for event in found if event.event_type == "TEST"]


def test_it_answers_as_the_database_does(connect: Connect, db: Database, url: str, session_id: int) -> None:
    journal = connect(url)
    statement = account.adjust_balance(session_id=session_id, delta=-5, reason="withdrawal")
    assert journal.record(statement, answered=True) == db.run(statement)
    assert db.run(account.get_current_balance(session_id=session_id)) == Decimal(995)
    assert journal.health().journal == (0, 0)
    with pytest.raises(StatementError, match="only commands are journaled"):
        journal.record(account.get_current_balance(session_id=session_id))


def test_a_full_journal_has_room_again_once_the_database_answers(
    connect: Connect, db: Database, url: str, session_id: int
) -> None:
    with proxied(url) as proxy:
        proxy.refuse()
        first = connect(proxy.url, limit=1 << 13)
        kept: list[str] = []
        with suppress(ResourceFull):
            while True:
                first.record(note(session_id, str(len(kept))))
                kept.append(str(len(kept)))
        with pytest.raises(ResourceFull, match="the journal is full"):
            first.record(note(session_id, "no room"))
        first.close()
        assert kept
        proxy.listen()
        again = connect(proxy.url, limit=1 << 13)
        assert isinstance(again.record(note(session_id, "after a restart"), answered=True), int)
    assert messages(db, session_id) == [*kept, "after a restart"]


def test_through_an_outage_in_order_and_once(
    connect: Connect, db: Database, url: str, session_id: int, tmp_path: Path
) -> None:
    with proxied(url) as proxy:
        journal = connect(proxy.url, deadline=1.0)
        journal.record(note(session_id, "0"), answered=True)
        proxy.refuse()
        start = monotonic()
        answers = [journal.record(note(session_id, str(number))) for number in range(1, 31)]
        # One attempt, and afterwards only the file; 30 attempts would take 9 s.
        assert monotonic() - start < 6
        assert all(isinstance(answer, Queued) for answer in answers)
        assert isinstance(answers[-1], Queued)
        assert (answers[-1].number, answers[-1].waiting) == (31, 30)
        assert answers[-1].reason
        assert journal.health().journal == (30, 0)
        assert not journal.health().reachable
        stopped = journal.replay()
        assert isinstance(stopped.error, Unavailable)
        assert (stopped.applied, stopped.waiting) == (0, 30)
        proxy.listen()
        assert messages(db, session_id) == ["0"]
        journal.close()
        journal = connect(proxy.url)
        assert journal.replay() == (30, 0, 0, None)
        assert isinstance(journal.record(note(session_id, "31"), answered=True), int)
    assert messages(db, session_id) == [str(number) for number in range(32)]
    assert read_status(tmp_path / "journal")[2:] == (0, 0, None)


def test_the_next_record_applies_what_waits(connect: Connect, db: Database, url: str, session_id: int) -> None:
    with proxied(url) as proxy:
        journal = connect(proxy.url)
        proxy.refuse()
        assert isinstance(journal.record(note(session_id, "0")), Queued)
        proxy.listen()
        number, end = 1, monotonic() + 20
        while isinstance(journal.record(note(session_id, str(number))), Queued):
            assert monotonic() < end
            sleep(0.02)
            number += 1
    assert messages(db, session_id) == [str(one) for one in range(number + 1)]


@pytest.mark.parametrize("count", [1, 3])
def test_a_lost_answer_doubles_nothing(connect: Connect, db: Database, url: str, session_id: int, count: int) -> None:
    with proxied(url) as proxy:
        journal = connect(proxy.url)
        journal.record(note(session_id, "0"), answered=True)
        proxy.lose_answers(count)
        journal.record(account.adjust_balance(session_id=session_id, delta=-5, reason="withdrawal"))
        journal.replay()
        assert proxy.lost == count
    assert db.run(account.get_current_balance(session_id=session_id)) == Decimal(995)


def test_an_entry_that_was_applied_but_not_marked_is_applied_once(
    connect: Connect, db: Database, url: str, session_id: int, tmp_path: Path
) -> None:
    path = tmp_path / "journal"
    journal = connect(url)
    journal.record(account.adjust_balance(session_id=session_id, delta=-5, reason="withdrawal"), answered=True)
    journal.close()
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-1]))
    assert read_status(path).waiting == 1
    assert connect(url).replay().applied == 1
    assert db.run(account.get_current_balance(session_id=session_id)) == Decimal(995)


def test_a_poisoned_entry_is_set_aside_and_blocks_nothing(
    connect: Connect, db: Database, url: str, session_id: int, tmp_path: Path
) -> None:
    with proxied(url) as proxy:
        journal = connect(proxy.url)
        proxy.refuse()
        poison = account.adjust_balance(session_id=session_id, delta=-5, reason="late")
        assert isinstance(journal.record(poison), Queued)
        # Events are taken also after the session's end; its money is not.
        assert isinstance(journal.record(note(session_id, "after")), Queued)
        db.run(sessions.end_trading_session(session_id=session_id))
        proxy.listen()
        assert journal.replay() == (1, 1, 0, None)
        assert messages(db, session_id) == ["after"]
        assert journal.health().journal == (0, 1)
        journal.close()
        [entry] = read_entries(tmp_path / "journal")
        assert entry.problem is not None
        assert (entry.problem.error, entry.problem.sqlstate) == ("SessionClosed", "AT410")
        assert entry.request_id == str(poison.request_id)
        assert entry.values["delta"] == "-5"


def test_what_is_refused_at_once_is_told_and_not_kept(
    connect: Connect, db: Database, url: str, session_id: int, tmp_path: Path
) -> None:
    db.run(sessions.end_trading_session(session_id=session_id))
    journal = connect(url)
    with pytest.raises(SessionClosed):
        journal.record(account.adjust_balance(session_id=session_id, delta=-5, reason="late"), answered=True)
    assert journal.status()[2:4] == (0, 0)
    assert read_status(tmp_path / "journal")[2:4] == (0, 0)


def test_what_was_set_aside_can_be_tried_again(connect: Connect, fresh_url: str, tmp_path: Path) -> None:
    with Database(fresh_url) as own, psycopg.connect(fresh_url, autocommit=True) as owner, proxied(fresh_url) as proxy:
        session_id = own.run(
            sessions.create_trading_session(
                strategy_name="s", symbol="BTCUSDT", timeframe="1h", mode="PAPER", initial_balance=1000
            )
        )
        owner.execute("ALTER TABLE system_events ADD CONSTRAINT only_short CHECK (length(message) < 5) NOT VALID")
        journal = connect(proxy.url)
        proxy.refuse()
        journal.record(note(session_id, "far too long"))
        proxy.listen()
        assert journal.replay() == (0, 1, 0, None)
        assert journal.replay(set_aside=True) == (0, 1, 0, None)
        owner.execute("ALTER TABLE system_events DROP CONSTRAINT only_short")
        assert journal.replay(set_aside=True) == (1, 0, 0, None)
        assert messages(own, session_id) == ["far too long"]
    assert read_entries(tmp_path / "journal") == []


def test_a_database_that_is_not_migrated_is_no_fault_of_the_entry(connect: Connect, empty_url: str) -> None:
    journal = connect(empty_url)
    answer = journal.record(events.log_event(event_type="TEST", message="early"), answered=True)
    assert isinstance(answer, Queued)
    assert "does not exist" in str(answer.reason)
    assert journal.health().journal == (1, 0)


def test_a_black_hole_holds_nobody_longer_than_twice_the_patience(
    connect: Connect, db: Database, url: str, session_id: int
) -> None:
    with proxied(url) as proxy:
        journal = connect(proxy.url, patience=0.2)
        journal.record(note(session_id, "0"))
        proxy.swallow()
        longest = 0.0
        for number in range(1, 11):
            start = monotonic()
            assert isinstance(journal.record(note(session_id, str(number))), Queued)
            longest = max(longest, monotonic() - start)
        assert longest < 0.4 + 5
        proxy.flow()
        assert journal.replay().waiting == 0
    assert messages(db, session_id) == [str(number) for number in range(11)]


def test_a_second_writer_is_told(connect: Connect, url: str, tmp_path: Path) -> None:
    journal = connect(url)
    with Database(url) as other, pytest.raises(JournalHeld, match="another"):
        Journal(tmp_path / "journal", other)
    journal.close()
    connect(url)


class StruckWhenTaken:
    """A lock whose taker is interrupted as soon as it has it, as by a signal."""

    def __init__(self) -> None:
        self.lock = RLock()
        self.release = self.lock.release

    def acquire(self, timeout: float) -> bool:
        self.lock.acquire(timeout=timeout)
        raise KeyboardInterrupt


def test_no_interruption_leaves_the_journal_taken(url: str, session_id: int, tmp_path: Path) -> None:
    with Database(url) as own, Journal(tmp_path / "journal", own) as journal, ThreadPoolExecutor(1) as other:
        journal._applying = taken = StruckWhenTaken()  # type: ignore[assignment]
        with pytest.raises(KeyboardInterrupt):
            journal.record(note(session_id, "interrupted"))
        assert other.submit(taken.lock.acquire, timeout=1).result()
        assert journal.status().waiting == 1


def test_threads_share_a_journal(db: Database, url: str, session_id: int, tmp_path: Path) -> None:
    statements = [note(session_id, str(number)) for number in range(80)]
    with (
        Database(url) as own,
        Journal(tmp_path / "journal", own, patience=ANSWERED) as journal,
        ThreadPoolExecutor(8) as pool,
    ):
        answers = list(pool.map(journal.record, statements))
    assert all(isinstance(answer, int) for answer in answers)
    assert sorted(map(int, messages(db, session_id))) == list(range(80))
    assert [db.run(statement) for statement in statements] == answers


def test_through_a_restart_of_the_server(tmp_path: Path) -> None:
    with embedded.postgresql() as server:
        url = server.create_database("own")
        with psycopg.connect(url) as connection:
            connection.execute(schema_sql())
            connection.execute("ALTER DATABASE own SET synchronous_commit = on")  # the tests' server has it off
        with Database(url) as db, Journal(tmp_path / "journal", db, patience=0.2) as journal:
            session_id = db.run(
                sessions.create_trading_session(
                    strategy_name="s", symbol="BTCUSDT", timeframe="1h", mode="PAPER", initial_balance=1000
                )
            )
            journal.record(note(session_id, "0"))
            with server.outage(crash=True):
                assert isinstance(journal.record(note(session_id, "1")), Queued)
            assert journal.replay().waiting == 0
            assert messages(db, session_id) == ["0", "1"]


def trade(session_id: int, pnl: int) -> Statement[int]:
    return trades.log_trade(
        session_id=session_id,
        symbol="BTCUSDT",
        side="LONG",
        entry_price=100,
        exit_price=100 + pnl,
        size="0.1",
        entry_time=datetime(2024, 3, 1, tzinfo=UTC),
        exit_time=datetime(2024, 3, 2, tzinfo=UTC),
        pnl=pnl,
        exit_reason="signal",
        strategy_name="s",
    )


def test_money_that_waited_is_booked_once(connect: Connect, db: Database, url: str, session_id: int) -> None:
    with proxied(url) as proxy:
        journal = connect(proxy.url)
        proxy.refuse()
        for _ in range(5):
            journal.record(trade(session_id, 2))
        proxy.listen()
        proxy.lose_answers(2, tag="SELECT|INSERT")
        while journal.replay().waiting:
            pass
    assert db.run(account.get_current_balance(session_id=session_id)) == Decimal(1010)
    assert len(db.run(trades.get_recent_trades(session_id=session_id))) == 5
