-- Whether a market is open at a moment.
SELECT (
           -- Sessions that began on the market's own day or on the day before.
           SELECT count(*) > 0
             FROM generate_series(0, 1) AS days_ago
            CROSS JOIN LATERAL (
                      SELECT (:at::timestamptz AT TIME ZONE m.timezone)::date - days_ago AS day
                  ) AS began
            WHERE m.days_of_week @> to_jsonb(date_part('isodow', began.day)::integer)
              AND :at >= (began.day + coalesce(m.open_time, '00:00')) AT TIME ZONE m.timezone
              AND :at < (
                      began.day
                      + CASE WHEN m.close_time > m.open_time THEN 0 ELSE 1 END
                      + coalesce(m.close_time, '00:00')
                  ) AT TIME ZONE m.timezone
       ) AS is_open
  FROM market_sessions AS m
 WHERE m.name = :name
   AND existing_market(:name) IS NOT NULL
