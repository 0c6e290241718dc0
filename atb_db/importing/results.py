"""What an import did: counts of each table, sessions, and the fate of rows that are not simply records."""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from atb_db.importing.plan import Difference, Source
from atb_db.types import ImportOutcome


class Counted(NamedTuple):
    """What became of the rows of one table of the source, in this run and before."""

    table: str
    rows: int
    records: int
    adjusted: int
    quarantined: int
    known: int
    """Of them those that an earlier run had imported, unchanged since."""


class Fate(NamedTuple):
    """A row that is not simply a record."""

    table: str
    key: str
    outcome: ImportOutcome
    reason: str


class ImportedBook(NamedTuple):
    """A session that holds what was imported."""

    session_id: int
    name: str
    base_currency: str
    trades: int
    net_pnl: Decimal
    balance: Decimal
    open_positions: int


class Imported(NamedTuple):
    """What an import did, or would do."""

    source_id: int
    source: Source
    dry_run: bool
    counts: tuple[Counted, ...]
    books: tuple[ImportedBook, ...]
    fates: tuple[Fate, ...]
    """Rows that were adjusted or are in quarantine, in this run."""
    differences: tuple[Difference, ...]
    left_out: int
    """Rows before --since, and those of positions that were opened before."""
    new_sessions: tuple[int, ...]
    """Ids of the sessions that this run made, or in a dry run would make, with other ids."""

    @property
    def quarantined(self) -> int:
        """Rows in quarantine."""
        return sum(one.quarantined for one in self.counts)
