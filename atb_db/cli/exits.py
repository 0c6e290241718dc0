"""Exit codes, and which error ends with which."""

from __future__ import annotations

from enum import IntEnum
from typing import Final

from atb_db.admin.errors import BadExport, LockHeld, Refused, ToolMissing, Unusable
from atb_db.errors import AtbDbError, ConfigurationError, JournalHeld, JournalUnusable, Unavailable
from atb_db.importing.errors import UnusableSource


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


LOCK_NOT_AVAILABLE: Final = "55P03"
READ_ONLY: Final = "25006"

_CODES: Final[tuple[tuple[type[AtbDbError], ExitCode], ...]] = (
    (LockHeld, ExitCode.LOCKED),
    (JournalHeld, ExitCode.LOCKED),
    (Refused, ExitCode.REFUSED),
    (ToolMissing, ExitCode.NO_TOOL),
    (Unusable, ExitCode.USAGE),
    (JournalUnusable, ExitCode.USAGE),
    (UnusableSource, ExitCode.USAGE),
    (BadExport, ExitCode.USAGE),
    (ConfigurationError, ExitCode.UNREACHABLE),
    (Unavailable, ExitCode.UNREACHABLE),
)


def exit_code(error: AtbDbError) -> ExitCode:
    """The exit code for an error that a command ended with."""
    if error.sqlstate == LOCK_NOT_AVAILABLE:
        return ExitCode.LOCKED
    if error.sqlstate == READ_ONLY:  # an engine waits for the next primary; a person connects elsewhere
        return ExitCode.REFUSED
    return next((code for kind, code in _CODES if isinstance(error, kind)), ExitCode.FAILED)
