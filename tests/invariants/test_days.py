"""What is kept of trades and orders by days and months says what they say; no figure depends on it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Final

import psycopg
import pytest

from atb_db import Database, Settings
from atb_db.admin.rebuild import rebuild
from atb_db.repository import audit, imports, metrics, orders, positions, sessions, trades
from atb_db.repository.trades import NewTrade
from atb_db.types import OrderStatus
from tests.faults.conftest import FULL
from tests.invariants import by_hand

START: Final = datetime(2024, 1, 1, tzinfo=UTC)
STRATEGIES: Final = ("alpha", "beta")
SYMBOLS: Final = ("X", "Y", "Z")
REASONS: Final = ("stop", "target")

Choice = dict[str, object]


class Chance:
    """A session, and what happens to its trades and orders by chance."""

    def __init__(self, db: Database, owner: psycopg.Connection, chance: Random) -> None:
        self.db, self.owner, self.chance = db, owner, chance
        self.session_id = db.run(
            sessions.create_trading_session(
                strategy_name="alpha", symbol="X", timeframe="1h", mode="PAPER", initial_balance=10_000_000,
                start_time=START,
            )
        )  # fmt: skip
        self.now = START
        self.number = 0
        self.closed: list[int] = []
        self.pending: list[int] = []

    def moment(self) -> datetime:
        """Mostly the next one, minutes or hours later; sometimes the same, sometimes an earlier one."""
        kind = self.chance.random()
        if kind < 0.15:
            return START + timedelta(minutes=self.chance.randrange(1 + self._minutes()))
        if kind < 0.9:
            self.now += timedelta(minutes=self.chance.choice([1, 45, 60 * 7, 60 * 50, 60 * 24 * 9]))
        return self.now

    def _minutes(self) -> int:
        return int((self.now - START).total_seconds()) // 60

    def trade(self) -> NewTrade:
        at = self.moment()
        return NewTrade(
            symbol=self.chance.choice(SYMBOLS), side="LONG", entry_price=100, exit_price=101, size="0.1",
            entry_time=at - timedelta(minutes=self.chance.randrange(5000)), exit_time=at,
            pnl=self.chance.choice(["-1.5", "-1", "0", "2", "3.25"]), exit_reason=self.chance.choice(REASONS),
            strategy_name=self.chance.choice(STRATEGIES), commission="0.1", margin_interest_cost="0.01",
            funding=self.chance.choice(["0", "0.5"]),
        )  # fmt: skip

    def position(self) -> None:
        self.number += 1
        at, symbol = self.moment(), self.chance.choice(SYMBOLS)
        position_id = self.db.run(
            positions.open_position(
                session_id=self.session_id, symbol=symbol, side=self.chance.choice(["LONG", "SHORT"]), entry_price=100,
                size="0.1", quantity=1, strategy_name=self.chance.choice(STRATEGIES), entry_time=at,
                entry_order_id=f"entry-{self.number}",
            )
        )  # fmt: skip
        self.db.run(
            positions.close_position(
                position_id=position_id, exit_price=self.chance.choice([99, 100, 102]), exit_reason="target",
                exit_time=at + timedelta(minutes=self.chance.randrange(3000)), exit_order_id=f"exit-{self.number}",
            )
        )  # fmt: skip
        self.closed.append(position_id)

    def order(self) -> None:
        self.number += 1
        self.pending.append(
            self.db.run(
                orders.create_order(
                    session_id=self.session_id, order_type="ENTRY", symbol=self.chance.choice(SYMBOLS), side="LONG",
                    quantity=2, price=self.chance.choice([None, 100, "99.5"]), internal_order_id=f"own-{self.number}",
                    strategy_name=self.chance.choice([None, *STRATEGIES]), created_at=self.moment(),
                )
            )
        )  # fmt: skip

    def fate(self) -> None:
        """What becomes of an order, perhaps days later."""
        order_id = self.pending.pop(self.chance.randrange(len(self.pending)))
        if self.chance.random() < 0.5:
            status = OrderStatus(self.chance.choice(["OPEN", "CANCELLED", "FAILED", "EXPIRED"]))
            self.db.run(orders.update_order_status(order_id=order_id, status=status, timestamp=self.moment()))
        else:
            self.db.run(
                orders.record_fill(
                    order_id=order_id, exchange_fill_id="1", quantity=self.chance.choice([1, 2]),
                    price=self.chance.choice([98, 100, 101]), fee="0.02", fee_currency="USD", filled_at=self.moment(),
                )
            )  # fmt: skip

    def correct(self) -> None:
        """What comes late, and what nobody should do."""
        kind = self.chance.random()
        if kind < 0.6 and self.closed:
            self.db.run(
                positions.record_funding(position_id=self.chance.choice(self.closed), amount="0.25", timestamp=self.now)
            )
            return
        table = self.chance.choice(["trades", "orders"])
        query = f"SELECT coalesce(array_agg(id), '{{}}') FROM {table} WHERE session_id = %s AND position_id IS NULL"
        [(found,)] = self.owner.execute(query.encode(), [self.session_id]).fetchall()
        if not found:
            return
        chosen = self.chance.choice(found)
        if table == "orders":
            if chosen not in self.pending:
                self.owner.execute("UPDATE orders SET strategy_name = 'gamma' WHERE id = %s", [chosen])
        elif kind < 0.8:
            self.owner.execute(
                "UPDATE trades SET pnl = pnl + 1, symbol = 'W', exit_time = exit_time + interval '1 day' WHERE id = %s",
                [chosen],
            )
        else:
            self.owner.execute("DELETE FROM trades WHERE id = %s", [chosen])
        self.db.run(metrics.rebuild_performance_metrics(session_id=self.session_id))

    def roll(self) -> None:
        self.owner.execute(
            "SELECT roll_trades(%(of)s, %(most)s, %(newest)s), roll_orders(%(of)s, %(most)s, %(newest)s)",
            {
                "of": self.session_id, "most": self.chance.choice([3, 30, 1000]),
                "newest": self.chance.random() < 0.5,
            },
        )  # fmt: skip

    def act(self) -> None:
        kind = self.chance.random()
        if kind < 0.3:
            self.db.run(trades.log_trade(session_id=self.session_id, **self.trade()._asdict()))
        elif kind < 0.4:
            own = [self.trade() for _ in range(self.chance.randrange(1, 40))]
            self.db.run(trades.log_trades(session_id=self.session_id, trades=own))
        elif kind < 0.5:
            self.position()
        elif kind < 0.65:
            self.order()
        elif kind < 0.75 and self.pending:
            self.fate()
        elif kind < 0.85:
            self.correct()
        else:
            self.roll()

    def choice(self) -> Choice:
        """Two moments, some of them at midnight, some of them none; a strategy, a symbol, or none."""
        minutes = max(1, self._minutes())
        since, until = (
            self.chance.choice([None, START + timedelta(minutes=self.chance.randrange(minutes) // step * step)])
            for step in self.chance.choices([1, 60 * 24], k=2)
        )
        return {
            "session": self.session_id, "since": since, "until": until,
            "strategy": self.chance.choice([None, None, *STRATEGIES]),
            "symbol": self.chance.choice([None, None, *SYMBOLS]),
        }  # fmt: skip


@pytest.fixture
def owner(fresh_world_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(fresh_world_url, autocommit=True) as connection:
        connection.execute("SET timezone TO 'UTC'; SET lock_timeout TO '200ms'")
        yield connection


def same(owner: psycopg.Connection, choice: Choice) -> None:
    """What reads answer is what somebody computes by hand from every row."""
    pairs = [
        (by_hand.KEPT_FIGURES, by_hand.FIGURES, choice), (by_hand.KEPT_ORDERS, by_hand.ORDERS, choice),
        *((by_hand.KEPT_SUMS, by_hand.SUMS, choice | {"dimension": one}) for one in by_hand.DIMENSIONS),
    ]  # fmt: skip
    for kept, raw, given in pairs:
        assert owner.execute(kept.encode(), given).fetchall() == owner.execute(raw.encode(), given).fetchall(), given


def kept_days(owner: psycopg.Connection, session_id: int) -> tuple[int, int]:
    query = (
        "SELECT (SELECT count(*) FROM kept_trade_days(%(of)s, NULL, NULL)),"
        " (SELECT count(*) FROM kept_order_days(%(of)s, NULL, NULL))"
    )
    [(of_trades, of_orders)] = owner.execute(query, {"of": session_id}).fetchall()
    return of_trades, of_orders


def kept_months(owner: psycopg.Connection, session_id: int) -> int:
    [(months,)] = owner.execute("SELECT count(*) FROM kept_trade_months(%s, NULL, NULL)", [session_id]).fetchall()
    return int(months)


def roll_all(owner: psycopg.Connection, session_id: int) -> None:
    while owner.execute("SELECT roll_up(%s, 50)", [session_id]).fetchone() != (0,):
        pass


def test_days_say_what_the_rows_say(fresh_world_db: Database, owner: psycopg.Connection, chance: Random) -> None:
    for _ in range(30 if FULL else 2):
        world = Chance(fresh_world_db, owner, chance)
        everything: Choice = {
            "session": world.session_id, "since": None, "until": None, "strategy": None, "symbol": None
        }  # fmt: skip
        for _ in range(70):
            world.act()
        choices = [everything, *(world.choice() for _ in range(12))]
        for choice in choices:
            same(owner, choice)
        assert fresh_world_db.run(audit.audit_days(session_id=world.session_id)) == []
        roll_all(owner, world.session_id)
        assert min(kept_days(owner, world.session_id)) > 0
        assert kept_months(owner, world.session_id) > 1
        for choice in choices:
            same(owner, choice)
        assert fresh_world_db.run(audit.audit_days(session_id=world.session_id)) == []
        newest = fresh_world_db.run(imports.get_newest_fills(session_id=world.session_id))
        assert [tuple(one) for one in newest] == owner.execute(by_hand.NEWEST_FILLS.encode(), everything).fetchall()


def test_writes_keep_days_by_themselves(fresh_world_db: Database, owner: psycopg.Connection, chance: Random) -> None:
    world = Chance(fresh_world_db, owner, chance)
    own = [world.trade() for _ in range(600)]
    for trade in own[:300]:
        fresh_world_db.run(trades.log_trade(session_id=world.session_id, **trade._asdict()))
    assert kept_days(owner, world.session_id)[0] > 0
    fresh_world_db.run(trades.log_trades(session_id=world.session_id, trades=own[300:]))
    query = "SELECT sum(trades) FROM kept_trade_days(%s, NULL, NULL)"
    [(kept,)] = owner.execute(query, [world.session_id]).fetchall()
    assert 500 < kept < 600
    for _ in range(1500):
        world.order()
    assert kept_days(owner, world.session_id)[1] > 0
    for _ in range(4):
        same(owner, world.choice())


def test_a_trade_on_its_way_is_not_overlooked(
    fresh_world_db: Database, fresh_world_url: str, owner: psycopg.Connection, chance: Random
) -> None:
    world = Chance(fresh_world_db, owner, chance)
    for _ in range(20):
        fresh_world_db.run(trades.log_trade(session_id=world.session_id, **world.trade()._asdict()))
    [(trade_id,)] = owner.execute("SELECT min(id) FROM trades WHERE session_id = %s", [world.session_id]).fetchall()
    for isolation in ("READ COMMITTED", "REPEATABLE READ"):
        owner.execute("SELECT discard_rollups(%s)", [world.session_id])
        with psycopg.connect(fresh_world_url) as slow:
            slow.execute(f"SET TRANSACTION ISOLATION LEVEL {isolation}".encode())
            slow.execute("UPDATE trades SET pnl = pnl + 1 WHERE id = %s", [trade_id])
            # Who corrects a trade has the lock: nobody adds up days beside it.
            with pytest.raises(psycopg.errors.LockNotAvailable):
                owner.execute("SELECT roll_trades(%s, 100, TRUE)", [world.session_id])
        roll_all(owner, world.session_id)
        with psycopg.connect(fresh_world_url) as slow:
            slow.execute(f"SET TRANSACTION ISOLATION LEVEL {isolation}".encode())
            slow.execute("SELECT 1 FROM trade_days LIMIT 1")
            owner.execute("SELECT discard_rollups(%s)", [world.session_id])
            roll_all(owner, world.session_id)
            if isolation == "REPEATABLE READ":
                with pytest.raises(psycopg.errors.SerializationFailure):
                    slow.execute("UPDATE trades SET pnl = pnl + 1 WHERE id = %s", [trade_id])
                slow.rollback()
            else:
                slow.execute("UPDATE trades SET pnl = pnl + 1 WHERE id = %s", [trade_id])
        if isolation == "REPEATABLE READ":
            with psycopg.connect(fresh_world_url) as slow:
                slow.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
                slow.execute("SELECT 1 FROM trade_days LIMIT 1")
                owner.execute("DELETE FROM trade_months WHERE session_id = %s", [world.session_id])
                # Of its view are the days, not the months.
                owner.execute("SELECT roll_trades(%s, 100, TRUE)", [world.session_id])
                with pytest.raises(psycopg.errors.SerializationFailure):
                    slow.execute("UPDATE trades SET pnl = pnl + 1 WHERE id = %s", [trade_id])
                slow.rollback()
        fresh_world_db.run(metrics.rebuild_performance_metrics(session_id=world.session_id))
        assert fresh_world_db.run(audit.audit_days(session_id=world.session_id)) == []
        same(owner, {"session": world.session_id, "since": None, "until": None, "strategy": None, "symbol": None})


def test_orders_of_another_transaction_are_waited_for(
    fresh_world_db: Database, fresh_world_url: str, owner: psycopg.Connection, chance: Random
) -> None:
    world = Chance(fresh_world_db, owner, chance)
    for _ in range(10):
        world.order()
    with psycopg.connect(fresh_world_url) as slow:
        slow.execute("UPDATE orders SET status = 'OPEN' WHERE id = %s", [world.pending[0]])
        assert owner.execute("SELECT roll_orders(%s, 100, TRUE)", [world.session_id]).fetchone() == (0,)
        with pytest.raises(psycopg.errors.LockNotAvailable):
            owner.execute("SELECT roll_up(%s, 100)", [world.session_id])
    roll_all(owner, world.session_id)
    before = kept_days(owner, world.session_id)[1]
    assert before > 0
    owner.execute("UPDATE orders SET status = 'CANCELLED', cancelled_at = now() WHERE id = %s", [world.pending[0]])
    assert kept_days(owner, world.session_id)[1] == before - 1
    same(owner, {"session": world.session_id, "since": None, "until": None, "strategy": None, "symbol": None})


def test_months_go_with_what_is_corrected_and_come_again(
    fresh_world_db: Database, owner: psycopg.Connection, chance: Random
) -> None:
    world = Chance(fresh_world_db, owner, chance)

    def trade(at: datetime) -> None:
        given = world.trade()._asdict() | dict.fromkeys(("entry_time", "exit_time"), at)
        fresh_world_db.run(trades.log_trade(session_id=world.session_id, **given))

    for month in range(1, 13):
        for day in (1, 15):
            trade(datetime(2024, month, day, tzinfo=UTC))
    everything: Choice = {
        "session": world.session_id, "since": None, "until": None, "strategy": None, "symbol": None
    }  # fmt: skip
    # As many at once as a trade adds, oldest first.
    for expected in (4, 8, 12, 12):
        owner.execute("SELECT roll_trades(%s, 2048, FALSE)", [world.session_id])
        assert kept_months(owner, world.session_id) == expected
        same(owner, everything)
    # The newest goes up to its newest day, and on when there is a newer one.
    for day, until in ((15, 15), (20, 15), (20, 20)):
        trade(datetime(2024, 12, day, tzinfo=UTC))
        ends = "SELECT max(next_month) FROM kept_trade_months(%s, NULL, NULL)"
        if until == day:
            owner.execute("SELECT roll_trades(%s, 2048, FALSE)", [world.session_id])
        assert owner.execute(ends, [world.session_id]).fetchone() == (datetime(2024, 12, until, tzinfo=UTC),)
        assert fresh_world_db.run(audit.audit_days(session_id=world.session_id)) == []
        same(owner, everything)
    query = "UPDATE trades SET commission = 7 WHERE id = (SELECT min(id) FROM trades WHERE session_id = %s)"
    owner.execute(query.encode(), [world.session_id])
    fresh_world_db.run(metrics.rebuild_performance_metrics(session_id=world.session_id))
    assert kept_months(owner, world.session_id) == 11
    same(owner, everything)
    # A late trade: until it is added up, days are read.
    trade(datetime(2024, 9, 9, tzinfo=UTC))
    assert kept_months(owner, world.session_id) == 0
    same(owner, everything)
    roll_all(owner, world.session_id)
    assert kept_months(owner, world.session_id) == 12
    same(owner, everything)


def test_what_is_wrong_is_found_and_rebuilt(
    fresh_world_db: Database, fresh_world_url: str, owner: psycopg.Connection, chance: Random
) -> None:
    world = Chance(fresh_world_db, owner, chance)
    for _ in range(20):
        fresh_world_db.run(trades.log_trade(session_id=world.session_id, **world.trade()._asdict()))
        world.order()
    roll_all(owner, world.session_id)
    owner.execute("UPDATE trade_days SET win_streak = 99 WHERE session_id = %s", [world.session_id])
    owner.execute("UPDATE trade_month_parts SET wins = 99 WHERE session_id = %s", [world.session_id])
    owner.execute("UPDATE order_day_parts SET cancelled = 99 WHERE session_id = %s", [world.session_id])
    found = {one.identity for one in fresh_world_db.run(audit.audit_days(session_id=world.session_id))}
    assert found == {"trade days", "trade months", "order days"}
    parts = ("trade_days", "trade_day_parts", "trade_months", "trade_month_parts", "order_days", "order_day_parts")
    there = sum(
        len(owner.execute(f"SELECT FROM {table} WHERE session_id = %s".encode(), [world.session_id]).fetchall())
        for table in ("equity_spans", *parts)
    )
    [done] = rebuild(Settings.load(fresh_world_url, environ={}), session_id=world.session_id, step=7)
    assert done.discarded == there > 0
    assert done.rows >= 20
    assert min(kept_days(owner, world.session_id)) > 0
    assert fresh_world_db.run(audit.audit_days(session_id=world.session_id)) == []
