-- Drawdowns: every time that equity was below its peak, and the worst of them without reading every snapshot.

CREATE FUNCTION drawdown_episodes(
    session bigint, source trade_source, strategy text, instrument text, since timestamptz, until timestamptz
) RETURNS TABLE (
    started_at timestamptz, trough_at timestamptz, recovered_at timestamptz, peak numeric, trough numeric,
    drawdown numeric
)
LANGUAGE sql STABLE AS $$
    WITH numbered AS (
        SELECT e.time, e.place, e.equity, e.peak, e.drawdown,
               count(*) FILTER (WHERE e.equity = e.peak) OVER (ORDER BY e.place ROWS UNBOUNDED PRECEDING) AS episode
          FROM public.equity_series(session, source, strategy, instrument, since, until) AS e
    ), episodes AS (
        SELECT min(n.time) AS started_at,
               (array_agg(n.time ORDER BY n.drawdown DESC, n.equity, n.place))[1] AS trough_at,
               lead(min(n.time)) OVER (ORDER BY n.episode) AS recovered_at,
               (array_agg(n.peak ORDER BY n.drawdown DESC, n.equity, n.place))[1] AS peak,
               (array_agg(n.equity ORDER BY n.drawdown DESC, n.equity, n.place))[1] AS trough,
               max(n.drawdown) AS drawdown
          FROM numbered AS n
         GROUP BY n.episode
    )
    SELECT p.started_at, p.trough_at, p.recovered_at, p.peak, p.trough, p.drawdown
      FROM episodes AS p
     WHERE p.trough < p.peak
$$;
COMMENT ON FUNCTION drawdown_episodes IS
'Every time that the equity of equity_series was below its peak: since when (the last moment at the peak), when it was '
'lowest, when it was back at the peak (NULL = not yet), and peak, trough and (peak - trough) / peak as a fraction.';

CREATE FUNCTION worst_drawdowns(
    session bigint, source trade_source, strategy text, instrument text, since timestamptz, until timestamptz,
    most integer
) RETURNS TABLE (
    started_at timestamptz, trough_at timestamptz, recovered_at timestamptz, peak numeric, trough numeric,
    drawdown numeric
)
LANGUAGE plpgsql STABLE AS $$
DECLARE
    own record;
    enough bigint := greatest(coalesce(most, 1000000000), 1);
BEGIN
    SELECT min(o.session_id) AS session_id, count(*) = 1 AND bool_and(o.by_snapshots) AS is_single INTO own
      FROM public.chosen_openings(session, source, strategy, instrument, since, until) AS o;
    IF own.is_single IS NOT TRUE THEN
        RETURN QUERY
        SELECT d.started_at, d.trough_at, d.recovered_at, d.peak, d.trough, d.drawdown
          FROM public.drawdown_episodes(session, source, strategy, instrument, since, until) AS d
         ORDER BY d.drawdown DESC, d.started_at
         LIMIT most;
        RETURN;
    END IF;
    RETURN QUERY
    -- Parts that reach the peak divide the others into blocks: what falls from one and is back in the next.
    WITH peaked AS (
        SELECT p.start_time, p.id, p.hours, p.high, p.low, p.low_time, p.fall, p.transferred,
               -- A transfer moves the peak along.
               max(p.high - p.transferred) OVER (
                   ORDER BY p.start_time, p.id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
               ) + p.transferred AS peak
          FROM public.equity_parts(own.session_id, since, until, '{}', '{}') AS p
    ), flagged AS MATERIALIZED (
        SELECT p.start_time, p.id, p.hours, p.high, p.low, p.low_time, p.fall, p.transferred, p.peak,
               coalesce(p.high >= p.peak, TRUE) AS reaches,
               count(*) FILTER (WHERE coalesce(p.high >= p.peak, TRUE)) OVER (
                   ORDER BY p.start_time, p.id ROWS UNBOUNDED PRECEDING
               ) AS block
          FROM peaked AS p
    ), reached AS MATERIALIZED (
        SELECT f.block, f.start_time, f.id, f.hours, f.high, f.peak,
               CASE WHEN f.low < f.peak THEN greatest(f.fall, public.drawdown(f.peak, f.low)) ELSE f.fall END AS depth
          FROM flagged AS f
         WHERE f.reaches
    ), lowest AS MATERIALIZED (
        -- Of those that do not reach the peak, only the lowest counts.
        SELECT DISTINCT ON (f.block, f.transferred) f.block, f.start_time, f.id, f.low, f.low_time, f.peak
          FROM (
                   SELECT n.block, n.transferred, min(n.low) AS low
                     FROM flagged AS n
                    WHERE NOT n.reaches
                    GROUP BY n.block, n.transferred
               ) AS l
          JOIN flagged AS f
            ON f.block = l.block AND f.transferred = l.transferred AND f.low = l.low AND NOT f.reaches
         ORDER BY f.block, f.transferred, f.start_time, f.id
    ), fallen AS (
        SELECT l.block, max(public.drawdown(l.peak, l.low)) AS depth
          FROM lowest AS l
         GROUP BY l.block
    ), blocks AS MATERIALIZED (
        SELECT r.block, greatest(r.depth, f.depth) AS depth, f.depth AS fallen
          FROM reached AS r
          LEFT JOIN fallen AS f ON f.block = r.block
         WHERE r.depth > 0 OR f.block IS NOT NULL
    ), bound AS MATERIALIZED (
        -- The wanted ones are at least that deep: in each block with a fall from one part to the next is another one,
        -- and one that is the deepest of its block can be so of two blocks at most.
        SELECT greatest(
                   (
                       SELECT b.fallen
                         FROM blocks AS b
                        WHERE b.fallen IS NOT NULL
                        ORDER BY b.fallen DESC
                       OFFSET enough - 1
                        LIMIT 1
                   ),
                   (SELECT b.depth FROM blocks AS b ORDER BY b.depth DESC OFFSET 2 * enough - 1 LIMIT 1),
                   0
               ) AS depth
    ), worst AS MATERIALIZED (
        SELECT b.block FROM blocks AS b ORDER BY b.depth DESC, b.block LIMIT 2 * enough
    ), coarse AS MATERIALIZED (
        -- What fell as deep inside a part is looked at more closely.
        SELECT r.start_time, r.hours, r.peak
          FROM reached AS r
         CROSS JOIN bound AS d
         WHERE r.hours > 0
           AND r.depth > 0
           AND r.depth >= d.depth
           AND r.block IN (SELECT w.block FROM worst AS w UNION SELECT w.block + 1 FROM worst AS w)
    ), hours AS MATERIALIZED (
        SELECT h.start_time, h.high, h.low, h.low_time, h.peak, coalesce(h.high >= h.peak, TRUE) AS reaches,
               CASE WHEN h.low < h.peak THEN greatest(h.fall, public.drawdown(h.peak, h.low)) ELSE h.fall END AS depth
          FROM (
                   SELECT s.start_time, s.high, s.low, s.low_time, s.fall,
                          greatest(
                              c.peak,
                              max(s.high) OVER (
                                  PARTITION BY c.start_time ORDER BY s.start_time
                                  ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
                              )
                          ) AS peak
                     FROM coarse AS c
                    CROSS JOIN LATERAL (
                              SELECT n.start_time::timestamptz, n.high::numeric, n.low::numeric,
                                     n.low_time::timestamptz, n.fall::numeric
                                FROM public.equity_spans AS n
                               WHERE n.session_id = own.session_id
                                 AND n.hours = 1
                                 AND n.start_time >= c.start_time
                                 AND n.start_time < c.start_time + interval '24 hours'
                              OFFSET 0
                          ) AS s
                    WHERE c.hours = 24
               ) AS h
    ), fine AS MATERIALIZED (
        SELECT c.start_time, c.peak FROM coarse AS c WHERE c.hours = 1
         UNION ALL
        SELECT h.start_time, h.peak
          FROM hours AS h
         CROSS JOIN bound AS d
         WHERE h.reaches AND h.depth > 0 AND h.depth >= d.depth
    ), snapshots AS (
        SELECT s.timestamp, s.id, s.equity,
               greatest(
                   f.peak,
                   max(s.equity) OVER (
                       PARTITION BY f.start_time ORDER BY s.timestamp, s.id
                       ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
                   )
               ) AS peak
          FROM fine AS f
         CROSS JOIN LATERAL (
                   SELECT a.timestamp::timestamptz, a.id, a.equity::numeric
                     FROM public.account_history AS a
                    WHERE a.session_id = own.session_id
                      AND a.timestamp >= f.start_time
                      AND a.timestamp < f.start_time + interval '1 hour'
                   OFFSET 0
               ) AS s
    ), parts AS (
        SELECT r.start_time, r.id, r.hours, r.high, NULL::numeric AS low, NULL::timestamptz AS low_time, r.peak,
               TRUE AS reaches
          FROM reached AS r
         WHERE r.hours = 0 OR r.start_time NOT IN (SELECT c.start_time FROM coarse AS c)
         UNION ALL
        SELECT l.start_time, l.id, NULL, NULL, l.low, l.low_time, l.peak, FALSE
          FROM lowest AS l
         UNION ALL
        SELECT h.start_time, 0, 1, h.high, h.low, h.low_time, h.peak, h.reaches
          FROM hours AS h
         WHERE h.start_time NOT IN (SELECT f.start_time FROM fine AS f)
         UNION ALL
        SELECT s.timestamp, s.id, 0, s.equity, s.equity, s.timestamp, s.peak, coalesce(s.equity >= s.peak, TRUE)
          FROM snapshots AS s
    ), divided AS MATERIALIZED (
        SELECT p.start_time, p.id, p.hours, p.high, p.low, p.low_time, p.peak, p.reaches,
               count(*) FILTER (WHERE p.reaches) OVER (ORDER BY p.start_time, p.id ROWS UNBOUNDED PRECEDING) AS block
          FROM parts AS p
    ), troughs AS (
        SELECT DISTINCT ON (f.block) f.block, f.low_time, f.peak, f.low, f.depth
          FROM (
                   SELECT d.block, d.start_time, d.id, d.low_time, d.peak, d.low,
                          public.drawdown(d.peak, d.low) AS depth
                     FROM divided AS d
                    WHERE NOT d.reaches
               ) AS f
         ORDER BY f.block, f.depth DESC, f.low, f.start_time, f.id
    ), deepest AS MATERIALIZED (
        SELECT t.block, t.low_time, t.peak, t.low, t.depth
          FROM troughs AS t
         ORDER BY t.depth DESC, t.block
         LIMIT most
    )
    SELECT coalesce(last_at.moment, b.start_time), d.low_time, coalesce(first_from.moment, e.start_time), d.peak, d.low,
           d.depth
      FROM deepest AS d
      JOIN divided AS b ON b.block = d.block AND b.reaches
      LEFT JOIN divided AS e ON e.block = d.block + 1 AND e.reaches
      -- The last snapshot at the peak, and the first that is back there.
      LEFT JOIN LATERAL (
               SELECT s.start_time::timestamptz AS hour
                 FROM public.equity_spans AS s
                WHERE s.session_id = own.session_id
                  AND s.hours = 1
                  AND s.start_time >= b.start_time
                  AND s.start_time < b.start_time + b.hours * interval '1 hour'
                  AND s.high = b.high
                ORDER BY s.start_time DESC
                LIMIT 1
           ) AS last_hour ON TRUE
      LEFT JOIN LATERAL (
               SELECT a.timestamp::timestamptz AS moment
                 FROM public.account_history AS a
                WHERE a.session_id = own.session_id
                  AND a.timestamp >= last_hour.hour
                  AND a.timestamp < last_hour.hour + interval '1 hour'
                  AND a.equity = b.high
                ORDER BY a.timestamp DESC
                LIMIT 1
           ) AS last_at ON TRUE
      LEFT JOIN LATERAL (
               SELECT s.start_time::timestamptz AS hour
                 FROM public.equity_spans AS s
                WHERE s.session_id = own.session_id
                  AND s.hours = 1
                  AND s.start_time >= e.start_time
                  AND s.start_time < e.start_time + e.hours * interval '1 hour'
                  AND s.high >= e.peak
                ORDER BY s.start_time
                LIMIT 1
           ) AS first_hour ON TRUE
      LEFT JOIN LATERAL (
               SELECT a.timestamp::timestamptz AS moment
                 FROM public.account_history AS a
                WHERE a.session_id = own.session_id
                  AND a.timestamp >= first_hour.hour
                  AND a.timestamp < first_hour.hour + interval '1 hour'
                  AND a.equity >= e.peak
                ORDER BY a.timestamp
                LIMIT 1
           ) AS first_from ON TRUE
     ORDER BY d.depth DESC, d.block;
END
$$;
COMMENT ON FUNCTION worst_drawdowns IS
'The deepest of drawdown_episodes, as many as are wanted, deepest first: exact to the snapshot, by reading the days, '
'the hours and snapshots of those days inside which equity fell as deep, and those in which the wanted begin and end.';
