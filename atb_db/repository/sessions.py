"""Trading sessions: start, take up again, hold, end, look up."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

from atb_db.statement import command, query
from atb_db.types import NEW, NOW, Json, Number, SessionClaim, Span, TradeSource, TradeSourceLabel


class TradingSession(NamedTuple):
    """A session; amounts are in base_currency, win_rate and max_drawdown are fractions (0.05 = 5 %)."""

    id: int
    """Identifier."""
    session_name: str
    """Name for people; not unique."""
    mode: TradeSource
    """Where the money is: LIVE, BACKTEST or PAPER."""
    strategy_name: str
    """Strategy that trades."""
    symbol: str
    """Instrument that is traded."""
    timeframe: str
    """Length of one candle, such as 1h."""
    exchange: str | None
    """Exchange that executes the orders."""
    base_currency: str
    """Currency of every amount in the session's books."""
    start_time: datetime
    """When the session began; historic for a backtest."""
    end_time: datetime | None
    """When the session ended; NULL while it is active."""
    is_active: bool
    """True until the session has ended."""
    initial_balance: Decimal
    """Balance at the start, in base_currency."""
    current_balance: Decimal
    """Balance now, in base_currency: the sum of the session's ledger, which a foreign key holds."""
    final_balance: Decimal | None
    """Balance at the end, in base_currency."""
    total_pnl: Decimal | None
    """Net P&L of all trades, in base_currency; set at the end."""
    total_trades: int | None
    """Number of completed trades; set at the end."""
    win_rate: Decimal | None
    """Trades with pnl > 0 / all trades, as a fraction; set at the end, NULL without trades."""
    max_drawdown: Decimal | None
    """Largest (running peak - value) / running peak, as a fraction: of the equity in account_history when there is any,
    else of initial_balance + cumulative net P&L; set at the end.
    """
    strategy_config: Json | None
    """Configuration of the strategy."""
    time_exit_config: Json | None
    """Configuration of time-based exits."""
    market_timezone: str | None
    """IANA time zone of the market's trading day."""
    is_verification: bool
    """Whether the session only shows that recording works; reports leave it out."""


class HeldSession(NamedTuple):
    """A session that an engine has claimed, as it is at that moment; amounts are in its base currency.

    timeframe and exchange are the session's, which session_id= and an exchange that was not given can make others than
    the engine's. equity_peak is the highest equity of the snapshots or, without any, of the balance after trades; the
    day_start_… are the first snapshot of the present UTC day, None when there is none yet. Deposits and withdrawals
    since then are added to both, so that neither looks like profit or loss. unresolved_orders may still be filled.
    """

    session_id: int
    """Session that is held."""
    claim: SessionClaim
    """How the engine came by the session."""
    token: UUID
    """Proves the hold: to renew_hold and release_hold, and to every command that it is given with."""
    expires_at: datetime
    """From when on another engine may claim the session, by the server's clock."""
    timeframe: str
    """Length of one candle, such as 1h."""
    exchange: str | None
    """Exchange that executes the orders."""
    start_time: datetime
    """When the session began; historic for a backtest."""
    initial_balance: Decimal
    """Balance at the start, in base_currency."""
    balance: Decimal
    """Balance now: the sum of the ledger."""
    equity_peak: Decimal
    """Highest equity of the snapshots or, without any, of the balance after trades."""
    day_start_time: datetime | None
    """When the first snapshot of the present UTC day was taken; None without one."""
    day_start_balance: Decimal | None
    """Its balance; None without one."""
    day_start_equity: Decimal | None
    """Its equity; None without one."""
    open_positions: int
    """Number of open positions."""
    unresolved_orders: int
    """Number of orders that may still be filled."""


class SessionHold(NamedTuple):
    """Which engine holds a session, or was the last to; times are the server's."""

    session_id: int
    """Session that is held."""
    holder: str
    """Name of the engine."""
    claim: SessionClaim
    """How the engine came by the session."""
    acquired_at: datetime
    """When the session was claimed, by the server's clock."""
    renewed_at: datetime
    """When the hold was last renewed, by the server's clock."""
    expires_at: datetime
    """From when on another engine may claim the session, by the server's clock; a release brings it forward."""
    is_held: bool
    """Whether the hold has not expired yet."""


class SilentSession(NamedTuple):
    """An active session without a sign of life: start, renewal, ledger entry, snapshot, event or decision."""

    session_id: int
    """Identifier."""
    session_name: str
    """Name for people; not unique."""
    mode: TradeSource
    """Where the money is: LIVE, BACKTEST or PAPER."""
    start_time: datetime
    """When the session began; historic for a backtest."""
    last_sign_of_life: datetime
    """When the session last wrote something, renewed its hold, or began."""
    awaits_engine: bool
    """Whether it was only imported, and no engine has taken it up."""


@command
def create_trading_session(
    *,
    strategy_name: str,
    symbol: str,
    timeframe: str,
    mode: TradeSource | TradeSourceLabel,
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
def resume_or_create(
    *,
    strategy_name: str,
    symbol: str,
    timeframe: str,
    mode: TradeSource | TradeSourceLabel,
    initial_balance: Number,
    holder: str,
    exchange: str | None = None,
    session_id: int | None = None,
    max_age: Span = timedelta(days=7),
    lease: Span = timedelta(minutes=1),
    take_over: bool = False,
    despite_open_positions: bool = False,
    session_name: str | None = None,
    base_currency: str = "USDT",
    strategy_config: Json | None = None,
    time_exit_config: Json | None = None,
    market_timezone: str | None = None,
    timestamp: datetime = NOW,
    request_id: UUID = NEW,
) -> HeldSession:
    """Take up an engine's session where it was, reopened if it had ended, or start one; hold it, and say what it is.

    The session is the newest of this strategy, symbol, timeframe, mode and exchange, if it is held or showed a sign of
    life (start, end, renewal, ledger entry, snapshot, event or decision) within max_age; else the newest of them with
    open positions or unresolved orders, however old. An exchange of None, here or there, is any exchange. Its balance,
    positions, orders and counters are where they were: nothing expires, and orders that were PENDING when the engine
    died are among the unresolved ones. Ask the exchange for each, and expire what it does not know. An ENGINE_RESUME
    event records who took it up. Otherwise a session is started as by create_trading_session, with initial_balance and
    the arguments behind it.

    Conflict when a session would be started while another of this strategy, symbol and mode (on another timeframe or
    exchange) has something open, or one of another strategy or symbol holds an open position of this strategy in this
    symbol; it names them. Then give session_id, which takes up that very session; or move its positions
    (positions.move_position_to_session); or say despite_open_positions, which starts beside it, and takes nothing up
    that is older than max_age.

    At most one engine holds a session: SessionHeld names the one that does. A hold lasts for the lease, by the
    server's clock, unless renew_hold prolongs it, so a dead engine's is free after that; take_over ends it early,
    for an operator who knows that the engine is dead. Spans are a timedelta or seconds. Read open
    positions and orders next, in the same transaction:

        with db.transaction() as tx:
            held = tx.run(sessions.resume_or_create(...))
            open_positions = tx.run(positions.get_active_positions(session_id=held.session_id))
            to_reconcile = tx.run(orders.get_pending_orders(session_id=held.session_id))
    """
    ...


@command
def renew_hold(
    *, session_id: int, token: UUID, lease: Span = timedelta(minutes=1), timestamp: datetime = NOW
) -> datetime:
    """Renew the hold on a session; from when on it will be free unless it is renewed again.

    For an engine's loop, several times within the lease (a timedelta or seconds, from now by the server's clock). It
    never shortens the hold. SessionHeld names the engine that has taken the session over: then stop trading.
    SessionClosed when the session was ended. timestamp only distinguishes a renewal from the same one repeated.
    """
    ...


@command
def release_hold(*, session_id: int, token: UUID) -> None:
    """Release the hold on a session, so that another engine may claim it at once; without the hold it changes nothing.

    end_trading_session does so by itself.
    """
    ...


@query
def get_hold(*, session_id: int) -> SessionHold | None:
    """The hold on a session, or the last there was; NULL when no engine ever claimed it."""
    ...


@command
def end_trading_session(*, session_id: int, end_time: datetime = NOW, token: UUID | None = None) -> int:
    """End a session with its final figures and an ENGINE_STOP event; ending it again changes nothing. The session's id.

    Open positions stay open; the session takes no more trades, orders or balance changes (SessionClosed). An end_time
    before the start, by a clock that was set back, is stored as the start.
    The hold is released. An engine gives its hold's token, so it cannot end a session that another has taken over
    (SessionHeld); without one the session is ended no matter who holds it.
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


@query
def get_silent_sessions(*, silent_since: datetime) -> list[SilentSession]:
    """The active sessions without a sign of life since a moment, the longest silent first."""
    ...
