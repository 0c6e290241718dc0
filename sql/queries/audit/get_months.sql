-- The first moments of the months of a session's trades and orders whose sums are kept, in their order.
SELECT k.month
  FROM (
           SELECT date_trunc('month', m.period_start, 'UTC') AS month
             FROM performance_metrics AS m
            WHERE m.session_id = :session_id
              AND m.period = 'DAILY'
            UNION
           SELECT date_trunc('month', d.day, 'UTC')
             FROM order_days AS d
            WHERE d.session_id = :session_id
       ) AS k
 ORDER BY k.month
