-- How many rows a session's positions have, and which transaction wrote the newest of them, by blocks of ids.
WITH filled AS MATERIALIZED (
    SELECT f.id, f.position_id, o.position_id AS order_position_id, least(age(f.xmin), age(o.xmin)) AS age
      FROM orders AS o
      JOIN order_fills AS f ON f.order_id = o.id
     WHERE o.session_id = :session_id
       AND :with_rows
), written AS (
    SELECT p.id / :width::bigint AS block, p.id, 1 AS positions, CASE WHEN :with_rows THEN age(p.xmin) ELSE 0 END AS age
      FROM positions AS p
     WHERE p.session_id = :session_id
     UNION ALL
    SELECT p.id / :width, e.id, 0, age(e.xmin)
      FROM positions AS p
      JOIN positions AS e ON e.id = p.continues_position_id
     WHERE p.session_id = :session_id
       AND :with_rows
     UNION ALL
    SELECT coalesce(o.position_id / :width, -1), o.id, 0, age(o.xmin)
      FROM orders AS o
     WHERE o.session_id = :session_id
       AND :with_rows
     UNION ALL
    SELECT coalesce(o.position_id / :width, -1), r.id, 0, age(r.xmin)
      FROM orders AS o
      JOIN orders AS r ON r.id = o.replaced_order_id
     WHERE o.session_id = :session_id
       AND :with_rows
     UNION ALL
    SELECT coalesce(f.position_id / :width, -1), f.id, 0, f.age
      FROM filled AS f
     UNION ALL
    -- A fill that a continuing position took up is compared with its order, too.
    SELECT coalesce(f.order_position_id / :width, -1), f.id, 0, f.age
      FROM filled AS f
     WHERE f.position_id IS DISTINCT FROM f.order_position_id
     UNION ALL
    SELECT r.position_id / :width, r.id, 0, least(age(r.xmin), age(o.xmin))
      FROM positions AS p
      JOIN partial_trades AS r ON r.position_id = p.id
      LEFT JOIN orders AS o ON o.id = r.order_id
     WHERE p.session_id = :session_id
       AND :with_rows
     UNION ALL
    SELECT t.position_id / :width, t.id, 0, age(t.xmin)
      FROM trades AS t
     WHERE t.session_id = :session_id
       AND t.position_id IS NOT NULL
       AND :with_rows
     UNION ALL
    SELECT coalesce(l.position_id / :width, -1), l.id, 0, age(l.xmin)
      FROM account_balances AS l
     WHERE l.session_id = :session_id
       AND :with_rows
)
SELECT b.block, b.positions, b.row_count,
       -- With what trades have from the session itself.
       b.id_sum + (SELECT hashtext(s.timeframe) FROM trading_sessions AS s WHERE s.id = :session_id) AS id_sum,
       -- age() counts from the newest transaction of all, which may have begun after the snapshot.
       x.next_id + age(x.next_id::text::xid8::xid) - b.newest_age AS newest, x.oldest_id AS oldest_running
  FROM (
           SELECT w.block, sum(w.positions)::bigint AS positions, count(*) AS row_count, sum(w.id) AS id_sum,
                  min(w.age) AS newest_age
             FROM written AS w
            GROUP BY w.block
       ) AS b
 CROSS JOIN (
           SELECT pg_snapshot_xmax(s)::text::bigint AS next_id, pg_snapshot_xmin(s)::text::bigint AS oldest_id
             FROM pg_current_snapshot() AS s
       ) AS x
 WHERE existing_session(:session_id) IS NOT NULL
 ORDER BY b.block
