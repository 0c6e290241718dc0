-- Sessions with their P&L, newest first.
SELECT s.id AS session_id, s.session_name, s.mode, s.strategy_name, s.symbol, s.timeframe, s.exchange, s.base_currency,
       s.start_time, s.end_time, s.is_active, s.initial_balance, s.current_balance,
       coalesce(m.total_trades, 0) AS total_trades, trim_scale(m.win_rate) AS win_rate,
       coalesce(m.gross_profit - m.gross_loss, 0) AS gross_pnl, coalesce(m.net_pnl, 0) AS net_pnl,
       trim_scale(m.profit_factor) AS profit_factor,
       trim_scale(coalesce(s.max_drawdown, session_drawdown(s.id))) AS max_drawdown,
       open.positions AS open_positions
  FROM (
           SELECT t.id, t.session_name, t.mode, t.strategy_name, t.symbol, t.timeframe, t.exchange, t.base_currency,
                  t.start_time, t.end_time, t.is_active, t.initial_balance, t.current_balance, t.max_drawdown
             FROM trading_sessions AS t
            WHERE NOT t.is_verification
              AND (:source::trade_source IS NULL OR t.mode = :source)
              AND (:strategy_name::text IS NULL OR t.strategy_name = :strategy_name)
              AND (:symbol::text IS NULL OR t.symbol = :symbol)
              AND (:is_active::boolean IS NULL OR t.is_active = :is_active)
              AND t.start_time >= coalesce(:start::timestamptz, '-infinity')
              AND t.start_time < coalesce(:end::timestamptz, 'infinity')
            ORDER BY t.start_time DESC, t.id DESC
            LIMIT :limit
       ) AS s
  LEFT JOIN performance_metrics AS m
    ON m.session_id = s.id AND m.period = 'ALL_TIME' AND m.period_start = 'epoch'::timestamptz
 CROSS JOIN LATERAL (
           SELECT count(*)::integer AS positions
             FROM positions AS p
            WHERE p.session_id = s.id AND p.status = 'OPEN'
       ) AS open
 ORDER BY s.start_time DESC, s.id DESC
