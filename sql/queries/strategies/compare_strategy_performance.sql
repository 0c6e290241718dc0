-- The newest performance of each given strategy side by side, best Sharpe ratio first; NULL if there is none.
SELECT s.strategy_id, s.name, s.status, p.version, p.period_type, p.period_start, p.period_end,
       p.total_return, p.total_return_pct, p.sharpe_ratio, p.sortino_ratio, p.calmar_ratio, p.max_drawdown,
       p.volatility, p.var_95, p.win_rate, p.total_trades, p.avg_trade_duration_hours
  FROM strategy_registry AS s
  LEFT JOIN LATERAL (
           SELECT strategy_id, version, period_type, period_start, period_end, total_return, total_return_pct,
                  sharpe_ratio, sortino_ratio, calmar_ratio, max_drawdown, volatility, var_95, win_rate, total_trades,
                  avg_trade_duration_hours
             FROM strategy_performance
            WHERE strategy_id = s.strategy_id
              AND (:period_type::text IS NULL OR period_type = :period_type)
            ORDER BY period_end DESC, id DESC
            LIMIT 1
       ) AS p ON TRUE
 WHERE s.strategy_id = any((
           SELECT array_agg(wanted) FROM jsonb_array_elements_text(:strategy_ids::jsonb) AS wanted
       )::text[])
   AND (SELECT count(existing_strategy(wanted)) FROM jsonb_array_elements_text(:strategy_ids) AS wanted) > 0
 ORDER BY p.sharpe_ratio DESC NULLS LAST, s.id
