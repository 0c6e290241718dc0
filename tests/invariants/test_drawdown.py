"""A session has one maximum drawdown, wherever it is told."""

from __future__ import annotations

from decimal import Decimal

import psycopg
import pytest

from atb_db import Database
from atb_db.repository import account, audit, metrics, reports, sessions
from tests.invariants.running import run
from tests.statements.examples import World, at, trade

EQUITY = ((1, 1000), (2, 1100), (3, 1050), (4, 1200))


def told(db: Database, url: str, session_id: int) -> dict[str, Decimal | None]:
    """The maximum drawdown, by where it is told."""
    with psycopg.connect(url) as connection:
        views = {
            view: connection.execute(
                f"SELECT max_drawdown FROM reporting.{view} WHERE session_id = %s".encode(), [session_id]
            ).fetchall()[0][0]
            for view in ("sessions", "performance")
        }
    session = db.run(sessions.get_trading_session(session_id=session_id))
    assert session is not None
    [summary] = [row for row in db.run(reports.get_session_summaries()) if row.session_id == session_id]
    worst = [row.drawdown for row in db.run(reports.get_drawdowns(session_id=session_id, limit=1))]
    curve = [row.drawdown for row in db.run(reports.get_equity_curve(session_id=session_id))]
    return {
        **views,
        "summary": summary.max_drawdown,
        "metrics": db.run(metrics.get_performance_metrics(session_id=session_id)).max_drawdown,
        "worst": max(worst, default=Decimal(0)),
        "curve": max(curve, default=Decimal(0)),
        "final": session.max_drawdown,
    }


def lose_in_another_order_than_booked(db: Database, session_id: int) -> None:
    """By exit: 1000, 990, 1090, 1080; by booking: 1000, 1100, 1090, 1080."""
    for hours, pnl in ((6, "100.11"), (5, "-9.89"), (7, "-9.89")):
        db.run(trade(session_id, exit_time=at(hours), pnl=pnl))


@pytest.mark.parametrize(
    ("recorded", "due"),
    [
        ("nothing", "0"),
        ("trades", "0.01"),
        ("trades and snapshots", "0.045454545455"),
        ("trades and loaded snapshots", "0.045454545455"),
    ],
)
def test_every_place_tells_the_same(
    fresh_world_db: Database, fresh_world_url: str, world: World, recorded: str, due: str
) -> None:
    db, session_id = fresh_world_db, world.empty_session_id
    if "trades" in recorded:
        lose_in_another_order_than_booked(db, session_id)
    if "snapshots" in recorded:
        record = account.copy_account_snapshots if "loaded" in recorded else account.log_account_snapshot
        for hours, equity in EQUITY:
            run(db, record(session_id=session_id, balance=equity, equity=equity, timestamp=at(hours)))
    while_active = told(db, fresh_world_url, session_id)
    assert while_active == dict.fromkeys(while_active, Decimal(due)) | {"final": None}
    db.run(sessions.end_trading_session(session_id=session_id))
    assert told(db, fresh_world_url, session_id) == dict.fromkeys(while_active, Decimal(due))
    assert db.run_batch(audit.audit_session(session_id=session_id)).findings == []
