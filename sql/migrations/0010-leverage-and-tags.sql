-- Homes for what other bots keep: a position's leverage, price of liquidation and entry tag, and a snapshot's further figures.
-- Plain types, so that no table is written again; and without CHECKs, which every fill would read: the commands cast
-- what they are given to the domains size, price and label.
ALTER TABLE positions
ADD COLUMN leverage numeric,
ADD COLUMN liquidation_price numeric,
ADD COLUMN entry_tag text;

ALTER TABLE trades
ADD COLUMN leverage numeric,
ADD COLUMN entry_tag text;

ALTER TABLE account_history
ADD COLUMN details jsonb
CONSTRAINT account_history_details_size CHECK (pg_column_size(details) <= 16777216);
