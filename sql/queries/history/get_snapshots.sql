-- Snapshots of the accounts of any sessions, newest first, a page at a time.
SELECT x.id, x.session_id, x.timestamp, x.balance, x.equity, x.margin_used, x.margin_available, x.total_pnl,
       x.daily_pnl, x.drawdown, x.open_positions, x.total_exposure, x.details
  FROM chosen_sessions(:session_id, :source, NULL, NULL) AS s
 CROSS JOIN LATERAL (
           SELECT r.id, r.session_id, r.timestamp, r.balance, r.equity, r.margin_used, r.margin_available,
                  r.total_pnl, r.daily_pnl, r.drawdown, r.open_positions, r.total_exposure, r.details
             FROM account_history AS r
            WHERE r.session_id = s.session_id
              AND r.timestamp >= coalesce(:start::timestamptz, '-infinity')
              AND r.timestamp < coalesce(:end::timestamptz, 'infinity')
              AND (r.timestamp, r.id) < (coalesce(:before::timestamptz, 'infinity'), coalesce(:before_id::bigint, 0))
            -- In the order of the index, which has no id.
            ORDER BY r.timestamp DESC
            FETCH FIRST (:limit::bigint) ROWS WITH TIES
       ) AS x
 ORDER BY x.timestamp DESC, x.id DESC
 LIMIT :limit
