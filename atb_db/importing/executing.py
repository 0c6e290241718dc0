"""Carrying out a plan: what is stored and what became of its rows are one transaction, so that a run can be killed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from decimal import Decimal
from typing import Final, NamedTuple, TypeAlias
from uuid import UUID

from atb_db.database import Database
from atb_db.database.sync.transaction import Transaction
from atb_db.errors import AtbDbError, Conflict, InvalidInput, NotFound
from atb_db.importing.errors import Unfit
from atb_db.importing.plan import Book, Difference, Ids, Origin, Plan, Source, Unit, as_document
from atb_db.repository import account, imports, metrics, orders, positions, sessions
from atb_db.repository.imports import ImportedKey, NewImportedRow
from atb_db.types import ImportOutcome
from atb_db.values import request_id_of

Told: TypeAlias = Callable[[str, int, int | None], None]
"""Called with what is being done, how much of it is done, and the total."""

_REFUSALS: Final = (InvalidInput, Conflict, NotFound, Unfit)
"""What the books refuse for what a row says; anything else ends the import."""
_TOLERANCE: Final = Decimal("0.000001")
_AT_ONCE: Final = 200
BOOKS: Final = "(book)"
"""In the place of a source's table: the sessions that were made."""
_Begin: TypeAlias = Callable[[], AbstractContextManager[Transaction]]
"""Rows in one transaction, or a few more; where a unit is refused, each has its own."""


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
    """Rows before --since."""

    @property
    def quarantined(self) -> int:
        """Rows in quarantine."""
        return sum(one.quarantined for one in self.counts)


class _NotForGood(Exception):  # noqa: N818
    """Ends the transaction of a dry run."""


class _Run(Ids):
    """One run on one connection; `Ids` for the steps of the unit at hand."""

    def __init__(self, source_id: int, known: Iterable[ImportedKey]) -> None:
        self.source_id = source_id
        self.session_id = 0
        self.known = {(row.source_table, row.source_key): row for row in known}
        self.sessions: dict[str, int] = {}
        self._orders: dict[tuple[int, str], int] = {}
        self._positions: dict[tuple[int, str], int] = {}
        self._looked_up: set[int] = set()
        self._transaction: Transaction | None = None

    def within(self, transaction: Transaction, session_id: int | None) -> None:
        """What comes is of this session, whose orders are looked up the first time."""
        self._transaction, self.session_id = transaction, session_id or 0
        if session_id is None or session_id in self._looked_up:
            return
        for one in transaction.run(imports.get_order_keys(session_id=session_id)):
            if one.internal_order_id is not None:
                self._orders[session_id, one.internal_order_id] = one.id
                if one.position_id is not None:
                    self._positions[session_id, one.internal_order_id] = one.position_id
        self._looked_up.add(session_id)

    def forget(self) -> None:
        """What was made in a transaction that was rolled back."""
        self._orders.clear()
        self._positions.clear()
        self._looked_up.clear()

    def made(self, key: str, order_id: int) -> None:
        """An order was made under this key."""
        self._orders[self.session_id, key] = order_id

    def knows(self, key: str) -> bool:
        """Whether an order was made under this key, now or earlier."""
        return (self.session_id, key) in self._orders

    def order(self, key: str) -> int:
        """As `Ids.order`."""
        if not self.knows(key):
            raise NotFound(f"order {key} was not imported")
        return self._orders[self.session_id, key]

    def position(self, key: str) -> int:
        """As `Ids.position`."""
        order_id = self.order(key)
        found = self._positions.get((self.session_id, key))
        if found is None and self._transaction is not None:
            found = self._transaction.run(orders.get_order(order_id=order_id)).position_id
        if found is None:
            raise NotFound(f"order {key} has no position")
        self._positions[self.session_id, key] = found
        return found

    def request(self, key: str) -> UUID:
        """As `Ids.request`."""
        return request_id_of(f"import {self.source_id}: {key}")


def carry_out(db: Database, plan: Plan, *, dry_run: bool, told: Told) -> Imported:
    """Store what is new in the plan; in a dry run all of it is done in one transaction that is taken back."""
    found: list[Imported] = []
    with _transactions(db, dry_run=dry_run) as begin:
        with begin() as tx:
            source_id = tx.run(imports.register_source(**plan.source._asdict()))
            run = _Run(source_id, tx.run(imports.get_imported_keys(source_id=source_id)))
            for book in plan.books:
                run.sessions[book.key] = _session(tx, run, book)
        tally: dict[str, Counter[str]] = {}
        fates: list[Fate] = []
        new: list[Unit] = []
        done = waiting = 0
        for unit in plan.units:
            done += len(unit.origins)
            for origin in unit.origins:
                tally.setdefault(origin.table, Counter())["rows"] += 1
            if all(_is_known(run, origin) for origin in unit.origins):
                for origin in unit.origins:
                    tally[origin.table]["known"] += 1
                    tally[origin.table][run.known[origin.table, origin.key].outcome] += 1
                continue
            new.append(unit)
            waiting += len(unit.origins)
            if waiting >= _AT_ONCE:
                fates += _store(begin, run, new, tally)
                new.clear()
                waiting = 0
            told("Importing", done, plan.expected)
        fates += _store(begin, run, new, tally)
        with begin() as tx:
            for book in plan.books:
                if book.end_time is not None:
                    tx.run(sessions.end_trading_session(session_id=run.sessions[book.key], end_time=book.end_time))
        with begin() as tx:
            books = tuple(_book(tx, run.sessions[book.key], book) for book in plan.books)
        counts = tuple(
            Counted(table, one["rows"], one["RECORD"], one["ADJUSTED"], one["QUARANTINED"], one["known"])
            for table, one in sorted(tally.items())
        )
        found.append(
            Imported(
                source_id,
                plan.source,
                dry_run,
                counts,
                books,
                tuple(fates),
                (*plan.differences, *_compare(plan, books)),
                plan.left_out,
            )
        )
    return found[0]


@contextmanager
def _transactions(db: Database, *, dry_run: bool) -> Iterator[_Begin]:
    """How to begin a transaction: one of its own, or in a dry run a part of one that is taken back at the end."""
    if not dry_run:
        yield db.transaction
        return
    try:
        with db.transaction() as outer:
            yield outer.transaction
            raise _NotForGood
    except _NotForGood:
        pass


def _is_known(run: _Run, origin: Origin) -> bool:
    before = run.known.get((origin.table, origin.key))
    return before is not None and before.content_hash == origin.content_hash


def _session(tx: Transaction, run: _Run, book: Book) -> int:
    before = run.known.get((BOOKS, book.key))
    if before is not None and before.session_id is not None:
        return before.session_id
    session_id = tx.run(
        sessions.create_trading_session(
            strategy_name=book.strategy_name,
            symbol=book.symbol,
            timeframe=book.timeframe,
            mode=book.mode,
            initial_balance=book.initial_balance,
            session_name=book.name,
            exchange=book.exchange,
            base_currency=book.base_currency,
            start_time=book.start_time,
            strategy_config=None if book.strategy_config is None else as_document(book.strategy_config),
            request_id=run.request(f"session {book.key}"),
        )
    )
    made = NewImportedRow(
        BOOKS, book.key, "RECORD", 0, session_id=session_id, target_table="trading_sessions", target_id=session_id
    )
    tx.run(imports.record_imported_rows(source_id=run.source_id, rows=[made]))
    return session_id


def _store(begin: _Begin, run: _Run, units: list[Unit], tally: dict[str, Counter[str]]) -> list[Fate]:
    """Store units in one transaction; where the books refuse one of them, each in its own, and its rows apart."""
    if not units:
        return []
    try:
        with begin() as tx:
            rows = [row for unit in units for row in _carried_out(tx, run, unit)]
            tx.run(imports.record_imported_rows(source_id=run.source_id, rows=rows))
    except _REFUSALS as refusal:
        run.forget()
        if len(units) == 1:
            units = units[0].halves()
        if len(units) > 1:
            return [fate for unit in units for fate in _store(begin, run, [unit], tally)]
        rows = [_refused(origin, refusal) for origin in units[0].origins]
        with begin() as tx:
            tx.run(imports.record_imported_rows(source_id=run.source_id, rows=rows))
    for row in rows:
        tally[row.source_table][str(row.outcome)] += 1
    return [
        Fate(row.source_table, row.source_key, ImportOutcome(row.outcome), row.reason)
        for row in rows
        if row.reason is not None
    ]


def _carried_out(tx: Transaction, run: _Run, unit: Unit) -> list[NewImportedRow]:
    session_id = run.sessions[unit.book] if unit.book is not None else None
    run.within(tx, session_id)
    results: dict[str, int | None] = {}
    if unit.copies:
        tx.copy_in(copy.make(run) for copy in unit.copies)
    elif unit.apart:
        made = tx.run_many([step.make(run) for step in unit.steps])
        for step, result in zip(unit.steps, made, strict=True):
            results[str(step.target)] = result if isinstance(result, int) else None
        return [_row(run, origin, session_id, results) for origin in unit.origins]
    for step in unit.steps:
        if step.order is not None and run.knows(step.order):
            continue
        result = tx.run(step.make(run))
        if step.order is not None and isinstance(result, int):
            run.made(step.order, result)
        if step.target is not None:
            results[step.target] = result if isinstance(result, int) else None
    return [_row(run, origin, session_id, results) for origin in unit.origins]


def _row(run: _Run, origin: Origin, session_id: int | None, results: dict[str, int | None]) -> NewImportedRow:
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


def _refused(origin: Origin, refusal: AtbDbError | Unfit) -> NewImportedRow:
    return NewImportedRow(
        origin.table,
        origin.key,
        ImportOutcome.QUARANTINED,
        origin.content_hash,
        reason=f"{refusal}" if isinstance(refusal, Unfit) else f"the books refuse it: {refusal}",
        content=as_document(origin.row),
    )


def _book(tx: Transaction, session_id: int, book: Book) -> ImportedBook:
    totals = tx.run(metrics.get_total_metrics(session_id=session_id))
    return ImportedBook(
        session_id,
        book.name,
        book.base_currency,
        0 if totals is None else totals.total_trades,
        Decimal(0) if totals is None else totals.net_pnl,
        tx.run(account.get_current_balance(session_id=session_id)),
        len(tx.run(positions.get_active_positions(session_id=session_id))),
    )


def _compare(plan: Plan, books: tuple[ImportedBook, ...]) -> list[Difference]:
    ours = {book.key: made for book, made in zip(plan.books, books, strict=True)}
    found = []
    for figure in plan.figures:
        made = getattr(ours[figure.book], figure.name)
        if abs(made - figure.value) > _TOLERANCE:
            subject = f"{ours[figure.book].name}: {figure.name}"
            found.append(Difference(subject, f"{figure.value.normalize():f}", f"{Decimal(made).normalize():f}"))
    return found
