"""An engine prepares its plans while the database is empty, and keeps them: none may read more as the tables grow."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from time import monotonic, sleep

import psycopg
import pytest

from atb_db import Database, Settings
from atb_db.repository import orders, positions, sessions, trades

CYCLES = 80
BOUND = 60
"""Rows of one table that one cycle may read, or one check; reading all of a session's would be about CYCLES a check."""
START = datetime(2024, 1, 1, tzinfo=UTC)
LATER = START + timedelta(hours=1)


QUIET = """
DO $$
DECLARE
    grows regclass;
BEGIN
    FOR grows IN SELECT oid FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace LOOP
        EXECUTE format('ALTER TABLE %s SET (autovacuum_enabled = off)', grows);
    END LOOP;
END
$$
"""
"""Nothing makes the plans again, as autovacuum does when it has counted a table's rows."""


@pytest.fixture
def engine(fresh_url: str) -> Iterator[Database]:
    with psycopg.connect(fresh_url) as owner:
        owner.execute(QUIET)
    with Database(Settings.load(fresh_url, environ={})._replace(pool_min=1, pool_max=1)) as database:
        yield database


def trade(db: Database, session: int, cycle: int) -> None:
    """A position by journaled orders and fills, one by the short forms, and a logged trade."""
    entry, exit_ = (
        db.run(
            orders.create_order(
                session_id=session, order_type=kind, symbol="X", side="LONG", quantity=1, created_at=START,
                internal_order_id=f"{kind}-{cycle}", strategy_name="s",
            )
        )
        for kind in ("ENTRY", "FULL_EXIT")
    )  # fmt: skip
    db.run(orders.update_order_status(order_id=entry, exchange_order_id=f"ex-{cycle}", status="OPEN"))
    db.run(
        orders.record_fill(
            session_id=session, exchange_order_id=f"ex-{cycle}", exchange_fill_id="1", quantity=1, price=100,
            fee="0.1", fee_currency="USDT", filled_at=START,
        )
    )  # fmt: skip
    held = db.run(orders.get_order(order_id=entry)).position_id
    assert held is not None
    db.run(orders.link_order_to_position(order_id=exit_, position_id=held))
    db.run(orders.record_fill(order_id=exit_, exchange_fill_id="2", quantity=1, price=101, filled_at=LATER))
    opened = db.run(
        positions.open_position(
            session_id=session, symbol="X", side="LONG", entry_price=100, size="0.1", quantity=1, strategy_name="s",
            entry_order_id=f"short-{cycle}", entry_commission="0.1", entry_time=START,
        )
    )  # fmt: skip
    db.run(positions.apply_scale_in(position_id=opened, size="0.5", price=100, timestamp=START))
    db.run(
        positions.apply_partial_exit(
            position_id=opened, size="0.25", price=101, timestamp=LATER, exchange_order_id=f"part-{cycle}"
        )
    )
    db.run(
        positions.close_position(
            position_id=opened, exit_price=101, exit_time=LATER, exit_reason="target", exit_order_id=f"close-{cycle}",
            commission="0.1",
        )
    )  # fmt: skip
    db.run(
        trades.log_trade(
            session_id=session, symbol="X", side="LONG", entry_price=100, exit_price=101, size="0.1", quantity=1,
            entry_time=START, exit_time=LATER, pnl=1, exit_reason="target", strategy_name="s", order_id=f"t-{cycle}",
        )
    )  # fmt: skip


def test_reads_do_not_grow(engine: Database, fresh_url: str) -> None:
    session = engine.run(
        sessions.create_trading_session(
            strategy_name="s", symbol="X", timeframe="1h", mode="PAPER", initial_balance=1000, start_time=START
        )
    )
    for cycle in range(CYCLES):
        trade(engine, session, cycle)
    engine.close()  # its backend reports what it read when it ends
    read = dict(_rows_read(fresh_url))
    assert read["orders"] >= CYCLES
    assert {table: rows / CYCLES for table, rows in read.items() if rows > BOUND * CYCLES} == {}


def _rows_read(url: str) -> list[tuple[str, int]]:
    until = monotonic() + 30
    with psycopg.connect(url, autocommit=True) as connection:
        while True:
            found = connection.execute(
                "SELECT relname::text, seq_tup_read + coalesce(idx_tup_fetch, 0), n_tup_ins FROM pg_stat_user_tables"
            ).fetchall()
            if any(table == "orders" and written >= 5 * CYCLES for table, _, written in found):
                return [(table, read) for table, read, _ in found]
            assert monotonic() < until
            sleep(0.1)
