"""What became of rows of a source, as it is recorded, counted and known again in a later run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from atb_db.errors import AtbDbError, IdempotencyConflict
from atb_db.importing.errors import Unfit
from atb_db.importing.plan import IMPORTED_OTHERWISE, Origin, Unit, as_document, changed_key
from atb_db.importing.results import Fate
from atb_db.importing.run import Run
from atb_db.repository.imports import ImportedKey, NewImportedRow
from atb_db.types import ImportOutcome


def known_before(run: Run, origin: Origin) -> ImportedKey | None:
    """What an earlier run made of the same row, or of the same change of it."""
    for key in (origin.key, changed_key(origin.key)):
        before = run.known.get((origin.table, key))
        if before is not None and before.content_hash == origin.content_hash:
            return before
    return None


def count_known(unit: Unit, before: Iterable[ImportedKey | None], tally: dict[str, Counter[str]]) -> None:
    """Count rows that an earlier run has dealt with."""
    for origin, known in zip(unit.origins, before, strict=True):
        if known is not None:
            tally[origin.table]["known"] += 1
            tally[origin.table][known.outcome] += 1


def counted(rows: Sequence[NewImportedRow], tally: dict[str, Counter[str]]) -> list[Fate]:
    """Count rows that were dealt with now; the fates that have a reason."""
    for row in rows:
        tally[row.source_table][str(row.outcome)] += 1
    return [
        Fate(row.source_table, row.source_key, ImportOutcome(row.outcome), row.reason)
        for row in rows
        if row.reason is not None
    ]


def recorded(run: Run, origin: Origin, session_id: int | None, results: dict[str, int | None]) -> NewImportedRow:
    """The row that became a record, or nothing but itself."""
    kept = origin.row if origin.outcome is ImportOutcome.QUARANTINED else origin.extra
    target_id = None
    if origin.target is not None:
        if origin.target in results:
            target_id = results[origin.target]
        else:
            target_id = run.position(origin.target) if origin.of_position else run.order(origin.target)
    return NewImportedRow(
        origin.table,
        origin.key,
        origin.outcome,
        origin.content_hash,
        session_id,
        origin.target_table,
        target_id,
        None if origin.request is None else run.request(origin.request),
        origin.reason,
        None if kept is None else as_document(kept),
    )


def refused(run: Run, origin: Origin, refusal: AtbDbError | Unfit, session_id: int | None) -> NewImportedRow:
    """The row that goes into quarantine."""
    before = run.known.get((origin.table, origin.key))
    # A row that is in the books stays known as what it became there.
    in_books = before is not None and before.outcome is not ImportOutcome.QUARANTINED
    return NewImportedRow(
        origin.table,
        changed_key(origin.key) if in_books else origin.key,
        ImportOutcome.QUARANTINED,
        origin.content_hash,
        session_id,
        reason=_why(refusal, in_books=in_books),
        content=as_document(origin.row),
    )


def _why(refusal: AtbDbError | Unfit, *, in_books: bool) -> str:
    if isinstance(refusal, Unfit):
        return f"{refusal}"
    # The request_id is of the same row, as it was.
    if in_books and isinstance(refusal, IdempotencyConflict):
        return IMPORTED_OTHERWISE
    return f"the books refuse it: {refusal}"
