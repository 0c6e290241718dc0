from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest

from atb_db import AsyncDatabase, AsyncJournal, Database, Journal, Settings
from atb_db.database import Health
from atb_db.journal import JournalStatus, Queued, Replayed
from atb_db.statement import Statement

R = TypeVar("R")

ANSWERED = 30.0
"""Seconds for what a database that is there answers, on the busiest machine."""


class Either:
    """One of the two journals behind the same functions."""

    def __init__(
        self,
        path: Path,
        url: str,
        *,
        is_async: bool,
        limit: int = 1 << 20,
        patience: float = 0.3,
        deadline: float = ANSWERED,
    ) -> None:
        settings = Settings.load(url, environ={})._replace(pool_max=2, deadline=deadline)
        self._loop = asyncio.new_event_loop() if is_async else None
        self._closed = False
        self._sync_db, self._async_db = Database(settings), AsyncDatabase(settings)
        self._sync = None if is_async else Journal(path, self._sync_db, limit=limit, patience=patience)
        self._async = AsyncJournal(path, self._async_db, limit=limit, patience=patience) if is_async else None

    def record(self, statement: Statement[R], *, answered: bool = False) -> R | Queued:
        """With its own patience; or with as much as it takes, where the database is there and its answer is awaited."""
        journal = self._async or self._sync
        assert journal is not None
        usual, journal._patience = journal._patience, ANSWERED if answered else journal._patience
        try:
            return self._record(statement)
        finally:
            journal._patience = usual

    def _record(self, statement: Statement[R]) -> R | Queued:
        if self._async is not None and self._loop is not None:
            return self._loop.run_until_complete(self._async.record(statement))
        assert self._sync is not None
        return self._sync.record(statement)

    def replay(self, timeout: float | None = None, *, set_aside: bool = False) -> Replayed:
        if self._async is not None and self._loop is not None:
            return self._loop.run_until_complete(self._async.replay(timeout=timeout, set_aside=set_aside))
        assert self._sync is not None
        return self._sync.replay(timeout=timeout, set_aside=set_aside)

    def health(self) -> Health:
        if self._loop is not None:
            return self._loop.run_until_complete(self._async_db.health(timeout=0.3))
        return self._sync_db.health(timeout=0.3)

    def status(self) -> JournalStatus:
        journal = self._async or self._sync
        assert journal is not None
        return journal.status()

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        if self._loop is not None and self._async is not None:
            self._async.close()
            self._loop.run_until_complete(self._async_db.close())
            self._loop.close()
        elif self._sync is not None:
            self._sync.close()
            self._sync_db.close()


@pytest.fixture(params=[False, True], ids=["sync", "async"])
def connect(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[..., Either]]:
    """Open the test's journal for the database at a URL."""
    made: list[Either] = []

    def make(url: str, **options: float) -> Either:
        made.append(Either(tmp_path / "journal", url, is_async=request.param, **options))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for one in made:
        one.close()
