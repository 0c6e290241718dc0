"""A journal belongs to the process that opened it: a forked child writes nothing, and keeps nobody from writing."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from time import sleep

import pytest

from atb_db import AsyncDatabase, AsyncJournal, Database, Journal
from atb_db.errors import JournalUnusable
from atb_db.journal import read_status
from tests.database.conftest import note
from tests.database.test_forks import check, forked
from tests.journal.test_journal import messages

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here"),
    pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning"),
]


def refused(*uses: Callable[[], object]) -> Callable[[], None]:
    def work() -> None:
        for use in uses:
            with pytest.raises(JournalUnusable, match="the process that this one was forked from"):
                use()

    return work


def test_a_child_writes_nothing(db: Database, url: str, session_id: int, tmp_path: Path) -> None:
    path = tmp_path / "journal"
    with Database(url) as own, Journal(path, own) as journal:
        journal.record(note(session_id, "before"))
        with journal._queue._mutex, journal._applying:  # as a thread of the parent's may
            child = forked(
                refused(
                    lambda: journal.record(note(session_id, "the child's")),
                    journal.replay,
                    lambda: journal.discard([1]),
                    lambda: journal._queue._file.replace([]),
                )
            )
        check(child)
        check(forked(journal.close))
        before = path.read_bytes()
        journal.record(note(session_id, "after"))
        assert path.read_bytes().startswith(before)
    assert messages(db, session_id) == ["before", "after"]
    assert read_status(path)[2:4] == (0, 0)


def test_a_child_of_tasks_writes_nothing(db: Database, url: str, session_id: int, tmp_path: Path) -> None:
    async def work() -> None:
        async with AsyncDatabase(url) as own, AsyncJournal(tmp_path / "journal", own) as journal:
            await journal.record(note(session_id, "before"))
            child = refused(
                lambda: asyncio.run(journal.record(note(session_id, "the child's"))),
                lambda: asyncio.run(journal.replay()),
            )
            check(await asyncio.to_thread(forked, child))
            await journal.record(note(session_id, "after"))

    asyncio.run(work())
    assert messages(db, session_id) == ["before", "after"]


def test_a_child_that_lives_on_does_not_hold_the_journal(
    db: Database, url: str, session_id: int, tmp_path: Path
) -> None:
    path = tmp_path / "journal"
    with Database(url) as own, Journal(path, own):
        child = forked(lambda: sleep(600))
    try:
        with Database(url) as own, Journal(path, own) as journal:
            journal.record(note(session_id, "again"))
    finally:
        os.kill(child, 9)
        os.waitpid(child, 0)
    assert messages(db, session_id) == ["again"]


def test_a_child_opens_one_of_its_own(db: Database, url: str, session_id: int, tmp_path: Path) -> None:
    with Database(url) as own, Journal(tmp_path / "parent", own):

        def work() -> None:
            with Journal(tmp_path / "child", own) as journal:
                journal.record(note(session_id, "the child's"))

        check(forked(work))
    assert messages(db, session_id) == ["the child's"]
