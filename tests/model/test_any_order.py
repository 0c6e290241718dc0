"""One feed of fills in any order, by one caller or by many at once, ends at one balance, to the last digit."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from random import Random
from typing import Final

import pytest

from atb_db import AsyncDatabase, Database, Settings
from atb_db.database import RetryEvent
from atb_db.repository import account, audit, orders, positions, sessions
from atb_db.statement import Statement
from tests.invariants.running import together
from tests.model.feed import INITIAL, START, Feed, feed
from tests.model.test_model import FULL

FEEDS: Final = 100 if FULL else 8
CALLERS: Final = 4


@pytest.fixture
def retries() -> list[RetryEvent]:
    """Of the test's own callers: the server's statistics count those of others, too, and later."""
    return []


@pytest.fixture
def pool(url: str, retries: list[RetryEvent]) -> Iterator[Database]:
    settings = Settings.load(url, environ={})._replace(pool_min=CALLERS, pool_max=CALLERS)
    with Database(settings, on_retry=retries.append) as database:
        yield database


def journaled(db: Database, chance: Random) -> Feed:
    session_id = db.run(
        sessions.create_trading_session(
            strategy_name="feed", symbol="BTCUSDT", timeframe="1h", mode="PAPER", initial_balance=INITIAL,
            start_time=START,
        )
    )  # fmt: skip
    made = feed(session_id, chance)
    made.journal(db.run)
    return made


def ends_well(db: Database, made: Feed) -> None:
    assert db.run(account.get_current_balance(session_id=made.session_id)) == made.balance
    assert db.run_batch(audit.audit_session(session_id=made.session_id)).findings == []
    assert db.run(positions.get_active_positions(session_id=made.session_id)) == []
    assert db.run(orders.get_unbooked_orders(session_id=made.session_id)) == []


def shuffled(made: Feed, chance: Random) -> list[Statement[object]]:
    return chance.sample(made.exits + made.entries, len(made.exits + made.entries))


def parts(made: Feed, chance: Random) -> list[list[Statement[object]]]:
    facts = shuffled(made, chance)
    return [facts[number::CALLERS] for number in range(CALLERS)]


def test_by_one_caller(db: Database, chance: Random) -> None:
    for _ in range(FEEDS):
        made = journaled(db, chance)
        for fact in shuffled(made, chance):
            db.run(fact)
        ends_well(db, made)


def test_by_many_threads(pool: Database, retries: list[RetryEvent], chance: Random) -> None:
    for _ in range(FEEDS):
        made = journaled(pool, chance)
        answers = together([lambda part=part: [pool.run(fact) for fact in part] for part in parts(made, chance)])  # type: ignore[misc]
        assert all(isinstance(answer, list) for answer in answers), answers
        ends_well(pool, made)
    assert not retries, "nothing deadlocks"


def test_by_many_tasks(db: Database, url: str, retries: list[RetryEvent], chance: Random) -> None:
    async def work() -> None:
        settings = Settings.load(url, environ={})._replace(pool_max=CALLERS)
        async with AsyncDatabase(settings, on_retry=retries.append) as adb:

            async def report(part: list[Statement[object]]) -> None:
                for fact in part:
                    await adb.run(fact)

            for _ in range(FEEDS):
                made = journaled(db, chance)
                await asyncio.gather(*[report(part) for part in parts(made, chance)])
                ends_well(db, made)

    asyncio.run(work())
    assert not retries, "nothing deadlocks"


def test_in_reverse(db: Database, chance: Random) -> None:
    """Exits before their entries: a chain of continuations takes up one after another."""
    for _ in range(FEEDS):
        made = journaled(db, chance)
        for fact in made.exits + made.entries:
            db.run(fact)
        ends_well(db, made)
