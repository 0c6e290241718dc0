"""The incumbent's other tables as units: many rows at a time; pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime
from typing import Final

from atb_db.importing.errors import Unfit
from atb_db.importing.incumbent.made import Made, Mapper
from atb_db.importing.incumbent.session_records import (
    audit_event,
    decision,
    dynamic_performance,
    event,
    risk_adjustment,
    snapshot,
)
from atb_db.importing.incumbent.shared_records import (
    cached_prediction,
    control_flag,
    correlation,
    market_session,
    optimization_cycle,
    portfolio_exposure,
    prediction_performance,
)
from atb_db.importing.incumbent.strategies import strategy, strategy_lineage, strategy_performance, strategy_version
from atb_db.importing.incumbent.times import Clock
from atb_db.importing.plan import Copy, Origin, Row, Step, Unit, quarantined
from atb_db.types import ImportOutcome

_AT_ONCE: Final = 2000


def plain_units(table: str, rows: Iterable[Row], clock: Clock, sessions: AbstractSet[object]) -> Iterator[Unit]:
    """A unit for every so many rows of a table that stands for itself; what is unfit stands apart.

    `sessions` are those that are in the books.
    """
    mapper = MAPPERS[table]
    groups: dict[str | None, list[tuple[Row, Made]]] = {}
    for row in rows:
        key = str(row["id"])
        try:
            session = row.get("session_id")
            if session is None and table in OF_SESSIONS:
                raise Unfit("it belongs to no session")
            if session is not None and session not in sessions:
                raise Unfit(f"its session {session} is not in the books")
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
        if made.make is not None:
            steps.append(Step(made.make, target=key))
        if made.into is not None and made.row is not None and made.request is not None:
            copies.append(Copy(made.into, made.row, made.request))
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


def version_units(rows: Iterable[Row], registered: Iterable[Row], clock: Clock) -> Iterator[Unit]:
    """Versions of strategies; the one that a strategy was registered with is in the books by that."""
    first = {(row["strategy_id"], row["version"]) for row in registered}
    others: list[Row] = []
    same: list[Row] = []
    for row in rows:
        (same if (row["strategy_id"], row["version"]) in first else others).append(row)
    yield from kept_only("strategy_versions", same, "its strategy was registered with this version")
    yield from plain_units("strategy_versions", others, clock, frozenset())


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
            made = cached_prediction(row, clock)
        except (Unfit, ValueError) as why:
            yield quarantined("prediction_cache", key, row, f"{why}")
            continue
        yield _unit("prediction_cache", None, [(row, made)])


def history_units(table: str, read: Callable[[], Iterable[Row]], clock: Clock, by: tuple[str, ...]) -> Iterator[Unit]:
    """A history, of which each moment of a subject has one row: the last. It is read twice."""
    last: dict[tuple[object, ...], object] = {}
    for row in read():
        last[tuple(row.get(name) for name in (*by, "last_updated"))] = row["id"]
    places = set(last.values())
    last.clear()
    why = "a later row of the same moment is in the books; this one is kept here"
    yield from kept_only(table, (row for row in read() if row["id"] not in places), why)
    yield from plain_units(table, (row for row in read() if row["id"] in places), clock, frozenset())


MAPPERS: Final[Mapping[str, Mapper]] = {
    "account_history": snapshot,
    "correlation_matrix": correlation,
    "dynamic_performance_metrics": dynamic_performance,
    "market_sessions": market_session,
    "optimization_cycles": optimization_cycle,
    "portfolio_exposures": portfolio_exposure,
    "prediction_performance": prediction_performance,
    "reconciliation_audit_events": audit_event,
    "risk_adjustments": risk_adjustment,
    "strategy_executions": decision,
    "strategy_lineage": strategy_lineage,
    "strategy_performance": strategy_performance,
    "strategy_registry": strategy,
    "strategy_versions": strategy_version,
    "system_control_flags": control_flag,
    "system_events": event,
}
"""Tables whose rows stand for themselves."""


OF_SESSIONS: Final = frozenset(
    {
        *("account_history", "dynamic_performance_metrics", "reconciliation_audit_events", "risk_adjustments"),
        "strategy_executions",
    }
)
"""Those of them whose rows are a session's."""
