"""A bot that trades candles: what an engine does with atb_db, from its first decision to its last balance."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Final

from atb_db.database import Database
from atb_db.demo.candles import Market
from atb_db.demo.engine import Engine
from atb_db.demo.strategy import Rules

BALANCE: Final = Decimal(10_000)


def replay(db: Database, market: Market, *, progress: Callable[[int, int], None] | None = None) -> int:
    """Trade the market in a new session of the database; its id."""
    engine = Engine(db, market, balance=BALANCE, rules=Rules())
    for done, candle in enumerate(market.candles, start=1):
        engine.step(candle)
        if progress is not None:
            progress(done, len(market.candles))
    engine.stop()
    return engine.session_id
