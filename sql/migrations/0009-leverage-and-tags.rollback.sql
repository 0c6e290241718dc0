ALTER TABLE account_history DROP COLUMN details;

ALTER TABLE trades
DROP COLUMN leverage,
DROP COLUMN entry_tag;

ALTER TABLE positions
DROP COLUMN leverage,
DROP COLUMN liquidation_price,
DROP COLUMN entry_tag;
