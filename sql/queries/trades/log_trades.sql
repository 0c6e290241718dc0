-- Log completed trades that have no positions, in their order, all or none, as log_trade does each; their ids.
SELECT t.id
  FROM log_trades_by_column(
           :session_id, :trades_by_column, :request_id::uuid, :request_hash, :token::uuid
       ) AS t (id)
