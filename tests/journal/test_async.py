"""`AsyncJournal` among tasks: each gets its own answer, and a cancelled one's command is not lost."""

from __future__ import annotations

import asyncio
from pathlib import Path

from atb_db import AsyncDatabase, AsyncJournal, Database
from atb_db.journal import Queued
from tests.database.conftest import note
from tests.faults.proxy import proxied
from tests.journal.conftest import ANSWERED
from tests.journal.test_journal import messages


def test_tasks_share_a_journal(db: Database, url: str, session_id: int, tmp_path: Path) -> None:
    statements = [note(session_id, str(number)) for number in range(50)]

    async def work() -> list[int | Queued]:
        async with AsyncDatabase(url) as own, AsyncJournal(tmp_path / "journal", own, patience=ANSWERED) as journal:
            return await asyncio.gather(*map(journal.record, statements))

    answers = asyncio.run(work())
    assert all(isinstance(answer, int) for answer in answers)
    assert sorted(map(int, messages(db, session_id))) == list(range(50))
    assert [db.run(statement) for statement in statements] == answers


def test_a_cancelled_task_has_recorded_its_command(db: Database, url: str, session_id: int, tmp_path: Path) -> None:
    async def work(url: str) -> int:
        own = AsyncDatabase(url)
        async with AsyncJournal(tmp_path / "journal", own, patience=5) as journal:
            task = asyncio.create_task(journal.record(note(session_id, "cancelled")))
            for _ in range(6000):
                if journal.status().waiting:
                    break
                await asyncio.sleep(0.01)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            assert task.cancelled()
            waiting = journal.status().waiting
        await own.close()
        return waiting

    with proxied(url) as proxy:
        proxy.swallow()
        assert asyncio.run(work(proxy.url)) == 1
        proxy.flow()

    async def later() -> tuple[int, int]:
        async with AsyncDatabase(url) as own, AsyncJournal(tmp_path / "journal", own) as journal:
            return (await journal.replay())[:2]

    assert asyncio.run(later()) == (1, 0)
    assert messages(db, session_id) == ["cancelled"]


def test_a_closed_database_is_no_fault_of_the_entry(url: str, session_id: int, tmp_path: Path) -> None:
    async def work() -> tuple[int | Queued, tuple[int, int]]:
        async with AsyncDatabase(url) as own:
            pass
        async with AsyncJournal(tmp_path / "journal", own) as journal:
            answer = await journal.record(note(session_id, "late"))
            return answer, (journal.status().waiting, journal.status().set_aside)

    answer, left = asyncio.run(work())
    assert isinstance(answer, Queued)
    assert (left, answer.reason) == ((1, 0), "the database is closed")
