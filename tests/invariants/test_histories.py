"""Histories are the rows of the tables, by any filter, and their pages together are all of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final, TypeAlias

import pytest

from atb_db import Database
from atb_db.repository import account, events, history, positions, reconciliation, risk, sessions
from atb_db.statement import Statement

START: Final = datetime(2024, 3, 1, tzinfo=UTC)


def at(hours: float) -> datetime:
    return START + timedelta(hours=hours)


@pytest.fixture
def two(fresh_db: Database) -> tuple[int, int]:
    """Two sessions, whose moments are often the same."""
    first, second = (
        fresh_db.run(
            sessions.create_trading_session(
                strategy_name=name, symbol="A", timeframe="1h", mode="PAPER", initial_balance=1000, start_time=START
            )
        )
        for name in ("first", "second")
    )
    for session_id in (first, second):
        for hours in range(6):
            opened = fresh_db.run(
                positions.open_position(
                    session_id=session_id,
                    symbol="AB"[hours % 2],
                    side="LONG",
                    strategy_name="even" if hours % 3 == 0 else "odd",
                    entry_price=100,
                    quantity=1,
                    entry_time=at(hours // 2),
                )
            )
            if hours < 4:
                fresh_db.run(
                    positions.close_position(
                        position_id=opened,
                        exit_price=100 + hours * 7 % 5 - 2,
                        exit_time=at(hours + 10),
                        exit_reason="x",
                    )
                )
            fresh_db.run(_decision(session_id, hours))
            fresh_db.run(_adjustment(session_id, hours))
            fresh_db.run(
                risk.log_dynamic_performance(
                    session_id=session_id, current_drawdown=0, risk_adjustment_factor=1, timestamp=at(hours // 2)
                )
            )
            fresh_db.run(
                reconciliation.log_reconciliation(
                    session_id=session_id,
                    entity_type="order",
                    entity_id=str(hours),
                    field="status",
                    reason="x",
                    severity=("INFO", "WARNING", "CRITICAL")[hours % 3],
                    timestamp=at(hours // 2),
                )
            )
            fresh_db.run(
                account.log_account_snapshot(
                    session_id=session_id, balance=1000, equity=1000 + hours * 7 % 5, timestamp=at(hours // 2)
                )
            )
    return first, second


def _decision(session_id: int, hours: int) -> Statement[int]:
    return events.log_strategy_execution(
        session_id=session_id,
        strategy_name="even" if hours % 3 == 0 else "odd",
        symbol="AB"[hours % 2],
        signal_type="buy",
        action_taken="opened" if hours % 2 else "no_action",
        price=1,
        timestamp=at(hours // 2),
    )


def _adjustment(session_id: int, hours: int) -> Statement[int]:
    return risk.log_risk_adjustment(
        session_id=session_id,
        adjustment_type="drawdown",
        trigger_reason="x",
        parameter_name="size" if hours % 2 else "stop",
        original_value=1,
        adjusted_value=1,
        adjustment_factor=1,
        timestamp=at(hours // 2),
    )


def of(field: str, *values: object) -> Callable[[Any], bool]:
    return lambda row: getattr(row, field) in values


Case: TypeAlias = tuple[Callable[..., Statement[Any]], str, dict[str, object], Callable[[Any], bool]]
"""A history, its column of time, a filter, and which rows fit it."""

PAGES: Final[list[Case]] = [
    (history.get_trades, "exit_time", {"symbol": "A"}, of("symbol", "A")),
    (history.get_trades, "exit_time", {"strategy_name": "odd"}, of("strategy_name", "odd")),
    (history.get_positions, "entry_time", {"symbol": "B"}, of("symbol", "B")),
    (history.get_positions, "entry_time", {"status": "OPEN"}, of("status", "OPEN")),
    (history.get_positions, "entry_time", {"strategy_name": "even"}, of("strategy_name", "even")),
    (history.get_decisions, "timestamp", {"action_taken": "opened"}, of("action_taken", "opened")),
    (history.get_decisions, "timestamp", {"symbol": "A"}, of("symbol", "A")),
    (history.get_risk_adjustments, "timestamp", {"parameter_name": "stop"}, of("parameter_name", "stop")),
    (history.get_dynamic_performance, "timestamp", {}, lambda _: True),
    (history.get_audit_events, "timestamp", {"min_severity": "WARNING"}, of("severity", "WARNING", "CRITICAL")),
    (history.get_snapshots, "timestamp", {}, lambda _: True),
]


@pytest.mark.parametrize("case", PAGES, ids=lambda case: f"{case[0].name}-{'-'.join(case[2])}")
def test_pages_are_all_rows_newest_first(fresh_db: Database, two: tuple[int, int], case: Case) -> None:
    function, time, filters, fits = case
    every: Sequence[Any] = fresh_db.run(function())
    assert {row.session_id for row in every} == set(two)
    assert len(every) == 2 * (4 if function is history.get_trades else 6)
    assert every == sorted(every, key=lambda row: (getattr(row, time), row.id), reverse=True)
    wanted = [row for row in every if fits(row)]
    assert wanted
    for session_id, start, end in ((None, None, None), (two[1], None, None), (None, at(1), None), (None, None, at(2))):
        expected = [
            row
            for row in wanted
            if session_id in {None, row.session_id}
            and (start is None or getattr(row, time) >= start)
            and (end is None or getattr(row, time) < end)
        ]
        found: list[Any] = []
        while page := fresh_db.run(
            function(
                session_id=session_id,
                start=start,
                end=end,
                limit=3,
                before=getattr(found[-1], time) if found else None,
                before_id=found[-1].id if found else None,
                **filters,
            )
        ):
            assert len(page) <= 3
            found += page
        assert found == expected


def test_closed_positions_are_counted(fresh_db: Database, two: tuple[int, int]) -> None:
    closed = [row for row in fresh_db.run(history.get_positions()) if row.status == "CLOSED"]
    assert fresh_db.run(history.count_closed_positions()) == len(closed) == 8
    assert fresh_db.run(history.count_closed_positions(session_id=two[0], symbol="A", start=at(1))) == sum(
        row.session_id == two[0] and row.symbol == "A" and row.entry_time >= at(1) for row in closed
    )


def test_peaks_are_the_highest_of_each_session(fresh_db: Database, two: tuple[int, int]) -> None:
    snapshots = fresh_db.run(history.get_snapshots())
    for peak in fresh_db.run(history.get_peak_equity()):
        own = [row for row in snapshots if row.session_id == peak.session_id]
        highest = max(row.equity for row in own)
        assert peak == (peak.session_id, highest, min(row.timestamp for row in own if row.equity == highest))
    for peak in fresh_db.run(history.get_peak_balance()):
        ledger = fresh_db.run(account.get_balance_history(session_id=peak.session_id))
        highest = max(row.total_balance for row in ledger)
        first = min(row.entry_number for row in ledger if row.total_balance == highest)
        assert peak.peak == highest
        assert [row.last_updated for row in ledger if row.entry_number == first] == [peak.peak_time]
    assert {row.session_id for row in fresh_db.run(history.get_peak_equity(session_id=two[0]))} == {two[0]}
    assert {peak.peak for peak in fresh_db.run(history.get_peak_equity(end=at(1)))} == {Decimal(1002)}


def test_the_peak_of_a_session_without_snapshots_is_that_of_its_trades(fresh_db: Database) -> None:
    session_id = fresh_db.run(
        sessions.create_trading_session(
            strategy_name="x", symbol="A", timeframe="1h", mode="PAPER", initial_balance=1000, start_time=START
        )
    )
    assert [(row.peak, row.peak_time) for row in fresh_db.run(history.get_peak_balance())] == [(Decimal(1000), START)]
    for hours, price in ((1, 110), (2, 95)):
        opened = fresh_db.run(
            positions.open_position(
                session_id=session_id, symbol="A", side="LONG", strategy_name="x", entry_price=100, quantity=1,
                entry_time=START,
            )
        )  # fmt: skip
        fresh_db.run(
            positions.close_position(position_id=opened, exit_price=price, exit_time=at(hours), exit_reason="x")
        )
    assert [(row.peak, row.peak_time) for row in fresh_db.run(history.get_peak_equity())] == [(Decimal(1010), at(1))]
