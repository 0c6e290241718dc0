"""What the model and the database each say of a session, in the same words."""

from __future__ import annotations

from decimal import Decimal
from typing import Final, TypeAlias

import psycopg

from atb_db import Database
from atb_db.repository import audit, orders
from tests.model.acts import Names
from tests.model.reference import NOISE, Books

Said: TypeAlias = dict[str, object]
VISIBLE: Final = ("unbooked", "unconverted")
"""What the audit names, and the books hold: facts that wait for something."""

_BALANCE = "SELECT current_balance, end_time IS NOT NULL FROM trading_sessions WHERE id = %s"
_ORDERS = """
    SELECT id, status::text, filled_quantity, filled_units, filled_value, commission, quantity, is_overfilled
      FROM orders WHERE session_id = %s
"""
_POSITIONS = """
    SELECT id, continues_position_id, status::text, quantity, original_quantity, exited_quantity, unbooked_quantity,
           entry_notional, exit_notional, cost_basis, realized_pnl, commission, margin_interest_cost, funding,
           CASE status WHEN 'PLANNED' THEN NULL ELSE entry_time END, exit_time, exit_reason
      FROM positions WHERE session_id = %s ORDER BY id
"""
_FILLS = """
    SELECT o.id, f.kind::text, f.exchange_fill_id, f.position_id, f.is_booked, f.booked_quantity, f.booked_value,
           f.booked_commission, f.released_cost, f.pnl, f.unconverted_pnl, f.filled_at
      FROM orders AS o JOIN order_fills AS f ON f.order_id = o.id WHERE o.session_id = %s
"""
_PARTIALS = """
    SELECT t.order_id, t.position_id, t.quantity, coalesce(t.pnl, 0)
      FROM positions AS p JOIN partial_trades AS t ON t.position_id = p.id WHERE p.session_id = %s
"""
_TRADES = (
    "SELECT position_id, pnl, commission, margin_interest_cost, quantity, funding FROM trades WHERE session_id = %s"
)
_LEDGER = """
    SELECT entry_type::text, pnl, commission, amount
      FROM account_balances WHERE session_id = %s AND entry_number > 1 ORDER BY entry_number
"""
_METRICS = """
    SELECT total_trades, winning_trades, losing_trades, gross_profit, gross_loss, commission, net_pnl
      FROM performance_metrics WHERE session_id = %s AND period = 'ALL_TIME'
"""


def _same(value: object) -> object:
    return value.normalize() + 0 if isinstance(value, Decimal) else value


def _row(values: tuple[object, ...]) -> tuple[object, ...]:
    return tuple(_same(value) for value in values)


def recorded(connection: psycopg.Connection, names: Names) -> Said:
    """What the database says."""
    session = [names.session_id]

    def rows(query: str) -> list[tuple[object, ...]]:
        return [_row(row) for row in connection.execute(query.encode(), session).fetchall()]

    orders_by_id: dict[object, str] = {number: label for label, number in names.orders.items()}
    held: dict[object, str] = {number: label for label, number in names.positions.items()}
    said: Said = {"balance": rows(_BALANCE)[0], "ledger": rows(_LEDGER), "metrics": next(iter(rows(_METRICS)), None)}
    said |= {f"order {orders_by_id.get(row[0], row[0])}": row[1:] for row in rows(_ORDERS)}
    for number, continues, *figures in rows(_POSITIONS):
        if continues is not None:
            held[number] = held[continues] + "+"
            names.positions[held[number]] = number  # type: ignore[assignment]
        said[f"position {held.get(number, number)}"] = tuple(figures)
    said["fills"] = sorted(repr((orders_by_id[row[0]], *row[1:3], held.get(row[3]), *row[4:])) for row in rows(_FILLS))
    said |= {f"partial trade {orders_by_id[row[0]]} {held[row[1]]}": row[2:] for row in rows(_PARTIALS)}
    said |= {f"trade {held[row[0]]}": row[1:] for row in rows(_TRADES)}
    return said


def expected(books: Books) -> Said:
    """What the model says."""
    said: Said = {"balance": _row((books.balance, books.ended)), "ledger": [_row(row) for row in books.ledger]}
    for label, order in books.orders.items():
        truth = order.truth()
        over = not order.by_amount and order.filled > order.quantity * (1 + NOISE)
        figures = order.filled, truth.units, truth.value, truth.commission, order.quantity
        said[f"order {label}"] = _row((order.status, *figures, over))
    for label, p in books.positions.items():
        sums = p.quantity, p.original, p.exited, p.unbooked, p.entered_value, p.exited_value, p.cost, p.pnl
        entered = p.entry_time if p.status != "PLANNED" else None
        said[f"position {label}"] = _row(
            (p.status, *sums, p.commission, p.interest, p.funding, entered, p.exit_time, p.exit_reason)
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
    said |= {f"trade {held}": _row(figures) for held, figures in books.trades.items()}
    pnls = [figures[0] for figures in books.trades.values()]
    wins, losses = sum(pnl > 0 for pnl in pnls), sum(pnl < 0 for pnl in pnls)
    gains, lost = (
        sum((max(pnl, Decimal(0)) for pnl in pnls), Decimal(0)),
        sum((-min(pnl, Decimal(0)) for pnl in pnls), Decimal(0)),
    )
    fees, net = (
        sum((one[1] for one in books.trades.values()), Decimal(0)),
        sum((one[0] - one[1] - one[2] + one[4] for one in books.trades.values()), Decimal(0)),
    )
    said["metrics"] = _row((len(pnls), wins, losses, gains, lost, fees, net)) if pnls else None
    return said


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
    unbooked = {by_id[one.order_id] for one in db.run(orders.get_unbooked_orders(session_id=names.session_id))}
    loose = {one.order.label for one in books.fills if not one.booked}
    unpriced = {label for label, one in books.orders.items() if one.total > one.recorded and one.total_value is None}
    if unbooked != loose | unpriced:
        found.append(f"unbooked orders: database {unbooked}, model {loose | unpriced}")
    findings = db.run_batch(audit.audit_session(session_id=names.session_id)).findings
    return found + [f"audit: {one}" for one in findings if one.identity not in VISIBLE]
