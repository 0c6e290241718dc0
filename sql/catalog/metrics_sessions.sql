-- The figures of each active session that trades, or plays at it, for a time series.
SELECT s.id,
       s.session_name::text AS name,
       s.mode::text AS mode,
       s.strategy_name::text AS strategy,
       s.symbol::text AS symbol,
       s.base_currency::text AS currency,
       f.balance,
       f.equity,
       f.net_pnl,
       f.unrealized_pnl,
       f.open_positions,
       f.total_trades,
       drawdown(equity_peak(s.id), coalesce(f.equity, f.balance)) AS drawdown,
       (
           SELECT count(*)
             FROM recent_errors(s.id, clock_timestamp() - interval '1 hour', clock_timestamp())
       ) AS errors
  FROM trading_sessions AS s
 CROSS JOIN LATERAL account_figures(s.id, clock_timestamp()) AS f
 WHERE s.end_time IS NULL
   AND s.mode IN ('LIVE', 'PAPER')
   AND NOT s.is_verification
 ORDER BY s.id
