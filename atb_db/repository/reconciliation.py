"""Reconciliation: differences between our records and the exchange, and their corrections; append-only."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from atb_db.statement import command, query
from atb_db.types import NEW, NOW, Severity, SeverityLabel


class ReconciliationEvent(NamedTuple):
    """A difference: old_value was our record, new_value the exchange's; None stands for nothing."""

    id: int
    """Identifier."""
    session_id: int
    """Session whose books were reconciled."""
    timestamp: datetime
    """When the difference was found."""
    entity_type: str
    """What differed, such as order, position or balance."""
    entity_id: str
    """Which one, by our id or the exchange's."""
    field: str
    """Field that differed."""
    old_value: str | None
    """What the books said, as text; NULL for nothing."""
    new_value: str | None
    """What the exchange said, as text; NULL for nothing."""
    reason: str
    """Why the one was replaced by the other."""
    severity: Severity
    """How urgent it is that somebody looks at it."""


@command
def log_reconciliation(
    *,
    session_id: int,
    entity_type: str,
    entity_id: str,
    field: str,
    reason: str,
    old_value: str | None = None,
    new_value: str | None = None,
    severity: Severity | SeverityLabel = Severity.INFO,
    timestamp: datetime = NOW,
    request_id: UUID = NEW,
) -> int:
    """Record a difference between our records and the exchange, and its correction; the record's id.

    entity_type is order, position or balance, for example; entity_id is our id or the exchange's.
    """
    ...


@query
def get_reconciliation_events(*, session_id: int, limit: int = 100) -> list[ReconciliationEvent]:
    """A session's newest reconciliation events, newest first."""
    ...
