"""SQL that completes rows which were inserted as such: what closings and trades leave in the other tables."""

from __future__ import annotations

from typing import Final

AS_THEY_ARE: Final = "SET session_replication_role = replica"
"""Rows as such: no trigger and no foreign key looks at them."""

# Once in a database, after its CLOSED positions: an entry and an exit order, their fills, and the trade of each.
CLOSINGS: Final = """
INSERT INTO orders (
    session_id, position_id, order_type, status, symbol, side, quantity, price, told_quantity, told_price, told_value,
    filled_quantity, filled_price, filled_units, filled_value, strategy_name, reason, created_at, filled_at, last_update
)
SELECT p.session_id, p.id, t.order_type, 'FILLED', p.symbol, p.side, p.quantity, t.price, p.quantity, t.price, t.value,
       p.quantity, t.price, p.quantity, t.value, p.strategy_name, t.reason, t.moment, t.moment, t.moment
  FROM positions AS p
 CROSS JOIN LATERAL (
           VALUES ('ENTRY'::order_type, p.entry_price, p.entry_notional, p.entry_time, NULL),
                  ('FULL_EXIT', p.exit_price, p.exit_notional, p.exit_time, p.exit_reason)
       ) AS t (order_type, price, value, moment, reason)
 WHERE p.status = 'CLOSED'
 ORDER BY p.id, t.order_type;

INSERT INTO order_fills (
    order_id, kind, filled_at, position_id, is_booked, booked_quantity, booked_value, released_cost, pnl
)
SELECT o.id, 'CHANGE', o.filled_at, p.id, TRUE, o.filled_units, o.filled_value,
       CASE o.order_type WHEN 'FULL_EXIT' THEN p.entry_notional ELSE 0 END,
       CASE o.order_type WHEN 'FULL_EXIT' THEN p.realized_pnl ELSE 0 END
  FROM orders AS o
  JOIN positions AS p ON p.id = o.position_id
 WHERE p.status = 'CLOSED'
 ORDER BY o.id;

INSERT INTO trades (
    session_id, position_id, symbol, side, source, entry_price, exit_price, size, quantity, entry_time, exit_time, pnl,
    pnl_percent, exit_reason, strategy_name, timeframe
)
SELECT p.session_id, p.id, p.symbol, p.side, s.mode, p.entry_price, p.exit_price, p.size, p.quantity, p.entry_time,
       p.exit_time, p.realized_pnl, round(p.realized_pnl / p.entry_notional * 100, 12), p.exit_reason, p.strategy_name,
       s.timeframe
  FROM positions AS p
  JOIN trading_sessions AS s ON s.id = p.session_id
 WHERE p.status = 'CLOSED'
 ORDER BY p.id
"""

# Once in a database, after its trades: the ledger entry of each, and the balance that they leave.
LEDGER: Final = """
WITH appended AS (
    INSERT INTO account_balances (
        session_id, entry_number, entry_type, previous_balance, pnl, commission, delta, total_balance, base_currency,
        position_id, order_fill_id, update_reason, updated_by, last_updated, request_id
    )
    SELECT t.session_id, s.ledger_entries + row_number() OVER in_order,
           CASE WHEN t.position_id IS NULL THEN 'TRADE' ELSE 'FILL' END::ledger_entry_type,
           s.current_balance + sum(t.net_pnl) OVER in_order - t.net_pnl, t.pnl, t.commission, t.net_pnl,
           s.current_balance + sum(t.net_pnl) OVER in_order, s.base_currency, t.position_id, f.id, t.exit_reason,
           'engine', t.exit_time, t.request_id
      FROM trades AS t
      JOIN trading_sessions AS s ON s.id = t.session_id
      LEFT JOIN orders AS o ON o.position_id = t.position_id AND o.order_type = 'FULL_EXIT'
      LEFT JOIN order_fills AS f ON f.order_id = o.id
    WINDOW in_order AS (PARTITION BY t.session_id ORDER BY t.exit_time, t.id)
    RETURNING session_id, delta
)
UPDATE trading_sessions AS s
   SET current_balance = s.current_balance + a.delta,
       ledger_entries = s.ledger_entries + a.entries
  FROM (SELECT session_id, sum(delta) AS delta, count(*) AS entries FROM appended GROUP BY session_id) AS a
 WHERE s.id = a.session_id
"""
