DROP INDEX positions_closed_idx;
