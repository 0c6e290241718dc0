"""Exit codes, and which error ends with which."""

from __future__ import annotations

from enum import IntEnum

from atb_db.admin.errors import LockHeld, Refused, ToolMissing
from atb_db.errors import AtbDbError, ConfigurationError, Unavailable


class ExitCode(IntEnum):
    """How a command ended; a shell sees the number."""

    OK = 0
    FAILED = 1
    USAGE = 2
    FOUND = 3
    UNREACHABLE = 4
    REFUSED = 5
    LOCKED = 6
    NO_TOOL = 7
    INTERRUPTED = 130


LOCK_NOT_AVAILABLE = "55P03"


def exit_code(error: AtbDbError) -> ExitCode:
    """The exit code for an error that a command ended with."""
    match error:
        case LockHeld():
            return ExitCode.LOCKED
        case Refused():
            return ExitCode.REFUSED
        case ToolMissing():
            return ExitCode.NO_TOOL
        case ConfigurationError() | Unavailable():
            return ExitCode.UNREACHABLE
        case _ if error.sqlstate == LOCK_NOT_AVAILABLE:
            return ExitCode.LOCKED
        case _:
            return ExitCode.FAILED
