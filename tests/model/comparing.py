"""What the model and the database each say of a session, in the same words."""

from __future__ import annotations

from decimal import Decimal
from typing import Final, TypeAlias, cast

import psycopg

from atb_db import Database
from atb_db.repository import audit, orders
from tests.model.calls import Names
from tests.model.records import BRINGS, NOISE
from tests.model.reference import Books

Said: TypeAlias = dict[str, object]
VISIBLE: Final = ("unbooked", "unconverted")
"""What the audit names, and the books hold: facts that wait for something."""

_BALANCES = "SELECT id, current_balance, end_time IS NOT NULL FROM trading_sessions WHERE id = ANY (%s)"
_ORDERS = """
    SELECT id, session_id, status::text, filled_quantity, filled_units, filled_value, commission, quantity,
           is_overfilled
      FROM orders WHERE session_id = ANY (%s)
"""
_POSITIONS = """
    SELECT id, continues_position_id, session_id, status::text, quantity, original_quantity, exited_quantity,
           unbooked_quantity, entry_notional, exit_notional, cost_basis, realized_pnl, commission, margin_interest_cost,
           funding, CASE status WHEN 'PLANNED' THEN NULL ELSE entry_time END, exit_time, exit_reason
      FROM positions WHERE session_id = ANY (%s) ORDER BY id
"""
_FILLS = """
    SELECT o.id, f.kind::text, f.exchange_fill_id, f.position_id, f.is_booked, f.booked_quantity, f.booked_value,
           f.booked_commission, f.released_cost, f.pnl, f.unconverted_pnl, f.filled_at
      FROM orders AS o JOIN order_fills AS f ON f.order_id = o.id WHERE o.session_id = ANY (%s)
"""
_PARTIALS = """
    SELECT t.order_id, t.position_id, t.quantity, coalesce(t.pnl, 0)
      FROM positions AS p JOIN partial_trades AS t ON t.position_id = p.id WHERE p.session_id = ANY (%s)
"""
_TRADES = """
    SELECT position_id, session_id, pnl, commission, margin_interest_cost, quantity, funding
      FROM trades WHERE session_id = ANY (%s)
"""
_LEDGER = """
    SELECT session_id, entry_type::text, pnl, commission, amount, position_id, update_reason = 'moved'
      FROM account_balances WHERE session_id = ANY (%s) AND entry_number > 1 ORDER BY session_id, entry_number
"""
_METRICS = """
    SELECT session_id, total_trades, winning_trades, losing_trades, gross_profit, gross_loss, commission, net_pnl
      FROM performance_metrics WHERE session_id = ANY (%s) AND period = 'ALL_TIME'
"""


def _same(value: object) -> object:
    return value.normalize() + 0 if isinstance(value, Decimal) else value


def _row(values: tuple[object, ...]) -> tuple[object, ...]:
    return tuple(_same(value) for value in values)


def recorded(connection: psycopg.Connection, names: Names) -> Said:
    """What the database says."""
    number_of = {session_id: number for number, session_id in enumerate(names.sessions)}

    def rows(query: str) -> list[tuple[object, ...]]:
        return [_row(row) for row in connection.execute(query.encode(), [names.sessions]).fetchall()]

    orders_by_id: dict[object, str] = {number: label for label, number in names.orders.items()}
    held: dict[object, str] = {number: label for label, number in names.positions.items()}
    said: Said = {f"balance {number_of[row[0]]}": row[1:] for row in rows(_BALANCES)}  # type: ignore[index]
    said |= {f"metrics {number_of[row[0]]}": row[1:] for row in rows(_METRICS)}  # type: ignore[index]
    said |= {f"order {orders_by_id.get(one, one)}": (number_of[of], *row) for one, of, *row in rows(_ORDERS)}  # type: ignore[index]
    for number, continues, session_id, *figures in rows(_POSITIONS):
        if continues is not None:
            held[number] = held[continues] + "+"
            names.positions[held[number]] = number  # type: ignore[assignment]
        said[f"position {held.get(number, number)}"] = (number_of[session_id], *figures)  # type: ignore[index]
    said["fills"] = sorted(repr((orders_by_id[row[0]], *row[1:3], held.get(row[3]), *row[4:])) for row in rows(_FILLS))
    said |= {f"partial trade {orders_by_id[row[0]]} {held[row[1]]}": row[2:] for row in rows(_PARTIALS)}
    said |= {f"trade {held[one]}": (number_of[session], *row) for one, session, *row in rows(_TRADES)}  # type: ignore[index]
    return said | _ledgers(rows(_LEDGER), number_of, held)


def _ledgers(rows: list[tuple[object, ...]], number_of: dict[int, int], held: dict[object, str]) -> Said:
    """Each session's entries but those of moves, and the sums of all that a position has brought there."""
    said: Said = {f"ledger {number}": [] for number in number_of.values()}
    brought: dict[str, dict[str, Decimal]] = {}
    for session_id, kind, pnl, commission, amount, position_id, is_moved in rows:
        session = number_of[session_id]  # type: ignore[index]
        if not is_moved:
            said[f"ledger {session}"].append((kind, pnl, commission, amount))  # type: ignore[attr-defined]
        if position_id is not None:
            sums = brought.setdefault(f"brought {session} {held[position_id]}", dict.fromkeys(BRINGS, Decimal(0)))
            for name, more in (("pnl", pnl), ("commission", commission), (str(kind), amount)):
                if more:
                    sums[name] += cast("Decimal", more)
    return said | {name: figures for name, sums in brought.items() if any(figures := _row(tuple(sums.values())))}


def expected(books: Books) -> Said:
    """What the model says."""
    said: Said = {}
    for number, account in enumerate(books.accounts):
        said[f"balance {number}"] = _row((account.balance, account.ended))
        said[f"ledger {number}"] = [_row(row) for row in account.ledger]
        for label, brought in account.brought.items():
            if any(figures := _row(tuple(brought.values()))):
                said[f"brought {number} {label}"] = figures
        if pnls := [figures for label, figures in books.trades.items() if books.positions[label].session == number]:
            said[f"metrics {number}"] = _metrics(pnls)
    for label, order in books.orders.items():
        truth = order.truth()
        over = not order.by_amount and order.filled > order.quantity * (1 + NOISE)
        filled = order.filled, truth.units, truth.value, truth.commission, order.quantity
        said[f"order {label}"] = _row((order.session, order.status, *filled, over))
    for label, p in books.positions.items():
        sums = p.quantity, p.original, p.exited, p.unbooked, p.entered_value, p.exited_value, p.cost, p.pnl
        entered = p.entry_time if p.status != "PLANNED" else None
        said[f"position {label}"] = _row(
            (p.session, p.status, *sums, p.commission, p.interest, p.funding, entered, p.exit_time, p.exit_reason)
        )
    said["fills"] = sorted(
        repr(
            (
                one.order.label, one.kind, one.name, one.position.label if one.position else None, one.booked,
                *_row((one.quantity, one.value, one.commission, one.released, one.pnl, one.unconverted)), one.at,
            )
        )
        for one in books.fills
    )  # fmt: skip
    said |= {f"partial trade {order} {held}": _row(tuple(sums)) for (order, held), sums in books.partials.items()}
    said |= {f"trade {held}": _row((books.positions[held].session, *row)) for held, row in books.trades.items()}
    return said


def _metrics(trades: list[tuple[Decimal, Decimal, Decimal, Decimal, Decimal]]) -> tuple[object, ...]:
    """Of a session's trades: P&L, fees, interest, quantity, funding."""
    wins, losses = [one[0] for one in trades if one[0] > 0], [-one[0] for one in trades if one[0] < 0]
    fees, net = sum(one[1] for one in trades), sum(one[0] - one[1] - one[2] + one[4] for one in trades)
    counts = len(trades), len(wins), len(losses)
    return _row((*counts, *map(Decimal, (sum(wins), sum(losses), fees, net))))


def _without(said: object, others: object) -> object:
    """Of a list only what the other one has not."""
    if isinstance(said, list) and isinstance(others, list):
        return [f"{number}: {row}" for number, row in enumerate(said) if row not in others] or f"{len(said)} rows"
    return said


def differences(db: Database, connection: psycopg.Connection, names: Names, books: Books) -> list[str]:
    """Where model, database and audit disagree; none when all is well."""
    theirs, ours = recorded(connection, names), expected(books)
    found = [
        f"{name}:\n    database {_without(theirs.get(name), ours.get(name))}"
        f"\n    model    {_without(ours.get(name), theirs.get(name))}"
        for name in sorted(theirs.keys() | ours.keys())
        if theirs.get(name) != ours.get(name)
    ]
    by_id = {number: label for label, number in names.orders.items()}
    unbooked = {
        (number, by_id[one.order_id])
        for number, session_id in enumerate(names.sessions)
        for one in db.run(orders.get_unbooked_orders(session_id=session_id))
    }
    loose = {(one.order.session, one.order.label) for one in books.fills if not one.booked}
    unpriced = {
        (one.session, label)
        for label, one in books.orders.items()
        if one.total > one.recorded and one.total_value is None
    }
    if unbooked != loose | unpriced:
        found.append(f"unbooked orders: database {unbooked}, model {loose | unpriced}")
    for session_id in names.sessions:
        findings = db.run_batch(audit.audit_session(session_id=session_id)).findings
        found += [f"audit: {one}" for one in findings if one.identity not in VISIBLE]
    return found
