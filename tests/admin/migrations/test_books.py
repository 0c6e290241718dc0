"""Migration 0008 on books that were written before it."""

from __future__ import annotations

from decimal import Decimal

import psycopg
import pytest

from atb_db import Database
from atb_db.admin.migrations import migrate, rollback, rollback_plan
from atb_db.config import Settings
from atb_db.errors import AtbDbError
from atb_db.repository import audit, sessions
from tests.statements.examples import at, trade

BEFORE = "0007-deployment"


def test_books_from_before_are_held_too(empty_url: str) -> None:
    settings = Settings.load(empty_url)
    migrate(settings, to=BEFORE)
    with Database(settings) as db, psycopg.connect(empty_url, autocommit=True) as owner:
        ended, purged, active = (
            db.run(
                sessions.create_trading_session(
                    strategy_name="old",
                    symbol="X",
                    timeframe="1h",
                    mode="PAPER",
                    initial_balance=1000,
                    start_time=at(0),
                )
            )
            for _ in range(3)
        )
        # In another order than that of exit, which was that of the final drawdown before.
        for hours, pnl in ((6, "100.11"), (5, "-9.89"), (7, "-9.89")):
            db.run(trade(ended, exit_time=at(hours), pnl=pnl))
        for session_id in (ended, purged):
            db.run(sessions.end_trading_session(session_id=session_id))
        owner.execute("UPDATE trading_sessions SET purge_started_at = now() WHERE id = %s", [purged])
        owner.execute("DELETE FROM account_balances WHERE session_id = %s", [purged])
        owner.execute("UPDATE trading_sessions SET current_balance = 5 WHERE id = %s", [active])
        with pytest.raises(AtbDbError, match=f"by hand.*: session {active} has 5 and entry 1, its ledger 1000 and 1"):
            migrate(settings)
        owner.execute("UPDATE trading_sessions SET current_balance = 1000 WHERE id = %s", [active])
        for _ in range(2):
            migrate(settings)
            figures = "SELECT id, max_drawdown, ledger_entries FROM trading_sessions ORDER BY id"
            assert owner.execute(figures).fetchall() == [
                (ended, Decimal("0.01"), 4), (purged, 0, None), (active, None, 1),
            ]  # fmt: skip
            assert [db.run(audit.audit_books(session_id=session_id)) for session_id in (ended, active)] == [[], []]
            rollback(settings, rollback_plan(settings, to=BEFORE))
