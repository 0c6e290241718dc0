-- Log a completed trade that has no position, with its metrics and ledger entry, atomically; the trade's id.
WITH known AS MATERIALIZED (
    SELECT CASE
               WHEN :order_id::label IS NOT NULL
                   THEN known_trade(:session_id, :symbol::symbol, :order_id::label, :request_id::uuid)
           END AS id
), trade AS (
    INSERT INTO trades (
        session_id, symbol, side, source, entry_price, exit_price, size, quantity, entry_time, exit_time,
        pnl, pnl_percent, commission, margin_interest_cost, funding, stop_loss, take_profit, exit_reason,
        strategy_name, strategy_config, confidence_score, order_id, exchange, timeframe,
        mfe, mfe_price, mfe_time, mae, mae_price, mae_time, leverage, entry_tag, request_id, request_hash
    )
    SELECT id, :symbol, :side, mode, :entry_price, :exit_price, :size, :quantity, :entry_time,
           -- The clock may have been set back meanwhile: the trade was held for no time.
           greatest(:entry_time::instant, :exit_time::instant),
           as_booked(:pnl::amount), round(
               coalesce(
                   :pnl::amount / nullif(:entry_price::signed_price * :quantity::quantity, 0),
                   gross_pnl(:side, :entry_price, :exit_price::signed_price, 1) / nullif(:entry_price, 0),
                   0
               ) * 100,
               12
           ), as_booked(:commission::amount), as_booked(:margin_interest_cost::amount), as_booked(:funding::amount),
           :stop_loss, :take_profit, :exit_reason,
           :strategy_name, :strategy_config, :confidence_score, :order_id, :exchange,
           coalesce(:timeframe::label, timeframe),
           :mfe, :mfe_price, :mfe_time, :mae, :mae_price, :mae_time,
           :leverage::size, :entry_tag::label, :request_id, :request_hash
      FROM trading_sessions
     WHERE id = :session_id
       AND existing_session(:session_id) IS NOT NULL
       AND (SELECT id FROM known) IS NULL
    ON CONFLICT (request_id) DO UPDATE
       SET request_id = CASE trades.request_hash
               WHEN excluded.request_hash THEN excluded.request_id
               ELSE refuse_request(excluded.request_id)
           END
    RETURNING id, trades AS booked, xmax = 0 AS inserted
)
SELECT coalesce(
           (SELECT id FROM trade WHERE NOT inserted OR book_trade(booked, :token::uuid) IS NOT NULL),
           (SELECT id FROM known)
       ) AS id
