-- One position, open or closed, with its orders, oldest first.
SELECT p.id, p.session_id, p.continues_position_id, p.symbol, p.side, p.status, p.contract, p.contract_size,
       coalesce(p.entry_price, 0) AS entry_price, p.entry_time, p.entry_balance, p.size, p.original_size,
       p.current_size, p.quantity, p.original_quantity, p.current_quantity, p.unbooked_quantity, p.entry_notional,
       p.exit_notional, p.cost_basis, p.partial_exits_taken, p.scale_ins_taken, p.last_partial_exit_price,
       p.last_scale_in_price, p.stop_loss, p.take_profit, p.trailing_stop, p.trailing_stop_activated,
       p.trailing_stop_price, p.breakeven_triggered, p.last_update, p.current_price, p.unrealized_pnl,
       p.unrealized_pnl_percent, p.mfe, p.mfe_price, p.mfe_time, p.mae, p.mae_price, p.mae_time, p.strategy_name,
       p.confidence_score, p.exchange, p.leverage, p.liquidation_price, p.entry_tag, p.max_holding_until,
       p.end_of_day_exit, p.weekend_exit, p.time_restriction_group, p.realized_pnl, p.commission,
       p.margin_interest_cost, p.funding, p.exit_price,
       p.exit_time, p.exit_reason, o.id AS "orders.id", o.session_id AS "orders.session_id",
       o.position_id AS "orders.position_id", o.order_type AS "orders.order_type", o.status AS "orders.status",
       o.symbol AS "orders.symbol", o.side AS "orders.side", o.quantity AS "orders.quantity",
       o.quote_quantity AS "orders.quote_quantity", o.price AS "orders.price",
       o.filled_quantity AS "orders.filled_quantity", o.filled_price AS "orders.filled_price",
       o.commission AS "orders.commission", o.is_overfilled AS "orders.is_overfilled",
       o.needs_review AS "orders.needs_review", o.exchange_order_id AS "orders.exchange_order_id",
       o.internal_order_id AS "orders.internal_order_id", o.replaced_order_id AS "orders.replaced_order_id",
       o.strategy_name AS "orders.strategy_name", o.target_level AS "orders.target_level",
       o.size_fraction AS "orders.size_fraction", o.reason AS "orders.reason",
       o.failure_reason AS "orders.failure_reason", o.created_at AS "orders.created_at",
       o.filled_at AS "orders.filled_at", o.cancelled_at AS "orders.cancelled_at",
       o.last_update AS "orders.last_update"
  FROM positions AS p
  LEFT JOIN orders AS o ON o.position_id = p.id
 WHERE p.id = :position_id
   AND entered_position(:position_id) IS NOT NULL
 ORDER BY o.created_at, o.id
