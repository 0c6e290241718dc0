-- What figures are about: the chosen sessions in one row, with what they have in common.
SELECT count(*)::integer AS total_sessions,
       (count(*) FILTER (WHERE t.is_active))::integer AS active_sessions,
       CASE WHEN count(*) = 1 THEN min(t.session_name::text) END AS session_name,
       CASE WHEN count(DISTINCT t.mode) = 1 THEN min(t.mode) END AS mode,
       CASE WHEN count(DISTINCT t.strategy_name) = 1 THEN min(t.strategy_name::text) END AS strategy_name,
       CASE WHEN count(DISTINCT t.symbol) = 1 THEN min(t.symbol::text) END AS symbol,
       CASE WHEN count(DISTINCT t.timeframe) = 1 THEN min(t.timeframe::text) END AS timeframe,
       CASE WHEN count(DISTINCT t.exchange) = 1 THEN min(t.exchange::text) END AS exchange,
       CASE WHEN count(DISTINCT t.base_currency) = 1 THEN min(t.base_currency::text) END AS base_currency,
       min(t.start_time::timestamptz) AS start_time,
       CASE WHEN bool_and(t.end_time IS NOT NULL) THEN max(t.end_time::timestamptz) END AS end_time,
       coalesce(sum(t.initial_balance::numeric), 0) AS initial_balance,
       coalesce(sum(t.current_balance::numeric), 0) AS current_balance
  FROM chosen_sessions(:session_id, :source, :strategy_name, :symbol) AS s
  JOIN trading_sessions AS t ON t.id = s.session_id
 WHERE :session_id::bigint IS NULL OR existing_session(:session_id) IS NOT NULL
