"""Planning the import of the incumbent's database: its sessions, in the order of time, then what stands for itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from itertools import chain
from typing import Final, NamedTuple

from atb_db.importing.errors import Unfit
from atb_db.importing.incumbent.figures import fingerprint, source_figures
from atb_db.importing.incumbent.orders import order_units
from atb_db.importing.incumbent.positions import held_positions, position_unit
from atb_db.importing.incumbent.reading import Incumbent
from atb_db.importing.incumbent.records import cache_units, history_units, kept_only, plain_units, version_units
from atb_db.importing.incumbent.replay import HeldPosition
from atb_db.importing.incumbent.sessions import book_of, session_unit
from atb_db.importing.incumbent.timed import Planned, Timed, ready
from atb_db.importing.incumbent.times import Clock
from atb_db.importing.incumbent.trades import trade_units
from atb_db.importing.plan import (
    Book,
    Difference,
    Ids,
    Origin,
    Plan,
    Row,
    Source,
    Step,
    Unit,
    merged,
    quarantined,
)
from atb_db.importing.reading import number, number_or_none, text_or_none
from atb_db.repository import account
from atb_db.statement import Statement
from atb_db.types import ImportOutcome

_ZERO: Final = Decimal(0)
_LONGEST: Final = 255
_CAUSED: Final = ("realized_pnl", "entry_fee", "exit_fee", "partial_exit", "commission", "trade_")
"""How reasons begin whose amounts come with trades and their fees."""
_AT_ONCE: Final = 500
_TRANSFERS: Final = ("withdrawal", "deposit", "transfer")
_IN_MEMORY: Final = ("positions", "orders", "partial_trades", "trades", "account_balances")
_HISTORIES: Final = {
    "correlation_matrix": ("symbol_pair", "window_days"),
    "portfolio_exposures": ("correlation_group",),
}
"""Tables of which a moment of a subject has one row, and what a subject is."""
_SINCE: Final = ("system_events", "strategy_executions", "account_history")
"""What of the other tables comes along with the sessions that --since leaves."""
_LATER: Final = (
    *("system_events", "strategy_executions", "account_history", "dynamic_performance_metrics", "risk_adjustments"),
    *("optimization_cycles", "prediction_performance", "market_sessions", "strategy_registry"),
    *("strategy_performance", "strategy_lineage", "system_control_flags", "reconciliation_audit_events"),
)


class Choice(NamedTuple):
    """What the operator says of an import."""

    time_zone: str
    account: str | None = None
    base_currency: str = "USD"
    since: datetime | None = None


def plan_incumbent(source: Incumbent, choice: Choice) -> Plan:
    """Plan an import from an open snapshot; rows of the big tables are read while the plan is carried out."""
    clock = Clock(choice.time_zone)
    left_out = 0
    sessions: list[Row] = []
    apart: list[Unit] = []
    books: list[Book] = []
    every = source.all_rows("trading_sessions")
    for row in every:
        if choice.since is not None and not row.get("is_active") and clock.about(row, "end_time") < choice.since:
            left_out += 1
            continue
        try:
            books.append(book_of(row, clock, choice.base_currency))
        except (Unfit, ValueError) as why:
            apart.append(quarantined("trading_sessions", str(row["id"]), row, f"{why}"))
            continue
        sessions.append(row)
    chosen = {row["id"] for row in sessions}
    rows: dict[str, list[Row]] = {}
    for table in _IN_MEMORY:
        read = source.all_rows(table)
        rows[table] = read if choice.since is None else [row for row in read if _is_chosen(row, chosen)]
        left_out += len(read) - len(rows[table])
    if choice.since is not None:
        places = {row["id"] for row in rows["positions"]}
        partials = [row for row in rows["partial_trades"] if row["position_id"] in places]
        left_out += len(rows["partial_trades"]) - len(partials)
        rows["partial_trades"] = partials
        left_out += sum(source.count(table, chosen) for table in _SINCE)
        others = source.columns.keys() - {"trading_sessions", *_IN_MEMORY, *_SINCE}
        left_out += sum(source.count(table) for table in others)
    differences: list[Difference] = []
    timed = _trading(rows, clock, differences, later=_is_later(source))
    known = {str(row["id"]) for row in sessions}
    units = chain(
        (session_unit(row, book) for row, book in zip(sessions, books, strict=True)),
        apart,
        merged((_within(one.make(), known) for one in sorted(timed, key=_order_of)), at_once=_AT_ONCE),
        _balances(rows["account_balances"], clock, chosen),
        _rest(source, clock, chosen, everything=choice.since is None),
        _ambiguous_times(clock, differences),
    )
    figures = tuple(source_figures(sessions, rows))
    identity = source.identity
    return Plan(
        Source("incumbent", choice.account or identity.database, fingerprint(every), choice.time_zone),
        tuple(books),
        units,
        figures,
        differences,
        left_out,
        sum(source.count(table) for table in source.columns) - left_out,
    )


def _ambiguous_times(clock: Clock, differences: list[Difference]) -> Iterator[Unit]:
    """At the end of all rows it is known how many of their times are ambiguous, or are none in the zone."""
    if clock.ambiguous:
        differences.append(
            Difference("times", f"{clock.ambiguous} lie in an hour that comes twice", "the first of the two")
        )
    if clock.skipped:
        what = f"{clock.skipped} lie in an hour that {clock.zone.key} skips: is it the zone?"
        differences.append(Difference("times", what, "as if its clocks had not gone forward"))
    yield from ()


def _is_later(source: Incumbent) -> bool:
    """Whether it is of the generation whose orders have client_order_id; its partial sizes are of the balance."""
    return "client_order_id" in source.columns.get("orders", ())


def _is_chosen(row: Row, sessions: set[object]) -> bool:
    return "session_id" not in row or row["session_id"] in sessions


def _order_of(one: Timed) -> datetime:
    return one.at


def _within(unit: Unit, sessions: set[str]) -> Unit:
    """What belongs to a session that is not in the books goes into quarantine."""
    if unit.book is None or unit.book in sessions:
        return unit
    why = f"its session {unit.book} is not in the books"
    origins = tuple(
        Origin(origin.table, origin.key, origin.row, ImportOutcome.QUARANTINED, why) for origin in unit.origins
    )
    return Unit(None, (), origins)


def _trading(
    rows: Mapping[str, Sequence[Row]], clock: Clock, differences: list[Difference], *, later: bool
) -> list[Timed]:
    timed: list[Timed] = []
    used: dict[str, set[object]] = {"orders": set(), "partial_trades": set()}
    plans: dict[object, Planned] = {}
    closing: dict[object, Row] = {}
    ahead = Clock(clock.zone.key)  # what is read twice is counted once
    for of in held_positions(rows):
        at, unit, _ = position_unit(of, ahead, later_generation=later)
        timed.append(Timed(at, partial(_of_position, of, clock, differences, later_generation=later)))
        if of.trade is not None:
            closing[of.row["id"]] = of.trade
        if unit.book is not None:
            plans[of.row["id"]] = Planned(of.row, str(unit.steps[0].order), at)
        for origin in unit.origins:
            if origin.table in used:
                used[origin.table].add(origin.row["id"])
    timed += trade_units(rows["trades"], closing, clock)
    timed += order_units(rows["orders"], used["orders"], plans, clock)
    for row in rows["partial_trades"]:
        if row["id"] not in used["partial_trades"]:
            why = f"its position {row['position_id']} is not there"
            timed.append(ready(clock.about(row, "timestamp"), quarantined("partial_trades", str(row["id"]), row, why)))
    return timed


def _of_position(of: HeldPosition, clock: Clock, differences: list[Difference], *, later_generation: bool) -> Unit:
    found = position_unit(of, clock, later_generation=later_generation)
    differences += found.differences
    return found.unit


def _balances(rows: Sequence[Row], clock: Clock, sessions: set[object]) -> Iterator[Unit]:
    """The ledger: what trades do not cause is a transfer or an adjustment, and the last balance is the source's."""
    last: dict[object, Row] = {}
    for row in rows:
        session = row.get("session_id")
        if session not in sessions:
            why = "it belongs to no session" if session is None else f"its session {session} is not in the books"
            yield quarantined("account_balances", str(row["id"]), row, why)
            continue
        try:
            balance, at = number(row, "total_balance"), clock.at(row, "last_updated")
        except Unfit as why:
            yield quarantined("account_balances", str(row["id"]), row, f"{why}")
            continue
        before = last.get(session)
        last[session] = row
        yield _balance_unit(row, None if before is None else balance - number(before, "total_balance"), at)
    for session, row in last.items():
        yield Unit(str(session), (Step(partial(_settle, row=row, at=clock.at(row, "last_updated"))),), (_settled(row),))


def _balance_unit(row: Row, delta: Decimal | None, at: datetime) -> Unit:
    whole = text_or_none(row, "update_reason") or "not recorded"
    reason = whole[:_LONGEST].strip()
    key, book = str(row["id"]), str(row["session_id"])
    if delta is None or delta == 0 or reason.lower().startswith(_CAUSED):
        return Unit(book, (), (Origin("account_balances", key, row, target_table="account_balances"),))
    is_transfer = reason.lower().startswith(_TRANSFERS)
    step = Step(partial(_changed, row=row, delta=delta, at=at, reason=reason, is_transfer=is_transfer))
    notes = [] if is_transfer else [f"{delta:f} that no trade or fee causes is an adjustment"]
    if whole != reason:
        notes.append(f"its reason was longer than {_LONGEST} characters, and is kept whole beside it")
    origin = Origin(
        *("account_balances", key, row),
        ImportOutcome.ADJUSTED if notes else ImportOutcome.RECORD,
        "; ".join(notes) or None,
        {"update_reason": whole} if whole != reason else None,
        "account_balances",
    )
    return Unit(book, (step,), (origin,))


def _changed(ids: Ids, *, row: Row, delta: Decimal, at: datetime, reason: str, is_transfer: bool) -> Statement[object]:
    by = text_or_none(row, "updated_by") or "incumbent"
    request = ids.request(f"balance {row['id']}")
    if is_transfer:
        return account.record_transfer(
            session_id=ids.session_id, amount=delta, reason=reason, updated_by=by, timestamp=at, request_id=request
        )
    return account.adjust_balance(
        session_id=ids.session_id, delta=delta, reason=reason, updated_by=by, timestamp=at, request_id=request
    )


def _settle(ids: Ids, *, row: Row, at: datetime) -> Statement[object]:
    return account.set_balance(
        session_id=ids.session_id,
        balance=number(row, "total_balance"),
        reserved_balance=number_or_none(row, "reserved_balance") or _ZERO,
        reason="the incumbent's last balance",
        updated_by="import",
        timestamp=at,
        request_id=ids.request(f"last balance {row['id']}"),
    )


def _settled(row: Row) -> Origin:
    """The adjustment to the last balance, counted beside the tables."""
    kept = {"session_id": row["session_id"], "total_balance": row["total_balance"]}
    return Origin("(last balance)", f"{row['session_id']}: {row['id']}", kept, target_table="account_balances")


def _rest(source: Incumbent, clock: Clock, sessions: set[object], *, everything: bool) -> Iterator[Unit]:
    if not everything:
        for table in _SINCE:
            yield from plain_units(
                table, (row for row in source.rows(table) if row.get("session_id") in sessions), clock, sessions
            )
        return
    for table in _LATER:
        yield from plain_units(table, source.rows(table), clock, sessions)
        if table == "strategy_registry":
            registered = list(source.rows("strategy_registry"))
            yield from version_units(source.rows("strategy_versions"), registered, clock)
    for table, subject in _HISTORIES.items():
        yield from history_units(table, partial(source.rows, table), clock, subject)
    yield from cache_units(source.rows("prediction_cache"), clock, datetime.now(UTC))
    yield from kept_only("performance_metrics", source.rows("performance_metrics"), "it follows from the trades")
