"""An operator's work on an engine's journal: replay it, discard entries that are set aside."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from atb_db.errors import JournalUnusable

if TYPE_CHECKING:
    from atb_db.config import Settings
    from atb_db.journal import Replayed


def replay_journal(settings: Settings, path: Path, *, set_aside: bool = False) -> Replayed:
    """Apply waiting entries of a journal that no engine has open; also those set aside, with `set_aside`.

    Raises:
        JournalHeld: an engine has it open.
        JournalUnusable: it cannot be used, or does not exist.
    """
    from atb_db.database import Database
    from atb_db.journal import Journal

    _check(path)
    with Database(settings) as db, Journal(path, db) as journal:
        return journal.replay(set_aside=set_aside)


def discard_entries(path: Path, numbers: Sequence[int]) -> int:
    """Give up entries that are set aside in a journal that no engine has open; how many there were.

    Raises:
        JournalHeld: an engine has it open.
        JournalUnusable: it cannot be used, or does not exist.
    """
    from atb_db.journal.queue import LIMIT, Queue

    _check(path)
    queue = Queue(path, LIMIT)
    try:
        return queue.discard(numbers)
    finally:
        queue.close()


def _check(path: Path) -> None:
    if not path.is_file():
        raise JournalUnusable(f"there is no file {path}")
