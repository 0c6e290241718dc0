"""What the analytics answer is what plain Python makes of the same trades and snapshots, by any filter."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal, localcontext
from itertools import groupby
from statistics import mean, stdev
from typing import Any, NamedTuple, TypeVar

import psycopg
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from atb_db import Database
from atb_db.embedded import Server
from atb_db.repository import account, metrics, reports, sessions, trades
from atb_db.repository.metrics import PerformanceMetrics
from atb_db.repository.reports import EquityPoint
from atb_db.types import MetricPeriod, TradeSource
from tests.faults.conftest import FULL

MIDNIGHT = datetime(2024, 2, 26, tzinfo=UTC)  # a Monday, three days before the end of a month
T = TypeVar("T")


def at(hour: int) -> datetime:
    return MIDNIGHT + timedelta(hours=hour)


class TradeRow(NamedTuple):
    session: int
    """Number of the session in the world."""
    hour: int
    """Of the exit."""
    held: int
    pnl: Decimal
    commission: Decimal
    symbol: str
    strategy: str
    reason: str

    @property
    def net(self) -> Decimal:
        return self.pnl - self.commission


class Snapshot(NamedTuple):
    session: int
    hour: int
    equity: Decimal


class Books(NamedTuple):
    trades: list[TradeRow]
    snapshots: list[Snapshot]


class Filter(NamedTuple):
    session: int | None = None
    source: TradeSource | None = None
    strategy: str | None = None
    symbol: str | None = None
    start: int | None = None
    end: int | None = None


MODES = (TradeSource.LIVE, TradeSource.LIVE, TradeSource.BACKTEST, TradeSource.LIVE)
INITIAL = (Decimal(1000), Decimal(500), Decimal(0), Decimal(99))
START_HOUR = -24
VERIFICATION = 3
"""Number of the session that must not count unless it is asked for."""

HOURS = st.integers(0, 24 * 10)
NUMBERS = st.sampled_from([0, 0, 0, 1, 2, VERIFICATION])
BOOKS = st.builds(
    Books,
    st.lists(
        st.builds(
            TradeRow,
            session=NUMBERS,
            hour=HOURS,
            held=st.integers(0, 100),
            pnl=st.just(Decimal(0)) | st.decimals(-900, 900, places=2),
            commission=st.decimals(0, 3, places=3),
            symbol=st.sampled_from(["BTC", "ETH"]),
            strategy=st.sampled_from(["a", "b"]),
            reason=st.sampled_from(["stop", "target"]),
        ),
        max_size=14,
    ),
    st.lists(
        st.builds(Snapshot, session=NUMBERS, hour=HOURS, equity=st.decimals(-50, 2000, places=2)),
        max_size=14,
    ),
)
FILTERS = st.builds(
    Filter,
    session=st.none() | NUMBERS,
    source=st.none() | st.sampled_from([TradeSource.LIVE, TradeSource.BACKTEST]),
    strategy=st.none() | st.just("a"),
    symbol=st.none() | st.just("ETH"),
    start=st.none() | HOURS,
    end=st.none() | HOURS,
)


def trade(hour: int, pnl: int, session: int = 0) -> TradeRow:
    return TradeRow(session, hour, 1, Decimal(pnl), Decimal(0), "BTC", "a", "stop")


@pytest.fixture(scope="module")
def own_url(server: Server) -> str:
    return server.create_database("analytics", template="atb_template")


@pytest.fixture(scope="module")
def own_db(own_url: str) -> Iterator[Database]:
    with Database(own_url) as database:
        yield database


def write(db: Database, url: str, books: Books) -> list[int]:
    """Replace whatever there is by these books; the ids of the sessions."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("TRUNCATE trading_sessions CASCADE")
    ids = db.run_many(
        [
            sessions.create_trading_session(
                strategy_name="a",
                symbol="BTC",
                timeframe="1h",
                mode=mode,
                initial_balance=balance,
                start_time=at(START_HOUR),
                is_verification=number == VERIFICATION,
            )
            for number, (mode, balance) in enumerate(zip(MODES, INITIAL, strict=True))
        ]
    )
    db.run_many(
        [
            trades.log_trade(
                session_id=ids[row.session],
                symbol=row.symbol,
                side="LONG",
                entry_price=1,
                exit_price=1,
                size=1,
                entry_time=at(row.hour - row.held),
                exit_time=at(row.hour),
                pnl=row.pnl,
                commission=row.commission,
                exit_reason=row.reason,
                strategy_name=row.strategy,
            )
            for row in books.trades
        ]
    )
    db.copy_in(
        account.copy_account_snapshots(
            session_id=ids[row.session], balance=1, equity=row.equity, timestamp=at(row.hour)
        )
        for row in books.snapshots
    )
    return ids


class Point(NamedTuple):
    hour: int
    equity: Decimal


class Due(NamedTuple):
    """The chosen trades in order of exit, and the equity with the capital before it."""

    trades: list[TradeRow]
    opening_balance: Decimal
    opening: Decimal
    points: list[Point]
    """The opening row not included."""
    from_opening: bool
    opening_hour: int


def choose(books: Books, chosen: Filter) -> Due:
    start = -(10**6) if chosen.start is None else chosen.start
    end = 10**6 if chosen.end is None else chosen.end

    def fits(row: TradeRow) -> bool:
        return chosen.strategy in (None, row.strategy) and chosen.symbol in (None, row.symbol)

    narrowed = chosen.strategy is not None or chosen.symbol is not None
    numbers = [
        number
        for number, mode in enumerate(MODES)
        if chosen.source in (None, mode)
        and (
            number == chosen.session
            if chosen.session is not None
            else number != VERIFICATION
            and (not narrowed or any(fits(row) for row in books.trades if row.session == number))
        )
    ]
    capital, balance = Decimal(0), Decimal(0)
    changes: list[tuple[int, int, int, Decimal]] = []
    counted: list[tuple[int, int, TradeRow]] = []
    any_snapshots = False
    for number in numbers:
        mine = [(place, row) for place, row in enumerate(books.trades) if row.session == number and fits(row)]
        inside = [(row.hour, place, row) for place, row in mine if start <= row.hour < end]
        counted += inside
        opening = INITIAL[number] + sum((row.net for _, row in mine if row.hour < start), Decimal(0))
        balance += opening
        snapshots = sorted(
            (row.hour, place, row.equity) for place, row in enumerate(books.snapshots) if row.session == number
        )
        shown = [snapshot for snapshot in snapshots if start <= snapshot[0] < end]
        if shown and not narrowed:
            any_snapshots = True
            before = [equity for hour, _, equity in snapshots if hour < start]
            opening = previous = before[-1] if before else INITIAL[number]
            for hour, place, equity in shown:
                changes.append((hour, number, place, equity - previous))
                previous = equity
        else:
            changes += [(hour, number, place, row.net) for hour, place, row in inside]
        capital += opening
    points, equity = [], capital
    for hour, _, _, change in sorted(changes):
        equity += change
        points.append(Point(hour, equity))
    counted.sort(key=lambda item: item[:2])
    first = points[0].hour if points else 10**6
    begin = START_HOUR if chosen.start is None else chosen.start
    rows = [row for _, _, row in counted]
    return Due(rows, balance, capital, points, bool(numbers) and not any_snapshots, min(begin, first))


def fall(peak: Decimal, value: Decimal) -> Decimal:
    return round((peak - value) / peak, 12) if peak > 0 else Decimal(0)


def curve(due: Due) -> list[tuple[Decimal, Decimal]]:
    """Equity and peak, the opening row included."""
    values = [due.opening] * due.from_opening + [point.equity for point in due.points]
    return [(value, max(values[: place + 1])) for place, value in enumerate(values)]


def daily_returns(due: Due) -> tuple[int, list[Decimal]]:
    """The number of days and their returns where there are any."""
    closing = {point.hour // 24: point.equity for point in due.points}
    returns, before = [], due.opening
    days = range(min(closing, default=0), max(closing, default=-1) + 1)
    for day in days:
        equity = closing.get(day, before)
        if day not in closing:
            returns.append(Decimal(0))
        elif before > 0:
            returns.append(round(equity / before - 1, 12))
        before = equity
    return len(days), returns


def average(values: Iterable[Decimal]) -> Decimal | None:
    found = list(values)
    return mean(found) if found else None


def ratio(numerator: Decimal | None, denominator: Decimal | int | None) -> Decimal | None:
    return None if numerator is None or not denominator else numerator / denominator


def runs(values: list[TradeRow]) -> list[tuple[int, int]]:
    """Outcome and length of each run."""
    return [(outcome, len(list(run))) for outcome, run in groupby((row.pnl > 0) - (row.pnl < 0) for row in values)]


def performance(due: Due) -> PerformanceMetrics:
    rows = due.trades
    wins, losses = [row for row in rows if row.pnl > 0], [row for row in rows if row.pnl < 0]
    profit, loss = (sum((abs(row.pnl) for row in part), Decimal(0)) for part in (wins, losses))
    net = sum((row.net for row in rows), Decimal(0))
    length = runs(rows)
    by_day: dict[int, Decimal] = {}
    for row in rows:
        by_day[row.hour // 24] = by_day.get(row.hour // 24, Decimal(0)) + row.net
    best = min(by_day, key=lambda day: (-by_day[day], day), default=None)
    worst = min(by_day, key=lambda day: (by_day[day], day), default=None)
    deepest = max((fall(peak, value) for value, peak in curve(due)), default=Decimal(0))
    days, returns = daily_returns(due)
    enough = len(returns) > 1
    root = Decimal(365).sqrt()
    deviation = stdev(returns) if enough else None
    downside = mean(min(value, Decimal(0)) ** 2 for value in returns).sqrt() if enough else None
    grown = None
    if days > 1 and due.opening > 0:
        grown = (max(due.points[-1].equity, Decimal(0)) / due.opening) ** (Decimal(365) / days) - 1
    return PerformanceMetrics(
        total_trades=len(rows),
        winning_trades=len(wins),
        losing_trades=len(losses),
        win_rate=ratio(Decimal(len(wins)), len(rows)),
        gross_profit=profit,
        gross_loss=loss,
        gross_pnl=profit - loss,
        commission=sum((row.commission for row in rows), Decimal(0)),
        margin_interest_cost=Decimal(0),
        funding=Decimal(0),
        net_pnl=net,
        total_return_percent=ratio(net * 100, due.opening_balance),
        profit_factor=ratio(profit, loss),
        expectancy=ratio(profit - loss, len(rows)),
        avg_win=ratio(profit, len(wins)),
        avg_loss=ratio(-loss, len(losses)),
        best_trade_pnl=max((row.pnl for row in rows), default=None),
        worst_trade_pnl=min((row.pnl for row in rows), default=None),
        largest_win_streak=max((count for outcome, count in length if outcome > 0), default=0),
        largest_loss_streak=max((count for outcome, count in length if outcome < 0), default=0),
        current_streak=length[-1][0] * length[-1][1] if length else 0,
        max_drawdown=deepest,
        avg_holding_hours=average(Decimal(row.held) for row in rows),
        avg_win_holding_hours=average(Decimal(row.held) for row in wins),
        avg_loss_holding_hours=average(Decimal(row.held) for row in losses),
        best_day=None if best is None else at(24 * best),
        best_day_net_pnl=None if best is None else by_day[best],
        worst_day=None if worst is None else at(24 * worst),
        worst_day_net_pnl=None if worst is None else by_day[worst],
        equity_days=days,
        annualized_return=grown,
        annualized_volatility=None if deviation is None else deviation * root,
        sharpe_ratio=ratio(mean(returns) * root if enough else None, deviation),
        sortino_ratio=ratio(mean(returns) * root if enough else None, downside),
        calmar_ratio=ratio(grown, deepest),
        var_95=sorted(returns)[math.ceil(0.05 * len(returns)) - 1] if enough else None,
    )


class Episode(NamedTuple):
    start: int
    trough: int
    recovery: int | None
    peak: Decimal
    low: Decimal


def episodes(due: Due) -> list[Episode]:
    found: list[Episode] = []
    peak: Point | None = None
    low: Point | None = None
    points: list[Point] = [Point(due.opening_hour, due.opening)] * due.from_opening + due.points
    for point in points:
        if peak is None or point.equity >= peak.equity:
            if peak is not None and low is not None:
                found.append(Episode(peak.hour, low.hour, point.hour, peak.equity, low.equity))
            peak, low = point, None
        elif low is None or point.equity < low.equity:
            low = point
    if peak is not None and low is not None:
        found.append(Episode(peak.hour, low.hour, None, peak.equity, low.equity))
    return found


def close(found: object, due: object) -> bool:
    if isinstance(found, Decimal) and isinstance(due, Decimal):
        return abs(found - due) <= Decimal("1e-9") * max(Decimal(1), abs(due))
    return found == due and type(found) is type(due)


def assert_close(found: PerformanceMetrics, due: PerformanceMetrics) -> None:
    different = [
        f"{name} is {one}, due is {other}"
        for name, one, other in zip(found._fields, found, due, strict=True)
        if not close(one, other)
    ]
    assert different == []


def arguments(chosen: Filter, ids: list[int]) -> dict[str, Any]:
    return {
        "session_id": None if chosen.session is None else ids[chosen.session],
        "source": chosen.source,
        "strategy_name": chosen.strategy,
        "symbol": chosen.symbol,
        "start": None if chosen.start is None else at(chosen.start),
        "end": None if chosen.end is None else at(chosen.end),
    }


ALL_WINS = Books([trade(hour, 5) for hour in (1, 30, 60)], [])
ALL_LOSSES = Books([trade(hour, -5) for hour in (1, 30, 60)], [])
SAME_TIME = Books([trade(5, 3), trade(5, -3), trade(5, 0)], [Snapshot(0, 5, Decimal(n)) for n in (3, 1, 2)])
RUINED = Books([trade(0, -1500), trade(48, 0)], [])
"""With a day on which nothing is left to earn on."""
RECOVERED = Books([], [Snapshot(0, hour, Decimal(n)) for hour, n in enumerate((100, 80, 100, 90, 70, 130, 120))])


@settings(max_examples=500 if FULL else 25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(BOOKS, FILTERS)
@example(Books([], []), Filter())
@example(Books([], []), Filter(session=0))
@example(Books([trade(5, 7)], []), Filter(session=0))
@example(ALL_WINS, Filter(session=0))
@example(ALL_LOSSES, Filter(session=0))
@example(Books([trade(5, 0)], []), Filter())
@example(SAME_TIME, Filter(session=0))
@example(RECOVERED, Filter(session=0))
@example(RUINED, Filter(session=0))
@example(Books([trade(1, 5), trade(2, 9, 2), trade(3, 7, VERIFICATION)], []), Filter(source=TradeSource.LIVE))
@example(Books([], [Snapshot(0, 1, Decimal(-5)), Snapshot(0, 30, Decimal(5))]), Filter(session=0))
def test_every_figure_is_that_of_plain_python(own_db: Database, own_url: str, books: Books, chosen: Filter) -> None:
    ids = write(own_db, own_url, books)
    every = arguments(chosen, ids)
    with localcontext(prec=60):
        due = choose(books, chosen)

        assert_close(own_db.run(metrics.get_performance_metrics(**every)), performance(due))
        check_curve(lambda points: own_db.run(reports.get_equity_curve(**every, points=points)), due)
        newest = own_db.run(reports.get_current_drawdown(**every))
        shown = curve(due)
        assert (newest and (newest.equity, newest.peak)) == (shown[-1] if shown else None)
        check_drawdowns(own_db.run(reports.get_drawdowns(**every, limit=100)), due)
        check_pnl(own_db, every, due)


def check_curve(ask: Callable[[int], list[EquityPoint]], due: Due) -> None:
    values = [(value, peak, fall(peak, value)) for value, peak in curve(due)]
    complete = ask(1000)
    assert [(point.equity, point.peak, point.drawdown) for point in complete] == values
    hours = [due.opening_hour] * due.from_opening + [point.hour for point in due.points]
    assert [point.timestamp for point in complete] == [at(hour) for hour in hours]
    for points in (1, 2, 3, 5, 8):
        thin = ask(points)
        assert len(thin) <= points
        assert set(thin) <= set(complete)
        assert [point.timestamp for point in thin] == sorted(point.timestamp for point in thin)
        if complete:
            assert thin[-1] == complete[-1]
        if points > 1:
            assert thin[:1] == complete[:1]
        if points >= 5:
            for extreme in (min, max):
                assert extreme([p.equity for p in thin], default=0) == extreme([p.equity for p in complete], default=0)
            assert max([p.drawdown for p in thin], default=0) == max([p.drawdown for p in complete], default=0)


def check_drawdowns(found: list[reports.Drawdown], due: Due) -> None:
    assert [row.drawdown for row in found] == sorted((row.drawdown for row in found), reverse=True)
    assert Counter(row[:-1] for row in found) == Counter(
        (at(row.start), at(row.trough), None if row.recovery is None else at(row.recovery), row.peak, row.low)
        for row in episodes(due)
    )
    assert all(row.drawdown == fall(row.peak, row.trough) for row in found)


def check_pnl(db: Database, every: dict[str, Any], due: Due) -> None:
    def summed(key: Callable[[TradeRow], T]) -> dict[T, tuple[int, int, int, Decimal, Decimal, Decimal]]:
        groups: dict[T, list[TradeRow]] = {}
        for row in due.trades:
            groups.setdefault(key(row), []).append(row)
        return {
            name: (
                len(rows),
                sum(row.pnl > 0 for row in rows),
                sum(row.pnl < 0 for row in rows),
                sum((row.pnl for row in rows), Decimal(0)),
                sum((row.commission for row in rows), Decimal(0)),
                sum((row.net for row in rows), Decimal(0)),
            )
            for name, rows in groups.items()
        }

    def told(rows: list[T]) -> dict[object, tuple[object, ...]]:
        return {row[0]: (*row[1:4], *row[5:]) for row in rows}  # type: ignore[index]

    def week(row: TradeRow) -> datetime:
        day = at(row.hour).replace(hour=0)
        return day - timedelta(days=day.isoweekday() - 1)

    by: list[tuple[Callable[[TradeRow], object], MetricPeriod]] = [
        (lambda row: at(row.hour).replace(hour=0), MetricPeriod.DAILY),
        (week, MetricPeriod.WEEKLY),
        (lambda row: at(row.hour).replace(day=1, hour=0), MetricPeriod.MONTHLY),
        (lambda _: datetime(1970, 1, 1, tzinfo=UTC), MetricPeriod.ALL_TIME),
    ]
    assert told(db.run(reports.get_pnl_by_strategy(**every))) == summed(lambda row: row.strategy)
    assert told(db.run(reports.get_pnl_by_symbol(**every))) == summed(lambda row: row.symbol)
    assert told(db.run(reports.get_pnl_by_exit_reason(**every))) == summed(lambda row: row.reason)
    for key, period in by:
        rows = db.run(reports.get_pnl_by_period(**every, period=period))
        assert told(rows) == summed(key)
        assert [row.period_start for row in rows] == sorted(row.period_start for row in rows)
        assert all(close(row.win_rate, Decimal(row.winning_trades) / row.total_trades) for row in rows)
