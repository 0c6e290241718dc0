-- Close a position: its exit data, FULL_EXIT order, trade, metrics and ledger entry, atomically; the trade's id.
WITH closed AS (
    UPDATE positions
       SET status = 'CLOSED',
           exit_price = :exit_price,
           exit_time = :exit_time,
           exit_reason = :exit_reason,
           realized_pnl = realized_pnl + coalesce(:pnl, gross_pnl(side, entry_price, :exit_price, current_quantity)),
           current_price = :exit_price,
           unrealized_pnl = 0,
           unrealized_pnl_percent = 0,
           last_update = :exit_time
     WHERE id = :position_id
       AND status = 'OPEN'
    RETURNING id, session_id, symbol, side, entry_price, entry_time, exit_price, exit_time, exit_reason,
              size, original_size, current_size, quantity, current_quantity, entry_notional, scale_ins_taken,
              realized_pnl,
              coalesce(
                  :pnl::amount, gross_pnl(side, entry_price, :exit_price::price, current_quantity)
              ) AS remaining_pnl,
              stop_loss, take_profit, mfe, mfe_price, mfe_time, mae, mae_price, mae_time,
              strategy_name, confidence_score, exchange
), exit_order AS (
    INSERT INTO orders (
        session_id, position_id, order_type, status, symbol, side, quantity, price, filled_quantity, filled_price,
        commission, exchange_order_id, strategy_name, size_fraction, created_at, filled_at, last_update,
        request_id, request_hash
    )
    SELECT session_id, id, 'FULL_EXIT', 'FILLED', symbol, side, current_quantity, exit_price, current_quantity,
           exit_price,
           :commission, :exit_order_id, strategy_name, current_size / original_size, exit_time, exit_time, exit_time,
           :request_id, :request_hash
      FROM closed
     WHERE current_quantity > 0
), trade AS (
    INSERT INTO trades (
        session_id, position_id, symbol, side, source, entry_price, exit_price, size, quantity, entry_time, exit_time,
        pnl, pnl_percent, commission, margin_interest_cost, stop_loss, take_profit, exit_reason,
        strategy_name, strategy_config, confidence_score, order_id, exchange, timeframe,
        mfe, mfe_price, mfe_time, mae, mae_price, mae_time, request_id, request_hash
    )
    SELECT c.session_id, c.id, c.symbol, c.side, s.mode,
           CASE c.scale_ins_taken WHEN 0 THEN c.entry_price ELSE c.entry_notional / c.quantity END,
           c.exit_price, c.size, c.quantity, c.entry_time, c.exit_time,
           c.realized_pnl, round(c.realized_pnl / c.entry_notional * 100, 12), :commission, :margin_interest_cost,
           c.stop_loss, c.take_profit, c.exit_reason,
           c.strategy_name, s.strategy_config, c.confidence_score, :exit_order_id, c.exchange, s.timeframe,
           c.mfe, c.mfe_price, c.mfe_time, c.mae, c.mae_price, c.mae_time, :request_id, :request_hash
      FROM closed AS c
      JOIN trading_sessions AS s ON s.id = c.session_id
    RETURNING id, net_pnl, pnl, trades AS booked
)
SELECT coalesce(
           (
               SELECT t.id
                 FROM trade AS t
                CROSS JOIN closed AS c
                -- Partial exits have booked their part of the P&L already.
                WHERE book_trade(t.booked, t.net_pnl - (t.pnl - c.remaining_pnl)) IS NOT NULL
           ),
           recorded_trade(:request_id, :request_hash),
           refuse_position(:position_id)
       ) AS id
