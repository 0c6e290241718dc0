-- Takes back what 0004-restart adds; holds and single fills are lost, the orders' totals stay.
DROP FUNCTION
    claim_session,
    held_state,
    last_sign_of_life,
    start_session,
    expire_stale_orders,
    kept_hold,
    filled_after,
    refuse_fill,
    refuse_link;

DROP TABLE
    order_fills,
    session_holds;
DROP TYPE session_claim;
DROP INDEX trading_sessions_identity_idx;

CREATE OR REPLACE FUNCTION refuse_backward_order() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    kept orders := old;
BEGIN
    IF old.status IN ('FILLED', 'CANCELLED', 'FAILED', 'EXPIRED') THEN
        -- What says nothing new may be said again, and an order may find its position later.
        kept.last_update := new.last_update;
        kept.position_id := coalesce(old.position_id, new.position_id);
        IF new IS DISTINCT FROM kept THEN
            RAISE EXCEPTION USING ERRCODE = 'AT409', COLUMN = 'status',
                MESSAGE = format('order %s is %s, which is final', old.id, old.status);
        END IF;
    ELSIF new.filled_quantity < old.filled_quantity THEN
        RAISE EXCEPTION USING ERRCODE = 'AT409', COLUMN = 'filled_quantity',
            MESSAGE = format('order %s has %s filled; fills never shrink', old.id, old.filled_quantity);
    -- Labels stand in the order of an order's life, UNKNOWN last: it may follow any and lead to any but PENDING.
    ELSIF new.status < old.status AND (old.status <> 'UNKNOWN' OR new.status = 'PENDING') THEN
        RAISE EXCEPTION USING ERRCODE = 'AT409', COLUMN = 'status',
            MESSAGE = format('order %s is %s and cannot go back to %s', old.id, old.status, new.status);
    END IF;
    RETURN new;
END
$$;

ALTER TABLE orders
DROP COLUMN recorded_quantity,
DROP COLUMN recorded_notional,
DROP COLUMN recorded_commission;
