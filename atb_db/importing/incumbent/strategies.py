"""The incumbent's strategies, with versions, performance and lineage; pure."""

from __future__ import annotations

import json

from atb_db.importing.errors import Unfit
from atb_db.importing.incumbent.made import Made, whole_or_none
from atb_db.importing.incumbent.times import Clock
from atb_db.importing.plan import Ids, Row
from atb_db.importing.reading import number, number_or_none, text, text_or_none
from atb_db.repository import (
    strategies,
)
from atb_db.statement import Statement
from atb_db.types import StrategyRelationship


def strategy(row: Row, clock: Clock) -> Made:
    """A registered strategy."""
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


def strategy_version(row: Row, clock: Clock) -> Made:
    """A version of a strategy."""
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


def strategy_performance(row: Row, clock: Clock) -> Made:
    """How a version performed in a period."""
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
            total_trades=whole_or_none(row, "total_trades") or 0,
            winning_trades=whole_or_none(row, "winning_trades") or 0,
            losing_trades=whole_or_none(row, "losing_trades") or 0,
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


def strategy_lineage(row: Row, clock: Clock) -> Made:
    """How a strategy came from another; a parent is an EVOLUTION."""
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


def _as_text(value: object) -> str | None:
    return value if value is None or isinstance(value, str) else json.dumps(value, sort_keys=True)
