-- The highest balance of each of any sessions, and when it was reached, newest session first.
SELECT s.session_id, x.total_balance AS peak, x.last_updated AS peak_time
  FROM chosen_sessions(:session_id, :source, NULL, NULL) AS s
 CROSS JOIN LATERAL (
           SELECT r.total_balance, r.last_updated
             FROM account_balances AS r
            WHERE r.session_id = s.session_id
              AND r.last_updated >= coalesce(:start::timestamptz, '-infinity')
              AND r.last_updated < coalesce(:end::timestamptz, 'infinity')
            ORDER BY r.total_balance DESC, r.entry_number
            LIMIT 1
       ) AS x
 ORDER BY s.start_time DESC, s.session_id DESC
