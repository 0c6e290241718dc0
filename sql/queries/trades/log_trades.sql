-- Log completed trades that have no positions, in their order, all or none, as log_trade does each; their ids.
WITH session AS (
    SELECT id, mode, timeframe, left(:request_id::uuid::text, 24) AS request_prefix,
           ('x' || right(:request_id::uuid::text, 12))::bit(48)::bigint AS first_request
      FROM trading_sessions
     WHERE id = :session_id
       AND existing_session(:session_id) IS NOT NULL
), input AS MATERIALIZED (
    SELECT t.symbol, t.side, t.entry_price, t.exit_price, t.size, t.entry_time, t.exit_time, t.pnl, t.exit_reason,
           t.strategy_name, t.quantity, t.commission, t.margin_interest_cost, t.funding, t.stop_loss, t.take_profit,
           t.strategy_config, t.confidence_score, t.order_id, t.exchange, t.timeframe, t.mfe, t.mfe_price, t.mfe_time,
           t.mae, t.mae_price, t.mae_time, t.leverage, t.entry_tag, t.number, r.request_id,
           CASE WHEN t.order_id IS NOT NULL THEN known_trade(s.id, t.symbol, t.order_id, r.request_id) END AS known_id,
           -- The same order twice is the same trade.
           CASE
               WHEN t.order_id IS NULL THEN t.number
               ELSE min(t.number) OVER (PARTITION BY t.symbol, t.order_id)
           END AS first_number
      FROM session AS s
     CROSS JOIN ROWS FROM ( -- noqa: PRS
               -- Plain types: the table's own domains check each value, once.
               json_to_recordset(:trades) AS (
                   symbol text, side position_side, entry_price numeric, exit_price numeric, size numeric,
                   entry_time timestamptz, exit_time timestamptz, pnl numeric, exit_reason text, strategy_name text,
                   quantity numeric, commission numeric, margin_interest_cost numeric, funding numeric,
                   stop_loss numeric, take_profit numeric, strategy_config text, confidence_score numeric,
                   order_id text, exchange text, timeframe text, mfe numeric, mfe_price numeric,
                   mfe_time timestamptz, mae numeric, mae_price numeric, mae_time timestamptz, leverage numeric,
                   entry_tag text
               )
           ) WITH ORDINALITY AS t (
               symbol, side, entry_price, exit_price, size, entry_time, exit_time, pnl, exit_reason, strategy_name,
               quantity, commission, margin_interest_cost, funding, stop_loss, take_profit, strategy_config,
               confidence_score, order_id, exchange, timeframe, mfe, mfe_price, mfe_time, mae, mae_price, mae_time,
               leverage, entry_tag, number
           )
     CROSS JOIN LATERAL (
               -- The first has the request's own id, the others count its last 48 bits up.
               SELECT (
                          s.request_prefix
                          || lpad(to_hex((s.first_request + t.number - 1) & 281474976710655), 12, '0')
                      )::uuid AS request_id
           ) AS r
), trade AS (
    INSERT INTO trades (
        session_id, symbol, side, source, entry_price, exit_price, size, quantity, entry_time, exit_time,
        pnl, pnl_percent, commission, margin_interest_cost, funding, stop_loss, take_profit, exit_reason,
        strategy_name, strategy_config, confidence_score, order_id, exchange, timeframe,
        mfe, mfe_price, mfe_time, mae, mae_price, mae_time, leverage, entry_tag, request_id, request_hash
    )
    SELECT s.id, t.symbol, t.side, s.mode, t.entry_price, t.exit_price, t.size, t.quantity, t.entry_time,
           greatest(t.entry_time, t.exit_time),
           as_booked(t.pnl),
           round(
               coalesce(
                   t.pnl / nullif(t.entry_price * t.quantity, 0),
                   gross_pnl(t.side, t.entry_price, t.exit_price, 1) / nullif(t.entry_price, 0),
                   0
               ) * 100,
               12
           ),
           as_booked(t.commission), as_booked(t.margin_interest_cost), as_booked(t.funding), t.stop_loss, t.take_profit,
           t.exit_reason, t.strategy_name, t.strategy_config::jsonb, t.confidence_score, t.order_id, t.exchange,
           coalesce(t.timeframe, s.timeframe),
           t.mfe, t.mfe_price, t.mfe_time, t.mae, t.mae_price, t.mae_time, t.leverage::size, t.entry_tag::label,
           t.request_id, :request_hash
      FROM session AS s
     CROSS JOIN input AS t
     WHERE t.known_id IS NULL
       AND t.number = t.first_number
     ORDER BY t.number
    ON CONFLICT (request_id) DO UPDATE
       SET request_id = CASE trades.request_hash
               WHEN excluded.request_hash THEN excluded.request_id
               ELSE refuse_request(excluded.request_id)
           END
    RETURNING id, request_id, trades AS booked, xmax = 0 AS inserted
)
SELECT coalesce(i.known_id, t.id) AS id
  FROM input AS i
  JOIN input AS f ON f.number = i.first_number
  LEFT JOIN trade AS t ON t.request_id = f.request_id
 WHERE (SELECT book_trades(array_agg(booked ORDER BY id)) FROM trade WHERE inserted) IS NOT NULL
   AND (SELECT fenced(:session_id, :token::uuid))
 ORDER BY i.number
