-- Contradictions between the numbers, balances, kinds and times of a session's ledger entries, by rule and subject.
WITH own AS (
    SELECT l.entry_number, l.entry_type, l.pnl, l.commission, l.amount, l.delta, l.previous_balance, l.total_balance,
           l.reserved_balance, l.asset_balances, l.position_id, l.order_fill_id, l.last_updated, l.request_id,
           coalesce(lag(l.entry_number) OVER in_order, 0) + 1 AS due_number,
           coalesce(lag(l.total_balance) OVER in_order, 0) AS due_balance,
           l.entry_type IN ('TRADE', 'FILL', 'FEE', 'MOVE') AS is_of_trading,
           l.entry_type IN ('FILL', 'FEE') AS is_of_fill
      FROM account_balances AS l
     WHERE l.session_id = :session_id
       -- With the one before them.
       AND (
           :first_entry::integer IS NULL
           OR l.entry_number >= coalesce(
                  (
                      SELECT max(b.entry_number)
                        FROM account_balances AS b
                       WHERE b.session_id = :session_id AND b.entry_number < :first_entry
                  ),
                  :first_entry
              )
       )
       AND (:last_entry::integer IS NULL OR l.entry_number <= :last_entry)
    WINDOW in_order AS (ORDER BY l.entry_number)
), due AS (
    SELECT l.entry_number, l.entry_type, l.previous_balance, l.total_balance, l.pnl, l.commission, l.amount,
           l.reserved_balance, l.asset_balances, l.position_id, l.order_fill_id, l.last_updated, l.request_id,
           l.due_number, l.due_balance, l.previous_balance + l.delta AS due_total,
           CASE WHEN l.is_of_trading AND l.entry_type <> 'FEE' THEN l.pnl ELSE 0 END AS due_pnl,
           CASE WHEN l.is_of_trading THEN l.commission ELSE 0 END AS due_commission,
           CASE
               WHEN l.is_of_fill THEN 0 WHEN l.entry_type = 'INITIAL' THEN s.initial_balance ELSE l.amount
           END AS due_amount,
           CASE l.entry_type WHEN 'ADJUSTMENT' THEN l.reserved_balance ELSE 0 END AS due_reserved,
           CASE l.entry_type WHEN 'ADJUSTMENT' THEN l.asset_balances END AS due_assets,
           CASE
               WHEN l.is_of_fill THEN coalesce(l.order_fill_id, 0) WHEN l.entry_type = 'MOVE' THEN l.order_fill_id
           END AS due_fill,
           CASE
               WHEN l.is_of_fill OR l.entry_type IN ('FUNDING', 'CORRECTION', 'MOVE') THEN coalesce(l.position_id, 0)
               WHEN l.entry_type = 'INTEREST' THEN l.position_id
           END AS due_position,
           CASE WHEN f.position_id IS NULL THEN l.position_id ELSE f.position_id END AS fill_position,
           CASE
               WHEN l.entry_type = 'INITIAL' THEN s.start_time
               WHEN l.is_of_fill AND f.id IS NOT NULL THEN f.filled_at
               ELSE l.last_updated
           END AS due_time
      FROM own AS l
      JOIN trading_sessions AS s ON s.id = :session_id
      LEFT JOIN order_fills AS f ON f.id = l.order_fill_id
     WHERE :first_entry::integer IS NULL OR l.entry_number >= :first_entry
), suspects AS MATERIALIZED (
    -- Most rows are as they should be, and only these are looked at column by column.
    SELECT *
      FROM due
     WHERE (
               due_number, due_balance, due_total, due_pnl, due_commission, due_amount, due_reserved, due_assets,
               due_fill, due_position, fill_position, due_time
           )
           IS DISTINCT FROM (
               entry_number, previous_balance, total_balance, pnl, commission, amount, reserved_balance, asset_balances,
               order_fill_id, position_id, position_id, last_updated
           )
        OR entry_type = 'ADJUSTMENT'
), entry_checks AS (
    SELECT c.identity, 'ledger entry ' || s.entry_number || ', ' || c.subject AS subject, c.expected, c.actual
      FROM suspects AS s
      LEFT JOIN system_events AS e
        ON s.entry_type = 'ADJUSTMENT'
       AND e.request_id = s.request_id
       AND e.event_type = 'BALANCE_ADJUSTMENT'
     CROSS JOIN LATERAL (
               VALUES ('ledger chain', 'entry_number', s.due_number::text, s.entry_number::text),
                      (
                          'ledger chain', 'previous_balance', trim_scale(s.due_balance)::text,
                          trim_scale(s.previous_balance)::text
                      ),
                      (
                          'ledger chain', 'total_balance', trim_scale(s.due_total)::text,
                          trim_scale(s.total_balance)::text
                      ),
                      ('ledger kind', 'pnl', trim_scale(s.due_pnl)::text, trim_scale(s.pnl)::text),
                      (
                          'ledger kind', 'commission', trim_scale(s.due_commission)::text,
                          trim_scale(s.commission)::text
                      ),
                      ('ledger kind', 'amount', trim_scale(s.due_amount)::text, trim_scale(s.amount)::text),
                      (
                          'ledger kind', 'reserved_balance', trim_scale(s.due_reserved)::text,
                          trim_scale(s.reserved_balance)::text
                      ),
                      ('ledger kind', 'asset_balances', s.due_assets::text, s.asset_balances::text),
                      (
                          'ledger kind', 'order_fill_id',
                          CASE s.due_fill WHEN 0 THEN 'a fill' ELSE s.due_fill::text END, s.order_fill_id::text
                      ),
                      (
                          'ledger kind', 'position_id',
                          CASE s.due_position WHEN 0 THEN 'a position' ELSE s.due_position::text END,
                          s.position_id::text
                      ),
                      ('ledger cause', 'position_id', s.fill_position::text, s.position_id::text),
                      ('ledger time', 'last_updated', s.due_time::text, s.last_updated::text),
                      (
                          'ledger event', 'total_balance',
                          CASE
                              WHEN e.id IS NULL OR NOT e.details ? 'new_balance' THEN trim_scale(s.total_balance)::text
                              ELSE trim_scale((e.details ->> 'new_balance')::numeric)::text
                          END,
                          trim_scale(s.total_balance)::text
                      )
           ) AS c (identity, subject, expected, actual)
     WHERE c.expected IS DISTINCT FROM c.actual
)
SELECT identity, subject, expected, actual
  FROM entry_checks
 WHERE existing_session(:session_id) IS NOT NULL
 ORDER BY identity, subject
