-- Contradictions in a session's books, by rule and subject; an empty list if the books balance.
WITH session AS MATERIALIZED (
    SELECT id, end_time, initial_balance, current_balance, ledger_entries, transferred,
           final_balance, total_pnl, total_trades, win_rate, max_drawdown
      FROM trading_sessions
     WHERE id = :session_id
       AND existing_session(:session_id) IS NOT NULL
), ledger AS MATERIALIZED (
    SELECT l.entry_number, l.entry_type, l.previous_balance, l.pnl, l.commission, l.amount, l.delta, l.total_balance,
           l.position_id, l.order_fill_id, l.request_id,
           coalesce(lag(l.entry_number) OVER in_order, 0) + 1 AS due_number,
           coalesce(lag(l.total_balance) OVER in_order, 0) AS due_balance
      FROM account_balances AS l
      JOIN session AS s ON s.id = l.session_id
    WINDOW in_order AS (ORDER BY l.entry_number)
), fills AS MATERIALIZED (
    SELECT f.id, f.order_id, f.kind, f.quantity, f.price, f.fee, f.fee_currency, f.commission, f.filled_at,
           f.position_id, f.is_booked, f.booked_quantity, f.booked_value, f.booked_commission, f.released_cost, f.pnl,
           f.unconverted_pnl,
           o.order_type, is_entry(o.order_type) AS is_entry, is_entry(o.order_type) = (o.side = 'LONG') AS is_purchase,
           coalesce(p.contract, 'LINEAR') AS contract, coalesce(p.contract_size, 1) AS contract_size,
           coalesce(f.fee_currency = p.base_asset, FALSE) AS is_base_fee
      FROM orders AS o
      JOIN session AS s ON s.id = o.session_id
      JOIN order_fills AS f ON f.order_id = o.id
      LEFT JOIN positions AS p ON p.id = o.position_id
), based AS (
    SELECT f.id, f.order_id, f.kind, f.quantity, f.price, f.commission, f.filled_at, f.contract, f.contract_size,
           CASE
               WHEN NOT f.is_base_fee OR f.commission IS NULL THEN 0
               WHEN f.is_purchase THEN f.fee
               ELSE -f.fee
           END AS base_fee
      FROM fills AS f
     WHERE f.kind = 'FILL'
), filled AS (
    SELECT order_id, sum(quantity) AS quantity, sum(quantity * price) AS notional, sum(commission) AS commission,
           sum(base_fee) AS base_fee, count(*) FILTER (WHERE commission IS NULL) AS unknown_fees,
           sum(contract_value(contract, contract_size, quantity - base_fee, price)) AS value
      FROM based
     GROUP BY order_id
), moved AS (
    SELECT order_id, sum(booked_quantity) AS quantity, sum(booked_value) AS value, sum(booked_commission) AS commission,
           coalesce(sum(booked_quantity) FILTER (WHERE NOT is_booked), 0) AS unbooked,
           coalesce(sum(unconverted_pnl), 0) AS unconverted,
           count(DISTINCT position_id) = 1 AND bool_and(is_booked) AS is_in_one_position
      FROM fills
     GROUP BY order_id
), held AS (
    SELECT position_id,
           coalesce(sum(booked_quantity) FILTER (WHERE is_booked AND is_entry), 0) AS entered,
           coalesce(sum(booked_quantity) FILTER (WHERE is_booked AND order_type = 'ENTRY'), 0) AS original,
           coalesce(sum(booked_quantity) FILTER (WHERE is_booked AND NOT is_entry), 0) AS exited,
           coalesce(sum(booked_value) FILTER (WHERE is_booked AND is_entry), 0) AS entered_value,
           coalesce(sum(booked_value) FILTER (WHERE is_booked AND NOT is_entry), 0) AS exited_value,
           coalesce(sum(released_cost) FILTER (WHERE is_booked), 0) AS released,
           coalesce(sum(pnl) FILTER (WHERE is_booked), 0) AS pnl,
           coalesce(sum(booked_commission) FILTER (WHERE is_booked), 0) AS commission,
           coalesce(sum(abs(booked_quantity)) FILTER (WHERE NOT is_booked), 0) AS unbooked,
           max(filled_at) FILTER (WHERE is_booked AND NOT is_entry AND booked_quantity > 0) AS newest_exit
      FROM fills
     WHERE position_id IS NOT NULL
     GROUP BY position_id
), booked AS (
    SELECT position_id,
           coalesce(sum(pnl), 0) AS pnl,
           coalesce(sum(pnl) FILTER (WHERE entry_type = 'CORRECTION'), 0) AS corrections,
           coalesce(sum(commission), 0) AS commission,
           coalesce(sum(amount) FILTER (WHERE entry_type = 'FUNDING'), 0) AS funding,
           coalesce(-sum(amount) FILTER (WHERE entry_type = 'INTEREST'), 0) AS interest
      FROM ledger
     WHERE position_id IS NOT NULL
     GROUP BY position_id
), fill_entries AS (
    SELECT order_fill_id, sum(pnl) AS pnl, sum(commission) AS commission
      FROM ledger
     WHERE order_fill_id IS NOT NULL
     GROUP BY order_fill_id
), partials AS (
    SELECT t.id, t.position_id, t.order_id, t.operation_type, t.size, t.quantity, t.price, t.pnl, t.target_level
      FROM partial_trades AS t
      JOIN positions AS p ON p.id = t.position_id
      JOIN session AS s ON s.id = p.session_id
), parts AS (
    SELECT position_id,
           count(*) FILTER (WHERE operation_type = 'PARTIAL_EXIT') AS exits,
           count(*) FILTER (WHERE operation_type = 'SCALE_IN') AS scale_ins
      FROM partials
     GROUP BY position_id
), closings AS MATERIALIZED (
    SELECT t.id, t.position_id, t.symbol, t.side, t.size, t.quantity, t.entry_price, t.exit_price, t.entry_time,
           t.exit_time, t.exit_reason, t.strategy_name, t.pnl, t.commission, t.margin_interest_cost, t.funding,
           t.net_pnl, t.request_id
      FROM trades AS t
      JOIN session AS s ON s.id = t.session_id
), totals AS (
    SELECT s.id, s.end_time, s.initial_balance, s.current_balance, s.ledger_entries, s.transferred,
           s.final_balance, s.total_pnl, s.total_trades, s.win_rate, s.max_drawdown,
           coalesce((SELECT sum(delta) FROM ledger), 0) AS ledger_sum,
           (SELECT count(*) FROM ledger) AS ledger_rows,
           coalesce((SELECT sum(amount) FROM ledger WHERE entry_type = 'TRANSFER'), 0) AS transfers,
           coalesce((SELECT sum(delta) FROM ledger WHERE entry_type = 'ADJUSTMENT'), 0) AS adjustments,
           coalesce((SELECT sum(amount) FROM ledger WHERE entry_type = 'MOVE'), 0) AS moves,
           coalesce(
               (SELECT sum(delta) FROM ledger WHERE entry_type = 'INTEREST' AND position_id IS NULL), 0
           ) AS interest,
           coalesce((SELECT sum(net_pnl) FROM closings), 0) AS net_pnl,
           (SELECT count(*) FROM closings) AS trade_count,
           (SELECT count(*) FROM closings WHERE pnl > 0) AS wins,
           coalesce(
               (
                   SELECT sum(p.realized_pnl - p.commission - p.margin_interest_cost + p.funding)
                     FROM positions AS p
                    WHERE p.session_id = s.id AND p.status <> 'CLOSED'
               ),
               0
           ) AS open_net,
           session_drawdown(s.id) AS due_drawdown
      FROM session AS s
), session_checks AS (
    SELECT c.identity, 'session ' || t.id || ', ' || c.subject AS subject, c.expected, c.actual
      FROM totals AS t
     CROSS JOIN LATERAL (
               VALUES ('ledger sum', 'current_balance', t.ledger_sum, t.current_balance::numeric),
                      ('ledger chain', 'ledger_entries', t.ledger_rows, t.ledger_entries),
                      ('transfers', 'transferred', t.transfers, t.transferred::numeric),
                      (
                          'balance', 'current_balance',
                          t.initial_balance + t.net_pnl + t.open_net + t.adjustments + t.transfers + t.interest
                          + t.moves,
                          t.current_balance
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
    -- A trade without a position has one entry of its own.
    SELECT 'ledger cause', coalesce('trade ' || t.id, 'ledger entry ' || l.entry_number) || ', ' || c.subject,
           c.expected, c.actual
      FROM (
               SELECT id, request_id, pnl, commission, funding, margin_interest_cost
                 FROM closings
                WHERE position_id IS NULL
           ) AS t
      FULL JOIN (
               SELECT entry_number, pnl, commission, amount, request_id FROM ledger WHERE entry_type = 'TRADE'
           ) AS l ON l.request_id = t.request_id
     CROSS JOIN LATERAL (
               VALUES ('pnl', t.pnl::numeric, l.pnl::numeric),
                      ('commission', t.commission, l.commission),
                      ('funding', t.funding - t.margin_interest_cost, l.amount)
           ) AS c (subject, expected, actual)
     UNION ALL
    SELECT 'ledger cause', 'fill ' || coalesce(f.id, e.order_fill_id) || ', ' || c.subject, c.expected, c.actual
      FROM fills AS f
      FULL JOIN fill_entries AS e ON e.order_fill_id = f.id
     CROSS JOIN LATERAL (
               VALUES ('pnl', coalesce(f.pnl::numeric, 0), coalesce(e.pnl, 0)),
                      (
                          'commission', CASE WHEN f.is_booked THEN f.booked_commission::numeric ELSE 0 END,
                          coalesce(e.commission, 0)
                      )
           ) AS c (subject, expected, actual)
     UNION ALL
    SELECT 'ledger cause', 'ledger entry ' || l.entry_number || ', position', 1, 0
      FROM ledger AS l
     WHERE l.entry_type IN ('FILL', 'FEE', 'FUNDING', 'CORRECTION', 'MOVE')
       AND NOT EXISTS (SELECT FROM positions AS p JOIN session AS s ON s.id = p.session_id WHERE p.id = l.position_id)
       AND NOT EXISTS (
               SELECT FROM ledger AS m WHERE m.entry_type = 'MOVE' AND m.position_id = l.position_id
           )
       -- A fee that was taken back: nothing was left to be moved.
       AND NOT EXISTS (
               SELECT
                 FROM booked AS b
                WHERE b.position_id = l.position_id
                  AND (b.pnl, b.commission, b.funding, b.interest) = (0, 0, 0, 0)
           )
     UNION ALL
    -- A position that was moved to another session has taken with it what it had realised here.
    SELECT 'ledger cause', 'position ' || b.position_id || ', moved ' || c.subject, 0, c.actual
      FROM booked AS b
     CROSS JOIN LATERAL (
               VALUES ('pnl', b.pnl), ('commission', b.commission), ('funding', b.funding), ('interest', b.interest)
           ) AS c (subject, actual)
     WHERE NOT EXISTS (SELECT FROM positions AS p JOIN session AS s ON s.id = p.session_id WHERE p.id = b.position_id)
), position_checks AS (
    SELECT c.identity, 'position ' || p.id || ', ' || c.subject AS subject, c.expected, c.actual
      FROM positions AS p
      JOIN session AS s ON s.id = p.session_id
      LEFT JOIN held AS h ON h.position_id = p.id
      LEFT JOIN booked AS b ON b.position_id = p.id
      LEFT JOIN parts AS n ON n.position_id = p.id
      LEFT JOIN closings AS t ON t.position_id = p.id
     CROSS JOIN LATERAL (
               VALUES ('position quantity', 'quantity', coalesce(h.entered, 0), p.quantity::numeric),
                      ('position quantity', 'original_quantity', coalesce(h.original, 0), p.original_quantity),
                      ('position quantity', 'exited_quantity', coalesce(h.exited, 0), p.exited_quantity),
                      ('position quantity', 'unbooked_quantity', coalesce(h.unbooked, 0), p.unbooked_quantity),
                      ('position value', 'entry_notional', coalesce(h.entered_value, 0), p.entry_notional),
                      ('position value', 'exit_notional', coalesce(h.exited_value, 0), p.exit_notional),
                      ('position value', 'cost_basis', coalesce(h.entered_value - h.released, 0), p.cost_basis),
                      (
                          'realized P&L', 'realized_pnl', coalesce(h.pnl, 0) + coalesce(b.corrections, 0),
                          p.realized_pnl
                      ),
                      ('realized P&L', 'ledger', p.realized_pnl, coalesce(b.pnl, 0)),
                      ('position costs', 'commission', coalesce(h.commission, 0), p.commission),
                      ('position costs', 'ledger commission', p.commission, coalesce(b.commission, 0)),
                      ('position costs', 'funding', coalesce(b.funding, 0), p.funding),
                      ('position costs', 'margin_interest_cost', coalesce(b.interest, 0), p.margin_interest_cost),
                      ('partial count', 'partial_exits_taken', coalesce(n.exits, 0), p.partial_exits_taken),
                      ('partial count', 'scale_ins_taken', coalesce(n.scale_ins, 0), p.scale_ins_taken),
                      ('one trade', 'trades', (p.status = 'CLOSED')::integer, (t.id IS NOT NULL)::integer)
           ) AS c (identity, subject, expected, actual)
     UNION ALL
    SELECT 'trade', 'trade ' || t.id || ', ' || c.subject, c.expected, c.actual
      FROM closings AS t
      JOIN positions AS p ON p.id = t.position_id
     CROSS JOIN LATERAL (
               VALUES ('size', p.size, t.size::numeric),
                      ('quantity', p.quantity, t.quantity),
                      ('entry_price', coalesce(p.entry_price, 0), t.entry_price),
                      ('exit_price', coalesce(p.exit_price, 0), t.exit_price),
                      ('pnl', p.realized_pnl, t.pnl),
                      ('commission', p.commission, t.commission),
                      ('margin_interest_cost', p.margin_interest_cost, t.margin_interest_cost),
                      ('funding', p.funding, t.funding),
                      ('entry_time', extract(EPOCH FROM p.entry_time), extract(EPOCH FROM t.entry_time)),
                      ('exit_time', extract(EPOCH FROM p.exit_time), extract(EPOCH FROM t.exit_time)),
                      ('symbol', 1, (t.symbol = p.symbol)::integer),
                      ('side', 1, (t.side = p.side)::integer),
                      ('exit_reason', 1, (t.exit_reason = p.exit_reason)::integer),
                      ('strategy_name', 1, (t.strategy_name = p.strategy_name)::integer)
           ) AS c (subject, expected, actual)
     UNION ALL
    SELECT 'partial trade', 'partial trade ' || t.id || ', ' || c.subject, c.expected, c.actual
      FROM partials AS t
      LEFT JOIN (
               SELECT order_id, position_id, sum(booked_quantity) AS quantity, sum(pnl) AS pnl
                 FROM fills
                WHERE is_booked
                GROUP BY order_id, position_id
           ) AS f ON f.order_id = t.order_id AND f.position_id = t.position_id
      JOIN orders AS o ON o.id = t.order_id
      LEFT JOIN moved AS m ON m.order_id = t.order_id
     CROSS JOIN LATERAL (
               VALUES ('quantity', f.quantity, t.quantity::numeric),
                      ('price', CASE WHEN m.is_in_one_position THEN o.filled_price ELSE t.price END, t.price),
                      ('pnl', CASE t.operation_type WHEN 'PARTIAL_EXIT' THEN f.pnl END, t.pnl),
                      ('target_level', o.target_level, t.target_level),
                      ('operation_type', 1, (t.operation_type::text = o.order_type::text)::integer)
           ) AS c (subject, expected, actual)
), order_checks AS (
    SELECT c.identity, 'order ' || o.id || ', ' || c.subject AS subject, c.expected, c.actual
      FROM orders AS o
      JOIN session AS s ON s.id = o.session_id
      LEFT JOIN filled AS f ON f.order_id = o.id
      LEFT JOIN moved AS m ON m.order_id = o.id
      LEFT JOIN positions AS p ON p.id = o.position_id
     CROSS JOIN LATERAL (
               VALUES ('fills', 'recorded_quantity', coalesce(f.quantity, 0), o.recorded_quantity::numeric),
                      ('fills', 'recorded_notional', coalesce(f.notional, 0), o.recorded_notional),
                      ('fills', 'recorded_commission', coalesce(f.commission, 0), o.recorded_commission),
                      ('fills', 'unknown_fees', coalesce(f.unknown_fees, 0), o.unknown_fees),
                      ('fills', 'recorded_base_fee', coalesce(f.base_fee, 0), o.recorded_base_fee),
                      ('fills', 'recorded_value', coalesce(f.value, 0), o.recorded_value),
                      (
                          'fills', 'filled_price',
                          CASE
                              WHEN o.told_quantity > o.recorded_quantity AND o.told_value IS NOT NULL THEN o.told_price
                              ELSE average_price('LINEAR', 1, o.recorded_quantity, o.recorded_notional)
                          END,
                          o.filled_price
                      ),
                      (
                          'fills', 'is_overfilled',
                          (o.quote_quantity IS NULL AND o.filled_quantity > o.quantity * 1.000000000001)::integer,
                          o.is_overfilled::integer
                      ),
                      ('booked fills', 'filled_units', coalesce(m.quantity, 0), o.filled_units),
                      ('booked fills', 'filled_value', coalesce(m.value, 0), o.filled_value),
                      ('booked fills', 'commission', coalesce(m.commission, 0), o.commission),
                      ('unbooked', 'filled_quantity', 0, coalesce(m.unbooked, 0)),
                      ('unconverted', 'pnl', 0, coalesce(m.unconverted, 0)),
                      (
                          'unbooked', 'without a price', 0,
                          CASE
                              WHEN o.told_value IS NULL AND o.told_quantity > o.recorded_quantity THEN o.told_quantity
                              ELSE 0
                          END
                      ),
                      ('order', 'symbol', 1, (p.id IS NULL OR p.symbol = o.symbol)::integer),
                      ('order', 'side', 1, (p.id IS NULL OR p.side = o.side)::integer)
           ) AS c (identity, subject, expected, actual)
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
