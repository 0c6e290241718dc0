"""The incumbent's other tables: snapshots, events, decisions, risk, predictions, strategies, markets; pure."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final, NamedTuple, TypeAlias, cast

from atb_db.importing.errors import Unfit
from atb_db.importing.incumbent.times import Clock
from atb_db.importing.plan import Copy, Ids, Origin, Row, Step, Unit, quarantined
from atb_db.importing.reading import number, number_or_none, text, text_or_none
from atb_db.repository import (
    account,
    control,
    events,
    markets,
    optimization,
    portfolio,
    predictions,
    reconciliation,
    risk,
    strategies,
)
from atb_db.statement import Statement
from atb_db.types import EventType, ImportOutcome, Severity, StrategyRelationship

_HUNDRED: Final = Decimal(100)
_AT_ONCE: Final = 500
_SEVERITIES: Final = {"HIGH": "CRITICAL", "MEDIUM": "WARNING", "LOW": "INFO", "DEBUG": "INFO"}
_EVENTS: Final = {one.value for one in EventType}


class Made(NamedTuple):
    """What a row becomes."""

    make: Callable[[Ids], Statement[object]]
    target: str
    """The table that the record is in."""
    notes: tuple[str, ...] = ()
    extra: Row | None = None
    request: str | None = None
    """What its request_id stands for, of a row of a bulk load."""


Mapper: TypeAlias = Callable[[Row, Clock], Made]


def plain_units(table: str, rows: Iterable[Row], clock: Clock) -> Iterator[Unit]:
    """A unit for every so many rows of a table that stands for itself; what is unfit stands apart."""
    mapper = MAPPERS[table]
    groups: dict[str | None, list[tuple[Row, Made]]] = {}
    for row in rows:
        key = str(row["id"])
        try:
            session = row.get("session_id")
            if session is None and table in OF_SESSIONS:
                raise Unfit("it belongs to no session")
            made = mapper(row, clock)
        except (Unfit, ValueError) as why:
            yield quarantined(table, key, row, f"{why}")
            continue
        book = None if session is None else str(session)
        group = groups.setdefault(book, [])
        group.append((row, made))
        if len(group) == _AT_ONCE:
            yield _unit(table, book, group)
            groups[book] = []
    for book, group in groups.items():
        if group:
            yield _unit(table, book, group)


def _unit(table: str, book: str | None, group: Sequence[tuple[Row, Made]]) -> Unit:
    steps, copies, origins = [], [], []
    for row, made in group:
        key = str(row["id"])
        if made.request is None:
            steps.append(Step(made.make, target=key))
        else:
            copies.append(Copy(cast("Callable[[Ids], Statement[None]]", made.make), made.request))
        origins.append(
            Origin(
                *(table, key, row),
                ImportOutcome.ADJUSTED if made.notes else ImportOutcome.RECORD,
                "; ".join(made.notes) or None,
                made.extra,
                made.target,
                key if made.request is None else None,
                request=made.request,
            )
        )
    return Unit(book, tuple(steps), tuple(origins), tuple(copies))


def kept_only(table: str, rows: Iterable[Row], why: str) -> Iterator[Unit]:
    """Rows that nothing is made of; they are kept as they were."""
    group: list[Origin] = []
    for row in rows:
        group.append(Origin(table, str(row["id"]), row, ImportOutcome.ADJUSTED, why, row))
        if len(group) == _AT_ONCE:
            yield Unit(None, (), tuple(group))
            group = []
    if group:
        yield Unit(None, (), tuple(group))


def _event(row: Row, clock: Clock) -> Made:
    kind, notes = text(row, "event_type").upper(), []
    details = row.get("details")
    if kind not in _EVENTS:
        notes.append(f"its type {kind} is one of the incumbent's own, and is in its details")
        details = {"event_type": kind, "details": details}
    severity = _severity(row, notes)
    message = text_or_none(row, "message")
    if message is None:
        notes.append("it had no message")
    at, request = clock.at(row, "timestamp"), f"event {row['id']}"

    def make(ids: Ids) -> Statement[object]:
        return events.copy_events(
            event_type=EventType(kind) if kind in _EVENTS else EventType.WARNING,
            severity=severity,
            message=message or kind,
            session_id=ids.session_id or None,
            timestamp=at,
            details=details,  # type: ignore[arg-type]  # as the driver read it
            component=text_or_none(row, "component"),
            error_code=text_or_none(row, "error_code") or (kind if kind not in _EVENTS else None),
            stack_trace=text_or_none(row, "stack_trace"),
            alert_sent=bool(row.get("alert_sent")),
            alert_method=text_or_none(row, "alert_method"),
            request_id=ids.request(request),
        )

    return Made(make, "system_events", tuple(notes), request=request)


def _severity(row: Row, notes: list[str]) -> Severity:
    said = text(row, "severity").upper()
    known = _SEVERITIES.get(said, said)
    if known != said:
        notes.append(f"its severity was {said}")
    try:
        return Severity(known)
    except ValueError:
        raise Unfit(f"its severity is {said[:20]!r}") from None


def _decision(row: Row, clock: Clock) -> Made:
    at, confidence = clock.at(row, "timestamp"), number_or_none(row, "confidence_score")
    if confidence is not None and not 0 <= confidence <= 1:
        raise Unfit(f"its confidence_score is {confidence:f}, which is none")
    price, request = number(row, "price"), f"decision {row['id']}"
    extra = {"trade_id": row["trade_id"]} if row.get("trade_id") is not None else None

    def make(ids: Ids) -> Statement[object]:
        return events.copy_strategy_executions(
            session_id=ids.session_id,
            strategy_name=text(row, "strategy_name"),
            symbol=text(row, "symbol"),
            signal_type=text(row, "signal_type"),
            action_taken=text(row, "action_taken"),
            price=price,
            timestamp=at,
            timeframe=text_or_none(row, "timeframe"),
            confidence_score=confidence,
            signal_strength=number_or_none(row, "signal_strength"),
            position_size=number_or_none(row, "position_size"),
            volume=number_or_none(row, "volume"),
            volatility=number_or_none(row, "volatility"),
            indicators=row.get("indicators"),  # type: ignore[arg-type]  # as the driver read it
            sentiment_data=row.get("sentiment_data"),  # type: ignore[arg-type]
            ml_predictions=row.get("ml_predictions"),  # type: ignore[arg-type]
            reasons=row.get("reasons"),  # type: ignore[arg-type]
            request_id=ids.request(request),
        )

    return Made(make, "strategy_executions", extra=extra, request=request)


def _snapshot(row: Row, clock: Clock) -> Made:
    at, drawdown, request = clock.at(row, "timestamp"), number_or_none(row, "drawdown"), f"snapshot {row['id']}"
    figures = {
        "balance": number(row, "balance"),
        "equity": number(row, "equity"),
        "margin_used": number_or_none(row, "margin_used") or 0,
        "margin_available": number_or_none(row, "margin_available"),
        "total_pnl": number_or_none(row, "total_pnl"),
        "daily_pnl": number_or_none(row, "daily_pnl"),
        "drawdown": None if drawdown is None else drawdown / _HUNDRED,
        "total_exposure": number_or_none(row, "total_exposure") or 0,
    }
    kept = ("sharpe_ratio", "sortino_ratio", "calmar_ratio", "var_95")
    details = {name: found for name in kept if (found := number_or_none(row, name)) is not None}

    def make(ids: Ids) -> Statement[object]:
        return account.copy_account_snapshots(
            session_id=ids.session_id,
            timestamp=at,
            open_positions=int(str(row.get("open_positions") or 0)),
            details=details or None,
            request_id=ids.request(request),
            **figures,  # type: ignore[arg-type]  # exact numbers all
        )

    return Made(make, "account_history", request=request)


def _dynamic(row: Row, clock: Clock) -> Made:
    at = clock.at(row, "timestamp")
    drawdown, factor = number(row, "current_drawdown"), number(row, "risk_adjustment_factor")
    others = {
        name: number_or_none(row, name)
        for name in (
            *("rolling_win_rate", "rolling_sharpe_ratio", "volatility_30d", "profit_factor", "expectancy"),
            "avg_trade_duration_hours",
        )
    }

    def make(ids: Ids) -> Statement[object]:
        return risk.log_dynamic_performance(
            session_id=ids.session_id,
            current_drawdown=drawdown,
            risk_adjustment_factor=factor,
            consecutive_losses=int(str(row.get("consecutive_losses") or 0)),
            consecutive_wins=int(str(row.get("consecutive_wins") or 0)),
            timestamp=at,
            request_id=ids.request(f"dynamic performance {row['id']}"),
            **others,
        )

    return Made(make, "dynamic_performance_metrics")


def _adjustment(row: Row, clock: Clock) -> Made:
    at, reason = clock.at(row, "timestamp"), text_or_none(row, "trigger_reason")

    def make(ids: Ids) -> Statement[object]:
        return risk.log_risk_adjustment(
            session_id=ids.session_id,
            adjustment_type=text(row, "adjustment_type"),
            trigger_reason=reason or "not recorded",
            parameter_name=text(row, "parameter_name"),
            timestamp=at,
            request_id=ids.request(f"risk adjustment {row['id']}"),
            original_value=number(row, "original_value"),
            adjusted_value=number(row, "adjusted_value"),
            adjustment_factor=number(row, "adjustment_factor"),
            current_drawdown=number_or_none(row, "current_drawdown"),
            performance_score=number_or_none(row, "performance_score"),
            volatility_level=number_or_none(row, "volatility_level"),
            pnl_during_adjustment=number_or_none(row, "pnl_during_adjustment"),
            duration_minutes=_whole_or_none(row, "duration_minutes"),
            trades_during_adjustment=_whole_or_none(row, "trades_during_adjustment"),
        )

    return Made(make, "risk_adjustments", () if reason else ("it had no trigger_reason",))


def _cycle(row: Row, clock: Clock) -> Made:
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


def _accuracy(row: Row, clock: Clock) -> Made:
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


def _difference(row: Row, clock: Clock) -> Made:
    at, notes = clock.at(row, "timestamp"), list[str]()
    severity, reason = _severity(row, notes), text_or_none(row, "reason") or "not recorded"
    notes = []  # HIGH, MEDIUM and LOW are what this table has
    entity = text_or_none(row, "entity_id")
    if entity is None:
        notes.append("it named no entity")
    if len(reason) > _LONGEST:
        notes.append("its reason was longer than 255 characters, and is kept whole beside it")

    def make(ids: Ids) -> Statement[object]:
        return reconciliation.log_reconciliation(
            session_id=ids.session_id,
            entity_type=text(row, "entity_type"),
            entity_id=entity or "none",
            field=text(row, "field"),
            reason=reason[:_LONGEST].strip(),
            old_value=text_or_none(row, "old_value"),
            new_value=text_or_none(row, "new_value"),
            severity=severity,
            timestamp=at,
            request_id=ids.request(f"audit event {row['id']}"),
        )

    extra = {"severity": row["severity"]} | ({"reason": reason} if len(reason) > _LONGEST else {})
    return Made(make, "reconciliation_audit_events", tuple(notes), extra)


_LONGEST: Final = 255


def _flag(row: Row, clock: Clock) -> Made:
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


def _market(row: Row, _clock: Clock) -> Made:
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


def _correlation(row: Row, clock: Clock) -> Made:
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


def _exposure(row: Row, clock: Clock) -> Made:
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


def _strategy(row: Row, clock: Clock) -> Made:
    at = clock.at(row, "created_at")

    def make(ids: Ids) -> Statement[object]:
        return strategies.register_strategy(
            strategy_id=text(row, "strategy_id"),
            name=text(row, "name"),
            version=text(row, "version"),
            created_by=text(row, "created_by"),
            status=text(row, "status"),  # type: ignore[arg-type]  # refused if it is none
            parent_id=text_or_none(row, "parent_id"),
            merge_source=text_or_none(row, "merge_source"),
            branch_name=text_or_none(row, "branch_name"),
            description=text_or_none(row, "description"),
            config_hash=text_or_none(row, "config_hash"),
            component_hash=text_or_none(row, "component_hash"),
            timestamp=at,
            request_id=ids.request(f"strategy {row['id']}"),
            **{  # type: ignore[arg-type]  # as the driver read them
                name: row.get(name) if row.get(name) is not None else {}
                for name in ("signal_generator_config", "risk_manager_config", "position_sizer_config")
            },
            **{  # type: ignore[arg-type]
                name: row.get(name)
                for name in (
                    "regime_detector_config",
                    "parameters",
                    "tags",
                    "performance_summary",
                    "validation_results",
                )
            },
        )

    return Made(
        make, "strategy_registry", extra={"lineage_path": row["lineage_path"]} if row.get("lineage_path") else None
    )


def _version(row: Row, clock: Clock) -> Made:
    at = clock.at(row, "created_at")

    def make(ids: Ids) -> Statement[object]:
        return strategies.add_strategy_version(
            strategy_id=text(row, "strategy_id"),
            version=text(row, "version"),
            changes=row.get("changes") or [],  # type: ignore[arg-type]  # as the driver read it
            is_major=bool(row.get("is_major")),
            performance_delta=row.get("performance_delta"),  # type: ignore[arg-type]
            component_changes=row.get("component_changes"),  # type: ignore[arg-type]
            parameter_changes=row.get("parameter_changes"),  # type: ignore[arg-type]
            timestamp=at,
            request_id=ids.request(f"strategy version {row['id']}"),
        )

    return Made(make, "strategy_versions")


def _performance(row: Row, clock: Clock) -> Made:
    begun, ended = clock.at(row, "period_start"), clock.at(row, "period_end")
    rate = number_or_none(row, "win_rate")
    if rate is not None and not 0 <= rate <= 1:
        raise Unfit(f"its win_rate is {rate:f}, which is no fraction")

    def make(ids: Ids) -> Statement[object]:
        return strategies.record_strategy_performance(
            strategy_id=text(row, "strategy_id"),
            version=text(row, "version"),
            period_start=begun,
            period_end=ended,
            period_type=text(row, "period_type"),
            win_rate=rate,
            regime_performance=row.get("regime_performance"),  # type: ignore[arg-type]  # as the driver read it
            additional_metrics=row.get("additional_metrics"),  # type: ignore[arg-type]
            test_symbol=text_or_none(row, "test_symbol"),
            test_timeframe=text_or_none(row, "test_timeframe"),
            test_parameters=row.get("test_parameters"),  # type: ignore[arg-type]
            request_id=ids.request(f"strategy performance {row['id']}"),
            total_return=number(row, "total_return"),
            total_return_pct=number(row, "total_return_pct"),
            max_drawdown=number(row, "max_drawdown"),
            total_trades=_whole_or_none(row, "total_trades") or 0,
            winning_trades=_whole_or_none(row, "winning_trades") or 0,
            losing_trades=_whole_or_none(row, "losing_trades") or 0,
            sharpe_ratio=number_or_none(row, "sharpe_ratio"),
            sortino_ratio=number_or_none(row, "sortino_ratio"),
            calmar_ratio=number_or_none(row, "calmar_ratio"),
            volatility=number_or_none(row, "volatility"),
            var_95=number_or_none(row, "var_95"),
            avg_trade_duration_hours=number_or_none(row, "avg_trade_duration_hours"),
            signal_generator_contribution=number_or_none(row, "signal_generator_contribution"),
            risk_manager_contribution=number_or_none(row, "risk_manager_contribution"),
            position_sizer_contribution=number_or_none(row, "position_sizer_contribution"),
        )

    return Made(make, "strategy_performance")


def _lineage(row: Row, clock: Clock) -> Made:
    at, kind = clock.at(row, "created_at"), text(row, "relationship_type").upper()
    notes = (f"its relationship was {kind.lower()}",) if kind == "PARENT" else ()
    relationship = StrategyRelationship("EVOLUTION" if kind == "PARENT" else kind)

    def make(_ids: Ids) -> Statement[object]:
        return strategies.record_strategy_lineage(
            ancestor_id=text(row, "ancestor_id"),
            descendant_id=text(row, "descendant_id"),
            relationship_type=relationship,
            generation_distance=int(str(row.get("generation_distance") or 1)),
            evolution_reason=text_or_none(row, "evolution_reason"),
            change_impact=_as_text(row.get("change_impact")),
            performance_improvement=number_or_none(row, "performance_improvement"),
            risk_change=number_or_none(row, "risk_change"),
            timestamp=at,
        )

    return Made(make, "strategy_lineage", notes)


def _whole_or_none(row: Row, name: str) -> int | None:
    found = number_or_none(row, name)
    return None if found is None else int(found)


def _as_text(value: object) -> str | None:
    return value if value is None or isinstance(value, str) else json.dumps(value, sort_keys=True)


def version_units(rows: Iterable[Row], registered: Iterable[Row], clock: Clock) -> Iterator[Unit]:
    """Versions of strategies; the one that a strategy was registered with is in the books by that."""
    first = {(row["strategy_id"], row["version"]) for row in registered}
    others: list[Row] = []
    same: list[Row] = []
    for row in rows:
        (same if (row["strategy_id"], row["version"]) in first else others).append(row)
    yield from kept_only("strategy_versions", same, "its strategy was registered with this version")
    yield from plain_units("strategy_versions", others, clock)


def cache_units(rows: Iterable[Row], clock: Clock, now: datetime) -> Iterator[Unit]:
    """Predictions that have not expired; the others are dropped with a word."""
    alive: list[Row] = []
    expired: list[Row] = []
    for row in rows:
        until = clock.at_or_none(row, "expires_at")
        (alive if until is not None and until > now else expired).append(row)
    yield from kept_only("prediction_cache", expired, "it had expired")
    for row in alive:
        key = str(row["id"])
        try:
            made = _prediction(row, clock)
        except (Unfit, ValueError) as why:
            yield quarantined("prediction_cache", key, row, f"{why}")
            continue
        yield _unit("prediction_cache", None, [(row, made)])


def _prediction(row: Row, clock: Clock) -> Made:
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


def newest_units(table: str, rows: Iterable[Row], clock: Clock, by: tuple[str, ...]) -> Iterator[Unit]:
    """Of a history the newest row of each subject; the others are kept as they were."""
    newest: dict[tuple[object, ...], Row] = {}
    older = []
    for row in rows:
        subject = tuple(row.get(name) for name in by)
        before = newest.get(subject)
        if before is None:
            newest[subject] = row
        elif str(row["last_updated"]) >= str(before["last_updated"]):
            older.append(before)
            newest[subject] = row
        else:
            older.append(row)
    yield from kept_only(table, older, "a newer one of the same subject is in the books; this one is kept here")
    yield from plain_units(table, newest.values(), clock)


MAPPERS: Final[Mapping[str, Mapper]] = {
    "account_history": _snapshot,
    "correlation_matrix": _correlation,
    "dynamic_performance_metrics": _dynamic,
    "market_sessions": _market,
    "optimization_cycles": _cycle,
    "portfolio_exposures": _exposure,
    "prediction_performance": _accuracy,
    "reconciliation_audit_events": _difference,
    "risk_adjustments": _adjustment,
    "strategy_executions": _decision,
    "strategy_lineage": _lineage,
    "strategy_performance": _performance,
    "strategy_registry": _strategy,
    "strategy_versions": _version,
    "system_control_flags": _flag,
    "system_events": _event,
}
"""Tables whose rows stand for themselves."""
OF_SESSIONS: Final = frozenset(
    {
        *("account_history", "dynamic_performance_metrics", "reconciliation_audit_events", "risk_adjustments"),
        "strategy_executions",
    }
)
"""Those of them whose rows are a session's."""
