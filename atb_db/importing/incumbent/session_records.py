"""The incumbent's records of sessions: snapshots, events, decisions, risk, audit events; pure."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from atb_db.importing.errors import Unfit
from atb_db.importing.incumbent.made import Made, whole_or_none
from atb_db.importing.incumbent.times import Clock
from atb_db.importing.plan import Ids, Row
from atb_db.importing.reading import number, number_or_none, text, text_or_none
from atb_db.repository import (
    account,
    events,
    reconciliation,
    risk,
)
from atb_db.statement import Statement
from atb_db.types import EventType, Severity

_HUNDRED: Final = Decimal(100)


_SEVERITIES: Final = {"HIGH": "CRITICAL", "MEDIUM": "WARNING", "LOW": "INFO", "DEBUG": "INFO"}


_EVENTS: Final = {one.value for one in EventType}


_LONGEST: Final = 255


def event(row: Row, clock: Clock) -> Made:
    """An event; a type of the incumbent's own is a WARNING with the type as its code."""
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

    made = {
        "event_type": EventType(kind) if kind in _EVENTS else EventType.WARNING,
        "severity": severity,
        "message": message or kind,
        "timestamp": at,
        "details": details,
        "component": text_or_none(row, "component"),
        "error_code": text_or_none(row, "error_code") or (kind if kind not in _EVENTS else None),
        "stack_trace": text_or_none(row, "stack_trace"),
        "alert_sent": bool(row.get("alert_sent")),
        "alert_method": text_or_none(row, "alert_method"),
    }
    return Made(None, "system_events", tuple(notes), request=request, into=events.copy_events, row=made)


def _severity(row: Row, notes: list[str]) -> Severity:
    said = text(row, "severity").upper()
    known = _SEVERITIES.get(said, said)
    if known != said:
        notes.append(f"its severity was {said}")
    try:
        return Severity(known)
    except ValueError:
        raise Unfit(f"its severity is {said[:20]!r}") from None


def decision(row: Row, clock: Clock) -> Made:
    """A decision of a strategy."""
    at, confidence = clock.at(row, "timestamp"), number_or_none(row, "confidence_score")
    if confidence is not None and not 0 <= confidence <= 1:
        raise Unfit(f"its confidence_score is {confidence:f}, which is none")
    price, request = number(row, "price"), f"decision {row['id']}"
    extra = {"trade_id": row["trade_id"]} if row.get("trade_id") is not None else None

    made = {
        "strategy_name": text(row, "strategy_name"),
        "symbol": text(row, "symbol"),
        "signal_type": text(row, "signal_type"),
        "action_taken": text(row, "action_taken"),
        "price": price,
        "timestamp": at,
        "timeframe": text_or_none(row, "timeframe"),
        "confidence_score": confidence,
        "signal_strength": number_or_none(row, "signal_strength"),
        "position_size": number_or_none(row, "position_size"),
        "volume": number_or_none(row, "volume"),
        "volatility": number_or_none(row, "volatility"),
        "indicators": row.get("indicators"),
        "sentiment_data": row.get("sentiment_data"),
        "ml_predictions": row.get("ml_predictions"),
        "reasons": row.get("reasons"),
    }
    into = events.copy_strategy_executions
    return Made(None, "strategy_executions", extra=extra, request=request, into=into, row=made)


def snapshot(row: Row, clock: Clock) -> Made:
    """A snapshot; further figures are its details."""
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

    made = {
        **figures,
        "timestamp": at,
        "open_positions": int(str(row.get("open_positions") or 0)),
        "details": details or None,
    }
    return Made(None, "account_history", request=request, into=account.copy_account_snapshots, row=made)


def dynamic_performance(row: Row, clock: Clock) -> Made:
    """A rating of the engine's performance."""
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


def risk_adjustment(row: Row, clock: Clock) -> Made:
    """A change of a risk parameter."""
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
            duration_minutes=whole_or_none(row, "duration_minutes"),
            trades_during_adjustment=whole_or_none(row, "trades_during_adjustment"),
        )

    return Made(make, "risk_adjustments", () if reason else ("it had no trigger_reason",))


def audit_event(row: Row, clock: Clock) -> Made:
    """A reconciliation event; HIGH, MEDIUM and LOW are CRITICAL, WARNING and INFO."""
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
