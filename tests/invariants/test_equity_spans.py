"""The equity kept by hour and day says what its snapshots say, however they came; no figure depends on it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Final

import psycopg
import pytest

from atb_db import Database
from atb_db.repository import account, audit, metrics, reports, sessions
from tests.statements.examples import START

OF: Final = "%(session)s, NULL, NULL, NULL, %(since)s::timestamptz, %(until)s::timestamptz"
FIGURES: Final = f"""
SELECT (SELECT jsonb_agg(d ORDER BY day) FROM daily_equity({OF}) AS d),
       (SELECT jsonb_build_array(last_time, closing, peak)
          FROM equity_steps({OF}, '{{}}', '{{}}') ORDER BY place DESC LIMIT 1),
       session_drawdown(%(session)s), equity_peak(%(session)s)
"""
KEPT_DRAWDOWNS: Final = f"""
SELECT most, (SELECT jsonb_agg(d) FROM worst_drawdowns({OF}, most) AS d)
  FROM unnest(ARRAY[1, 4, 20]) AS l (most)
"""
RAW_DRAWDOWNS: Final = f"""
SELECT most,
       (
           SELECT jsonb_agg(d)
             FROM (SELECT * FROM drawdown_episodes({OF}) AS d ORDER BY drawdown DESC, started_at LIMIT most) AS d
       )
  FROM unnest(ARRAY[1, 4, 20]) AS l (most)
"""
FORGET: Final = "DELETE FROM equity_spans; DELETE FROM equity_rolls"

Span = tuple[datetime | None, datetime | None]


class Chance:
    """A session, and what happens to its snapshots by chance."""

    def __init__(self, db: Database, owner: psycopg.Connection, chance: Random, lowest: int) -> None:
        self.db, self.owner, self.chance, self.lowest = db, owner, chance, lowest
        self.session_id = new_session(db)
        self.now = START
        self.level = 500
        self.wanders = chance.random() < 0.5

    def moment(self) -> datetime:
        """Mostly the next one, minutes or hours later; sometimes the same, sometimes an earlier one."""
        kind = self.chance.random()
        if kind < 0.1:
            minutes = int((self.now - START).total_seconds()) // 60
            return START + timedelta(minutes=self.chance.randrange(1 + minutes))
        if kind < 0.95:
            self.now += timedelta(minutes=self.chance.choice([1, 7, 25, 60, 60 * 11]))
        return self.now

    def equity(self) -> Decimal:
        """Anything, or a little more or less than before: then many falls begin and end inside hours and days."""
        if self.wanders:
            self.level = max(self.lowest, self.level + self.chance.choice([-10, -5, 0, 5, 10, 15]))
            return Decimal(self.level)
        return Decimal(self.chance.randrange(self.lowest, 1200, 25))

    def act(self) -> None:
        kind = self.chance.random()
        if kind < 0.6:
            snapshot(self.db, self.session_id, self.moment(), self.equity())
        elif kind < 0.8:
            self.db.copy_in(
                account.copy_account_snapshots(
                    session_id=self.session_id, balance=1000, equity=self.equity(), timestamp=self.moment()
                )
                for _ in range(self.chance.randrange(1, 30))
            )
        elif kind < 0.9:
            amount = self.chance.choice([-100, 50, 200])
            self.db.run(
                account.record_transfer(
                    session_id=self.session_id, amount=amount, timestamp=self.moment(), reason="chance"
                )
            )
        else:
            query = "SELECT coalesce(array_agg(id), '{}') FROM account_history WHERE session_id = %s"
            [(found,)] = self.owner.execute(query, [self.session_id]).fetchall()
            if found and kind < 0.95:
                self.owner.execute("DELETE FROM account_history WHERE id = %s", [self.chance.choice(found)])
            elif found:
                self.owner.execute(
                    "UPDATE account_history SET timestamp = %s, equity = %s WHERE id = %s",
                    [self.moment(), self.equity(), self.chance.choice(found)],
                )

    def span(self) -> Span:
        """Two moments, some of them on an hour or at midnight, some of them none."""
        minutes = max(1, int((self.now - START).total_seconds()) // 60)
        ends = [
            self.chance.choice([None, START + timedelta(minutes=self.chance.randrange(minutes) // step * step)])
            for step in self.chance.choices([1, 60, 60 * 24], k=2)
        ]
        return ends[0], ends[1]


def new_session(db: Database) -> int:
    return db.run(
        sessions.create_trading_session(
            strategy_name="test", symbol="X", timeframe="1h", mode="PAPER", initial_balance=1000, start_time=START
        )
    )


def snapshot(db: Database, session_id: int, at: datetime, equity: Decimal | int) -> None:
    db.run(account.log_account_snapshot(session_id=session_id, balance=1000, equity=equity, timestamp=at))


def figures(owner: psycopg.Connection, session_id: int, spans: list[Span], drawdowns: str) -> list[object]:
    return [
        owner.execute(query, {"session": session_id, "since": since, "until": until}).fetchall()
        for since, until in spans
        for query in (FIGURES, drawdowns)
    ]


@pytest.fixture
def owner(fresh_world_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(fresh_world_url, autocommit=True) as connection:
        yield connection


def count(owner: psycopg.Connection, session_id: int) -> int:
    query = "SELECT count(*) FROM equity_spans WHERE session_id = %s"
    [(rows,)] = owner.execute(query, [session_id]).fetchall()
    return int(rows)


@pytest.mark.parametrize("worlds", [2, pytest.param(8, marks=pytest.mark.slow)])
@pytest.mark.parametrize("lowest", [100, -300], ids=["above zero", "below zero, too"])
def test_spans_say_what_the_snapshots_say(
    fresh_world_db: Database, owner: psycopg.Connection, chance: Random, lowest: int, worlds: int
) -> None:
    for _ in range(worlds):
        world = Chance(fresh_world_db, owner, chance, lowest)
        for _ in range(60):
            world.act()
        session_id = world.session_id
        assert fresh_world_db.run(audit.audit_equity(session_id=session_id)) == []
        spans = [(None, None), *(world.span() for _ in range(8))]
        found = figures(owner, session_id, spans, KEPT_DRAWDOWNS)
        fresh_world_db.run(metrics.rebuild_equity(session_id=session_id))
        assert count(owner, session_id) > 0
        assert fresh_world_db.run(audit.audit_equity(session_id=session_id)) == []
        assert figures(owner, session_id, spans, KEPT_DRAWDOWNS) == found
        owner.execute(FORGET)
        assert figures(owner, session_id, spans, RAW_DRAWDOWNS) == found


def test_what_was_recorded_before_is_rolled_up_by_what_comes_afterwards(
    fresh_world_db: Database, owner: psycopg.Connection
) -> None:
    session_id = new_session(fresh_world_db)
    owner.execute("SET session_replication_role = replica")
    owner.execute(
        "INSERT INTO account_history (session_id, timestamp, balance, equity)"
        " SELECT %s, %s::timestamptz + i * interval '1 minute', 1, i %% 100 FROM generate_series(1, 25000) AS i",
        [session_id, START],
    )
    after = START + timedelta(days=20)
    for expected in (10_000, 20_000, 25_000, 25_000):
        snapshot(fresh_world_db, session_id, after, 50)
        query = "SELECT coalesce(sum(snapshots), 0) FROM equity_spans WHERE session_id = %s AND hours = 1"
        [(rolled,)] = owner.execute(query, [session_id]).fetchall()
        assert expected - 180 <= rolled <= expected
    assert fresh_world_db.run(audit.audit_equity(session_id=session_id)) == []


def test_a_snapshot_on_its_way_is_waited_for(
    fresh_world_db: Database, fresh_world_url: str, owner: psycopg.Connection
) -> None:
    session_id = new_session(fresh_world_db)
    insert = "INSERT INTO account_history (session_id, timestamp, balance, equity) VALUES (%s, %s, 1, %s)"
    for hour in range(3):
        snapshot(fresh_world_db, session_id, START + timedelta(hours=hour), hour)
    with psycopg.connect(fresh_world_url) as slow:
        # As if it had been of the last minutes half an hour ago: no trigger but its foreign key looked at it.
        slow.execute("SET LOCAL session_replication_role = replica")
        slow.execute("SELECT FROM trading_sessions WHERE id = %s FOR KEY SHARE", [session_id])
        slow.execute(insert, [session_id, START + timedelta(hours=3), 7])
        before = count(owner, session_id)
        for hour in range(4, 8):
            snapshot(fresh_world_db, session_id, START + timedelta(hours=hour), hour)
        assert count(owner, session_id) == before
    snapshot(fresh_world_db, session_id, START + timedelta(hours=9), 1)
    assert count(owner, session_id) > before
    assert fresh_world_db.run(audit.audit_equity(session_id=session_id)) == []


def test_late_snapshots_of_a_transaction_with_an_older_view_are_not_overlooked(
    fresh_world_db: Database, fresh_world_url: str
) -> None:
    session_id = new_session(fresh_world_db)
    snapshot(fresh_world_db, session_id, START, 1)
    with psycopg.connect(fresh_world_url) as older:
        older.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        older.execute("SELECT 1 FROM equity_rolls")
        for hour in range(1, 5):
            snapshot(fresh_world_db, session_id, START + timedelta(hours=hour), hour)
        with pytest.raises(psycopg.errors.SerializationFailure):
            older.execute(
                "INSERT INTO account_history (session_id, timestamp, balance, equity) VALUES (%s, %s, 1, 1)",
                [session_id, START],
            )
    assert fresh_world_db.run(audit.audit_equity(session_id=session_id)) == []


def test_a_live_snapshot_writes_no_span(fresh_world_db: Database, owner: psycopg.Connection) -> None:
    session_id = new_session(fresh_world_db)
    owner.execute("ALTER TABLE account_history ALTER COLUMN id RESTART WITH 257")
    for equity in range(20):
        snapshot(fresh_world_db, session_id, datetime.now(START.tzinfo), equity)
    query = "SELECT count(*) FROM equity_rolls WHERE session_id = %s"
    assert owner.execute(query, [session_id]).fetchall() == [(0,)]


@pytest.mark.parametrize(
    "every",
    [
        pytest.param(timedelta(minutes=20), id="by hours"),
        pytest.param(timedelta(hours=1), id="by days", marks=pytest.mark.slow),
    ],
)
def test_a_long_curve_has_the_extremes_and_nothing_but_what_there_was(
    fresh_world_db: Database, owner: psycopg.Connection, every: timedelta
) -> None:
    session_id = new_session(fresh_world_db)
    owner.execute(
        "INSERT INTO account_history (session_id, timestamp, balance, equity)"
        " SELECT %s, %s::timestamptz + i * %s, 1, 5000 + i * 7919 %% 4001 - i %% 977"
        " FROM generate_series(0, 20999) AS i",
        [session_id, START, every / 3],
    )
    curves = {
        points: fresh_world_db.run(reports.get_equity_curve(session_id=session_id, points=points))
        for points in (4, 5, 100, 500)
    }
    owner.execute(FORGET)
    query = "SELECT time, equity, peak, drawdown FROM equity_series(%s, NULL, NULL, NULL, NULL, NULL) ORDER BY place"
    series = owner.execute(query, [session_id]).fetchall()
    for points, found in curves.items():
        assert set(found) <= set(series)
        assert [tuple(found[0]), tuple(found[-1])] == [series[0], series[-1]]
        assert len(found) <= points
        if points >= 5:
            assert len(found) > points / 5
            for extreme in (min(row[1] for row in series), max(row[1] for row in series)):
                assert extreme in {point.equity for point in found}
            assert max(point.drawdown for point in found) == max(row[3] for row in series)
