"""What must hold after every fault: all that was answered is stored once, whole, and the books balance."""

from __future__ import annotations

from typing import Final, NamedTuple

import psycopg
from psycopg import sql

from atb_db import Settings
from atb_db.admin.audit import audit
from tests.faults.engine import Answered

WRITES: Final = {
    "account.adjust_balance": ("account_balances",),
    "events.log_event": ("system_events",),
    "orders.create_order": ("orders",),
    "positions.apply_partial_exit": ("orders", "partial_trades", "account_balances"),
    "positions.close_position": ("orders", "trades", "account_balances"),
    "positions.open_position": ("positions", "orders"),
    "trades.log_trade": ("trades", "account_balances"),
}
"""Where a command's request_id is afterwards."""

# A session's beginning has a request_id of its own, and a fill's ledger entry has the fill.
_LOST: Final = """
SELECT (SELECT count(*) FROM unnest(%(keys)s::uuid[]) AS k (id) WHERE NOT EXISTS (
            SELECT FROM {table} WHERE request_id = k.id)),
       (SELECT count(*) FROM {table} AS t
         WHERE request_id NOT IN (SELECT request_id FROM trading_sessions)
           AND NOT {follows})
"""
_FOLLOWS: Final = {
    "account_balances": "EXISTS (SELECT FROM order_fills AS f WHERE f.id = t.order_fill_id AND f.kind = 'FILL')",
    "positions": (
        "EXISTS (SELECT FROM orders AS o WHERE o.request_id = t.request_id AND o.internal_order_id IS NOT NULL)"
    ),
    "system_events": "t.component IS NOT DISTINCT FROM 'books'",
}
"""Rows that another command wrote than the one that the table stands for: booked with a fill, planned by an order."""
_FILLS: Final = """
SELECT (SELECT count(*) FROM unnest(%(ids)s::bigint[]) AS k (id) WHERE NOT EXISTS (
            SELECT FROM order_fills WHERE id = k.id AND kind = 'FILL')),
       (SELECT count(*) FROM order_fills WHERE kind = 'FILL')
"""
_HALVES: Final = """
SELECT count(*)
  FROM positions AS p
 WHERE NOT EXISTS (
           SELECT FROM orders AS o
            WHERE o.position_id = p.id AND o.order_type = 'ENTRY' AND o.request_id = p.request_id
       )
    OR (p.status = 'CLOSED') <> EXISTS (SELECT FROM trades AS t WHERE t.position_id = p.id)
 UNION ALL
SELECT count(*) FROM trades AS t WHERE NOT EXISTS (SELECT FROM account_balances AS a WHERE a.request_id = t.request_id)
 UNION ALL
SELECT count(*)
  FROM partial_trades AS t
 WHERE NOT EXISTS (SELECT FROM account_balances AS a WHERE a.request_id = t.request_id)
"""


class Verdict(NamedTuple):
    """What became of the answers."""

    answers: int
    lost: int
    """Rows that were acknowledged and are not there."""
    double: int
    """Rows that are there and were never asked for, or more than once."""
    halves: int
    """Positions without their order, trades without their ledger entry, and the like."""
    findings: int
    """What the audit found."""

    @property
    def holds(self) -> bool:
        return self[1:] == (0, 0, 0, 0)


def judge(url: str, answered: Answered) -> Verdict:
    """Compare a database, in which only engines wrote and everything begun was repeated until answered."""
    lost = double = 0
    with psycopg.connect(url) as connection:
        for table in sorted({table for tables in WRITES.values() for table in tables}):
            keys = [key for key, (name, _) in answered.items() if table in WRITES.get(name, ())]
            follows = sql.SQL(_FOLLOWS.get(table, "FALSE"))
            query = sql.SQL(_LOST).format(table=sql.Identifier(table), follows=follows)
            gone, there = connection.execute(query, {"keys": keys}).fetchall()[0]
            lost += gone
            double += max(0, there - (len(keys) - gone))
        fills = [result for name, result in answered.values() if name == "orders.record_fill"]
        gone, there = connection.execute(_FILLS, {"ids": fills}).fetchall()[0]
        lost += gone
        double += max(0, there - (len(fills) - gone))
        halves = sum(number for (number,) in connection.execute(_HALVES))
    findings = len(audit(Settings.load(url, environ={})).findings)
    return Verdict(len(answered), lost, double, halves, findings)
