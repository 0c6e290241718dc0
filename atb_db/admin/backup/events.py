"""Events of backups, restores and drills, recorded in the database itself."""

from __future__ import annotations

from collections.abc import Mapping

from atb_db.admin.connection import perform, writing
from atb_db.config import Settings
from atb_db.errors import AtbDbError
from atb_db.repository import events
from atb_db.types import EventType, Severity


def record(
    settings: Settings,
    event_type: EventType,
    message: str,
    details: Mapping[str, object],
    *,
    severity: Severity = Severity.INFO,
) -> tuple[str, ...]:
    """Record an event outside of any session; why it could not be, in one sentence.

    What happened has happened: that it is not recorded does not make it fail.
    """
    event = events.log_event(
        event_type=event_type, severity=severity, message=message, details=details, component="atb-db"
    )
    try:
        with writing(settings) as (connection, _):
            perform(connection, event)
    except AtbDbError as error:
        return (f"Not recorded in system_events: {error.message}",)
    return ()
