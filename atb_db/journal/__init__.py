"""A journal of commands, for engines that must go on through an outage of the database; see docs/journal.md."""

from __future__ import annotations

from atb_db.journal.aio import AsyncJournal
from atb_db.journal.contents import JournalEntry, JournalStatus, Problem, read_entries, read_status
from atb_db.journal.queue import Queued, Replayed
from atb_db.journal.sync import Journal

__all__ = [
    "AsyncJournal",
    "Journal",
    "JournalEntry",
    "JournalStatus",
    "Problem",
    "Queued",
    "Replayed",
    "read_entries",
    "read_status",
]
