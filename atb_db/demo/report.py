"""What the demo shows: the session, its P&L, and what the database took."""

from __future__ import annotations

from typing import NamedTuple

from atb_db.database import Database
from atb_db.repository import audit, metrics, reports, sessions
from atb_db.repository.audit import BookFinding
from atb_db.repository.metrics import PerformanceMetrics
from atb_db.repository.reports import EquityPoint, ExitReasonPnl, TableSize
from atb_db.repository.sessions import TradingSession


class Replay(NamedTuple):
    """How fast the candles went through; rows are those that the database holds afterwards."""

    candles: int
    rows: int
    seconds: float
    candles_per_second: float
    rows_per_second: float


class KeptServer(NamedTuple):
    """A server that still runs: shell commands to look inside and to end it."""

    url: str
    psql: str
    stop: str


class DemoReport(NamedTuple):
    """The demo's result."""

    server_version: str
    session: TradingSession
    metrics: PerformanceMetrics
    exits: list[ExitReasonPnl]
    equity: list[EquityPoint]
    tables: list[TableSize]
    findings: list[BookFinding]
    """What contradicts itself in the books; empty when they balance."""
    replay: Replay
    kept: KeptServer | None
    page: str | None = None
    """The page that `atb-db report` makes of the session; None where it was not written."""


def read_report(
    db: Database, session_id: int, *, candles: int, seconds: float, points: int, kept: KeptServer | None
) -> DemoReport:
    """Read the report from the books; at most so many points of equity."""
    tables = [table for table in db.run(reports.get_table_sizes()) if table.row_count]
    rows = sum(table.row_count for table in tables)
    return DemoReport(
        server_version=db.open().version,
        session=db.run(sessions.get_trading_session(session_id=session_id)),
        metrics=db.run(metrics.get_performance_metrics(session_id=session_id)),
        exits=db.run(reports.get_pnl_by_exit_reason(session_id=session_id)),
        equity=db.run(reports.get_equity_curve(session_id=session_id, points=points)),
        tables=tables,
        findings=db.run_batch(audit.audit_session(session_id=session_id)).findings,
        replay=Replay(candles, rows, seconds, candles / seconds, rows / seconds),
        kept=kept,
    )
