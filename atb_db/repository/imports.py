"""Imports: where rows of other programs came from, what became of each, and those in quarantine."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from atb_db.statement import command, query
from atb_db.types import NOW, ImportOutcome, ImportOutcomeLabel, Json


class ImportSource(NamedTuple):
    """Where rows were imported from."""

    id: int
    """Identifier."""
    kind: str
    """Which program wrote it: incumbent, freqtrade, or the format of a trade file."""
    name: str
    """Name of the database, of the file or of the account."""
    fingerprint: str
    """What never changes in the source, so that another one of the same name is not taken for it."""
    time_zone: str | None
    """Zone in which its times without a zone were read, as the operator said; NULL where they are UTC."""
    first_imported_at: datetime
    """When something of it was first imported."""


class ImportedKey(NamedTuple):
    """A row that was imported before, without its content."""

    source_table: str
    """Table, or kind of record, in the source."""
    source_key: str
    """The row's identifier in the source."""
    outcome: ImportOutcome
    """What became of it."""
    content_hash: int
    """Hash of its content: a row that has changed in the source is looked at again."""
    session_id: int | None
    """Session whose books it is in, or was meant for; NULL outside of any."""
    target_id: int | None
    """Identifier of that record, where it was made by itself."""


class ImportCount(NamedTuple):
    """How many rows of one table of a source ended as what."""

    source_table: str
    """Table, or kind of record, in the source."""
    records: int
    """Rows whose record says what the row said."""
    adjusted: int
    """Rows that were adjusted for a reason."""
    quarantined: int
    """Rows in quarantine."""


class QuarantinedRow(NamedTuple):
    """A row that is in no book, as it was."""

    source_table: str
    """Table, or kind of record, in the source."""
    source_key: str
    """The row's identifier in the source."""
    reason: str | None
    """What was adjusted, with both figures, or why it is in quarantine; NULL where the record says what the row said.
    """
    content: Json | None
    """Of a row in quarantine all of it, as it was; else what of it has no place in the record, such as a liquidation
    price.
    """


class NewestFill(NamedTuple):
    """When a symbol was last filled in a session."""

    symbol: str
    """Instrument."""
    filled_at: datetime
    """When the newest fill happened."""


class OrderKey(NamedTuple):
    """An order by its key in the source."""

    id: int
    """Identifier."""
    internal_order_id: str | None
    """Our own identifier, sent as the client order id; once per session."""
    position_id: int | None
    """Position that the order opens, grows, reduces or closes, of the same session; NULL until it is known."""


class PlannedPosition(NamedTuple):
    """The position that an ENTRY order planned."""

    order_id: int
    """Identifier."""
    position_id: int
    """Identifier."""


class FoundRow(NamedTuple):
    """What became of a row of a source."""

    source_id: int
    """Identifier."""
    kind: str
    """Which program wrote it: incumbent, freqtrade, or the format of a trade file."""
    name: str
    """Name of the database, of the file or of the account."""
    source_table: str
    """Table, or kind of record, in the source."""
    source_key: str
    """The row's identifier in the source."""
    outcome: ImportOutcome
    """What became of it."""
    session_id: int | None
    """Session whose books it is in, or was meant for; NULL outside of any."""
    target_table: str | None
    """Table of the record that was made of it; NULL where none was."""
    target_id: int | None
    """Identifier of that record, where it was made by itself."""
    target_request_id: UUID | None
    """request_id of that record, where it was loaded in bulk."""
    reason: str | None
    """What was adjusted, with both figures, or why it is in quarantine; NULL where the record says what the row said.
    """
    content: Json | None
    """Of a row in quarantine all of it, as it was; else what of it has no place in the record, such as a liquidation
    price.
    """


class NewImportedRow(NamedTuple):
    """A row of a source and what became of it: the columns of imported_rows, with the same meanings."""

    source_table: str
    """Table, or kind of record, in the source."""
    source_key: str
    """The row's identifier in the source."""
    outcome: ImportOutcome | ImportOutcomeLabel
    """What became of it."""
    content_hash: int
    """Hash of its content: a row that has changed in the source is looked at again."""
    session_id: int | None = None
    """Session whose books it is in; None outside of any."""
    target_table: str | None = None
    """Table of the record that was made of it; None where none was."""
    target_id: int | None = None
    """Identifier of that record, where it was made by itself."""
    target_request_id: UUID | None = None
    """request_id of that record, where it was loaded in bulk."""
    reason: str | None = None
    """What was adjusted, with both figures, or why it is in quarantine."""
    content: Json | None = None
    """Of a row in quarantine all of it, as it was; else what of it has no place in the record."""


@command
def register_source(
    *, kind: str, name: str, fingerprint: str, time_zone: str | None = None, timestamp: datetime = NOW
) -> int:
    """Register a source of imports, or find it again; its id.

    A source is kind, name and fingerprint together; time_zone and timestamp are those of the first time.
    """
    ...


@command
def record_imported_rows(*, source_id: int, rows: Sequence[NewImportedRow], timestamp: datetime = NOW) -> int:
    """Record what became of rows of a source, or became of them now that they have changed; how many rows there were.

    No two of the rows may have the same table and key.
    """
    ...


@query
def get_import_sources() -> list[ImportSource]:
    """The sources that something was imported from, oldest first."""
    ...


@query
def get_imported_keys(*, source_id: int) -> list[ImportedKey]:
    """The rows of a source that were imported before, by table and key."""
    ...


@query
def get_import_counts(*, source_id: int) -> list[ImportCount]:
    """How many rows of each table of a source ended as what."""
    ...


@query
def get_quarantine(*, source_id: int) -> list[QuarantinedRow]:
    """The rows of a source that are in quarantine, each as it was, with the reason."""
    ...


@query
def get_newest_fills(*, session_id: int) -> list[NewestFill]:
    """When the newest fill of each symbol of a session happened."""
    ...


@query
def get_order_keys(*, session_id: int) -> list[OrderKey]:
    """The orders of a session by the identifier that their import gave them, and the positions that they belong to."""
    ...


@query
def get_planned_positions(*, order_ids: Json) -> list[PlannedPosition]:
    """The positions of a list of orders that have one; ids of no order are left out."""
    ...


@query
def find_imported(*, source_table: str, source_key: str) -> list[FoundRow]:
    """What became of a row of any source, by its identifier there."""
    ...
