-- Contradictions in a session's books, by rule and subject; an empty list if the books balance.
WITH session AS MATERIALIZED (
    SELECT id, end_time, initial_balance, current_balance, ledger_entries,
           final_balance, total_pnl, total_trades, win_rate, max_drawdown
      FROM trading_sessions
     WHERE id = :session_id
       AND existing_session(:session_id) IS NOT NULL
), ledger AS MATERIALIZED (
    SELECT l.entry_number, l.entry_type, l.previous_balance, l.delta, l.total_balance, l.request_id,
           coalesce(lag(l.entry_number) OVER in_order, 0) + 1 AS due_number,
           coalesce(lag(l.total_balance) OVER in_order, 0) AS due_balance
      FROM account_balances AS l
      JOIN session AS s ON s.id = l.session_id
    WINDOW in_order AS (ORDER BY l.entry_number)
), partials AS MATERIALIZED (
    SELECT t.id, t.position_id, t.operation_type, t.size, t.quantity, t.price, t.pnl, t.request_id, p.status
      FROM partial_trades AS t
      JOIN positions AS p ON p.id = t.position_id
      JOIN session AS s ON s.id = p.session_id
), closings AS MATERIALIZED (
    SELECT t.id, t.position_id, t.size, t.quantity, t.pnl, t.net_pnl, t.request_id
      FROM trades AS t
      JOIN session AS s ON s.id = t.session_id
), parts AS (
    SELECT position_id,
           count(*) FILTER (WHERE operation_type = 'PARTIAL_EXIT') AS exits,
           count(*) FILTER (WHERE operation_type = 'SCALE_IN') AS scale_ins,
           coalesce(sum(size) FILTER (WHERE operation_type = 'PARTIAL_EXIT'), 0) AS exited_size,
           coalesce(sum(size) FILTER (WHERE operation_type = 'SCALE_IN'), 0) AS added_size,
           coalesce(sum(quantity) FILTER (WHERE operation_type = 'PARTIAL_EXIT'), 0) AS exited_quantity,
           coalesce(sum(quantity) FILTER (WHERE operation_type = 'SCALE_IN'), 0) AS added_quantity,
           coalesce(sum(price * quantity) FILTER (WHERE operation_type = 'SCALE_IN'), 0) AS added_value,
           coalesce(sum(pnl), 0) AS pnl
      FROM partials
     GROUP BY position_id
), totals AS (
    SELECT s.id, s.end_time, s.initial_balance, s.current_balance, s.ledger_entries,
           s.final_balance, s.total_pnl, s.total_trades, s.win_rate, s.max_drawdown,
           coalesce((SELECT sum(delta) FROM ledger), 0) AS ledger_sum,
           (SELECT count(*) FROM ledger) AS ledger_rows,
           coalesce((SELECT sum(delta) FROM ledger WHERE entry_type = 'ADJUSTMENT'), 0) AS adjustments,
           coalesce((SELECT sum(net_pnl) FROM closings), 0) AS net_pnl,
           (SELECT count(*) FROM closings) AS trade_count,
           (SELECT count(*) FROM closings WHERE pnl > 0) AS wins,
           coalesce((SELECT sum(pnl) FROM partials WHERE status = 'OPEN'), 0) AS open_pnl,
           session_drawdown(s.id) AS due_drawdown
      FROM session AS s
), session_checks AS (
    SELECT c.identity, 'session ' || t.id || ', ' || c.subject AS subject, c.expected, c.actual
      FROM totals AS t
     CROSS JOIN LATERAL (
               VALUES ('ledger sum', 'current_balance', t.ledger_sum, t.current_balance::numeric),
                      ('ledger chain', 'ledger_entries', t.ledger_rows, t.ledger_entries),
                      (
                          'balance', 'current_balance',
                          t.initial_balance + t.net_pnl + t.open_pnl + t.adjustments, t.current_balance
                      )
           ) AS c (identity, subject, expected, actual)
     UNION ALL
    SELECT 'final figures', 'session ' || t.id || ', ' || c.subject, c.expected, c.actual
      FROM totals AS t
     CROSS JOIN LATERAL (
               VALUES ('final_balance', t.current_balance::numeric, t.final_balance::numeric),
                      ('total_pnl', t.net_pnl, t.total_pnl),
                      ('total_trades', t.trade_count, t.total_trades),
                      ('win_rate', t.wins::numeric / nullif(t.trade_count, 0), t.win_rate),
                      ('max_drawdown', t.due_drawdown, t.max_drawdown)
           ) AS c (subject, expected, actual)
     WHERE t.end_time IS NOT NULL
), ledger_checks AS (
    SELECT 'ledger chain' AS identity, 'ledger entry ' || l.entry_number || ', ' || c.subject AS subject,
           c.expected, c.actual
      FROM ledger AS l
     CROSS JOIN LATERAL (
               VALUES ('entry_number', l.due_number::numeric, l.entry_number::numeric),
                      ('previous_balance', l.due_balance, l.previous_balance),
                      ('total_balance', l.previous_balance + l.delta, l.total_balance)
           ) AS c (subject, expected, actual)
     UNION ALL
    SELECT 'ledger cause', coalesce(c.subject, 'ledger entry ' || l.entry_number), c.delta, l.delta
      FROM (
               SELECT 'trade ' || t.id AS subject, t.request_id, 'TRADE'::ledger_entry_type AS entry_type,
                      t.net_pnl - coalesce(b.pnl, 0) AS delta
                 FROM closings AS t
                 LEFT JOIN parts AS b ON b.position_id = t.position_id
                UNION ALL
               SELECT 'partial trade ' || id, request_id, 'PARTIAL_EXIT', pnl
                 FROM partials
                WHERE operation_type = 'PARTIAL_EXIT'
           ) AS c
      FULL JOIN (
               SELECT entry_number, entry_type, delta, request_id
                 FROM ledger
                WHERE entry_type IN ('TRADE', 'PARTIAL_EXIT')
           ) AS l
        ON l.request_id = c.request_id AND l.entry_type = c.entry_type
), position_checks AS (
    SELECT c.identity, 'position ' || p.id || ', ' || c.subject AS subject, c.expected, c.actual
      FROM positions AS p
      JOIN session AS s ON s.id = p.session_id
      LEFT JOIN closings AS t ON t.position_id = p.id
      LEFT JOIN orders AS entry
        ON entry.position_id = p.id AND entry.request_id = p.request_id
           AND entry.order_type = 'ENTRY' AND entry.status = 'FILLED'
      LEFT JOIN orders AS leaving
        ON leaving.position_id = p.id AND leaving.request_id = t.request_id
           AND leaving.order_type = 'FULL_EXIT' AND leaving.status = 'FILLED'
      LEFT JOIN parts AS found ON found.position_id = p.id
     CROSS JOIN LATERAL (
               SELECT coalesce(found.exits, 0) AS exits,
                      coalesce(found.scale_ins, 0) AS scale_ins,
                      coalesce(found.exited_size, 0) AS exited_size,
                      coalesce(found.added_size, 0) AS added_size,
                      coalesce(found.exited_quantity, 0) AS exited_quantity,
                      coalesce(found.added_quantity, 0) AS added_quantity,
                      coalesce(found.added_value, 0) AS added_value,
                      coalesce(found.pnl, 0) AS pnl,
                      p.status = 'CLOSED' AS closed
           ) AS b
     CROSS JOIN LATERAL (
               VALUES ('position size', 'size', p.original_size * (1 + b.added_size), p.size::numeric),
                      ('position size', 'current_size', p.size - p.original_size * b.exited_size, p.current_size),
                      ('position quantity', 'quantity', p.original_quantity + b.added_quantity, p.quantity),
                      ('position quantity', 'current_quantity', p.quantity - b.exited_quantity, p.current_quantity),
                      (
                          'entry value', 'entry_notional',
                          entry.filled_price * entry.filled_quantity + b.added_value, p.entry_notional
                      ),
                      ('partial count', 'partial_exits_taken', b.exits, p.partial_exits_taken),
                      ('partial count', 'scale_ins_taken', b.scale_ins, p.scale_ins_taken),
                      ('realized P&L', 'realized_pnl', CASE WHEN b.closed THEN t.pnl ELSE b.pnl END, p.realized_pnl),
                      ('entry order', 'filled_quantity', p.original_quantity, entry.filled_quantity),
                      (
                          'exit order', 'filled_quantity',
                          CASE WHEN b.closed AND t.id IS NOT NULL THEN nullif(p.current_quantity, 0) END,
                          leaving.filled_quantity
                      ),
                      ('one trade', 'trades', b.closed::integer, (t.id IS NOT NULL)::integer),
                      ('one trade', 'size', CASE WHEN t.id IS NOT NULL THEN p.size END, t.size),
                      ('one trade', 'quantity', CASE WHEN t.id IS NOT NULL THEN p.quantity END, t.quantity)
           ) AS c (identity, subject, expected, actual)
), order_checks AS (
    SELECT 'fills' AS identity, 'order ' || o.id || ', filled_quantity' AS subject,
           o.quantity::numeric AS expected, o.filled_quantity::numeric AS actual
      FROM orders AS o
      JOIN session AS s ON s.id = o.session_id
     WHERE o.filled_quantity > o.quantity
     UNION ALL
    SELECT 'fills', 'order ' || o.id || ', ' || c.subject, c.expected, c.actual
      FROM orders AS o
      JOIN session AS s ON s.id = o.session_id
      LEFT JOIN LATERAL (
               SELECT sum(f.quantity) AS quantity, sum(f.quantity * f.price) AS notional,
                      sum(f.commission) AS commission
                 FROM order_fills AS f
                WHERE f.order_id = o.id
           ) AS f ON TRUE
     CROSS JOIN LATERAL (
               VALUES ('recorded_quantity', coalesce(f.quantity, 0), o.recorded_quantity::numeric),
                      ('recorded_notional', coalesce(f.notional, 0), o.recorded_notional),
                      ('recorded_commission', coalesce(f.commission, 0), o.recorded_commission)
           ) AS c (subject, expected, actual)
     UNION ALL
    SELECT 'fills', 'order ' || o.id || ', ' || c.subject, c.expected, c.actual
      FROM orders AS o
      JOIN session AS s ON s.id = o.session_id
     CROSS JOIN LATERAL (
               VALUES ('filled_price', o.recorded_notional / nullif(o.recorded_quantity, 0), o.filled_price::numeric),
                      ('commission', o.recorded_commission, o.commission)
           ) AS c (subject, expected, actual)
     WHERE o.recorded_quantity > 0
       AND o.recorded_quantity = o.filled_quantity
), metrics_checks AS (
    SELECT 'metrics' AS identity, coalesce(due.subject, kept.subject) AS subject,
           due.columns AS expected, kept.columns AS actual
      FROM (
               SELECT m.period || ' ' || m.period_start::date || ', ' || c.key AS subject, c.value AS columns
                 FROM recomputed_metrics AS m
                CROSS JOIN LATERAL jsonb_each(to_jsonb(m)) AS c
                WHERE m.session_id = :session_id
           ) AS due
      FULL JOIN (
               SELECT m.period || ' ' || m.period_start::date || ', ' || c.key AS subject, c.value AS columns
                 FROM performance_metrics AS m
                CROSS JOIN LATERAL jsonb_each(to_jsonb(m) - ARRAY[
                          'net_pnl', 'win_rate', 'profit_factor', 'expectancy', 'avg_win', 'avg_loss'
                      ]) AS c
                WHERE m.session_id = :session_id
           ) AS kept ON kept.subject = due.subject
     WHERE due.columns IS DISTINCT FROM kept.columns
), findings AS (
    SELECT identity, subject, trim_scale(expected)::text AS expected, trim_scale(actual)::text AS actual
      FROM (
               SELECT identity, subject, expected, actual FROM session_checks
                UNION ALL
               SELECT identity, subject, expected, actual FROM ledger_checks
                UNION ALL
               SELECT identity, subject, expected, actual FROM position_checks
                UNION ALL
               SELECT identity, subject, expected, actual FROM order_checks
           ) AS checks
     WHERE expected IS DISTINCT FROM actual
     UNION ALL
    SELECT identity, subject, expected #>> '{}', actual #>> '{}'
      FROM metrics_checks
)
SELECT identity, subject, expected, actual
  FROM findings
 ORDER BY identity, subject
