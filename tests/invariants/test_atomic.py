"""An act is one: whichever of its writes fails, nothing of it is left."""

from __future__ import annotations

from typing import Final

import psycopg
import pytest
from psycopg import sql

from atb_db import Database
from atb_db.errors import AtbDbError
from atb_db.repository import statements
from tests.statements.books import contents
from tests.statements.examples import World, example

STATEMENTS = {declaration.name: declaration for declaration in statements()}

BOOKED: Final = {"trading_sessions", "account_balances"}
ACTS: Final[dict[str, set[str]]] = {
    "positions.open_position": {"positions", "orders", "order_fills"} | BOOKED,
    "positions.apply_scale_in": {"positions", "orders", "order_fills", "partial_trades"} | BOOKED,
    "positions.apply_partial_exit": {"positions", "orders", "order_fills", "partial_trades"} | BOOKED,
    "positions.close_position": {"positions", "orders", "order_fills", "trades", "performance_metrics"} | BOOKED,
    "positions.correct_entry_price": {"positions", "orders", "order_fills", "reconciliation_audit_events"} | BOOKED,
    "positions.correct_position_quantity": {
        *{"positions", "orders", "order_fills", "partial_trades", "reconciliation_audit_events"},
        *BOOKED,
    },
    "positions.record_funding": {"positions"} | BOOKED,
    "trades.log_trade": {"trades", "performance_metrics"} | BOOKED,
    "trades.log_trades": {"trades", "performance_metrics"} | BOOKED,
    "account.adjust_balance": BOOKED,
    "account.set_balance": {"system_events"} | BOOKED,
    "sessions.create_trading_session": {"system_events"} | BOOKED,
    "sessions.end_trading_session": {"trading_sessions", "session_holds", "system_events"},
    "orders.record_fill": {"orders", "order_fills", "positions"} | BOOKED,
    "orders.update_order_status": {"orders", "order_fills", "positions"} | BOOKED,
    "orders.create_order": {"orders"},
    "account.record_transfer": BOOKED,
}
"""Each act with the tables that it writes."""

FAIL: Final = """
CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'the write of % failed', tg_table_name; END $$
"""
TRIGGER: Final = "CREATE TRIGGER fail BEFORE INSERT OR UPDATE ON {} FOR EACH ROW EXECUTE FUNCTION fail()"


@pytest.mark.parametrize("act", ACTS)
def test_whichever_write_fails_nothing_is_left(
    fresh_world_db: Database, fresh_world_url: str, world: World, act: str
) -> None:
    statement = example(STATEMENTS[act], world)
    before = contents(fresh_world_url)
    with psycopg.connect(fresh_world_url, autocommit=True) as owner:
        owner.execute(FAIL)
        for table in ACTS[act]:
            owner.execute(sql.SQL(TRIGGER).format(sql.Identifier(table)))
            with pytest.raises(AtbDbError, match=f"the write of {table} failed") as caught:
                fresh_world_db.run(statement)
            assert caught.value.statement == act
            assert contents(fresh_world_url) == before
            owner.execute(sql.SQL("DROP TRIGGER fail ON {}").format(sql.Identifier(table)))
    fresh_world_db.run(statement)
    after = contents(fresh_world_url)
    assert {table for table in after if after[table] != before[table]} == ACTS[act]
