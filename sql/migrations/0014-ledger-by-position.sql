-- transactional: false
-- The ledger's entries of positions of a stretch of ids, for the audit's steps: a summary of each stretch of pages.
CREATE INDEX CONCURRENTLY IF NOT EXISTS account_balances_position_id_idx ON account_balances
USING brin (position_id) WITH (pages_per_range = 32, autosummarize = on);
