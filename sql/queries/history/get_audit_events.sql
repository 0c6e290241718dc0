-- Reconciliation events of any sessions from a severity on, newest first, a page at a time.
SELECT x.id, x.session_id, x.timestamp, x.entity_type, x.entity_id, x.field, x.old_value, x.new_value, x.reason,
       x.severity
  FROM chosen_sessions(:session_id, :source, NULL, NULL) AS s
 CROSS JOIN LATERAL (
           SELECT r.id, r.session_id, r.timestamp, r.entity_type, r.entity_id, r.field, r.old_value, r.new_value,
                  r.reason, r.severity
             FROM reconciliation_audit_events AS r
            WHERE r.session_id = s.session_id
              AND (:min_severity::severity IS NULL OR r.severity >= :min_severity)
              AND r.timestamp >= coalesce(:start::timestamptz, '-infinity')
              AND r.timestamp < coalesce(:end::timestamptz, 'infinity')
              AND (r.timestamp, r.id) < (coalesce(:before::timestamptz, 'infinity'), coalesce(:before_id::bigint, 0))
            ORDER BY r.timestamp DESC, r.id DESC
            LIMIT :limit
       ) AS x
 ORDER BY x.timestamp DESC, x.id DESC
 LIMIT :limit
