"""A trade reads as much however many there are: the server counts the rows."""

from __future__ import annotations

from contextlib import suppress

import psycopg
import pytest

from atb_db import Database
from atb_db.database import Transaction
from atb_db.repository import positions
from tests.invariants.running import Rollback
from tests.statements.examples import World, at, trade

MANY = 20_000
FILL = """
INSERT INTO trades (
    session_id, symbol, side, source, entry_price, exit_price, size, entry_time, exit_time, pnl, pnl_percent,
    exit_reason, strategy_name
)
SELECT %(session)s, 'X', 'LONG', 'PAPER', 1, 1, 1, %(day)s, %(day)s, 1, 0, 'fill', 'fill'
  FROM generate_series(1, %(many)s)
"""
SNAPSHOTS = """
INSERT INTO account_history (session_id, timestamp, balance, equity)
SELECT %(session)s, %(day)s::timestamptz + i * interval '1 second', 1000, 1000 FROM generate_series(1, %(many)s) AS i
"""
ROWS_READ = "SELECT sum(coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0))::bigint FROM pg_stat_xact_user_tables"


def rows_of(transaction: Transaction) -> int:
    [(rows,)] = transaction._connection.execute(ROWS_READ).fetchall()
    return int(str(rows))


@pytest.mark.parametrize("act", ["trades.log_trade", "positions.close_position"])
@pytest.mark.slow
def test_a_trade_reads_as_much_among_20_000_of_its_day_as_alone(
    fresh_world_db: Database, fresh_world_url: str, world: World, act: str
) -> None:
    statement = {
        "trades.log_trade": trade(world.session_id, exit_time=at(9), pnl=1),
        "positions.close_position": positions.close_position(
            position_id=world.position_id, exit_price=120, exit_time=at(9), exit_reason="test"
        ),
    }[act]

    def rows_read() -> int:
        read = -1
        with suppress(Rollback), fresh_world_db.transaction() as transaction:
            before = rows_of(transaction)
            transaction.run(statement)
            read = rows_of(transaction) - before
            raise Rollback
        return read

    with psycopg.connect(fresh_world_url, autocommit=True) as owner:
        owner.execute("VACUUM ANALYZE")
        alone = rows_read()
        for fill in (FILL, SNAPSHOTS):
            owner.execute(fill, {"session": world.session_id, "day": at(2), "many": MANY})
        owner.execute("VACUUM ANALYZE")
    assert 0 < rows_read() <= alone
