"""Strategies: their components, versions, performance and ancestry."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

from atb_db.statement import command, query
from atb_db.types import (
    NEW,
    NOW,
    Json,
    Number,
    StrategyRelationship,
    StrategyRelationshipLabel,
    StrategyStatus,
    StrategyStatusLabel,
)


class Strategy(NamedTuple):
    """A strategy with the configuration of its components; version is the newest one."""

    id: int
    """Identifier."""
    strategy_id: str
    """Identifier that people and other tables use."""
    name: str
    """Name for people."""
    version: str
    """Newest version; all of them are in strategy_versions."""
    status: StrategyStatus
    """Where the strategy stands in its life."""
    parent_id: str | None
    """Strategy that it came from; NULL for the first of its line."""
    merge_source: str | None
    """Second strategy that parts were taken from; NULL without one."""
    lineage_path: str
    """strategy_id of every parent's parent down to this one, separated by slashes."""
    branch_name: str | None
    """Name of the branch that it belongs to; NULL on the main line."""
    created_by: str
    """Who or what made it."""
    description: str | None
    """What it does."""
    tags: Json | None
    """Words to find it by, a JSON array."""
    signal_generator_config: Json
    """Configuration of the signal generator."""
    risk_manager_config: Json
    """Configuration of the risk manager."""
    position_sizer_config: Json
    """Configuration of the position sizer."""
    regime_detector_config: Json | None
    """Configuration of the regime detector, if it has one."""
    parameters: Json | None
    """Its own parameters."""
    performance_summary: Json | None
    """How it performed when it was registered."""
    validation_results: Json | None
    """How it was validated when it was registered."""
    config_hash: str | None
    """Hash of the configuration, made by the registering program."""
    component_hash: str | None
    """Hash of the components' code, made by the registering program."""
    created_at: datetime
    """When it was registered."""
    updated_at: datetime
    """When its version or status last changed."""


class StrategyVersion(NamedTuple):
    """A version of a strategy."""

    id: int
    """Identifier."""
    strategy_id: str
    """Strategy."""
    version: str
    """Version, once per strategy."""
    changes: Json
    """What changed, a JSON array; empty for the first version."""
    performance_delta: Json | None
    """How figures changed against the version before."""
    is_major: bool
    """Whether it behaves differently, not only better."""
    component_changes: Json | None
    """What changed in its components."""
    parameter_changes: Json | None
    """What changed in its parameters."""
    created_at: datetime
    """When the version was made."""


class ComparedPerformance(NamedTuple):
    """A strategy with its newest performance; those fields are None if none was recorded.

    max_drawdown, volatility, var_95 and win_rate are fractions (0.05 = 5 %), total_return_pct is percent.
    """

    strategy_id: str
    """Identifier that people and other tables use."""
    name: str
    """Name for people."""
    status: StrategyStatus
    """Where the strategy stands in its life."""
    version: str | None
    """Version that performed."""
    period_type: str | None
    """Kind of the period, such as backtest, paper, live or monthly."""
    period_start: datetime | None
    """First moment of the period."""
    period_end: datetime | None
    """First moment after the period."""
    total_return: Decimal | None
    """Net P&L, in the currency of the test's balance."""
    total_return_pct: Decimal | None
    """Net P&L in percent of the balance at the period's start (5 = 5 %)."""
    sharpe_ratio: Decimal | None
    """Annualised Sharpe ratio, dimensionless."""
    sortino_ratio: Decimal | None
    """Annualised Sortino ratio, dimensionless."""
    calmar_ratio: Decimal | None
    """Annualised return / max_drawdown, dimensionless."""
    max_drawdown: Decimal | None
    """Largest (running peak - equity) / running peak, as a fraction; above 1 only with leverage."""
    volatility: Decimal | None
    """Annualised volatility of daily returns, as a fraction."""
    var_95: Decimal | None
    """Value at risk: the return that 5 % of days fell below, as a fraction; normally negative."""
    win_rate: Decimal | None
    """Wins / trades, as a fraction; NULL without trades."""
    total_trades: int | None
    """Number of trades, those with pnl = 0 included."""
    avg_trade_duration_hours: Decimal | None
    """Mean time from entry to exit, in hours."""


class Relative(NamedTuple):
    """An ancestor or descendant of a strategy, and its distance; the relationship is None if it is not a direct one.

    performance_improvement and risk_change are fractions of the ancestor's (0.05 = 5 %).
    """

    strategy_id: str
    """Identifier that people and other tables use."""
    name: str
    """Name for people."""
    version: str
    """Newest version; all of them are in strategy_versions."""
    status: StrategyStatus
    """Where the strategy stands in its life."""
    distance: int
    """Generations between the two, from 1."""
    relationship_type: StrategyRelationship | None
    """How the one came from the other."""
    evolution_reason: str | None
    """Why it was made."""
    change_impact: str | None
    """How much it changed, in words."""
    performance_improvement: Decimal | None
    """How much better it performed, as a fraction of the ancestor's return; negative for worse."""
    risk_change: Decimal | None
    """How much its risk changed, as a fraction of the ancestor's; positive for more risk."""


@command
def register_strategy(
    *,
    strategy_id: str,
    name: str,
    version: str,
    signal_generator_config: Json,
    risk_manager_config: Json,
    position_sizer_config: Json,
    created_by: str,
    regime_detector_config: Json | None = None,
    parameters: Json | None = None,
    status: StrategyStatus | StrategyStatusLabel = StrategyStatus.EXPERIMENTAL,
    parent_id: str | None = None,
    merge_source: str | None = None,
    branch_name: str | None = None,
    evolution_reason: str | None = None,
    change_impact: str | None = None,
    performance_improvement: Number | None = None,
    risk_change: Number | None = None,
    description: str | None = None,
    tags: Json | None = None,
    performance_summary: Json | None = None,
    validation_results: Json | None = None,
    config_hash: str | None = None,
    component_hash: str | None = None,
    timestamp: datetime = NOW,
    request_id: UUID = NEW,
) -> int:
    """Register a strategy with its first version and its ancestry, atomically; its number.

    You choose strategy_id, which must be unique, as must name and version together. With a parent_id it is an EVOLUTION
    of the parent or, with a branch_name, a BRANCH of it; evolution_reason, change_impact, performance_improvement and
    risk_change (fractions of the parent's) describe the difference. merge_source is a second strategy from which it
    took parts.
    """
    ...


@command
def add_strategy_version(
    *,
    strategy_id: str,
    version: str,
    changes: Json,
    is_major: bool = False,
    performance_delta: Json | None = None,
    component_changes: Json | None = None,
    parameter_changes: Json | None = None,
    timestamp: datetime = NOW,
    request_id: UUID = NEW,
) -> int:
    """Add a version to a strategy and make it the newest, atomically; the version's id."""
    ...


@command
def set_strategy_status(
    *,
    strategy_id: str,
    status: StrategyStatus | StrategyStatusLabel,
    reason: str | None = None,
    timestamp: datetime = NOW,
    request_id: UUID = NEW,
) -> int:
    """Change a strategy's status, with a STRATEGY_CHANGE event; the strategy's number."""
    ...


@query
def get_strategy(*, strategy_id: str) -> Strategy:
    """One strategy."""
    ...


@query
def list_strategies(*, status: StrategyStatus | StrategyStatusLabel | None = None, limit: int = 100) -> list[Strategy]:
    """The strategies, or those of a status, in order of name and registration."""
    ...


@query
def get_strategy_versions(*, strategy_id: str) -> list[StrategyVersion]:
    """A strategy's versions, oldest first."""
    ...


@command
def record_strategy_performance(
    *,
    strategy_id: str,
    period_start: datetime,
    period_end: datetime,
    period_type: str,
    version: str,
    total_return: Number,
    total_return_pct: Number,
    max_drawdown: Number,
    total_trades: int,
    winning_trades: int,
    losing_trades: int,
    win_rate: Number | None = None,
    sharpe_ratio: Number | None = None,
    sortino_ratio: Number | None = None,
    calmar_ratio: Number | None = None,
    volatility: Number | None = None,
    var_95: Number | None = None,
    avg_trade_duration_hours: Number | None = None,
    signal_generator_contribution: Number | None = None,
    risk_manager_contribution: Number | None = None,
    position_sizer_contribution: Number | None = None,
    regime_performance: Json | None = None,
    additional_metrics: Json | None = None,
    test_symbol: str | None = None,
    test_timeframe: str | None = None,
    test_parameters: Json | None = None,
    request_id: UUID = NEW,
) -> int:
    """Record how a version of a strategy performed in a period; the record's id.

    period_type is backtest, paper, live or monthly, for example. total_return is net, in the currency of the balance,
    total_return_pct is percent of it; max_drawdown, win_rate, volatility, var_95 and the contributions are fractions.
    """
    ...


@query
def compare_strategy_performance(*, strategy_ids: Json, period_type: str | None = None) -> list[ComparedPerformance]:
    """The newest performance of each given strategy side by side, best Sharpe ratio first; NULL if there is none.

    NotFound if strategy_ids contains an unknown one.
    """
    ...


@command
def record_strategy_lineage(
    *,
    ancestor_id: str,
    descendant_id: str,
    relationship_type: StrategyRelationship | StrategyRelationshipLabel,
    generation_distance: int = 1,
    evolution_reason: str | None = None,
    change_impact: str | None = None,
    performance_improvement: Number | None = None,
    risk_change: Number | None = None,
    timestamp: datetime = NOW,
) -> None:
    """Record that one strategy came from another, or update that record.

    generation_distance is above 1 if generations between them were never registered. Conflict if the ancestor came from
    the descendant.
    """
    ...


@query
def get_ancestors(*, strategy_id: str) -> list[Relative]:
    """The ancestors of a strategy, direct or over generations, nearest first."""
    ...


@query
def get_descendants(*, strategy_id: str) -> list[Relative]:
    """The descendants of a strategy, direct or over generations, nearest first."""
    ...
