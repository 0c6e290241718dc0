"""Examples of the statements about backups."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from atb_db.repository import events
from atb_db.statement import Statement

if TYPE_CHECKING:
    from tests.statements.examples import World

BACKUP_EXAMPLES: Final[dict[str, Callable[[World], Statement[object]]]] = {
    "events.get_operational_events": lambda _: events.get_operational_events(event_type="RESTORE_DRILL", limit=1),
}
