-- A session's equity over time from at most so many snapshots, evenly taken, the newest included; oldest first.
SELECT DISTINCT ON (bucket) timestamp, balance, equity, drawdown
  FROM (
           SELECT id, timestamp, balance, equity, drawdown,
                  ntile(:points::integer) OVER (ORDER BY timestamp, id) AS bucket
             FROM account_history
            WHERE session_id = :session_id
              AND existing_session(:session_id) IS NOT NULL
       ) AS snapshots
 ORDER BY bucket, timestamp DESC, id DESC
