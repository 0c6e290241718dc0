-- Open positions with their P&L at the current price, oldest first.
SELECT p.id, p.session_id, p.symbol, p.side, p.strategy_name, p.entry_time,
       coalesce(p.entry_price, 0) AS entry_price, p.current_quantity, p.current_size, p.current_price,
       p.unrealized_pnl, p.unrealized_pnl_percent, p.realized_pnl, p.stop_loss, p.take_profit, p.last_update
  FROM chosen_sessions(:session_id, :source, NULL, NULL) AS s
 CROSS JOIN LATERAL (
           SELECT r.id, r.session_id, r.symbol, r.side, r.strategy_name, r.entry_time, r.entry_price,
                  r.current_quantity, r.current_size, r.current_price, r.unrealized_pnl, r.unrealized_pnl_percent,
                  r.realized_pnl, r.stop_loss, r.take_profit, r.last_update
             FROM positions AS r
            WHERE r.session_id = s.session_id
              AND r.status = 'OPEN'
              AND (:strategy_name::text IS NULL OR r.strategy_name = :strategy_name)
              AND (:symbol::text IS NULL OR r.symbol = :symbol)
           OFFSET 0
       ) AS p
 ORDER BY p.entry_time, p.id
