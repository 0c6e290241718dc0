"""The incumbent's sessions as books; pure."""

from __future__ import annotations

from typing import Final

from atb_db.importing.errors import Unfit
from atb_db.importing.executions import LONGEST_SYMBOL, TOO_LARGE
from atb_db.importing.incumbent.times import Clock
from atb_db.importing.plan import Book, Origin, Row, Unit
from atb_db.importing.reading import number, object_or_none, text, text_or_none
from atb_db.types import ImportOutcome, TradeSource

_LONGEST: Final = 255


def session_unit(row: Row, book: Book) -> Unit:
    """The fate of a session's row: it became its book."""
    names = ["final_balance", "total_pnl", "total_trades", "win_rate", "max_drawdown", "created_at", "updated_at"]
    notes = []
    if row.get("is_active"):
        if row.get("end_time") is not None:
            notes.append("it is active and had an end_time: it is not ended")
            names.append("end_time")
    elif book.end_time is None:
        notes.append("it was not active and had no end_time: it is not ended")
    elif book.end_time < book.start_time:
        notes.append(f"its end was at {book.end_time:%Y-%m-%d %H:%M:%S} UTC, before its start, and is then")
    if row.get("strategy_config") is not None and book.strategy_config is None:
        notes.append("its strategy_config is no object, and is kept beside it")
        names.append("strategy_config")
    extra = {name: row[name] for name in names if row.get(name) is not None}
    origin = Origin(
        *("trading_sessions", str(row["id"]), row),
        ImportOutcome.ADJUSTED if notes else ImportOutcome.RECORD,
        "; ".join(notes) or None,
        extra or None,
        "trading_sessions",
    )
    return Unit(str(row["id"]), (), (origin,))


def book_of(row: Row, clock: Clock, base_currency: str) -> Book:
    """The session that it becomes.

    Raises:
        Unfit: no books hold it.
    """
    book = Book(
        key=str(row["id"]),
        name=text(row, "session_name"),
        strategy_name=text(row, "strategy_name"),
        symbol=text(row, "symbol"),
        timeframe=text_or_none(row, "timeframe") or "none",
        mode=TradeSource(text(row, "mode").upper()),
        initial_balance=number(row, "initial_balance"),
        base_currency=base_currency,
        start_time=clock.at(row, "start_time"),
        exchange=text_or_none(row, "exchange"),
        end_time=None if row.get("is_active") else clock.at_or_none(row, "end_time"),
        strategy_config=object_or_none(row, "strategy_config"),
    )
    _refuse_what_no_session_is(book)
    return book


def _refuse_what_no_session_is(book: Book) -> None:
    """Found out before anything is written: without its session nothing of it can be.

    Raises:
        Unfit: the books would refuse it.
    """
    if not 0 <= book.initial_balance < TOO_LARGE:
        raise Unfit(f"initial_balance is {book.initial_balance}")
    names = {
        "session_name": book.name,
        "strategy_name": book.strategy_name,
        "timeframe": book.timeframe,
        "exchange": book.exchange or "",
    }
    for name, found in names.items():
        if len(found) > _LONGEST:
            raise Unfit(f"{name} has {len(found)} characters, more than {_LONGEST}")
    if len(book.symbol) > LONGEST_SYMBOL:
        raise Unfit(f"symbol has {len(book.symbol)} characters, more than {LONGEST_SYMBOL}")
