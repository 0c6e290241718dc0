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
    "positions.apply_partial_exit": ("partial_trades", "account_balances"),
    "positions.close_position": ("orders", "trades", "account_balances"),
    "positions.open_position": ("positions", "orders"),
    "trades.log_trade": ("trades", "account_balances"),
}
"""Where a command's request_id is afterwards."""

# A session's beginning has a request_id of its own.
_LOST: Final = """
SELECT (SELECT count(*) FROM unnest(%(keys)s::uuid[]) AS k (id) WHERE NOT EXISTS (
            SELECT FROM {table} WHERE request_id = k.id)),
       (SELECT count(*) FROM {table} WHERE request_id NOT IN (SELECT request_id FROM trading_sessions))
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
            keys = [key for key, (name, _) in answered.items() if table in WRITES[name]]
            query = sql.SQL(_LOST).format(table=sql.Identifier(table))
            row = connection.execute(query, {"keys": keys}).fetchone()
            assert row is not None
            lost += row[0]
            double += max(0, row[1] - (len(keys) - row[0]))
        halves = sum(number for (number,) in connection.execute(_HALVES))
    findings = len(audit(Settings.load(url, environ={})).findings)
    return Verdict(len(answered), lost, double, halves, findings)
