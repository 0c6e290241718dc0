"""What is around the trades of freqtrade: pair locks, wallets, its own notes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Final

from atb_db.importing.freqtrade.choice import Choice
from atb_db.importing.plan import Ids, Origin, Row, Step, Unit
from atb_db.importing.reading import is_before, number, number_or_none, utc
from atb_db.repository import account, events
from atb_db.statement import Statement
from atb_db.types import ImportOutcome

TIMED: Final = {"pairlocks": "lock_time", "wallet_history": "timestamp"}
"""The column with each table's times, for `--since`."""


def surroundings(tables: Mapping[str, Sequence[Row]], book: str | None, choice: Choice) -> Iterator[Unit]:
    """Pair locks as events, wallets as snapshots; what is the bot's own business is kept as it is."""
    for row in tables.get("pairlocks", ()):
        if is_before(row, TIMED["pairlocks"], choice.since):
            continue
        origin = Origin("pairlocks", str(row["id"]), row, target_table="system_events", target="event")
        if book is None:
            why = "there is no trade, and so no session that it could be an event of: kept as it was"
            kept = origin._replace(outcome=ImportOutcome.ADJUSTED, reason=why, extra=row, target=None)
            yield Unit(None, (), (kept._replace(target_table=None),))
            continue
        yield Unit(book, (Step(partial(_lock, row=row), target="event"),), (origin,))
    for row in tables.get("wallet_history", ()):
        if is_before(row, TIMED["wallet_history"], choice.since):
            continue
        origin = Origin("wallet_history", str(row["id"]), row, target_table="account_history", target="snapshot")
        if book is None or not book.endswith(f" {row.get('currency')}"):
            why = "a wallet in another currency than the session's, kept as it was"
            kept = origin._replace(outcome=ImportOutcome.ADJUSTED, reason=why, extra=row, target=None)
            yield Unit(None, (), (kept._replace(target_table=None),))
            continue
        yield Unit(book, (Step(partial(_snapshot, row=row), target="snapshot"),), (origin,))
    for row in tables.get("KeyValueStore", ()):
        why = "freqtrade's own business, kept as it was"
        yield Unit(None, (), (Origin("KeyValueStore", str(row["key"]), row, ImportOutcome.ADJUSTED, why, extra=row),))


def _lock(ids: Ids, *, row: Row) -> Statement[object]:
    until = f"{utc(row, 'lock_end_time'):%Y-%m-%d %H:%M:%S} UTC"
    return events.log_event(
        event_type="WARNING",
        severity="INFO",
        message=f"{row['pair']} is locked until {until}: {row.get('reason') or 'no reason given'}",
        session_id=ids.session_id,
        timestamp=utc(row, "lock_time"),
        details={name: row.get(name) for name in ("pair", "side", "reason", "lock_end_time", "active")},
        component="freqtrade pairlocks",
        request_id=ids.request(f"pair lock {row['id']}"),
    )


def _snapshot(ids: Ids, *, row: Row) -> Statement[object]:
    return account.log_account_snapshot(
        session_id=ids.session_id,
        balance=number(row, "balance"),
        equity=number_or_none(row, "total_quote") or number(row, "balance"),
        timestamp=utc(row, "timestamp"),
        request_id=ids.request(f"wallet {row['id']}"),
    )
