"""Control flags: durable switches that restrict the bot while they are active, such as a kill switch.

Reading fails closed. An error is never "off": `get_control_flag` of a flag that was never set nor cleared is NotFound,
so that a misspelt name does not read as inactive. A flag is inactive when its row says so, and none is active when
`get_active_control_flags` answers with an empty list.
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from atb_db.statement import command, query
from atb_db.types import NEW, NOW


class ControlFlag(NamedTuple):
    """A flag; reason, source and updated_at are those of the last change."""

    name: str
    """Name of the flag."""
    active: bool
    """Whether it restricts the bot now."""
    reason: str
    """Why it was last set or cleared."""
    source: str
    """Who or what last set or cleared it."""
    updated_at: datetime
    """When it was last set or cleared."""


@command
def set_control_flag(*, name: str, reason: str, source: str, timestamp: datetime = NOW, request_id: UUID = NEW) -> None:
    """Set a control flag, with a CRITICAL event: from then on it restricts the bot.

    It is set however late the request arrives; source is who or what wants it.
    """
    ...


@command
def clear_control_flag(
    *, name: str, reason: str, source: str, timestamp: datetime = NOW, request_id: UUID = NEW
) -> None:
    """Clear a control flag, or define it as cleared, with a WARNING event; refused if it was set meanwhile.

    A request that arrives late does not undo what it cannot have known: Conflict when the flag was set after timestamp.
    """
    ...


@query
def get_control_flag(*, name: str) -> ControlFlag:
    """One control flag.

    NotFound when it was never set nor cleared: that is not "off". Clear it once to define it.
    """
    ...


@query
def get_active_control_flags() -> list[ControlFlag]:
    """The control flags that are active, by name; none is the definite answer that none is."""
    ...
