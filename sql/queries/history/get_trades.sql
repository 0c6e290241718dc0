-- Trades of any sessions, newest exit first, a page at a time.
SELECT x.id, x.session_id, x.position_id, x.symbol, x.side, x.source, x.entry_price, x.exit_price, x.size,
       x.quantity, x.entry_time, x.exit_time, x.pnl, x.pnl_percent, x.commission, x.margin_interest_cost,
       x.funding, x.net_pnl, x.stop_loss, x.take_profit, x.exit_reason, x.strategy_name, x.confidence_score,
       x.order_id, x.exchange, x.timeframe, x.mfe, x.mfe_price, x.mfe_time, x.mae, x.mae_price, x.mae_time,
       x.leverage, x.entry_tag
  FROM chosen_sessions(:session_id, :source, NULL, NULL) AS s
 CROSS JOIN LATERAL (
           SELECT r.id, r.session_id, r.position_id, r.symbol, r.side, r.source, r.entry_price, r.exit_price,
                  r.size, r.quantity, r.entry_time, r.exit_time, r.pnl, r.pnl_percent, r.commission,
                  r.margin_interest_cost, r.funding, r.net_pnl, r.stop_loss, r.take_profit, r.exit_reason,
                  r.strategy_name, r.confidence_score, r.order_id, r.exchange, r.timeframe, r.mfe, r.mfe_price,
                  r.mfe_time, r.mae, r.mae_price, r.mae_time, r.leverage, r.entry_tag
             FROM trades AS r
            WHERE r.session_id = s.session_id
              AND (:strategy_name::text IS NULL OR r.strategy_name = :strategy_name)
              AND (:symbol::text IS NULL OR r.symbol = :symbol)
              AND r.exit_time >= coalesce(:start::timestamptz, '-infinity')
              AND r.exit_time < coalesce(:end::timestamptz, 'infinity')
              AND (r.exit_time, r.id) < (coalesce(:before::timestamptz, 'infinity'), coalesce(:before_id::bigint, 0))
            ORDER BY r.exit_time DESC, r.id DESC
            LIMIT :limit
       ) AS x
 ORDER BY x.exit_time DESC, x.id DESC
 LIMIT :limit
