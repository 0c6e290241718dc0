"""One example of every statement about imports, and what they find."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final
from uuid import UUID

from atb_db import Database
from atb_db.repository import bookings, imports
from atb_db.repository.bookings import NewOrder, NewReport
from atb_db.repository.imports import NewImportedRow

if TYPE_CHECKING:
    from atb_db.statement import Statement
    from tests.statements.examples import World

_AT: Final = datetime(2024, 3, 1, 9, tzinfo=UTC)
_ROW: Final = NewImportedRow(
    source_table="trades",
    source_key="4711",
    outcome="ADJUSTED",
    content_hash=7,
    target_table="trades",
    target_id=1,
    target_request_id=UUID(int=1),
    reason="its pnl was 1, and is 2",
    content={"leverage": 3},
)


def prepare_imports(db: Database) -> None:
    """A source with a row in quarantine; its id is 1."""
    source_id = db.run(imports.register_source(kind="freqtrade", name="bot", fingerprint="x", timestamp=_AT))
    quarantined = _ROW._replace(source_key="1", outcome="QUARANTINED", target_table=None, target_id=None)
    db.run(imports.record_imported_rows(source_id=source_id, rows=[quarantined], timestamp=_AT))


IMPORT_EXAMPLES: Final[dict[str, Callable[[World], Statement[object]]]] = {
    "imports.register_source": lambda _: imports.register_source(
        kind="incumbent", name="ai_trading_bot", fingerprint="y", time_zone="Europe/Berlin", timestamp=_AT
    ),
    "imports.record_imported_rows": lambda world: imports.record_imported_rows(
        source_id=1, rows=[_ROW._replace(session_id=world.session_id)], timestamp=_AT
    ),
    "imports.get_import_sources": lambda _: imports.get_import_sources(),
    "imports.get_imported_keys": lambda _: imports.get_imported_keys(source_id=1),
    "imports.get_import_counts": lambda _: imports.get_import_counts(source_id=1),
    "imports.get_quarantine": lambda _: imports.get_quarantine(source_id=1),
    "imports.get_newest_fills": lambda world: imports.get_newest_fills(session_id=world.session_id),
    "imports.get_order_keys": lambda world: imports.get_order_keys(session_id=world.session_id),
    "imports.get_planned_positions": lambda _: imports.get_planned_positions(order_ids=[1, 2, 3]),
    "imports.find_imported": lambda _: imports.find_imported(source_table="trades", source_key="1"),
    "bookings.log_positions": lambda world: bookings.log_positions(
        session_id=world.session_id,
        orders=[
            NewOrder("ENTRY", "BTCUSDT", "LONG", 2, "logged entry", _AT, size="0.1"),
            NewOrder("PARTIAL_EXIT", "BTCUSDT", "LONG", 1, "logged exit", _AT, entry="logged entry"),
            NewOrder("FULL_EXIT", "BTCUSDT", "LONG", 1, "logged close", _AT, entry="logged entry", reason="target"),
        ],
        reports=[
            NewReport("logged entry", _AT, exchange_fill_id="f", quantity=2, price=100, fee=1, fee_currency="USDT"),
            NewReport("logged entry", _AT, funding=-1),
            NewReport("logged exit", _AT, status="FILLED", quantity=1, price=110, pnl=1),
            NewReport("logged close", _AT, status="FILLED", quantity=1, price=120, commission=1),
        ],
    ),
}
