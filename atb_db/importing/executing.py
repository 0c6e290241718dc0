"""Carrying out a plan: what is stored and what became of its rows are one transaction, so that a run can be killed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from decimal import Decimal
from typing import Final, NamedTuple, TypeAlias

from atb_db.database import Database
from atb_db.database.sync.transaction import Transaction
from atb_db.errors import AtbDbError, Conflict, InvalidInput, NotFound
from atb_db.importing.ahead import made_ahead
from atb_db.importing.errors import Unfit, UnusableSource
from atb_db.importing.fates import count_known, counted, known_before, recorded, refused
from atb_db.importing.plan import IMPORTED_OTHERWISE, Book, Difference, Plan, Unit, as_document
from atb_db.importing.results import Counted, Fate, Imported, ImportedBook
from atb_db.importing.run import BOOKS, Run
from atb_db.importing.sending import Sending
from atb_db.repository import account, imports, metrics, positions, sessions
from atb_db.repository.imports import NewImportedRow
from atb_db.repository.positions import Position
from atb_db.types import PositionStatus

RowsDone: TypeAlias = Callable[[str, int, int | None], None]
"""Called with what is being done, how many rows are done, and about how many there are."""


_REFUSALS: Final = (InvalidInput, Conflict, NotFound, Unfit)
"""What the books refuse for what a row says; anything else ends the import."""


_TOLERANCE: Final = Decimal("0.000001")


_AT_ONCE: Final = 300
"""Rows of a transaction, or a few more; where a unit is refused, ever fewer."""


_Begin: TypeAlias = Callable[[], AbstractContextManager[Transaction]]


class _OtherFigures(Exception):  # noqa: N818
    """Ends the transaction in which a closed position would have got other figures."""


class _NotForGood(Exception):  # noqa: N818
    """Ends the transaction of a dry run."""


def carry_out(db: Database, plan: Plan, *, dry_run: bool, progress: RowsDone) -> Imported:
    """Store what is new in the plan; in a dry run all of it is done in one transaction that is taken back."""
    found: list[Imported] = []
    with _transactions(db, dry_run=dry_run) as begin:
        with begin() as tx:
            source_id = tx.run(imports.register_source(**plan.source._asdict()))
            _same_zone(tx, source_id, plan.source.time_zone)
            run = Run(source_id, tx.run(imports.get_imported_keys(source_id=source_id)))
            for book in plan.books:
                run.sessions[book.key] = _session(tx, run, book)
        tally: dict[str, Counter[str]] = {}
        with made_ahead(plan.units) as units:
            fates = _store_all(begin, run, units, tally, lambda done: progress("Importing", done, plan.expected))
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
                tuple(run.sessions[book.key] for book in plan.books if (BOOKS, book.key) not in run.known),
            )
        )
    return found[0]


def _store_all(
    begin: _Begin, run: Run, units: Iterable[Unit], tally: dict[str, Counter[str]], progress: Callable[[int], None]
) -> list[Fate]:
    """Store the units that are new, many in a transaction, and count their rows."""
    fates: list[Fate] = []
    new: list[Unit] = []
    done = waiting = 0
    for unit in units:
        done += len(unit.origins)
        progress(done)
        for origin in unit.origins:
            tally.setdefault(origin.table, Counter())["rows"] += 1
        before = [known_before(run, origin) for origin in unit.origins]
        if all(before):
            count_known(unit, before, tally)
            continue
        if unit.severable and any(before):
            # To load once more what is there would be refused.
            count_known(unit, before, tally)
            unit = unit.only([known is None for known in before])  # noqa: PLW2901
        if (position_id := _position_of(run, unit)) is not None:
            # What is said of a closed position now may be booked once more: it is looked at alone.
            fates += _store(begin, run, new, tally)
            new.clear()
            waiting = 0
            fates += _store_later(begin, run, unit, position_id, tally)
            continue
        new.append(unit)
        waiting += len(unit.origins)
        if waiting >= _AT_ONCE:
            fates += _store(begin, run, new, tally)
            new.clear()
            waiting = 0
    return fates + _store(begin, run, new, tally)


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


def _position_of(run: Run, unit: Unit) -> int | None:
    """The position that an earlier run made of it; None where there is none."""
    known = (run.known.get((origin.table, origin.key)) for origin in unit.origins if origin.of_position)
    return next((one.target_id for one in known if one is not None and one.target_id is not None), None)


def _store_later(begin: _Begin, run: Run, unit: Unit, position_id: int, tally: dict[str, Counter[str]]) -> list[Fate]:
    """Store what has changed in a position: one that was open goes on, the figures of one that was closed stay."""
    was = None
    with suppress(NotFound), begin() as tx:  # it is planned, and nothing of it is filled
        was = _figures(tx, position_id)
    if was is None or was.position.status is not PositionStatus.CLOSED:
        return _store(begin, run, [unit], tally)
    own: dict[str, Counter[str]] = {origin.table: Counter() for origin in unit.origins}

    @contextmanager
    def begin_and_compare() -> Iterator[Transaction]:
        with begin() as tx:
            yield tx
            if _figures(tx, position_id) != was:
                raise _OtherFigures

    try:
        fates = _store(begin_and_compare, run, [unit], own)
    except _OtherFigures:
        run.forget()
        before = [known_before(run, origin) for origin in unit.origins]
        count_known(unit, before, tally)
        fresh = tuple(origin for origin, known in zip(unit.origins, before, strict=True) if known is None)
        return _quarantine(begin, run, unit._replace(origins=fresh), Unfit(IMPORTED_OTHERWISE), tally)
    for table, outcomes in own.items():
        tally[table].update(outcomes)
    return fates


class _Figures(NamedTuple):
    """What must not change in a closed position."""

    position: Position
    balance: Decimal


def _figures(tx: Transaction, position_id: int) -> _Figures:
    position = tx.run(positions.get_position(position_id=position_id))
    # What is beside the figures, such as a reason or when something was last said, may.
    plain = position._replace(orders=(), last_update=position.entry_time)
    return _Figures(plain, tx.run(account.get_current_balance(session_id=position.session_id)))


def _same_zone(tx: Transaction, source_id: int, zone: str | None) -> None:
    """Refuse another reading of the same source's times: its old rows and its new ones would contradict each other.

    Raises:
        UnusableSource: earlier imports read them in another zone.
    """
    [before] = [one for one in tx.run(imports.get_import_sources()) if one.id == source_id]
    if before.time_zone != zone:
        raise UnusableSource(
            f"earlier imports read its times with --timezone {before.time_zone}: "
            "use that again, or give another --account"
        )


def _session(tx: Transaction, run: Run, book: Book) -> int:
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
    tx.run(imports.record_imported_rows(source_id=run.source_id, rows=[_book_row(book.key, session_id)]))
    return session_id


def _book_row(key: str, session_id: int) -> NewImportedRow:
    return NewImportedRow(
        BOOKS, key, "RECORD", 0, session_id=session_id, target_table="trading_sessions", target_id=session_id
    )


def _gone_on(run: Run, rows: Sequence[NewImportedRow]) -> list[NewImportedRow]:
    """The sessions of an earlier run that get rows in this one: what is newer than that is an engine's."""
    reached = {row.session_id for row in rows}
    return [
        _book_row(key, session_id)
        for key, session_id in run.sessions.items()
        if session_id in reached and (BOOKS, key) in run.known
    ]


def _store(
    begin: _Begin, run: Run, units: list[Unit], tally: dict[str, Counter[str]], *, at_once: bool = True
) -> list[Fate]:
    """Store units in one transaction; where the books refuse one of them, each half, until it is alone.

    Then it is carried out by single commands, unless it was before: what they book is more, and what they refuse they
    say better.
    """
    if not units:
        return []
    try:
        with begin() as tx:
            rows = _carried_out(tx, run, units, at_once=at_once)
            tx.run(imports.record_imported_rows(source_id=run.source_id, rows=[*rows, *_gone_on(run, rows)]))
        run.keep()
    except _REFUSALS as refusal:
        run.forget()
        if len(units) == 1 and at_once:
            return _store(begin, run, units, tally, at_once=False)
        if len(units) == 1:
            units = units[0].halves()
        if len(units) > 1:
            half = len(units) // 2
            return [
                fate
                for some in (units[:half], units[half:])
                for fate in _store(begin, run, some, tally, at_once=at_once)
            ]
        return _quarantine(begin, run, units[0], refusal, tally)
    return counted(rows, tally)


def _quarantine(
    begin: _Begin, run: Run, unit: Unit, refusal: AtbDbError | Unfit, tally: dict[str, Counter[str]]
) -> list[Fate]:
    session_id = run.sessions.get(unit.book or "")
    rows = [refused(run, origin, refusal, session_id) for origin in unit.origins]
    with begin() as tx:
        tx.run(imports.record_imported_rows(source_id=run.source_id, rows=rows))
    return counted(rows, tally)


def _carried_out(tx: Transaction, run: Run, units: Sequence[Unit], *, at_once: bool) -> list[NewImportedRow]:
    sending = Sending(tx, run, at_once=at_once)
    results = sending.send_all(units)
    rows = []
    for unit, result in zip(units, results, strict=True):
        session_id = sending.within(unit)
        rows += [recorded(run, origin, session_id, result) for origin in unit.origins]
    return rows


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
