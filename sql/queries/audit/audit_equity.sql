-- Contradictions between the equity kept of a session's hours and days and its snapshots, by rule and subject.
WITH rolled AS MATERIALIZED (
    SELECT r.session_id, r.rolled_until
      FROM equity_rolls AS r
     WHERE r.session_id = :session_id
), due AS (
    SELECT h AS said, h.hours, h.start_time
      FROM rolled AS r
     CROSS JOIN LATERAL measured_hours(r.session_id, '-infinity', r.rolled_until) AS h
     UNION ALL
    SELECT d, d.hours, d.start_time
      FROM rolled AS r
     CROSS JOIN LATERAL measured_days(r.session_id, '-infinity', date_trunc('day', r.rolled_until, 'UTC')) AS d
), spans AS MATERIALIZED (
    SELECT coalesce(k.hours, d.hours) AS hours, coalesce(k.start_time, d.start_time)::timestamptz AS start_time,
           to_jsonb(d.said) AS due, to_jsonb(k.said) AS kept
      FROM due AS d
      FULL JOIN (
               SELECT s AS said, s.hours, s.start_time
                 FROM equity_spans AS s
                WHERE s.session_id = :session_id
           ) AS k ON k.hours = d.hours AND k.start_time = d.start_time
     WHERE k.said IS DISTINCT FROM d.said
)
SELECT 'equity' AS identity,
       CASE s.hours WHEN 1 THEN 'hour ' ELSE 'day ' END
       || to_char(s.start_time AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI') || ', ' || c.key AS subject,
       s.due ->> c.key AS expected, s.kept ->> c.key AS actual
  FROM spans AS s
 CROSS JOIN LATERAL jsonb_each(coalesce(s.kept, s.due)) AS c (key, value)
 WHERE s.due -> c.key IS DISTINCT FROM s.kept -> c.key
   -- Of a span that is missing, or should not be there, one thing says it.
   AND (c.key = 'snapshots' OR num_nulls(s.due, s.kept) = 0)
   AND existing_session(:session_id) IS NOT NULL
 ORDER BY identity, subject
