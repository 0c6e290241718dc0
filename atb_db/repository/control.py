"""Control flags: durable switches that restrict the bot while they are active, such as a kill switch.

Reading fails closed: an error never means "off". `get_control_flag` raises NotFound for a flag that was never set or
cleared, so that a misspelt name is not read as inactive. A flag is off only if its row says so, or if
`get_active_control_flags` returns without it.
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

    A late request sets it, too. source is the person or program that sets it.
    """
    ...


@command
def clear_control_flag(
    *, name: str, reason: str, source: str, timestamp: datetime = NOW, request_id: UUID = NEW
) -> None:
    """Clear a control flag, or define it as cleared, with a WARNING event; refused if it was set meanwhile.

    Conflict if the flag was set after timestamp: a late request does not undo a change that it could not know of.
    """
    ...


@query
def get_control_flag(*, name: str) -> ControlFlag:
    """One control flag.

    NotFound if it was never set or cleared; that does not mean "off". Clear a flag once to define it.
    """
    ...


@query
def get_active_control_flags() -> list[ControlFlag]:
    """The active control flags, by name; an empty list means that none is active."""
    ...
