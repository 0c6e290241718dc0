"""The demo: a trading session recorded in a throwaway PostgreSQL."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Final

from atb_db.admin.demo.candles import CandleFileError, Market, load
from atb_db.admin.demo.engine import Engine
from atb_db.admin.demo.report import DemoReport, KeptServer, Replay, read_report
from atb_db.admin.demo.strategy import Rules
from atb_db.config import Settings
from atb_db.database import Database

if TYPE_CHECKING:
    from atb_db.embedded import Server

__all__ = ["CandleFileError", "DemoReport", "KeptServer", "Replay", "run_demo"]

DATABASE: Final = "demo"
BALANCE: Final = Decimal(10_000)
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


def replay(db: Database, market: Market, *, progress: Callable[[int, int], None] | None = None) -> int:
    """Trade the market in a new session of the database; its id."""
    engine = Engine(db, market, balance=BALANCE, rules=Rules())
    for done, candle in enumerate(market.candles, start=1):
        engine.step(candle)
        if progress is not None:
            progress(done, len(market.candles))
    engine.stop()
    return engine.session_id


def _kept(server: Server) -> KeptServer:
    url = server.url(database=DATABASE)
    # A psql on the PATH may be a wrapper that looks for another server's programs.
    return KeptServer(url, f"{shlex.quote(str(server.bin_dir / 'psql'))} {url}", server.stop_command)
