"""Trading sessions: start, end, look up."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

from atb_db.statement import command, query
from atb_db.types import NEW, NOW, Json, Number, TradeSource


class TradingSession(NamedTuple):
    """A session; amounts are in base_currency, win_rate and max_drawdown are fractions (0.05 = 5 %)."""

    id: int
    session_name: str
    mode: TradeSource
    strategy_name: str
    symbol: str
    timeframe: str
    exchange: str | None
    base_currency: str
    start_time: datetime
    end_time: datetime | None
    is_active: bool
    initial_balance: Decimal
    current_balance: Decimal
    final_balance: Decimal | None
    total_pnl: Decimal | None
    total_trades: int | None
    win_rate: Decimal | None
    max_drawdown: Decimal | None
    strategy_config: Json | None
    time_exit_config: Json | None
    market_timezone: str | None
    is_verification: bool


@command
def create_trading_session(
    *,
    strategy_name: str,
    symbol: str,
    timeframe: str,
    mode: TradeSource | str,
    initial_balance: Number,
    session_name: str | None = None,
    exchange: str | None = None,
    base_currency: str = "USDT",
    start_time: datetime = NOW,
    strategy_config: Json | None = None,
    time_exit_config: Json | None = None,
    market_timezone: str | None = None,
    is_verification: bool = False,
    request_id: UUID = NEW,
) -> int:
    """Start a session: its row, the first ledger entry and the ENGINE_START event, atomically; the session's id.

    Without a session_name it is called by its strategy and symbol. A backtest gives a historic start_time. Reports
    leave out a session that is_verification, one that only shows that recording works.
    """
    ...


@command
def end_trading_session(*, session_id: int, end_time: datetime = NOW) -> int:
    """End a session with its final figures and an ENGINE_STOP event; ending it again changes nothing. The session's id.

    Open positions stay open; the session takes no more trades, orders or balance changes (SessionClosed).
    """
    ...


@query
def get_trading_session(*, session_id: int) -> TradingSession:
    """One session."""
    ...


@query
def get_active_sessions() -> list[TradingSession]:
    """The sessions that have not ended, newest first."""
    ...
