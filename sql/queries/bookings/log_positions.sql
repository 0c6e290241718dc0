-- Log positions with all their orders and what these were filled with, all or none; for each report what it became.
SELECT l.of_order AS order_id, l.of_position AS position_id, l.fill AS fill_id
  FROM log_positions(
           session => :session_id, new_orders => :orders::json, reports => :reports::json, request => :request_id,
           content_hash => :request_hash
       ) AS l
