"""The verification trade: a trade in a PAPER session of its own, which shows that recording works."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final, NamedTuple, cast

from atb_db.admin.connection import Connection, reading
from atb_db.admin.purge import PurgedSession, announce_purge, ended_sessions, purge_session
from atb_db.config import Settings
from atb_db.database import Database
from atb_db.errors import AtbDbError
from atb_db.repository import audit, sessions, trades
from atb_db.statement import Statement
from atb_db.types import PositionSide, TradeSource

_NAME: Final = "verification"
_SYMBOL: Final = "BTCUSDT"
_BALANCE: Final = Decimal(1000)
_ENTRY, _EXIT, _QUANTITY, _COMMISSION = Decimal(50_000), Decimal(50_100), Decimal("0.002"), Decimal("0.1")
_PNL: Final = (_EXIT - _ENTRY) * _QUANTITY

_ENDED: Final = (
    "SELECT id FROM trading_sessions WHERE is_verification AND mode = 'PAPER' AND end_time IS NOT NULL ORDER BY id"
)


class Trial(NamedTuple):
    """A verification trade that was written and read back."""

    session_id: int
    trade_id: int


def record_trial(settings: Settings) -> Trial:
    """Record a session with one trade, all in one transaction; then read it back over another connection.

    Reports leave it out, and an interrupted one leaves nothing behind.

    Raises:
        AtbDbError: what is read is not what was written; the session stays for a look at it.
    """
    end = datetime.now(UTC)
    with Database(settings) as database, database.transaction() as transaction:
        session_id = transaction.run(
            sessions.create_trading_session(
                session_name=_NAME,
                strategy_name=_NAME,
                symbol=_SYMBOL,
                timeframe="1h",
                mode=TradeSource.PAPER,
                initial_balance=_BALANCE,
                start_time=end - timedelta(hours=1),
                is_verification=True,
            )
        )
        trade_id = transaction.run(_trade(session_id, end))
        transaction.run(sessions.end_trading_session(session_id=session_id, end_time=end))
    with Database(settings) as database:
        found = database.run(trades.get_recent_trades(session_id=session_id))
        session = database.run(sessions.get_trading_session(session_id=session_id))
        contradictions = database.run_batch(audit.audit_session(session_id=session_id)).findings
    read = [(one.id, one.exit_time, one.exit_price, one.net_pnl, one.source) for one in found]
    written = [(trade_id, end, _EXIT, _PNL - _COMMISSION, TradeSource.PAPER)]
    if read != written or session.final_balance != _BALANCE + _PNL - _COMMISSION or contradictions:
        raise AtbDbError(f"the verification trade of session {session_id} does not read as it was written")
    return Trial(session_id, trade_id)


def trial_sessions(connection: Connection) -> list[int]:
    """The sessions of verification trades."""
    return [session_id for (session_id,) in cast("list[tuple[int]]", connection.execute(_ENDED).fetchall())]


def remove_trials(settings: Settings) -> list[PurgedSession]:
    """Remove the sessions of verification trades with all they have; what was removed.

    A session that an engine has under way stays, also when it is marked as verification.
    """
    with reading(settings) as (connection, _):
        session_ids = trial_sessions(connection)
    if not session_ids:  # to `ended_sessions` this would mean all
        return []
    found = ended_sessions(settings, ended_before=datetime.now(UTC), named=session_ids)
    announce_purge(settings, session_ids=session_ids, removed=[rows for one in found for rows in one.removed])
    for one in found:
        purge_session(settings, one.session_id)
    return found


def _trade(session_id: int, end: datetime) -> Statement[int]:
    return trades.log_trade(
        session_id=session_id,
        symbol=_SYMBOL,
        side=PositionSide.LONG,
        entry_price=_ENTRY,
        exit_price=_EXIT,
        size=_ENTRY * _QUANTITY / _BALANCE,
        quantity=_QUANTITY,
        entry_time=end - timedelta(hours=1),
        exit_time=end,
        pnl=_PNL,
        commission=_COMMISSION,
        exit_reason=_NAME,
        strategy_name=_NAME,
    )
