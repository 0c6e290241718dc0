"""Control flags: durable switches that restrict the bot while they are active, such as a kill switch.

`is_flag_active` is the cheap question of every loop, and `unless_flag=` of `orders.create_order` asks it with the
command: no order is journaled after `set_control_flag` has returned. One session's own flag is called by the name, a
colon and the session's id, such as `kill_switch:17`, and counts beside the one of all sessions. For both questions, a
flag that was never set is not active, so that an engine starts on an empty database. A misspelt name therefore reads as
inactive there: keep the name in one place, or ask for `get_control_flag` once at the start, which is NotFound for a
flag that was never set nor cleared. An error is never "off".
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
    """Name of the flag; one session's own is called by the name, a colon and the session's id, such as kill_switch:17.
    """
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

    It is set however late the request arrives; source is who or what wants it. It waits for orders that are being
    journaled at this moment with `unless_flag=` of this flag; when it has returned, none is journaled any more. (In a
    transaction: when that has been committed.)
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
def is_flag_active(*, name: str, session_id: int | None = None) -> bool:
    """Whether a control flag, or the session's own of that name, is active now; one that was never set is not.

    `atb-db halt on --session 17` sets the flag `kill_switch:17`, which counts only where session_id is 17. With
    `unless_flag="kill_switch"` an order's own session always counts.
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
