"""Optimisation: the optimiser's candidates, and the decisions on them."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from atb_db.statement import command, query
from atb_db.types import NEW, NOW, Json


class OptimizationCycle(NamedTuple):
    """A run of the optimiser; candidate_params is None if it proposed nothing."""

    id: int
    """Identifier."""
    session_id: int | None
    """Session in which it ran; NULL outside of any."""
    timestamp: datetime
    """When the cycle ended."""
    strategy_name: str
    """Strategy that was optimised."""
    symbol: str
    """Instrument."""
    timeframe: str
    """Length of one candle, such as 1h."""
    baseline_metrics: Json
    """Figures of the present parameters."""
    candidate_params: Json | None
    """Proposed parameters; NULL when there was no proposal."""
    candidate_metrics: Json | None
    """Figures of the proposed parameters."""
    validator_report: Json | None
    """What the validator found."""
    decision: str
    """What was decided, such as apply, reject or rollback."""


@command
def record_optimization_cycle(
    *,
    strategy_name: str,
    symbol: str,
    timeframe: str,
    baseline_metrics: Json,
    decision: str,
    candidate_params: Json | None = None,
    candidate_metrics: Json | None = None,
    validator_report: Json | None = None,
    session_id: int | None = None,
    timestamp: datetime = NOW,
    request_id: UUID = NEW,
) -> int:
    """Record a run of the optimiser; the cycle's id.

    decision is what was decided about the candidate, such as apply, reject or rollback.
    """
    ...


@query
def fetch_optimization_cycles(
    *,
    before: datetime | None = None,
    before_cycle: int | None = None,
    strategy_name: str | None = None,
    symbol: str | None = None,
    limit: int = 50,
) -> list[OptimizationCycle]:
    """The optimiser's runs before a moment, newest first, a page at a time.

    The next page is `before=last.timestamp, before_cycle=last.id` with the last row of this one. Runs that are recorded
    meanwhile do not shift it.
    """
    ...
