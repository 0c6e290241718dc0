-- The schema reporting: orders and how they were filled.

CREATE VIEW reporting.orders AS
SELECT o.created_at AS time, o.session_id, s.mode, o.id AS order_id, o.position_id, o.order_type, o.status,
       o.strategy_name, o.symbol, o.side, o.quantity, o.price, o.filled_quantity, o.filled_price,
       slippage(o.order_type, o.side, o.price, o.filled_price) AS slippage, o.commission, o.exchange_order_id,
       o.internal_order_id, o.failure_reason, o.filled_at, o.cancelled_at, o.last_update
  FROM orders AS o
  JOIN trading_sessions AS s ON s.id = o.session_id AND NOT s.is_verification;
COMMENT ON VIEW reporting.orders IS 'Every order, with its slippage.';
COMMENT ON COLUMN reporting.orders.slippage IS
'How much worse than price the fills were, as a fraction of price: positive when bought for more or sold for less.';

CREATE VIEW reporting.pending_orders AS
SELECT o.created_at AS time, o.session_id, s.mode, o.id AS order_id, o.position_id, o.order_type, o.status,
       o.strategy_name, o.symbol, o.side, o.quantity, o.price, o.filled_quantity, o.filled_price,
       slippage(o.order_type, o.side, o.price, o.filled_price) AS slippage, o.commission, o.exchange_order_id,
       o.internal_order_id, o.failure_reason, o.filled_at, o.cancelled_at, o.last_update
  FROM orders AS o
  JOIN trading_sessions AS s ON s.id = o.session_id AND NOT s.is_verification
 WHERE o.status IN ('PENDING', 'OPEN', 'PARTIALLY_FILLED', 'UNKNOWN');
COMMENT ON VIEW reporting.pending_orders IS 'Orders that may still be filled.';
COMMENT ON COLUMN reporting.pending_orders.slippage IS
'How much worse than price the fills were, as a fraction of price: positive when bought for more or sold for less.';

CREATE VIEW reporting.failed_orders AS
SELECT o.created_at AS time, o.session_id, s.mode, o.id AS order_id, o.position_id, o.order_type, o.status,
       o.strategy_name, o.symbol, o.side, o.quantity, o.price, o.filled_quantity, o.filled_price,
       slippage(o.order_type, o.side, o.price, o.filled_price) AS slippage, o.commission, o.exchange_order_id,
       o.internal_order_id, o.failure_reason, o.filled_at, o.cancelled_at, o.last_update
  FROM orders AS o
  JOIN trading_sessions AS s ON s.id = o.session_id AND NOT s.is_verification
 WHERE o.status = 'FAILED';
COMMENT ON VIEW reporting.failed_orders IS 'Orders that failed, with the reason.';
COMMENT ON COLUMN reporting.failed_orders.slippage IS
'How much worse than price the fills were, as a fraction of price: positive when bought for more or sold for less.';

CREATE VIEW reporting.order_quality AS
SELECT f.newest_order AS time, s.id AS session_id, s.mode, s.strategy_name, s.symbol, f.order_type, f.total_orders,
       f.filled_orders, f.partially_filled_orders, f.cancelled_orders, f.failed_orders, f.expired_orders,
       f.unresolved_orders, f.fill_rate, f.slipped_orders, f.avg_slippage, f.worst_slippage, f.slippage_cost,
       f.commission
  FROM trading_sessions AS s
 CROSS JOIN LATERAL order_figures(s.id, NULL, NULL, NULL, NULL, NULL) AS f
 WHERE NOT s.is_verification;
COMMENT ON VIEW reporting.order_quality IS 'How well the orders of every session were filled, by their type.';
COMMENT ON COLUMN reporting.order_quality.time IS 'When the newest of them was journaled.';
COMMENT ON COLUMN reporting.order_quality.session_id IS 'Session.';
COMMENT ON COLUMN reporting.order_quality.strategy_name IS 'Strategy of the session.';
COMMENT ON COLUMN reporting.order_quality.symbol IS 'Instrument of the session.';
COMMENT ON COLUMN reporting.order_quality.partially_filled_orders IS
'Number of orders with fills that are not FILLED, whatever their state.';
COMMENT ON COLUMN reporting.order_quality.expired_orders IS 'Number of orders that are EXPIRED.';
COMMENT ON COLUMN reporting.order_quality.unresolved_orders IS 'Number of orders that may still be filled.';
COMMENT ON COLUMN reporting.order_quality.fill_rate IS
'FILLED / (FILLED, CANCELLED, FAILED and EXPIRED), as a fraction; NULL while none is final.';
COMMENT ON COLUMN reporting.order_quality.avg_slippage IS
'Their mean slippage, as a fraction of the requested price; positive = worse than requested.';
COMMENT ON COLUMN reporting.order_quality.worst_slippage IS 'Their largest slippage, as a fraction.';
