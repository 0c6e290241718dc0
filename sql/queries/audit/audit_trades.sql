-- Contradictions between a session's trades and partial trades and what they were made of, by rule and subject.
WITH suspects AS MATERIALIZED (
    -- Most rows are as they should be, and only these are looked at column by column.
    SELECT t.id, t.position_id
      FROM trades AS t
      JOIN trading_sessions AS s ON s.id = t.session_id
      JOIN positions AS p ON p.id = t.position_id
     WHERE t.session_id = :session_id
       AND (:first_position::bigint IS NULL OR t.position_id >= :first_position)
       AND (:last_position::bigint IS NULL OR t.position_id <= :last_position)
       AND (:first_position::bigint IS NULL OR p.id >= :first_position)
       AND (:last_position::bigint IS NULL OR p.id <= :last_position)
       AND (
               t.size, t.quantity, t.entry_price, t.exit_price, t.pnl, t.commission, t.margin_interest_cost, t.funding,
               t.entry_time, t.exit_time, t.symbol, t.side, t.exit_reason, t.strategy_name, t.pnl_percent,
               t.stop_loss, t.take_profit, t.confidence_score, t.exchange, t.timeframe, t.mfe, t.mfe_price, t.mfe_time,
               t.mae, t.mae_price, t.mae_time, t.leverage, t.entry_tag
           )
           IS DISTINCT FROM (
               p.size, p.quantity, coalesce(p.entry_price, 0), coalesce(p.exit_price, 0), p.realized_pnl, p.commission,
               p.margin_interest_cost, p.funding, p.entry_time, p.exit_time, p.symbol, p.side, p.exit_reason,
               p.strategy_name, coalesce(round(t.pnl / nullif(abs(p.entry_notional), 0) * 100, 12), 0), p.stop_loss,
               p.take_profit, p.confidence_score, p.exchange, s.timeframe, p.mfe, p.mfe_price, p.mfe_time, p.mae,
               p.mae_price, p.mae_time, p.leverage, p.entry_tag
           )
), trade_checks AS (
    SELECT 'trade' AS identity, 'trade ' || t.id || ', ' || c.subject AS subject, c.expected, c.actual
      FROM suspects AS d
      JOIN trades AS t ON t.id = d.id
      JOIN trading_sessions AS s ON s.id = t.session_id
      JOIN positions AS p ON p.id = t.position_id
     CROSS JOIN LATERAL (
               VALUES ('size', trim_scale(p.size)::text, trim_scale(t.size)::text),
                      ('quantity', trim_scale(p.quantity)::text, trim_scale(t.quantity)::text),
                      ('entry_price', trim_scale(coalesce(p.entry_price, 0))::text, trim_scale(t.entry_price)::text),
                      ('exit_price', trim_scale(coalesce(p.exit_price, 0))::text, trim_scale(t.exit_price)::text),
                      ('pnl', trim_scale(p.realized_pnl)::text, trim_scale(t.pnl)::text),
                      ('commission', trim_scale(p.commission)::text, trim_scale(t.commission)::text),
                      (
                          'margin_interest_cost', trim_scale(p.margin_interest_cost)::text,
                          trim_scale(t.margin_interest_cost)::text
                      ),
                      ('funding', trim_scale(p.funding)::text, trim_scale(t.funding)::text),
                      ('entry_time', p.entry_time::text, t.entry_time::text),
                      ('exit_time', p.exit_time::text, t.exit_time::text),
                      ('symbol', p.symbol, t.symbol),
                      ('side', p.side::text, t.side::text),
                      ('exit_reason', p.exit_reason, t.exit_reason),
                      ('strategy_name', p.strategy_name, t.strategy_name),
                      (
                          'pnl_percent',
                          trim_scale(coalesce(round(t.pnl / nullif(abs(p.entry_notional), 0) * 100, 12), 0))::text,
                          trim_scale(t.pnl_percent)::text
                      ),
                      ('stop_loss', trim_scale(p.stop_loss)::text, trim_scale(t.stop_loss)::text),
                      ('take_profit', trim_scale(p.take_profit)::text, trim_scale(t.take_profit)::text),
                      ('confidence_score', trim_scale(p.confidence_score)::text, trim_scale(t.confidence_score)::text),
                      ('exchange', p.exchange, t.exchange),
                      ('timeframe', s.timeframe, t.timeframe),
                      ('mfe', trim_scale(p.mfe)::text, trim_scale(t.mfe)::text),
                      ('mfe_price', trim_scale(p.mfe_price)::text, trim_scale(t.mfe_price)::text),
                      ('mfe_time', p.mfe_time::text, t.mfe_time::text),
                      ('mae', trim_scale(p.mae)::text, trim_scale(t.mae)::text),
                      ('mae_price', trim_scale(p.mae_price)::text, trim_scale(t.mae_price)::text),
                      ('mae_time', p.mae_time::text, t.mae_time::text),
                      ('leverage', trim_scale(p.leverage)::text, trim_scale(t.leverage)::text),
                      ('entry_tag', p.entry_tag, t.entry_tag)
           ) AS c (subject, expected, actual)
     WHERE c.expected IS DISTINCT FROM c.actual
), partials AS MATERIALIZED (
    SELECT r.id, r.position_id, r.order_id, r.operation_type, r.size, r.quantity, r.price, r.pnl, r.target_level,
           r.timestamp, p.original_quantity, p.session_id, o.id AS known_order_id, o.session_id AS order_session_id,
           o.order_type, o.filled_price, o.target_level AS order_target_level, m.quantity AS moved_quantity,
           m.pnl AS moved_pnl, m.moved_at, m.is_in_one_position, m.first_fill_id > e.last_fill_id AS is_after_entry
      FROM positions AS p
      JOIN partial_trades AS r ON r.position_id = p.id
      LEFT JOIN orders AS o ON o.id = r.order_id
     CROSS JOIN LATERAL (
               SELECT sum(f.booked_quantity) FILTER (WHERE f.position_id = p.id AND f.is_booked) AS quantity,
                      sum(f.pnl) FILTER (WHERE f.position_id = p.id AND f.is_booked) AS pnl,
                      max(f.filled_at) FILTER (
                          WHERE f.position_id = p.id
                            AND f.is_booked
                            AND (f.booked_quantity <> 0 OR (f.pnl <> 0 AND o.order_type = 'PARTIAL_EXIT'))
                      ) AS moved_at,
                      min(f.id) FILTER (WHERE f.position_id = p.id AND f.is_booked) AS first_fill_id,
                      min(f.position_id) = max(f.position_id) AND bool_and(f.is_booked) AS is_in_one_position
                 FROM order_fills AS f
                WHERE f.order_id = r.order_id
           ) AS m
     CROSS JOIN LATERAL (
               SELECT max(f.id) AS last_fill_id
                 FROM order_fills AS f
                 JOIN orders AS i ON i.id = f.order_id AND i.order_type = 'ENTRY' AND i.session_id = p.session_id
                WHERE f.position_id = p.id AND f.is_booked AND f.booked_quantity <> 0
           ) AS e
     WHERE p.session_id = :session_id
       AND (:first_position::bigint IS NULL OR p.id >= :first_position)
       AND (:last_position::bigint IS NULL OR p.id <= :last_position)
), part_checks AS (
    SELECT 'partial trade' AS identity, 'partial trade ' || r.id || ', ' || c.subject AS subject,
           trim_scale(c.expected)::text AS expected, trim_scale(c.actual)::text AS actual
      FROM partials AS r
     CROSS JOIN LATERAL (
               VALUES ('quantity', r.moved_quantity, r.quantity::numeric),
                      ('price', CASE WHEN r.is_in_one_position THEN r.filled_price ELSE r.price END, r.price),
                      ('pnl', CASE r.operation_type WHEN 'PARTIAL_EXIT' THEN r.moved_pnl END, r.pnl),
                      ('target_level', r.order_target_level, r.target_level),
                      ('operation_type', 1, (r.operation_type::text = r.order_type::text)::integer),
                      (
                          'size',
                          CASE
                              -- A fraction of what the entry had filled by then.
                              WHEN r.original_quantity > 0 AND r.is_after_entry
                                  THEN fraction(r.quantity, r.original_quantity)
                              ELSE r.size
                          END,
                          r.size
                      )
           ) AS c (subject, expected, actual)
     WHERE c.expected IS DISTINCT FROM c.actual
       AND (r.known_order_id IS NOT NULL OR c.subject = 'size')
     UNION ALL
    SELECT 'partial trade', 'partial trade ' || r.id || ', ' || c.subject, c.expected, c.actual
      FROM partials AS r
     CROSS JOIN LATERAL (
               VALUES ('timestamp', r.moved_at::text, CASE WHEN r.moved_at IS NOT NULL THEN r.timestamp END::text),
                      ('order_id', 'session ' || r.session_id, coalesce('session ' || r.order_session_id, 'none'))
           ) AS c (subject, expected, actual)
     WHERE c.expected IS DISTINCT FROM c.actual
     UNION ALL
    SELECT DISTINCT 'partial trade', 'order ' || o.id || ', partial trade', 'one of position ' || f.position_id, NULL
      FROM orders AS o
      JOIN order_fills AS f ON f.order_id = o.id AND f.is_booked AND f.booked_quantity <> 0
     WHERE o.session_id = :session_id
       AND (
           (:first_position::bigint IS NULL OR o.position_id >= :first_position)
           AND (:last_position::bigint IS NULL OR o.position_id <= :last_position)
           OR :first_position IS NULL AND o.position_id IS NULL
       )
       AND o.order_type IN ('PARTIAL_EXIT', 'SCALE_IN')
       AND NOT EXISTS (
               SELECT FROM partial_trades AS r WHERE r.order_id = o.id AND r.position_id = f.position_id
           )
)
SELECT identity, subject, expected, actual
  FROM (
           SELECT identity, subject, expected, actual FROM trade_checks
            UNION ALL
           SELECT identity, subject, expected, actual FROM part_checks
       ) AS findings
 WHERE existing_session(:session_id) IS NOT NULL
 ORDER BY identity, subject
