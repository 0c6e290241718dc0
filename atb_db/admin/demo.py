"""The demo in a throwaway PostgreSQL of its own."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Final

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
    *, candles: Path | None = None, keep: bool = False, progress: Callable[[int, int], None] | None = None
) -> DemoReport:
    """Replay candles, those of the file or built-in ones, and report what the books say.

    `progress` is called with the candles done and all of them. With `keep` the server goes on afterwards; otherwise,
    and when anything fails, nothing of it is left.

    Raises:
        CandleFileError: the file is missing or broken; no server was started.
        ConfigurationError: there is no PostgreSQL on this machine.
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
        if keep:
            server.detach()
    return report


def _kept(server: Server) -> KeptServer:
    url = server.url(database=DATABASE)
    # A psql on the PATH may be a wrapper that looks for another server's programs.
    return KeptServer(url, f"{shlex.quote(str(server.bin_dir / 'psql'))} {url}", server.stop_command)
