-- Contradictions between a session's performance metrics and its trades, by rule and subject.
SELECT 'metrics' AS identity, coalesce(due.subject, kept.subject) AS subject,
       due.columns #>> '{}' AS expected, kept.columns #>> '{}' AS actual
  FROM (
           SELECT m.period || ' ' || m.period_start::date || ', ' || c.key AS subject, c.value AS columns
             FROM recomputed_metrics AS m
            CROSS JOIN LATERAL jsonb_each(to_jsonb(m)) AS c
            WHERE m.session_id = :session_id
              AND (m.period = 'DAILY') = :daily
       ) AS due
  FULL JOIN (
           SELECT m.period || ' ' || m.period_start::date || ', ' || c.key AS subject, c.value AS columns
             FROM performance_metrics AS m
            CROSS JOIN LATERAL jsonb_each(to_jsonb(m) - ARRAY[
                      'net_pnl', 'win_rate', 'profit_factor', 'expectancy', 'avg_win', 'avg_loss'
                  ]) AS c
            WHERE m.session_id = :session_id
              AND (m.period = 'DAILY') = :daily
       ) AS kept
        ON kept.subject = due.subject
 WHERE due.columns IS DISTINCT FROM kept.columns
   AND existing_session(:session_id) IS NOT NULL
 ORDER BY identity, subject
