-- Contradictions within a session's compacted decisions, and with those that are not, by rule and subject.
WITH chunks AS MATERIALIZED (
    -- Once, and before anything else is read.
    SELECT c.id, c.session_id, c.first_time, c.last_time, c.decisions, c.strategies, c.symbols, c.actions,
           chunk_failure(c.id, :contents) AS failure
      FROM decision_chunks AS c
     WHERE c.session_id = :session_id
       AND (:first_chunk::bigint IS NULL OR c.id >= :first_chunk)
       AND (:last_chunk::bigint IS NULL OR c.id <= :last_chunk)
), requests AS (
    SELECT c.id, c.decisions, cardinality(k.request_ids) AS kept, array_position(k.request_ids, NULL) AS missing,
           -- Few rows are of its time: those with a trade, and what was recorded later.
           (
               SELECT count(*)
                 FROM strategy_executions AS x
                WHERE x.session_id = c.session_id
                  AND x.timestamp >= c.first_time
                  AND x.timestamp <= c.last_time
                  AND x.request_id = any(k.request_ids)
           ) AS also_rows, o.earlier, o.twice AS also_earlier
      FROM chunks AS c
      JOIN decision_chunks AS k ON k.id = c.id
      -- The one before it, where that ends no earlier than this one begins.
      LEFT JOIN LATERAL (
               SELECT b.id AS earlier,
                      (
                          SELECT count(*)
                            FROM unnest(b.request_ids) AS t (request_id)
                            JOIN unnest(k.request_ids) AS own (request_id) ON own.request_id = t.request_id
                      ) AS twice
                 FROM (
                          SELECT n.id, n.last_time, n.request_ids
                            FROM decision_chunks AS n
                           WHERE n.session_id = c.session_id
                             AND (n.last_time, n.id) < (c.last_time, c.id)
                           ORDER BY n.last_time DESC, n.id DESC
                           LIMIT 1
                      ) AS b
                WHERE b.last_time >= c.first_time
                  AND chunk_failure(b.id, FALSE) IS NULL
           ) AS o ON TRUE
     WHERE c.failure IS NULL
), contents AS (
    SELECT c.id, c.first_time, c.last_time, c.decisions, p.decisions AS packed, p.since, p.until, p.missing,
           p.misplaced, p.different_ids, p.different_requests, p.strategies, p.symbols, p.actions,
           (
               SELECT count(*)
                 FROM strategy_executions AS x
                WHERE x.session_id = c.session_id
                  AND x.timestamp >= c.first_time
                  AND x.timestamp <= c.last_time
                  AND x.id = any(p.ids)
           ) AS also_rows,
           (
               SELECT array_agg(s.said ORDER BY s.said COLLATE "C") FROM unnest(c.strategies) AS s (said)
           ) AS told_strategies,
           (
               SELECT array_agg(s.said ORDER BY s.said COLLATE "C") FROM unnest(c.symbols) AS s (said)
           ) AS told_symbols,
           (
               SELECT array_agg(s.said ORDER BY s.said COLLATE "C") FROM unnest(c.actions) AS s (said)
           ) AS told_actions
      FROM chunks AS c
     CROSS JOIN LATERAL (
               SELECT count(d.id)::integer AS decisions, min(d.timestamp) AS since, max(d.timestamp) AS until,
                      count(*) FILTER (WHERE d.missing > 0) AS missing,
                      count(*) FILTER (WHERE (d.timestamp, d.id) < (d.timestamp_before, d.id_before)) AS misplaced,
                      count(DISTINCT d.id)::integer AS different_ids,
                      count(DISTINCT d.request_id)::integer AS different_requests,
                      array_agg(DISTINCT d.strategy_name COLLATE "C") AS strategies,
                      array_agg(DISTINCT d.symbol COLLATE "C") AS symbols,
                      array_agg(DISTINCT d.action_taken COLLATE "C") AS actions,
                      array_agg(d.id) AS ids
                 FROM (
                          SELECT u.id, u.timestamp, u.strategy_name, u.symbol, u.action_taken, u.request_id,
                                 lag(u.timestamp) OVER in_order AS timestamp_before,
                                 lag(u.id) OVER in_order AS id_before,
                                 num_nulls(
                                     u.id, u.timestamp, u.strategy_name, u.symbol, u.signal_type, u.action_taken,
                                     u.price, u.request_hash
                                 ) AS missing
                            FROM decision_chunks AS k
                           CROSS JOIN LATERAL unnest(k.packed, k.request_ids) WITH ORDINALITY AS u (
                                     id, "timestamp", strategy_name, symbol, timeframe, signal_type, signal_strength,
                                     confidence_score, action_taken, price, position_size, volume, volatility,
                                     indicators, sentiment_data, ml_predictions, reasons, request_hash, request_id,
                                     place
                                 )
                           WHERE k.id = c.id
                          WINDOW in_order AS (ORDER BY u.place)
                      ) AS d
               OFFSET 0
           ) AS p
     WHERE :contents
       AND c.failure IS NULL
), findings AS (
    SELECT 'decision chunk' AS identity, c.id, 'contents' AS subject,
           'decisions that can be read and moved back' AS expected, c.failure AS actual
      FROM chunks AS c
     WHERE c.failure IS NOT NULL
     UNION ALL
    SELECT 'decision chunk', c.id, 'last_time', 'a time before the last day', c.last_time::text
      FROM chunks AS c
     -- Decisions of the last 23 hours are recorded without a look into the chunks.
     WHERE c.last_time > clock_timestamp() - interval '23 hours'
     UNION ALL
    SELECT 'decision chunk', r.id, 'decisions', r.kept::text, r.decisions::text
      FROM requests AS r
     WHERE r.kept <> r.decisions
     UNION ALL
    SELECT 'decision chunk', r.id, 'request_ids', 'an id', NULL
      FROM requests AS r
     WHERE r.missing IS NOT NULL
     UNION ALL
    SELECT 'decision twice', r.id, 'in strategy_executions', '0', r.also_rows::text
      FROM requests AS r
     WHERE r.also_rows > 0
     UNION ALL
    SELECT 'decision twice', r.id, 'in decision chunk ' || r.earlier, '0', r.also_earlier::text
      FROM requests AS r
     WHERE r.also_earlier > 0
     UNION ALL
    SELECT d.identity, c.id, d.subject, d.expected, d.actual
      FROM contents AS c
     CROSS JOIN LATERAL (
               VALUES ('decision chunk', 'packed', c.decisions::text, c.packed::text),
                      ('decision chunk', 'first_time', c.since::text, c.first_time::text),
                      ('decision chunk', 'last_time', c.until::text, c.last_time::text),
                      ('decision chunk', 'strategies', c.strategies::text, c.told_strategies::text),
                      ('decision chunk', 'symbols', c.symbols::text, c.told_symbols::text),
                      ('decision chunk', 'actions', c.actions::text, c.told_actions::text),
                      ('decision chunk', 'order', '0 misplaced', c.misplaced || ' misplaced'),
                      ('decision chunk', 'values', '0 missing', c.missing || ' missing'),
                      ('decision twice', 'id', c.packed::text, c.different_ids::text),
                      ('decision twice', 'request_id', c.packed::text, c.different_requests::text),
                      ('decision twice', 'id in strategy_executions', '0', c.also_rows::text)
           ) AS d (identity, subject, expected, actual)
     WHERE d.expected IS DISTINCT FROM d.actual
)
SELECT identity, 'decision chunk ' || id || ', ' || subject AS subject, expected, actual
  FROM findings
 WHERE existing_session(:session_id) IS NOT NULL
 ORDER BY identity, subject
