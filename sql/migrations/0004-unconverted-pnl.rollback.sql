ALTER TYPE booking DROP ATTRIBUTE unconverted;

ALTER TABLE order_fills
DROP COLUMN unconverted_pnl,
DROP COLUMN told_pnl,
DROP COLUMN settlement_rate;
