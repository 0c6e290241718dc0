"""The demo in a throwaway PostgreSQL of its own."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Final

from atb_db.admin.errors import ToolMissing
from atb_db.admin.report import ReportChoice, write_report
from atb_db.config import Settings
from atb_db.database import Database
from atb_db.demo import replay
from atb_db.demo.candles import load
from atb_db.demo.report import DemoReport, KeptServer, read_report

if TYPE_CHECKING:
    from atb_db.embedded import Server

DATABASE: Final = "demo"
EQUITY_POINTS: Final = 60


def run_demo(
    *,
    candles: Path | None = None,
    page: Path | None = None,
    keep: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> DemoReport:
    """Replay candles, those of the file or built-in ones, and report what the books say.

    `page` is where the page of `atb-db report` is written, if Jinja is installed; `progress` is called with the candles
    done and all of them. With `keep` the server goes on afterwards; otherwise,
    and when anything fails, nothing of it is left.

    Raises:
        CandleFileError: the file is missing or broken; no server was started.
        ConfigurationError: there is no PostgreSQL on this machine.
        Unusable: the page cannot be written.
    """
    market = load(candles)
    from atb_db.admin.migrations import migrate
    from atb_db.embedded import postgresql

    with postgresql() as server:
        # Nothing of the environment: it speaks of another database.
        settings = Settings.load(server.create_database(DATABASE), environ={}, dotenv=Path(os.devnull))
        migrate(settings)
        with Database(settings) as db:
            start = perf_counter()
            session_id = replay(db, market, progress=progress)
            report = read_report(
                db,
                session_id,
                candles=len(market.candles),
                seconds=perf_counter() - start,
                points=EQUITY_POINTS,
                kept=_kept(server) if keep else None,
            )
            if page is not None:
                report = report._replace(page=_written(db, session_id, page))
        if keep:
            server.detach()
    return report


def _written(db: Database, session_id: int, page: Path) -> str | None:
    """The page's place, once it is written; None without Jinja."""
    try:
        return str(write_report(db, ReportChoice(session_id=session_id), page).path.resolve())
    except ToolMissing:
        return None


def _kept(server: Server) -> KeptServer:
    url = server.url(database=DATABASE)
    # A psql on the PATH may be a wrapper that looks for another server's programs.
    return KeptServer(url, f"{shlex.quote(str(server.bin_dir / 'psql'))} {url}", server.stop_command)
