-- P&L in a currency whose rate is not known yet is kept with its fill, and what was reported with a fill that waits for
-- its position, too.
ALTER TABLE order_fills
ADD COLUMN unconverted_pnl numeric,
ADD COLUMN told_pnl numeric,
ADD COLUMN settlement_rate numeric;

ALTER TYPE booking ADD ATTRIBUTE unconverted numeric;
