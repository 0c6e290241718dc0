"""The metrics that every trade keeps up to date are those that a recomputation gives, whatever the trades."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from itertools import accumulate, groupby
from typing import NamedTuple

import psycopg
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from atb_db import Database
from atb_db.repository import account, audit, metrics, positions, sessions, trades
from atb_db.statement import Statement
from tests.statements.examples import START, at


class Result(NamedTuple):
    """A trade in the order of booking."""

    day: int
    hour: int
    pnl: Decimal
    commission: Decimal
    interest: Decimal

    @property
    def net(self) -> Decimal:
        return self.pnl - self.commission - self.interest


money = st.decimals(-1000, 1000, places=2)
results = st.lists(
    st.builds(
        Result,
        day=st.integers(0, 3),
        hour=st.integers(0, 23),
        pnl=st.just(Decimal(0)) | money,
        commission=st.decimals(0, 5, places=3),
        interest=st.sampled_from([Decimal(0), Decimal("0.5")]),
    ),
    max_size=15,
)


def log(session_id: int, result: Result) -> Statement[int]:
    exit_time = START.replace(hour=0) + timedelta(days=result.day, hours=result.hour)
    return trades.log_trade(
        session_id=session_id,
        symbol="X",
        side="LONG",
        entry_price=1,
        exit_price=1,
        size=1,
        entry_time=START - timedelta(days=1),
        exit_time=exit_time,
        pnl=result.pnl,
        commission=result.commission,
        margin_interest_cost=result.interest,
        exit_reason="test",
        strategy_name="test",
    )


def start(db: Database, balance: Decimal) -> int:
    return db.run(
        sessions.create_trading_session(
            strategy_name="test", symbol="X", timeframe="1h", mode="BACKTEST", initial_balance=balance, start_time=START
        )
    )


def streaks(values: list[Decimal]) -> tuple[int, int]:
    """The longest runs of wins and of losses."""
    runs = [(sign, len(list(run))) for sign, run in groupby((value > 0) - (value < 0) for value in values)]
    return tuple(max((length for sign, length in runs if sign == wanted), default=0) for wanted in (1, -1))  # type: ignore[return-value]


def drawdown(opening: Decimal, nets: list[Decimal]) -> Decimal:
    """The largest fall of opening + cumulative net P&L from its peak, as a fraction."""
    values = list(accumulate(nets, initial=opening))
    peaks = list(accumulate(values, max))
    falls = [(peak - value) / peak if peak > 0 else Decimal(0) for peak, value in zip(peaks, values, strict=True)]
    return round(max(falls), 12)


def check_day(day: metrics.DailyMetrics, booked: list[Result]) -> None:
    values = [result.pnl for result in booked]
    wins, losses = [value for value in values if value > 0], [value for value in values if value < 0]
    assert (day.total_trades, day.winning_trades, day.losing_trades) == (len(values), len(wins), len(losses))
    assert (day.gross_profit, day.gross_loss, day.gross_pnl) == (sum(wins), -sum(losses), sum(values))
    assert day.net_pnl == sum(result.net for result in booked)
    assert (day.best_trade_pnl, day.worst_trade_pnl) == (max(values), min(values))
    assert (day.largest_win_streak, day.largest_loss_streak) == streaks(values)
    assert day.max_drawdown == drawdown(day.opening_balance, [result.net for result in booked])
    assert abs(day.win_rate - Decimal(len(wins)) / len(values)) < Decimal("1e-12")
    assert abs(day.expectancy - sum(values, Decimal(0)) / len(values)) < Decimal("1e-9")
    assert (day.profit_factor is None) == (not losses)
    assert (day.avg_win is None, day.avg_loss is None) == (not wins, not losses)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(results, st.sampled_from([Decimal(0), Decimal(1000)]))
@example([Result(0, 0, Decimal(0), Decimal(0), Decimal(0))], Decimal(0))
def test_metrics_are_a_recomputation(world_db: Database, booked: list[Result], balance: Decimal) -> None:
    session_id = start(world_db, balance)
    world_db.run_many([log(session_id, result) for result in booked])
    assert world_db.run_batch(audit.audit_session(session_id=session_id)).findings == []
    days = world_db.run(metrics.get_daily_metrics(session_id=session_id))
    assert [(day.day - START.replace(hour=0)).days for day in days] == sorted({result.day for result in booked})
    for day in days:
        check_day(day, [result for result in booked if START.replace(hour=0) + timedelta(days=result.day) == day.day])
    check_span(world_db, session_id, booked, balance)


def check_span(db: Database, session_id: int, booked: list[Result], balance: Decimal) -> None:
    """The figures over any span stand in the order of exit."""
    by_exit = sorted(booked, key=lambda result: (result.day, result.hour))
    for first, last in ((None, None), (1, None), (None, 2), (1, 3), (2, 1)):
        midnight = START.replace(hour=0)
        found = db.run(
            metrics.get_performance_metrics(
                session_id=session_id,
                start=None if first is None else midnight + timedelta(days=first),
                end=None if last is None else midnight + timedelta(days=last),
            )
        )
        inside = [result for result in by_exit if (first or 0) <= result.day < (9 if last is None else last)]
        opening = balance + sum((result.net for result in by_exit if result.day < (first or 0)), Decimal(0))
        values = [result.pnl for result in inside]
        assert (found.total_trades, found.gross_pnl) == (len(inside), sum(values))
        assert found.net_pnl == sum(result.net for result in inside)
        assert (found.largest_win_streak, found.largest_loss_streak) == streaks(values)
        assert found.max_drawdown == drawdown(opening, [result.net for result in inside])
        assert (found.win_rate is None) == (not inside)
        if opening > 0:
            assert found.total_return_percent is not None
            assert abs(found.total_return_percent - found.net_pnl / opening * 100) < Decimal("1e-9")


def test_rebuilding_gives_the_same_rows(world_db: Database, world_url: str) -> None:
    session_id = start(world_db, Decimal(100))
    for day, pnl in ((0, 5), (1, -3), (0, 0), (2, 4), (1, 4)):
        world_db.run(log(session_id, Result(day, 12, Decimal(pnl), Decimal("0.1"), Decimal(0))))
    query = b"SELECT m::text FROM performance_metrics AS m WHERE session_id = %s ORDER BY 1"
    with psycopg.connect(world_url, autocommit=True) as connection:
        kept = connection.execute(query, [session_id]).fetchall()
        connection.execute("UPDATE performance_metrics SET gross_profit = 999 WHERE session_id = %s", [session_id])
        assert world_db.run_batch(audit.audit_session(session_id=session_id)).findings != []
        assert world_db.run(metrics.rebuild_performance_metrics(session_id=session_id)) == len(kept) == 4
        assert connection.execute(query, [session_id]).fetchall() == kept


def test_drawdown_after_a_partial_exit_is_that_of_the_initial_balance(db: Database, session_id: int) -> None:
    """1000, a trade that earns 1000 (all of it by its partial exit), one that loses 1000: from 2000 to 1000."""
    position_id = db.run(
        positions.open_position(
            session_id=session_id,
            symbol="BTCUSDT",
            side="LONG",
            entry_price=100,
            size=1,
            quantity=10,
            strategy_name="test",
            entry_order_id="entry",
            entry_time=at(0),
        )
    )
    db.run(positions.apply_partial_exit(position_id=position_id, size="0.5", price=300, timestamp=at(1)))
    db.run(positions.close_position(position_id=position_id, exit_price=100, exit_time=at(2), exit_reason="test"))
    db.run(
        trades.log_trade(
            session_id=session_id,
            symbol="BTCUSDT",
            side="LONG",
            entry_price=200,
            exit_price=100,
            size=1,
            entry_time=at(2),
            exit_time=at(3),
            pnl=-1000,
            exit_reason="test",
            strategy_name="test",
        )
    )
    half = Decimal("0.5")
    assert db.run(metrics.get_performance_metrics(session_id=session_id)).max_drawdown == half
    assert [day.max_drawdown for day in db.run(metrics.get_daily_metrics(session_id=session_id))] == [half]
    db.run(sessions.end_trading_session(session_id=session_id))
    assert db.run(sessions.get_trading_session(session_id=session_id)).max_drawdown == half
    assert db.run_batch(audit.audit_session(session_id=session_id)).findings == []


def test_the_final_drawdown_is_that_of_the_equity_when_there_is_any(db: Database, session_id: int) -> None:
    for hours, equity in ((1, 1000), (2, 2000), (3, 500)):
        db.run(account.log_account_snapshot(session_id=session_id, balance=1000, equity=equity, timestamp=at(hours)))
    db.run(sessions.end_trading_session(session_id=session_id))
    assert db.run(sessions.get_trading_session(session_id=session_id)).max_drawdown == Decimal("0.75")
    assert db.run(metrics.get_performance_metrics(session_id=session_id)).max_drawdown == Decimal("0.75")
    assert db.run_batch(audit.audit_session(session_id=session_id)).findings == []
