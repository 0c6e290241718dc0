-- Fills: the executions of orders, one by one.

CREATE TABLE order_fills (
    id bigint GENERATED ALWAYS AS IDENTITY,
    order_id bigint NOT NULL,
    exchange_fill_id label NOT NULL,
    quantity quantity NOT NULL,
    price price NOT NULL,
    commission amount NOT NULL,
    filled_at instant NOT NULL,
    CONSTRAINT order_fills_pkey PRIMARY KEY (id),
    CONSTRAINT order_fills_exchange_fill_id_key UNIQUE (order_id, exchange_fill_id),
    CONSTRAINT order_fills_order_id_fkey FOREIGN KEY (order_id) REFERENCES orders (id)
);

COMMENT ON TABLE order_fills IS 'Executions of orders, one by one as the exchange reports them; append-only.';
COMMENT ON COLUMN order_fills.id IS 'Identifier.';
COMMENT ON COLUMN order_fills.order_id IS 'Order that was filled.';
COMMENT ON COLUMN order_fills.exchange_fill_id IS 'The exchange''s identifier of the execution; once per order.';
COMMENT ON COLUMN order_fills.quantity IS 'Executed quantity, in units of the base asset.';
COMMENT ON COLUMN order_fills.price IS 'Execution price, in quote currency.';
COMMENT ON COLUMN order_fills.commission IS
'Fee of the execution, in the session''s base currency; negative for a rebate.';
COMMENT ON COLUMN order_fills.filled_at IS 'When it was executed, by the exchange''s clock.';

CREATE FUNCTION refuse_fill(order_number bigint, fill text) RETURNS text
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    RAISE EXCEPTION USING ERRCODE = 'AT409', COLUMN = 'exchange_fill_id',
        MESSAGE = format('fill %s of order %s is recorded with other figures', fill, order_number);
END
$$;
COMMENT ON FUNCTION refuse_fill IS 'Raises AT409: the fill is known with other figures. Never returns.';

CREATE TRIGGER order_fills_append_only BEFORE UPDATE OF quantity, price, commission, filled_at, order_id ON order_fills
FOR EACH ROW EXECUTE FUNCTION refuse_change();
COMMENT ON TRIGGER order_fills_append_only ON order_fills IS 'What the exchange executed does not change.';
