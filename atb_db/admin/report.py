"""Reports of sessions: read in one snapshot, written into a file that is whole or as it was before."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple

from atb_db.admin.errors import ToolMissing
from atb_db.admin.whole_files import written_whole
from atb_db.config import Settings
from atb_db.database import Database
from atb_db.errors import NotFound
from atb_db.report import Report, report_batch
from atb_db.report.live import Live, live_batch
from atb_db.repository.metrics import PerformanceMetrics
from atb_db.repository.tearsheet import Scope
from atb_db.types import TradeSource

PATIENCE: Final = 120.0
"""Seconds that the queries of a report may take together: years of a busy session are read once."""


class ReportChoice(NamedTuple):
    """What a report is about; None does not choose."""

    session_id: int | None = None
    strategy_name: str | None = None
    source: TradeSource | None = None
    since: datetime | None = None


class WrittenReport(NamedTuple):
    """A report that was written."""

    path: Path
    size: int
    """Bytes."""
    title: str
    written_at: datetime
    performance: PerformanceMetrics
    """The figures that the page shows."""
    warning: str
    """What makes them doubtful; empty when nothing does."""


def read_report(db: Database, choice: ReportChoice) -> Report:
    """Everything that the report shows, in one snapshot.

    Raises:
        NotFound: there is no such session, or no session has traded with the strategy.
    """
    report = db.run_batch(
        report_batch(
            session_id=choice.session_id,
            source=choice.source,
            strategy_name=choice.strategy_name,
            start=choice.since,
        ),
        timeout=PATIENCE,
    )
    _refuse_nobody(choice, report.scope)
    return report


def read_live(db: Database, choice: ReportChoice) -> Live:
    """What `atb-db watch` shows, in one snapshot.

    Raises:
        NotFound: as `read_report`.
    """
    live = db.run_batch(
        live_batch(
            session_id=choice.session_id,
            source=choice.source,
            strategy_name=choice.strategy_name,
            start=choice.since,
        ),
        timeout=PATIENCE,
    )
    _refuse_nobody(choice, live.scope)
    return live


def write_report(db: Database, choice: ReportChoice, path: Path, *, refresh: int | None = None) -> WrittenReport:
    """Read the report and put it in the place of the file; a reader of it gets the old page or the new one.

    `refresh` is after how many seconds the page loads itself again.

    Raises:
        NotFound: as `read_report`.
        ToolMissing: Jinja is not installed.
        Unusable: the file cannot be written.
    """
    try:
        from atb_db.report.page import render
    except ModuleNotFoundError:
        raise ToolMissing("reports need Jinja: pip install 'atb-db[report]'") from None
    from atb_db.report.view import page

    now = datetime.now(UTC)
    report = read_report(db, choice)
    shown = page(report, title=choice.strategy_name, since=choice.since, written_at=now, refresh=refresh)
    text = render(shown).encode()
    with written_whole(path) as part:
        part.write_bytes(text)
    return WrittenReport(path, len(text), shown.title, now, report.performance, shown.warning)


def report_settings(settings: Settings) -> Settings:
    """The settings for reading reports: a single connection, whose statements may take as long as the report may."""
    return settings._replace(pool_min=0, pool_max=1, statement_timeout=PATIENCE)


def _refuse_nobody(choice: ReportChoice, scope: Scope) -> None:
    if choice.strategy_name is not None and not scope.total_sessions:
        raise NotFound(f"no session has traded with the strategy {choice.strategy_name[:60]!r}")
