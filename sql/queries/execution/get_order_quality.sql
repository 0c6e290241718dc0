-- How well orders were filled, by type.
SELECT order_type, total_orders, filled_orders, partially_filled_orders, cancelled_orders, failed_orders,
       expired_orders, unresolved_orders, fill_rate, slipped_orders, avg_slippage, worst_slippage, slippage_cost,
       commission
  FROM order_figures(:session_id, :source, :strategy_name, :symbol, :start, :end)
 ORDER BY order_type
