"""Which errors set a journaled command aside, because it would be refused again; after any other one it waits."""

from __future__ import annotations

from typing import Final

from atb_db.errors import (
    AtbDbError,
    Conflict,
    InvalidInput,
    NotFound,
    PermissionDenied,
    ResourceFull,
    StatementError,
)

# Classes of SQLSTATEs that are about a statement's values, beyond those that have an exception of their own: too many
# rows, something too complex, a view's check, or what a function or somebody's trigger raises.
_OF_THE_VALUES: Final = frozenset({"20", "21", "22", "23", "27", "2F", "38", "39", "44", "54", "P0"})


def is_permanent(error: AtbDbError) -> bool:
    """Whether the entry is at fault: trying it again would change nothing.

    Whatever else a server says may be its own trouble: it is away, full, read-only, damaged, not migrated, or out of
    transaction ids. Then the entry waits, and no entry after it is lost either.
    """
    match error:
        case InvalidInput() | NotFound() | Conflict() | PermissionDenied() | StatementError():
            return True
        case ResourceFull():
            return False
        case _:
            return not error.retryable and (error.sqlstate or "")[:2] in _OF_THE_VALUES
