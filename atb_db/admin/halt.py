"""The kill switch, for every engine or for one session: set, cleared and looked at by an operator."""

from __future__ import annotations

import getpass
import socket
from typing import Final, NamedTuple

from atb_db.admin.connection import Connection, ask, perform, reading, writing
from atb_db.admin.health import Flag
from atb_db.config import Settings
from atb_db.repository import control, sessions
from atb_db.repository.control import ControlFlag

KILL_SWITCH: Final = "kill_switch"
"""The flag that engines ask for, unless they say another one."""


class HaltState(NamedTuple):
    """A flag, and what it stops."""

    name: str
    """As an engine gives it to `is_flag_active` and `unless_flag`, without the session."""
    session_id: int | None
    """The only session that is meant; None for all of them."""
    active: bool
    """Whether orders are held off, by the flag of all sessions or by the session's own."""
    flags: tuple[ControlFlag, ...]
    """The active ones: of all sessions, and of the session, or of every session that has one."""
    active_sessions: int
    """How many sessions have not ended, in which engines may still be at work."""
    active_seconds: dict[str, float]
    """For how long each of the flags has been active, however often it was set meanwhile."""


def own_flag(name: str, session_id: int | None) -> str:
    """The flag's name in the table: one session's is the name, a colon and the session's id."""
    return name if session_id is None else f"{name}:{session_id}"


def operator() -> str:
    """Who runs this, for the record: the account and the machine."""
    try:
        account = getpass.getuser()
    except (KeyError, OSError):  # an account without a name, as in containers
        account = "operator"
    return f"{account}@{socket.gethostname()}"


def halt(
    settings: Settings, *, reason: str, session_id: int | None = None, name: str = KILL_SWITCH, source: str = ""
) -> HaltState:
    """Hold off further orders; when this has returned, none is journaled with `unless_flag` of that name any more.

    It is set again if it is set already, with the new reason; it is active since it was set first.

    Raises:
        NotFound: there is no such session.
        InvalidInput: reason or source cannot be stored.
        Timeout: an engine stands still while it journals an order.
    """
    with writing(settings) as (connection, _):
        _known(connection, session_id)
        flag, by = own_flag(name, session_id), source or operator()
        perform(connection, control.set_control_flag(name=flag, reason=reason, source=by))
    return halt_state(settings, session_id=session_id, name=name)


def resume(
    settings: Settings, *, reason: str, session_id: int | None = None, name: str = KILL_SWITCH, source: str = ""
) -> HaltState:
    """Let orders through again, as far as this flag goes; clearing one that is not set records that, too.

    Raises:
        NotFound: there is no such session.
        InvalidInput: reason or source cannot be stored.
        Conflict: somebody set it at this very moment.
    """
    with writing(settings) as (connection, _):
        _known(connection, session_id)
        flag, by = own_flag(name, session_id), source or operator()
        perform(connection, control.clear_control_flag(name=flag, reason=reason, source=by))
    return halt_state(settings, session_id=session_id, name=name)


def halt_state(settings: Settings, *, session_id: int | None = None, name: str = KILL_SWITCH) -> HaltState:
    """How the switch stands.

    Raises:
        NotFound: there is no such session.
    """
    with reading(settings) as (connection, _):
        _known(connection, session_id)
        flags = tuple(
            flag
            for flag in perform(connection, control.get_active_control_flags())
            if flag.name in {name, own_flag(name, session_id)}
            or (session_id is None and flag.name.startswith(f"{name}:"))
        )
        held_off = any(flag.name in {name, own_flag(name, session_id)} for flag in flags)
        seconds = {flag.name: flag.active_seconds for flag in ask(connection, "health_flags", Flag)}
        active_sessions = len(perform(connection, sessions.get_active_sessions()))
        return HaltState(
            name, session_id, held_off, flags, active_sessions, {flag.name: seconds[flag.name] for flag in flags}
        )


def _known(connection: Connection, session_id: int | None) -> None:
    if session_id is not None:
        perform(connection, sessions.get_trading_session(session_id=session_id))
