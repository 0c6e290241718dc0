"""Adaptive risk and optimisation."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest

from atb_db import Database
from atb_db.errors import InvalidInput, NotFound
from atb_db.repository import optimization, risk
from atb_db.statement import Statement

START = datetime(2024, 3, 1, tzinfo=UTC)


def at(minutes: int) -> datetime:
    return START + timedelta(minutes=minutes)


def adjustment(session_id: int, minutes: int, factor: str, **changes: object) -> Statement[int]:
    return risk.log_risk_adjustment.value(
        {
            "session_id": session_id,
            "adjustment_type": "drawdown",
            "trigger_reason": f"reason {minutes}",
            "parameter_name": "position_size",
            "original_value": "0.1",
            "adjusted_value": Decimal("0.1") * Decimal(factor),
            "adjustment_factor": factor,
            "timestamp": at(minutes),
            **changes,
        }
    )


def test_the_risk_factor_is_the_newest_adjustment_s(db: Database, session_id: int) -> None:
    assert db.run(risk.get_risk_factor(session_id=session_id)) is None
    for minutes, factor in ((1, "0.8"), (3, "0.5"), (2, "0.9")):
        db.run(adjustment(session_id, minutes, factor))
    assert db.run(risk.get_risk_factor(session_id=session_id)) == risk.RiskFactor(
        adjustment_factor=Decimal("0.5"),
        trigger_reason="reason 3",
        adjustment_type="drawdown",
        parameter_name="position_size",
        original_value=Decimal("0.1"),
        adjusted_value=Decimal("0.05"),
        timestamp=at(3),
    )


def test_another_session_s_adjustment_is_not_seen(db: Database, session_id: int) -> None:
    db.run(adjustment(session_id, 1, "0.5"))
    for missing in (risk.get_risk_factor, risk.get_latest_dynamic_performance):
        with pytest.raises(NotFound) as caught:
            db.run(missing.value({"session_id": 10**9}))
        assert caught.value.field == "session_id"


def test_a_negative_factor_is_refused(db: Database, session_id: int) -> None:
    with pytest.raises(InvalidInput) as caught:
        db.run(adjustment(session_id, 1, "-0.5"))
    assert caught.value.field == "adjustment_factor"
    assert db.run(risk.get_risk_factor(session_id=session_id)) is None


def test_the_newest_judgement(db: Database, session_id: int) -> None:
    assert db.run(risk.get_latest_dynamic_performance(session_id=session_id)) is None
    ids = [
        db.run(
            risk.log_dynamic_performance(
                session_id=session_id,
                current_drawdown="0.06",
                risk_adjustment_factor=factor,
                consecutive_losses=3,
                rolling_win_rate="0.4",
                timestamp=at(minutes),
            )
        )
        for minutes, factor in ((2, "0.5"), (1, "0.8"))
    ]
    found = db.run(risk.get_latest_dynamic_performance(session_id=session_id))
    assert found is not None
    assert (found.id, found.risk_adjustment_factor, found.consecutive_losses) == (ids[0], Decimal("0.5"), 3)
    assert (found.rolling_win_rate, found.rolling_sharpe_ratio) == (Decimal("0.4"), None)


def cycle(minutes: int, **changes: object) -> Statement[int]:
    return optimization.record_optimization_cycle.value(
        {
            "strategy_name": "one",
            "symbol": "BTCUSDT",
            "timeframe": "1h",
            "baseline_metrics": {"sharpe": 1.5},
            "decision": "reject",
            "timestamp": at(minutes),
            **changes,
        }
    )


def test_pages_have_every_cycle_once_whatever_is_recorded_meanwhile(fresh_db: Database) -> None:
    # Three cycles of every minute, so that pages end between equal times.
    recorded = {fresh_db.run(cycle(number // 3)) for number in range(20)}
    page = fresh_db.run(optimization.fetch_optimization_cycles(limit=4))
    read = page
    while page:
        fresh_db.run(cycle(100 + len(read)))
        last = page[-1]
        page = fresh_db.run(
            optimization.fetch_optimization_cycles(before=last.timestamp, before_cycle=last.id, limit=4)
        )
        assert len(page) <= 4
        read = read + page
    assert len(read) == 20
    assert {found.id for found in read} == recorded
    assert all((one.timestamp, one.id) > (next_.timestamp, next_.id) for one, next_ in pairwise(read))


def test_cycles_of_one_strategy_and_symbol(fresh_db: Database) -> None:
    for number, (strategy_name, symbol) in enumerate([("one", "A"), ("one", "B"), ("two", "A")]):
        fresh_db.run(cycle(number, strategy_name=strategy_name, symbol=symbol, candidate_params={"n": number}))

    def found(**filters: object) -> list[object]:
        return [row.candidate_params for row in fresh_db.run(optimization.fetch_optimization_cycles.value(filters))]

    assert found() == [{"n": 2}, {"n": 1}, {"n": 0}]
    assert found(strategy_name="one") == [{"n": 1}, {"n": 0}]
    assert found(strategy_name="one", symbol="A") == [{"n": 0}]
    assert found(symbol="A", before=at(2)) == [{"n": 0}]
