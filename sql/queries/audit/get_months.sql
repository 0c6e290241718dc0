-- The months in which a session traded, of which sums by day are kept, in their order.
SELECT k.month, sum(k.row_count)::bigint AS row_count
  FROM (
           SELECT date_trunc('month', m.period_start, 'UTC') AS month, m.total_trades AS row_count
             FROM performance_metrics AS m
            WHERE m.session_id = :session_id
              AND m.period = 'DAILY'
            UNION ALL
           SELECT date_trunc('month', d.day, 'UTC'), d.orders
             FROM order_days AS d
            WHERE d.session_id = :session_id
       ) AS k
 WHERE existing_session(:session_id) IS NOT NULL
 GROUP BY k.month
 ORDER BY k.month
