-- Homes for what other bots keep: a position's leverage, price of liquidation and entry tag, and a snapshot's further figures.
-- Plain types with CHECKs of their own, so that no table is written again.
ALTER TABLE positions
ADD COLUMN leverage numeric
CONSTRAINT positions_leverage_positive CHECK (leverage > 0 AND leverage < 1e6),
ADD COLUMN liquidation_price numeric
CONSTRAINT positions_liquidation_price_nonnegative CHECK (liquidation_price >= 0 AND liquidation_price < 1e30),
ADD COLUMN entry_tag text
CONSTRAINT positions_entry_tag_form CHECK (length(entry_tag) BETWEEN 1 AND 255);

ALTER TABLE trades
ADD COLUMN leverage numeric
CONSTRAINT trades_leverage_positive CHECK (leverage > 0 AND leverage < 1e6),
ADD COLUMN entry_tag text
CONSTRAINT trades_entry_tag_form CHECK (length(entry_tag) BETWEEN 1 AND 255);

ALTER TABLE account_history
ADD COLUMN details jsonb
CONSTRAINT account_history_details_size CHECK (pg_column_size(details) <= 16777216);
