-- A session's newest trades by exit time, newest first.
SELECT id, session_id, position_id, symbol, side, source, entry_price, exit_price, size, quantity, entry_time,
       exit_time, pnl, pnl_percent, commission, margin_interest_cost, funding, net_pnl, stop_loss, take_profit,
       exit_reason,
       strategy_name, confidence_score, order_id, exchange, timeframe,
       mfe, mfe_price, mfe_time, mae, mae_price, mae_time, leverage, entry_tag
  FROM trades
 WHERE session_id = :session_id
   AND existing_session(:session_id) IS NOT NULL
 ORDER BY exit_time DESC, id DESC
 LIMIT :limit
