"""One example of every statement about what surrounds the books, and the rows that they are about."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Protocol

from atb_db import Database
from atb_db.repository import control, markets, optimization, portfolio, predictions, reconciliation, risk, strategies
from atb_db.statement import Statement

START: Final = datetime(2024, 3, 1, 9, tzinfo=UTC)


def at(hours: float) -> datetime:
    """So many hours after the world's beginning."""
    return START + timedelta(hours=hours)


class Sessions(Protocol):
    """What these examples need of a world."""

    @property
    def session_id(self) -> int: ...


def prepare_more(db: Database, session_id: int) -> None:
    """Write the rows that the examples are about."""
    for strategy_id, parent_id in (("first", None), ("second", "first"), ("third", "second")):
        db.run(strategy(strategy_id, parent_id=parent_id))
    db.run(strategies.record_strategy_performance(**_performance("second", "1.0"), sharpe_ratio="1.5"))
    db.run(prediction("cached"))
    db.run(
        risk.log_risk_adjustment(
            session_id=session_id,
            adjustment_type="drawdown",
            trigger_reason="drawdown above 5 %",
            parameter_name="position_size",
            original_value="0.1",
            adjusted_value="0.05",
            adjustment_factor="0.5",
            timestamp=at(1),
        )
    )
    db.run(
        risk.log_dynamic_performance(
            session_id=session_id, current_drawdown="0.06", risk_adjustment_factor="0.5", timestamp=at(1)
        )
    )
    for hours in (1, 2):
        db.run(
            optimization.record_optimization_cycle(
                strategy_name="example",
                symbol="BTCUSDT",
                timeframe="1h",
                baseline_metrics={"sharpe": 1},
                decision="reject",
                timestamp=at(hours),
            )
        )
    db.run(predictions.log_prediction_performance(model_name="model", horizon=1, mae="0.1", timestamp=at(1)))
    for other in ("ETHUSDT", "SOLUSDT"):
        db.run(
            portfolio.upsert_correlation(
                symbol="BTCUSDT", other_symbol=other, correlation_value="0.8", window_days=30, last_updated=at(1)
            )
        )
    db.run(
        portfolio.set_portfolio_exposure(
            mode="PAPER",
            correlation_group="majors",
            total_exposure="0.2",
            position_count=1,
            symbols=["BTCUSDT"],
            last_updated=at(1),
        )
    )
    db.run(
        markets.define_market_session(
            name="NYSE",
            timezone="America/New_York",
            open_time="09:30",
            close_time="16:00",
            days_of_week=[1, 2, 3, 4, 5],
        )
    )
    db.run(
        markets.define_market_session(name="crypto", timezone="UTC", days_of_week=[1, 2, 3, 4, 5, 6, 7], is_24h=True)
    )
    for name in ("kill_switch", "no_entries"):
        db.run(control.set_control_flag(name=name, reason="test", source="operator", timestamp=at(1)))
    db.run(
        reconciliation.log_reconciliation(
            session_id=session_id,
            entity_type="order",
            entity_id="7",
            field="status",
            reason="filled while offline",
            timestamp=at(1),
        )
    )


def strategy(strategy_id: str, *, parent_id: str | None = None, version: str = "1.0") -> Statement[int]:
    return strategies.register_strategy(
        strategy_id=strategy_id,
        name=f"Strategy {strategy_id}",
        version=version,
        signal_generator_config={"kind": "sma"},
        risk_manager_config={"stop": "0.05"},
        position_sizer_config={"size": "0.1"},
        created_by="test",
        parent_id=parent_id,
        timestamp=START,
    )


def prediction(cache_key: str, **changes: object) -> Statement[None]:
    """A prediction to be cached for a day."""
    return predictions.set_prediction.value(
        {
            "cache_key": cache_key,
            "model_name": "model",
            "features_hash": "features",
            "config_hash": "config",
            "predicted_price": 100,
            "confidence": "0.7",
            "direction": 1,
            "ttl_seconds": 86400,
            **changes,
        }
    )


def _performance(strategy_id: str, version: str) -> dict[str, Any]:
    return {
        "strategy_id": strategy_id,
        "version": version,
        "period_start": at(0),
        "period_end": at(24),
        "period_type": "backtest",
        "total_return": 12,
        "total_return_pct": "1.2",
        "max_drawdown": "0.03",
        "total_trades": 9,
        "winning_trades": 5,
        "losing_trades": 3,
    }


# What can be used only once, by statement: another request needs another of it.
MORE_UNIQUE: Final = {
    "strategies.add_strategy_version": ("version",),
    "strategies.register_strategy": ("strategy_id", "name"),
}

# Of parameters by name, for the walk of bad values.
MORE_LONG_TEXT: Final = frozenset({"description", "old_value", "new_value"})
MORE_POSITIVE: Final = frozenset({"ttl_seconds", "max_entries", "window_days", "horizon", "generation_distance"})
MORE_NOT_NEGATIVE: Final = frozenset(
    {
        *("current_drawdown", "max_drawdown", "risk_adjustment_factor", "adjustment_factor", "rolling_win_rate"),
        *("volatility_30d", "volatility_level", "consecutive_losses", "consecutive_wins", "avg_trade_duration_hours"),
        *("duration_minutes", "trades_during_adjustment", "profit_factor", "rmse", "mape", "std_pred"),
        *("std_real", "confidence", "p_value", "sample_size", "position_count", "win_rate", "total_trades"),
        *("winning_trades", "losing_trades", "predicted_price"),
    }
)

# Every parameter is given, and none with its default, so that the tests can show that each of them matters.
MORE_EXAMPLES: Final[dict[str, Callable[[Sessions], Statement[object]]]] = {
    "control.clear_control_flag": lambda _: control.clear_control_flag(
        name="kill_switch", reason="all is well", source="operator", timestamp=at(9)
    ),
    "control.get_control_flag": lambda _: control.get_control_flag(name="kill_switch"),
    "control.set_control_flag": lambda _: control.set_control_flag(
        name="no_entries", reason="exchange is down", source="watchdog", timestamp=at(9)
    ),
    "markets.define_market_session": lambda _: markets.define_market_session(
        name="CME",
        timezone="America/Chicago",
        days_of_week=[1, 2, 3, 4, 7],
        open_time="17:00",
        close_time="16:00:00",
        is_24h=False,
    ),
    "markets.is_market_open": lambda _: markets.is_market_open(name="NYSE", at=at(9)),
    "optimization.fetch_optimization_cycles": lambda _: optimization.fetch_optimization_cycles(
        before=at(9), before_cycle=1, strategy_name="example", symbol="BTCUSDT", limit=10
    ),
    "optimization.record_optimization_cycle": lambda world: optimization.record_optimization_cycle(
        strategy_name="example",
        symbol="BTCUSDT",
        timeframe="1h",
        baseline_metrics={"sharpe": 1},
        decision="apply",
        candidate_params={"fast": 12},
        candidate_metrics={"sharpe": 2},
        validator_report={"valid": True},
        session_id=world.session_id,
        timestamp=at(9),
    ),
    "portfolio.get_correlation_history": lambda _: portfolio.get_correlation_history(
        symbol="ETHUSDT", other_symbol="BTCUSDT", window_days=30, before=at(9)
    ),
    "portfolio.get_exposure_history": lambda _: portfolio.get_exposure_history(
        mode="PAPER", correlation_group="majors", start=at(0)
    ),
    "portfolio.get_correlation_matrix": lambda _: portfolio.get_correlation_matrix(window_days=30),
    "portfolio.get_portfolio_exposures": lambda _: portfolio.get_portfolio_exposures(mode="PAPER"),
    "portfolio.set_portfolio_exposure": lambda _: portfolio.set_portfolio_exposure(
        mode="PAPER",
        correlation_group="majors",
        total_exposure="0.3",
        position_count=2,
        symbols=["BTCUSDT", "ETHUSDT"],
        last_updated=at(9),
    ),
    "portfolio.upsert_correlation": lambda _: portfolio.upsert_correlation(
        symbol="SOLUSDT",
        other_symbol="ADAUSDT",
        correlation_value="-0.4",
        window_days=30,
        p_value="0.01",
        sample_size=720,
        last_updated=at(9),
    ),
    "predictions.get_prediction": lambda _: predictions.get_prediction(cache_key="cached"),
    "predictions.get_prediction_performance": lambda _: predictions.get_prediction_performance(
        model_name="model", symbol="BTCUSDT", horizon=1, since=at(0), limit=10
    ),
    "predictions.invalidate_predictions": lambda _: predictions.invalidate_predictions(
        model_name="model", config_hash="config"
    ),
    "predictions.log_prediction_performance": lambda _: predictions.log_prediction_performance(
        model_name="model",
        horizon=3,
        mae="0.1",
        rmse="0.2",
        mape="0.01",
        ic="-0.05",
        mean_pred="0.001",
        std_pred="0.02",
        mean_real="0.002",
        std_real="0.03",
        strategy_name="example",
        symbol="BTCUSDT",
        timeframe="1h",
        timestamp=at(9),
    ),
    "predictions.set_prediction": lambda _: prediction("fresh", max_entries=100, predicted_at=at(9)),
    "reconciliation.log_reconciliation": lambda world: reconciliation.log_reconciliation(
        session_id=world.session_id,
        entity_type="order",
        entity_id="exchange-9",
        field="filled_quantity",
        reason="filled while offline",
        old_value="0",
        new_value="2",
        severity="WARNING",
        timestamp=at(9),
    ),
    "risk.log_dynamic_performance": lambda world: risk.log_dynamic_performance(
        session_id=world.session_id,
        current_drawdown="0.04",
        risk_adjustment_factor="0.8",
        consecutive_losses=3,
        consecutive_wins=1,
        rolling_win_rate="0.55",
        rolling_sharpe_ratio="-0.7",
        volatility_30d="0.6",
        profit_factor="1.2",
        expectancy="-0.5",
        avg_trade_duration_hours="5.5",
        timestamp=at(9),
    ),
    "risk.log_risk_adjustment": lambda world: risk.log_risk_adjustment(
        session_id=world.session_id,
        adjustment_type="volatility",
        trigger_reason="volatility above 80 %",
        parameter_name="position_size",
        original_value="0.1",
        adjusted_value="0.08",
        adjustment_factor="0.8",
        current_drawdown="0.04",
        performance_score="-1.5",
        volatility_level="0.9",
        duration_minutes=90,
        trades_during_adjustment=4,
        pnl_during_adjustment="-3",
        timestamp=at(9),
    ),
    "strategies.add_strategy_version": lambda _: strategies.add_strategy_version(
        strategy_id="second",
        version="1.1",
        changes=["wider stop"],
        is_major=True,
        performance_delta={"sharpe": "0.1"},
        component_changes={"risk_manager": "stop"},
        parameter_changes={"stop": ["0.05", "0.06"]},
        timestamp=at(9),
    ),
    "strategies.compare_strategy_performance": lambda _: strategies.compare_strategy_performance(
        strategy_ids=["first", "second"], period_type="backtest"
    ),
    "strategies.get_ancestors": lambda _: strategies.get_ancestors(strategy_id="third"),
    "strategies.get_descendants": lambda _: strategies.get_descendants(strategy_id="first"),
    "strategies.get_strategy": lambda _: strategies.get_strategy(strategy_id="second"),
    "strategies.get_strategy_versions": lambda _: strategies.get_strategy_versions(strategy_id="second"),
    "strategies.list_strategies": lambda _: strategies.list_strategies(status="EXPERIMENTAL", limit=10),
    "strategies.record_strategy_lineage": lambda _: strategies.record_strategy_lineage(
        ancestor_id="first",
        descendant_id="third",
        relationship_type="MERGE",
        generation_distance=2,
        evolution_reason="its exits",
        change_impact="small",
        performance_improvement="0.1",
        risk_change="-0.2",
        timestamp=at(9),
    ),
    "strategies.record_strategy_performance": lambda _: strategies.record_strategy_performance(
        **_performance("second", "1.0"),
        win_rate="0.55",
        sharpe_ratio="1.2",
        sortino_ratio="1.7",
        calmar_ratio="0.9",
        volatility="0.3",
        var_95="-0.02",
        avg_trade_duration_hours="6.5",
        signal_generator_contribution="0.7",
        risk_manager_contribution="0.2",
        position_sizer_contribution="0.1",
        regime_performance={"bull": 1},
        additional_metrics={"ulcer": 2},
        test_symbol="BTCUSDT",
        test_timeframe="1h",
        test_parameters={"fee": "0.001"},
    ),
    "strategies.register_strategy": lambda _: strategies.register_strategy(
        strategy_id="fourth",
        name="Fourth",
        version="0.1",
        signal_generator_config={"kind": "rsi"},
        risk_manager_config={"stop": "0.04"},
        position_sizer_config={"size": "0.2"},
        created_by="test",
        regime_detector_config={"kind": "hmm"},
        parameters={"length": 14},
        status="TESTING",
        parent_id="third",
        merge_source="first",
        branch_name="experiments",
        evolution_reason="another indicator",
        change_impact="large",
        performance_improvement="0.1",
        risk_change="-0.1",
        description="What it does",
        tags=["rsi"],
        performance_summary={"sharpe": 1},
        validation_results={"passed": True},
        config_hash="c0ffee",
        component_hash="beef",
        timestamp=at(9),
    ),
    "strategies.set_strategy_status": lambda _: strategies.set_strategy_status(
        strategy_id="second", status="PRODUCTION", reason="passed its trial", timestamp=at(9)
    ),
}
