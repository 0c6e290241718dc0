DROP INDEX orders_expired_idx;
DROP INDEX orders_partial_idx;
