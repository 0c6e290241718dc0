"""The incumbent's records of no session: optimisation, predictions, flags, markets, the portfolio; pure."""

from __future__ import annotations

from decimal import Decimal

from atb_db.importing.errors import Unfit
from atb_db.importing.incumbent.made import Made
from atb_db.importing.incumbent.times import Clock
from atb_db.importing.plan import Ids, Row
from atb_db.importing.reading import number, number_or_none, text, text_or_none
from atb_db.repository import (
    control,
    markets,
    optimization,
    portfolio,
    predictions,
)
from atb_db.statement import Statement


def optimization_cycle(row: Row, clock: Clock) -> Made:
    """A run of the optimiser."""
    at = clock.at(row, "timestamp")

    def make(ids: Ids) -> Statement[object]:
        return optimization.record_optimization_cycle(
            strategy_name=text(row, "strategy_name"),
            symbol=text(row, "symbol"),
            timeframe=text(row, "timeframe"),
            baseline_metrics=row.get("baseline_metrics") or {},  # type: ignore[arg-type]  # as the driver read it
            decision=text(row, "decision"),
            candidate_params=row.get("candidate_params"),  # type: ignore[arg-type]
            candidate_metrics=row.get("candidate_metrics"),  # type: ignore[arg-type]
            validator_report=row.get("validator_report"),  # type: ignore[arg-type]
            session_id=ids.session_id or None,
            timestamp=at,
            request_id=ids.request(f"optimization cycle {row['id']}"),
        )

    return Made(make, "optimization_cycles")


def prediction_performance(row: Row, clock: Clock) -> Made:
    """How a model predicted."""
    at = clock.at(row, "timestamp")
    figures = {
        name: number_or_none(row, name)
        for name in ("mae", "rmse", "mape", "ic", "mean_pred", "std_pred", "mean_real", "std_real")
    }

    def make(ids: Ids) -> Statement[object]:
        return predictions.log_prediction_performance(
            model_name=text(row, "model_name"),
            horizon=int(text(row, "horizon")),
            strategy_name=text_or_none(row, "strategy_name"),
            symbol=text_or_none(row, "symbol"),
            timeframe=text_or_none(row, "timeframe"),
            timestamp=at,
            request_id=ids.request(f"prediction performance {row['id']}"),
            **figures,
        )

    return Made(make, "prediction_performance")


def control_flag(row: Row, clock: Clock) -> Made:
    """A control flag as it stands."""
    name, at = text(row, "name"), clock.at_or_none(row, "updated_at") or clock.at(row, "created_at")
    reason, source = text_or_none(row, "reason"), text_or_none(row, "source")
    notes = tuple(f"it had no {field}" for field, found in (("reason", reason), ("source", source)) if found is None)

    def make(ids: Ids) -> Statement[object]:
        change = control.set_control_flag if row["active"] else control.clear_control_flag
        return change(
            name=name,
            reason=reason or "not recorded",
            source=source or "incumbent",
            timestamp=at,
            request_id=ids.request(f"flag {row['id']}"),
        )

    return Made(make, "system_control_flags", notes)


def market_session(row: Row, _clock: Clock) -> Made:
    """The hours of a market."""
    days = row.get("days_of_week") or [1, 2, 3, 4, 5, 6, 7]

    def make(_ids: Ids) -> Statement[object]:
        return markets.define_market_session(
            name=text(row, "name"),
            timezone=text(row, "timezone"),
            days_of_week=days,  # type: ignore[arg-type]  # as the driver read it
            open_time=text_or_none(row, "open_time"),
            close_time=text_or_none(row, "close_time"),
            is_24h=bool(row.get("is_24h")),
        )

    return Made(make, "market_sessions")


def correlation(row: Row, clock: Clock) -> Made:
    """A correlation; one that is above 1 by rounding is 1."""
    first, dash, second = text(row, "symbol_pair").partition("-")
    if not dash:
        raise Unfit(f"symbol_pair is {first[:40]!r}, not two symbols")
    value, at, notes = number(row, "correlation_value"), clock.at(row, "last_updated"), []
    if 1 < abs(value) < Decimal("1.000001"):
        notes.append(f"its value {value:f} is rounded to {round(value)}")
        value = Decimal(round(value))
    if abs(value) > 1:
        raise Unfit(f"its value is {value:f}, which is no correlation")

    def make(_ids: Ids) -> Statement[object]:
        return portfolio.upsert_correlation(
            symbol=first,
            other_symbol=second,
            correlation_value=value,
            window_days=int(text(row, "window_days")),
            p_value=number_or_none(row, "p_value"),
            sample_size=int(str(row["sample_size"])) if row.get("sample_size") is not None else None,
            last_updated=at,
        )

    return Made(make, "correlation_matrix", tuple(notes))


def portfolio_exposure(row: Row, clock: Clock) -> Made:
    """The exposure of a group of symbols."""
    at, exposure = clock.at(row, "last_updated"), number(row, "total_exposure")

    def make(_ids: Ids) -> Statement[object]:
        return portfolio.set_portfolio_exposure(
            mode="LIVE",
            correlation_group=text(row, "correlation_group"),
            total_exposure=exposure,
            position_count=int(str(row.get("position_count") or 0)),
            symbols=row.get("symbols") or [],  # type: ignore[arg-type]  # as the driver read it
            last_updated=at,
        )

    return Made(make, "portfolio_exposures")


def cached_prediction(row: Row, clock: Clock) -> Made:
    """A prediction that has not expired."""
    made, until, confidence = clock.at(row, "created_at"), clock.at(row, "expires_at"), number(row, "confidence")
    if not 0 <= confidence <= 1:
        raise Unfit(f"its confidence is {confidence:f}, which is none")

    def make(_ids: Ids) -> Statement[object]:
        return predictions.set_prediction(
            cache_key=text(row, "cache_key"),
            model_name=text(row, "model_name"),
            features_hash=text(row, "features_hash"),
            config_hash=text_or_none(row, "config_hash") or "none",
            predicted_price=number(row, "predicted_price"),
            confidence=confidence,
            direction=int(text(row, "direction")),
            ttl_seconds=(until - made).total_seconds(),
            predicted_at=made,
        )

    return Made(make, "prediction_cache")
