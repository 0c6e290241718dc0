"""Imports from beginning to end: a source is read, planned without I/O, and carried out."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from atb_db.config import Settings
from atb_db.database import Database
from atb_db.importing.executing import Progress, carry_out
from atb_db.importing.executions import Held
from atb_db.importing.files import read_rows
from atb_db.importing.freqtrade.choice import Choice
from atb_db.importing.freqtrade.file import read_freqtrade
from atb_db.importing.freqtrade.planning import plan_freqtrade
from atb_db.importing.incumbent.planning import Choice as IncumbentChoice
from atb_db.importing.incumbent.planning import plan_incumbent
from atb_db.importing.incumbent.reading import both_readings, reading_incumbent
from atb_db.importing.plan import Source
from atb_db.importing.results import Imported
from atb_db.importing.run import BOOKS
from atb_db.importing.trade_files import Before, Wishes, plan_trades, source_of
from atb_db.repository import imports, positions
from atb_db.types import ImportOutcome, OrderType, PositionSide


def import_trades(settings: Settings, path: Path, wishes: Wishes, *, dry_run: bool, progress: Progress) -> Imported:
    """Import a file of trades.

    Raises:
        UnusableSource: the file cannot be read, or is of no format that is known; nothing was written.
        Unavailable: the database cannot be reached; what was stored is whole, and another run goes on.
    """
    rows = read_rows(path)
    source = source_of(rows, wishes)
    with Database(_patient(settings)) as db:
        plan = plan_trades(rows, wishes, _before(db, source))
        return carry_out(db, plan, dry_run=dry_run, progress=progress)


def import_freqtrade(settings: Settings, path: Path, choice: Choice, *, dry_run: bool, progress: Progress) -> Imported:
    """Import a freqtrade database, which may be in use.

    Raises:
        UnusableSource: the file cannot be read, or is not freqtrade's; nothing was written.
        Unavailable: the database cannot be reached; what was stored is whole, and another run goes on.
    """
    plan = plan_freqtrade(read_freqtrade(path), choice)
    with Database(_patient(settings)) as db:
        return carry_out(db, plan, dry_run=dry_run, progress=progress)


def import_incumbent(
    settings: Settings, source: Settings, choice: IncumbentChoice, *, dry_run: bool, progress: Progress
) -> Imported:
    """Import the incumbent's database, which may be in use: one snapshot of it is read.

    Raises:
        UnusableSource: it is not the incumbent's; nothing was written.
        Unavailable: one of the two cannot be reached; what was stored is whole, and another run goes on.
    """
    with reading_incumbent(source) as incumbent, Database(_patient(settings)) as db:
        return carry_out(db, plan_incumbent(incumbent, choice), dry_run=dry_run, progress=progress)


def time_in_both_readings(source: Settings) -> str:
    """Why a zone is needed: a time of the incumbent's, read as UTC and as its server's zone.

    Raises:
        UnusableSource: it is not the incumbent's.
        Unavailable: it cannot be reached.
    """
    with reading_incumbent(source) as incumbent:
        zone = incumbent.identity.server_zone
        shown = both_readings(incumbent, zone)
        return f"its times have no zone: say which; its server's is {zone} now. {shown}".strip()


def _patient(settings: Settings) -> Settings:
    """One connection, whose transactions may take as long as a dry run of everything takes."""
    return settings._replace(pool_min=1, pool_max=1, deadline=0, query_deadline=0, statement_timeout=0, idle_timeout=0)


def _before(db: Database, source: Source) -> Before:
    """What earlier imports of the account have left."""
    earlier = [
        one
        for one in db.run(imports.get_import_sources())
        if (one.kind, one.name, one.fingerprint) == (source.kind, source.name, source.fingerprint)
    ]
    if not earlier:
        return Before()
    keys = db.run(imports.get_imported_keys(source_id=earlier[0].id))
    held: dict[tuple[str, str], Held] = {}
    newest: dict[tuple[str, str], datetime] = {}
    for book in keys:
        if book.source_table != BOOKS or book.session_id is None:
            continue
        for fill in db.run(imports.get_newest_fills(session_id=book.session_id)):
            newest[book.source_key, fill.symbol] = fill.filled_at
        for position in db.run(positions.get_active_positions(session_id=book.session_id)):
            entry = next((one.internal_order_id for one in position.orders if one.order_type is OrderType.ENTRY), None)
            if entry is not None:
                units = position.current_quantity * (1 if position.side is PositionSide.LONG else -1)
                held[book.source_key, position.symbol] = Held(entry, units)
    rows = [one for one in keys if one.source_table != BOOKS]
    known = {(one.source_table, one.source_key): one.content_hash for one in rows}
    refused = {(one.source_table, one.source_key) for one in rows if one.outcome is ImportOutcome.QUARANTINED}
    return Before(known, refused, held, newest)
