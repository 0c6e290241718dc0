-- Engines' ratings of their performance in any sessions, newest first, a page at a time.
SELECT x.id, x.session_id, x.timestamp, x.rolling_win_rate, x.rolling_sharpe_ratio, x.current_drawdown,
       x.volatility_30d, x.consecutive_losses, x.consecutive_wins, x.risk_adjustment_factor, x.profit_factor,
       x.expectancy, x.avg_trade_duration_hours
  FROM chosen_sessions(:session_id, :source, NULL, NULL) AS s
 CROSS JOIN LATERAL (
           SELECT r.id, r.session_id, r.timestamp, r.rolling_win_rate, r.rolling_sharpe_ratio, r.current_drawdown,
                  r.volatility_30d, r.consecutive_losses, r.consecutive_wins, r.risk_adjustment_factor,
                  r.profit_factor, r.expectancy, r.avg_trade_duration_hours
             FROM dynamic_performance_metrics AS r
            WHERE r.session_id = s.session_id
              AND r.timestamp >= coalesce(:start::timestamptz, '-infinity')
              AND r.timestamp < coalesce(:end::timestamptz, 'infinity')
              AND (r.timestamp, r.id) < (coalesce(:before::timestamptz, 'infinity'), coalesce(:before_id::bigint, 0))
            ORDER BY r.timestamp DESC, r.id DESC
            LIMIT :limit
       ) AS x
 ORDER BY x.timestamp DESC, x.id DESC
 LIMIT :limit
