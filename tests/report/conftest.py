"""Sessions to report on: a replayed one, one of hostile names, one without anything, one of the largest figures."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

import pytest

from atb_db import Database
from atb_db.demo import replay
from atb_db.demo.candles import built_in
from atb_db.embedded import Server
from atb_db.repository import account, positions, sessions, trades
from atb_db.statement import Statement
from tests.conftest import TEMPLATE

START: Final = datetime(2024, 3, 1, 9, tzinfo=UTC)
HOSTILE: Final = """</title><script>alert("1")</script><img src=//x.example onerror='alert(2)'>{{ 7*7 }}&amp;"""


class Told(NamedTuple):
    """A database and its sessions."""

    url: str
    db: Database
    replayed: int
    hostile: int
    empty: int
    largest: int


@pytest.fixture(scope="session")
def told(server: Server) -> Iterator[Told]:
    url = server.create_database("report", template=TEMPLATE)
    with Database(url) as db:
        yield Told(url, db, replay(db, built_in(1000)), hostile(db), started(db, "nothing yet"), largest(db))


def started(db: Database, name: str, symbol: str = "BTCUSDT", balance: int = 1000) -> int:
    return db.run(
        sessions.create_trading_session(
            session_name=name, strategy_name=name, symbol=symbol, timeframe="1h", exchange=name, mode="PAPER",
            initial_balance=balance, start_time=START,
        )
    )  # fmt: skip


def opened(session_id: int, symbol: str) -> Statement[int]:
    """Open a position in the symbol, of a strategy with a hostile name."""
    return positions.open_position(
        session_id=session_id, symbol=symbol, side="LONG", entry_price=100, size="0.001", quantity=1,
        strategy_name=HOSTILE, entry_order_id=symbol, entry_time=START,
    )  # fmt: skip


def hostile(db: Database) -> int:
    """A session whose every name is an attack, with a trade and an open position."""
    session_id = started(db, HOSTILE, HOSTILE[:120])
    db.run(opened(session_id, HOSTILE[:120]))
    for hours, pnl in ((1, 5), (30, -3)):
        moment = START + timedelta(hours=hours)
        db.run(
            trades.log_trade(
                session_id=session_id, symbol=HOSTILE[:120], side="LONG", entry_price=100, exit_price=105, size="0.1",
                entry_time=START, exit_time=moment, pnl=pnl, exit_reason=HOSTILE, strategy_name=HOSTILE,
                quantity=1, mfe="0.06", mae="0.01",
            )
        )  # fmt: skip
        db.run(account.log_account_snapshot(session_id=session_id, balance=1000, equity=1000 + pnl, timestamp=moment))
    return session_id


def largest(db: Database) -> int:
    """A session of names as long as they may be and of amounts that no column was made for."""
    balance, name, symbol = 10**17, "W" * 255, "Q" * 64
    session_id = started(db, name, symbol, balance)
    for number in range(6):
        moment, pnl = START + timedelta(hours=20 * number + 1), (-1) ** number * balance // (number + 3)
        db.run(
            trades.log_trade(
                session_id=session_id, symbol=symbol, side="LONG", entry_price="123456789012.123456", size="0.1",
                exit_price="0.000000012345", entry_time=START, exit_time=moment, pnl=pnl, exit_reason=name[:100],
                strategy_name=name, quantity="123456789.123456789", mfe="0.06", mae="0.01", commission=10**12,
            )
        )  # fmt: skip
        db.run(
            account.log_account_snapshot(session_id=session_id, balance=balance, equity=balance + pnl, timestamp=moment)
        )
    return session_id
