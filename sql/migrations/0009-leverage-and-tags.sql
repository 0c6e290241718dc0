-- Homes for what other bots keep: leverage, price of liquidation and entry tag, and further figures of a snapshot.
-- Plain types, so that no table is written again; and without CHECKs, for which it would be read, and which every fill
-- would read again: the commands cast what they are given to the domains size, price, label and document.
ALTER TABLE positions
ADD COLUMN leverage numeric,
ADD COLUMN liquidation_price numeric,
ADD COLUMN entry_tag text;

ALTER TABLE trades
ADD COLUMN leverage numeric,
ADD COLUMN entry_tag text;

ALTER TABLE account_history
ADD COLUMN details jsonb;
