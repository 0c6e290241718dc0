"""The schema reporting says what the queries say and leaves verification out; what is monitored is right."""

# A Decimal equals an int.
# mypy: disable-error-code="comparison-overlap"

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import psycopg
import pytest

from atb_db import Database
from atb_db.repository import (
    account,
    events,
    execution,
    metrics,
    monitoring,
    orders,
    positions,
    reports,
    sessions,
    statements,
    trades,
)
from atb_db.statement import Kind
from atb_db.types import EventTypeLabel, OrderType, OrderTypeLabel, PositionSideLabel, SeverityLabel
from tests.statements.examples import START, World, at, example, trade

DOCS = Path(__file__).parents[2] / "docs" / "metrics.md"


@pytest.fixture(scope="module")
def connection(world_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(world_url) as connection:
        connection.read_only = True
        yield connection


@pytest.fixture(scope="module")
def views(connection: psycopg.Connection) -> dict[str, list[str]]:
    """The columns of each view."""
    found: dict[str, list[str]] = {}
    for view, column in connection.execute(
        "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'reporting'"
        " ORDER BY table_name, ordinal_position"
    ):
        found.setdefault(view, []).append(column)
    return found


def test_every_view_and_column_is_explained(connection: psycopg.Connection) -> None:
    silent = connection.execute(
        "SELECT c.relname, a.attname FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid"
        " WHERE c.relnamespace = 'reporting'::regnamespace AND a.attnum > 0"
        " AND (obj_description(c.oid) IS NULL OR col_description(c.oid, a.attnum) IS NULL)"
    ).fetchall()
    assert silent == []


def test_columns_are_snake_case_and_time_comes_first(views: dict[str, list[str]]) -> None:
    assert len(views) > 25
    for view, columns in views.items():
        assert columns[0] == "time", view
        assert all(re.fullmatch(r"[a-z][a-z0-9_]*", column) for column in columns), view
        # Whatever is earned says whether costs are taken off.
        assert not {"pnl", "daily_pnl"} & set(columns), view


def test_the_docs_tell_of_every_view_and_every_figure(views: dict[str, list[str]]) -> None:
    text = DOCS.read_text(encoding="utf-8")
    named = set(re.findall(r"`(?:reporting\.)?(\w+)`", text))
    assert set(views) - named == set()
    assert set(metrics.PerformanceMetrics._fields) - named == set()
    assert set(re.findall(r"`reporting\.(\w+)`", text)) - set(views) == set()


@pytest.mark.parametrize("setting", ["search_path TO reporting", "search_path TO ''", "timezone TO 'America/New_York'"])
def test_views_answer_the_same_under_any_settings(
    connection: psycopg.Connection, views: dict[str, list[str]], setting: str
) -> None:
    for view in views:
        query = f"SELECT * FROM reporting.{view}".encode()
        with connection.transaction(force_rollback=True):
            connection.execute("SET LOCAL timezone TO UTC")
            due = connection.execute(query).fetchall()
            connection.execute(f"SET LOCAL {setting}".encode())
            assert sorted(map(repr, at_utc(connection.execute(query).fetchall()))) == sorted(map(repr, at_utc(due))), (
                view
            )


def at_utc(rows: list[tuple[object, ...]]) -> list[list[object]]:
    return [[value.astimezone(UTC) if isinstance(value, datetime) else value for value in row] for row in rows]


def test_no_quotient_trails_zeros(
    world_db: Database, connection: psycopg.Connection, views: dict[str, list[str]], world: World
) -> None:
    """A quotient has 16 digits or more after the point, also when it is 0 or 1."""
    queries = [one for one in statements() if one.kind is Kind.QUERY]
    answers = {one.name: repr(world_db.run(example(one, world))) for one in queries}
    for view in views:
        answers[view] = repr(connection.execute(f"SELECT * FROM reporting.{view}".encode()).fetchall())
    trailing = {name: re.findall(r"Decimal\('[\d.]*0{13}'\)|0E-1[3-9]|0E-2", told) for name, told in answers.items()}
    assert {name: found for name, found in trailing.items() if found} == {}


def test_performance_is_the_same_as_a_view(world_db: Database, connection: psycopg.Connection, world: World) -> None:
    for session_id in (world.session_id, world.other_session_id, world.empty_session_id):
        fields = ", ".join(metrics.PerformanceMetrics._fields)
        query = f"SELECT {fields} FROM reporting.performance WHERE session_id = %s"
        found = connection.execute(query.encode(), [session_id]).fetchone()
        assert found == tuple(world_db.run(metrics.get_performance_metrics(session_id=session_id)))


def test_views_add_up_to_the_same_net_pnl(connection: psycopg.Connection, world: World) -> None:
    summed = (
        "trades daily_pnl weekly_pnl monthly_pnl pnl_by_strategy pnl_by_symbol pnl_by_exit_reason sessions performance"
    )
    for view in summed.split():
        query = f"SELECT sum(net_pnl), sum(gross_pnl) FROM reporting.{view} WHERE session_id = %s"
        assert connection.execute(query.encode(), [world.session_id]).fetchone() == (Decimal("41.26"), Decimal(42)), (
            view
        )


def test_verification_is_left_out_everywhere_but_by_its_own_id(fresh_world_db: Database, fresh_world_url: str) -> None:
    def counts() -> dict[str, int]:
        with psycopg.connect(fresh_world_url) as connection:
            names = connection.execute("SELECT viewname FROM pg_views WHERE schemaname = 'reporting'").fetchall()
            found = {}
            for (view,) in names:
                [(found[view],)] = connection.execute(f"SELECT count(*) FROM reporting.{view}".encode()).fetchall()
            return found

    db, before, performance = fresh_world_db, counts(), fresh_world_db.run(metrics.get_performance_metrics())
    session_id = db.run(
        sessions.create_trading_session(
            strategy_name="check", symbol="X", timeframe="1h", mode="PAPER", initial_balance=10, is_verification=True
        )
    )
    db.run(trade(session_id, exit_time=at(5), pnl=3))
    db.run(account.log_account_snapshot(session_id=session_id, balance=1, equity=1, timestamp=at(1)))
    db.run(events.log_event(session_id=session_id, event_type="ERROR", message="test"))
    position_id = db.run(
        positions.open_position(
            session_id=session_id, symbol="X", side="LONG", entry_price=1, size=1, quantity=1, strategy_name="check",
            entry_order_id="entry",
        )
    )  # fmt: skip
    db.run(positions.apply_partial_exit(position_id=position_id, size="0.5", price=2))
    assert counts() == before
    assert db.run(metrics.get_performance_metrics()) == performance
    assert db.run(metrics.get_performance_metrics(session_id=session_id)).total_trades == 1
    assert "check" not in {row.strategy_name for row in db.run(reports.get_pnl_by_strategy())}
    assert session_id not in {row.session_id for row in db.run(reports.get_session_summaries(limit=100))}
    assert session_id not in {row.session_id for row in db.run(execution.get_open_positions())}
    assert [row.session_id for row in db.run(execution.get_open_positions(session_id=session_id))] == [session_id]


def test_backtests_do_not_pollute_live_figures(fresh_db: Database, fresh_url: str) -> None:
    live, backtest = (
        fresh_db.run(
            sessions.create_trading_session(
                strategy_name="s", symbol="X", timeframe="1h", mode=mode, initial_balance=1000, start_time=START
            )
        )
        for mode in ("LIVE", "BACKTEST")
    )
    fresh_db.run(trade(live, exit_time=at(5), pnl=10))
    for hours in range(20):
        fresh_db.run(trade(backtest, exit_time=at(hours), pnl=-50))
    fresh_db.run(account.log_account_snapshot(session_id=backtest, balance=1, equity=1, timestamp=at(5)))
    assert fresh_db.run(metrics.get_performance_metrics(source="LIVE")) == fresh_db.run(
        metrics.get_performance_metrics(session_id=live)
    )
    assert fresh_db.run(metrics.get_performance_metrics(session_id=live, source="BACKTEST")).total_trades == 0
    assert [row.outcome for row in fresh_db.run(reports.get_recent_outcomes(source="LIVE"))] == [1]
    with psycopg.connect(fresh_url) as connection:
        query = "SELECT mode::text, sum(total_trades)::integer FROM reporting.daily_pnl GROUP BY mode ORDER BY 1"
        assert connection.execute(query).fetchall() == [("BACKTEST", 20), ("LIVE", 1)]


def test_outcomes_are_the_newest_first(world_db: Database, world: World) -> None:
    found = world_db.run(reports.get_recent_outcomes(session_id=world.session_id, limit=3))
    assert [(row.outcome, row.pnl) for row in found] == [(1, 1), (1, 4), (0, 0)]
    assert [row.exit_time for row in found] == [at(30), at(29), at(6)]


Start = Callable[..., int]


def test_a_session_summary_tells_today_and_this_week(db: Database, session_id: int) -> None:
    monday = START.replace(day=4, hour=0)
    for hours, pnl in ((-1, 100), (0, 7), (23, -3), (24, 20), (47, 5)):
        db.run(trade(session_id, exit_time=monday + timedelta(hours=hours), pnl=pnl))
    positions_open = [
        db.run(
            positions.open_position(
                session_id=session_id, symbol="X", side="LONG", entry_price=100, size=1, quantity=1,
                strategy_name="test", entry_order_id=f"entry {hours}", entry_time=monday + timedelta(hours=hours),
            )
        )
        for hours in (20, 25, 30)
    ]  # fmt: skip
    db.run(positions.update_position(position_id=positions_open[0], current_price=90, unrealized_pnl=-10))
    db.run(account.log_account_snapshot(session_id=session_id, balance=1129, equity=1119, timestamp=at(90)))
    found = db.run(monitoring.get_account_summary(session_id=session_id, now=monday + timedelta(hours=40)))
    assert (found.trades_today, found.gross_pnl_today) == (2, 25)
    assert (found.trades_this_week, found.gross_pnl_this_week) == (4, 29)
    assert (found.total_trades, found.gross_pnl) == (5, 129)
    assert found.net_pnl_today == Decimal(25) - 2 * Decimal("0.11")
    assert found.balance == 1000 + found.net_pnl
    assert (found.equity, found.snapshot_time) == (1119, at(90))
    # Trades of the example were entered long before; of the positions two were entered on the day.
    assert (found.trades_opened_today, found.open_positions, found.unrealized_pnl) == (2, 3, -10)


def test_trades_opened_and_closed_on_the_same_day_count_as_opened(db: Database, session_id: int) -> None:
    for entry, leave in ((1, 2), (-30, 3), (5, 50)):
        db.run(
            trades.log_trade(
                session_id=session_id, symbol="X", side="LONG", entry_price=1, exit_price=1, size=1,
                entry_time=START.replace(hour=0) + timedelta(hours=entry),
                exit_time=START.replace(hour=0) + timedelta(hours=leave), pnl=0, exit_reason="x", strategy_name="x",
            )
        )  # fmt: skip
    found = db.run(monitoring.get_account_summary(session_id=session_id, now=START.replace(hour=23)))
    assert found.trades_opened_today == 2  # the second was entered the day before


@pytest.mark.parametrize(
    ("order_type", "side", "worse"),
    [
        ("ENTRY", "LONG", 101),
        ("SCALE_IN", "LONG", 101),
        ("FULL_EXIT", "LONG", 99),
        ("STOP_LOSS", "LONG", 99),
        ("ENTRY", "SHORT", 99),
        ("PARTIAL_EXIT", "SHORT", 101),
    ],
)
def test_slippage_is_positive_when_worse_than_asked(
    db: Database, session_id: int, order_type: OrderTypeLabel, side: PositionSideLabel, worse: int
) -> None:
    for name, filled in (("worse", worse), ("better", 200 - worse), ("asked", 100)):
        order_id = db.run(
            orders.create_order(
                session_id=session_id, order_type=order_type, symbol="X", side=side, quantity=3, price=100,
                internal_order_id=name,
            )
        )  # fmt: skip
        db.run(orders.update_order_status(order_id=order_id, status="FILLED", filled_price=filled))
        if name == "worse":
            [found] = db.run(execution.get_order_quality(session_id=session_id))
            assert (found.avg_slippage, found.slippage_cost) == (Decimal("0.01"), 3)
    [found] = db.run(execution.get_order_quality(session_id=session_id))
    assert (found.order_type, found.slipped_orders) == (OrderType[order_type], 3)
    assert (found.avg_slippage, found.worst_slippage, found.slippage_cost) == (0, Decimal("0.01"), 0)


def test_fill_rate_counts_final_orders_only(db: Database, session_id: int) -> None:
    def order(name: str, status: str, **end: object) -> None:
        order_id = db.run(
            orders.create_order(
                session_id=session_id, order_type="ENTRY", symbol="X", side="LONG", quantity=2, internal_order_id=name,
                created_at=at(len(name)),
            )
        )  # fmt: skip
        if status != "PENDING":
            db.run(orders.update_order_status(order_id=order_id, status=status, **end))  # type: ignore[arg-type]

    order("a", "FILLED", filled_price=1)
    order("bb", "CANCELLED", filled_quantity=1, filled_price=1)
    order("ccc", "FAILED", failure_reason="no money")
    order("dddd", "EXPIRED")
    order("eeeee", "PENDING")
    order("ffffff", "FAILED", failure_reason="no answer")
    [found] = db.run(execution.get_order_quality(session_id=session_id))
    assert found.fill_rate == Decimal(1) / 5
    assert found[1:8] == (6, 1, 1, 1, 2, 1, 1)
    assert (found.slipped_orders, found.avg_slippage, found.slippage_cost) == (0, None, 0)
    failed = db.run(execution.get_failed_orders(session_id=session_id))
    assert [row.failure_reason for row in failed] == ["no answer", "no money"]
    assert [len(db.run(execution.get_failed_orders(session_id=session_id, limit=limit))) for limit in (0, 1)] == [0, 1]
    for start, end, due in ((at(3), None, [4]), (None, at(3), [2]), (at(99), None, [])):
        quality = db.run(execution.get_order_quality(session_id=session_id, start=start, end=end))
        assert [row.total_orders for row in quality] == due


def test_errors_are_told_for_every_hour(fresh_db: Database) -> None:
    one, other = (
        fresh_db.run(
            sessions.create_trading_session(
                strategy_name="s", symbol="X", timeframe="1h", mode=mode, initial_balance=1, start_time=at(-99)
            )
        )
        for mode in ("LIVE", "BACKTEST")
    )
    logged: tuple[tuple[int | None, float, EventTypeLabel, SeverityLabel], ...] = (
        (one, 5.2, "ERROR", "INFO"),
        (one, 5.9, "ALERT", "CRITICAL"),
        (one, 7.1, "WARNING", "ERROR"),
        (one, 7.2, "WARNING", "WARNING"),
        (one, 4.9, "ERROR", "ERROR"),
        (one, 7.6, "ERROR", "ERROR"),
        (other, 6.5, "ERROR", "ERROR"),
        (None, 6.5, "ERROR", "CRITICAL"),
    )
    for session_id, hours, event_type, severity in logged:
        fresh_db.run(
            events.log_event(
                session_id=session_id, event_type=event_type, severity=severity, message="x", timestamp=at(hours)
            )
        )

    def told(**chosen: object) -> list[tuple[int, int]]:
        found = fresh_db.run(monitoring.get_errors_by_hour(**chosen, hours=3, now=at(7.5)))  # type: ignore[arg-type]
        assert [row.hour for row in found] == [at(5), at(6), at(7)]
        return [row[1:] for row in found]

    assert told(session_id=one) == told(source="LIVE") == [(2, 1), (0, 0), (1, 0)]
    assert told(session_id=other) == [(0, 0), (1, 0), (0, 0)]
    assert told() == [(2, 1), (2, 1), (1, 0)]


def test_freshness_is_the_age_of_the_newest_record(db: Database, start_session: Start) -> None:
    session_id = start_session(mode="LIVE")
    for hours in (3, 1):
        db.run(account.log_account_snapshot(session_id=session_id, balance=1, equity=1, timestamp=at(hours)))
    [found] = db.run(monitoring.get_data_freshness(session_id=session_id, now=at(3.5)))
    assert (found.snapshot_time, found.snapshot_age_seconds) == (at(3), 1800)
    assert (found.decision_time, found.trade_age_seconds) == (None, None)
    assert found.event_time is not None  # it was started
    assert session_id in {row.session_id for row in db.run(monitoring.get_data_freshness(source="LIVE"))}
    db.run(sessions.end_trading_session(session_id=session_id))
    assert session_id not in {row.session_id for row in db.run(monitoring.get_data_freshness(source="LIVE"))}
    assert db.run(monitoring.get_data_freshness(session_id=session_id))


def test_partial_trades_and_open_positions_tell_their_session(world_db: Database, world: World) -> None:
    found = world_db.run(execution.get_recent_partial_trades(session_id=world.session_id))
    assert [(row.operation_type.value, row.symbol, row.pnl) for row in found] == [
        ("SCALE_IN", "BTCUSDT", None),
        ("PARTIAL_EXIT", "BTCUSDT", 5),
    ]
    assert world_db.run(execution.get_recent_partial_trades(session_id=world.other_session_id)) == []
    opened = world_db.run(execution.get_open_positions(session_id=world.session_id, symbol="ETHUSDT"))
    assert [row.id for row in opened] == [world.other_position_id]


def test_session_summaries_tell_what_each_earned(fresh_world_db: Database, world: World) -> None:
    found = {row.session_id: row for row in fresh_world_db.run(reports.get_session_summaries())}
    assert set(found) == {world.session_id, world.other_session_id, world.empty_session_id}
    one = found[world.session_id]
    assert (one.total_trades, one.gross_pnl, one.net_pnl, one.open_positions) == (5, Decimal(42), Decimal("41.26"), 4)
    assert found[world.empty_session_id].win_rate is None
    fresh_world_db.run(sessions.end_trading_session(session_id=world.empty_session_id))
    active = fresh_world_db.run(reports.get_session_summaries(is_active=True))
    assert {row.session_id for row in active} == {world.session_id, world.other_session_id}
