-- The number of closed positions of any sessions.
SELECT count(*) AS positions
  FROM chosen_sessions(:session_id, :source, NULL, NULL) AS s
 CROSS JOIN LATERAL (
           SELECT r.id
             FROM positions AS r
            WHERE r.session_id = s.session_id
              AND r.status = 'CLOSED'
              AND (:strategy_name::text IS NULL OR r.strategy_name = :strategy_name)
              AND (:symbol::text IS NULL OR r.symbol = :symbol)
              AND r.entry_time >= coalesce(:start::timestamptz, '-infinity')
              AND r.entry_time < coalesce(:end::timestamptz, 'infinity')
           OFFSET 0
       ) AS x
