-- Open and closed positions of any sessions, newest entry first, a page at a time.
SELECT p.id, p.session_id, p.symbol, p.side, p.status, p.strategy_name, p.exchange, p.entry_time,
       coalesce(p.entry_price, 0) AS entry_price, p.exit_time, p.exit_price, p.exit_reason, p.size, p.quantity,
       p.current_quantity, p.current_price, p.stop_loss, p.take_profit, p.realized_pnl, p.unrealized_pnl, p.commission,
       p.margin_interest_cost, p.funding, p.confidence_score, p.mfe, p.mae, p.last_update, p.leverage,
       p.liquidation_price, p.entry_tag
  FROM (
           SELECT o.id, o.entry_time
             FROM chosen_sessions(:session_id, :source, NULL, NULL) AS s
            CROSS JOIN LATERAL (
                     -- Each status has its index.
                     (
                          SELECT r.id, r.entry_time
                            FROM positions AS r
                           WHERE r.session_id = s.session_id
                             AND r.status = 'OPEN'
                             AND coalesce(:status::position_status, 'OPEN') = 'OPEN'
                             AND (:strategy_name::text IS NULL OR r.strategy_name = :strategy_name)
                             AND (:symbol::text IS NULL OR r.symbol = :symbol)
                             AND r.entry_time >= coalesce(:start::timestamptz, '-infinity')
                             AND r.entry_time < coalesce(:end::timestamptz, 'infinity')
                             AND (r.entry_time, r.id) < (
                                     coalesce(:before::timestamptz, 'infinity'), coalesce(:before_id::bigint, 0)
                                 )
                           ORDER BY r.entry_time DESC, r.id DESC
                           LIMIT :limit
                     )
                      UNION ALL
                     (
                          SELECT r.id, r.entry_time
                            FROM positions AS r
                           WHERE r.session_id = s.session_id
                             AND r.status = 'CLOSED'
                             AND coalesce(:status::position_status, 'CLOSED') = 'CLOSED'
                             AND (:strategy_name::text IS NULL OR r.strategy_name = :strategy_name)
                             AND (:symbol::text IS NULL OR r.symbol = :symbol)
                             AND r.entry_time >= coalesce(:start::timestamptz, '-infinity')
                             AND r.entry_time < coalesce(:end::timestamptz, 'infinity')
                             AND (r.entry_time, r.id) < (
                                     coalesce(:before::timestamptz, 'infinity'), coalesce(:before_id::bigint, 0)
                                 )
                           ORDER BY r.entry_time DESC, r.id DESC
                           LIMIT :limit
                     )
                 ) AS o
            ORDER BY o.entry_time DESC, o.id DESC
            LIMIT :limit
       ) AS x
 CROSS JOIN LATERAL (
           SELECT r.id, r.session_id, r.symbol, r.side, r.status, r.strategy_name, r.exchange, r.entry_time,
                  r.entry_price, r.exit_time, r.exit_price, r.exit_reason, r.size, r.quantity,
                  r.current_quantity, r.current_price, r.stop_loss, r.take_profit, r.realized_pnl,
                  r.unrealized_pnl, r.commission, r.margin_interest_cost, r.funding, r.confidence_score, r.mfe,
                  r.mae, r.last_update, r.leverage,
                  r.liquidation_price, r.entry_tag
             FROM positions AS r
            WHERE r.id = x.id
           OFFSET 0
       ) AS p
 ORDER BY p.entry_time DESC, p.id DESC
