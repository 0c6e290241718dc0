-- Completed trades.

CREATE TABLE trades (
    id bigint GENERATED ALWAYS AS IDENTITY,
    session_id bigint NOT NULL,
    position_id bigint,
    symbol symbol NOT NULL,
    side position_side NOT NULL,
    source trade_source NOT NULL,
    entry_price signed_price NOT NULL,
    exit_price signed_price NOT NULL,
    size size,
    quantity quantity,
    entry_time instant NOT NULL,
    exit_time instant NOT NULL,
    pnl amount NOT NULL,
    pnl_percent ratio NOT NULL,
    commission amount NOT NULL DEFAULT 0,
    margin_interest_cost amount NOT NULL DEFAULT 0,
    funding amount NOT NULL DEFAULT 0,
    net_pnl amount NOT NULL GENERATED ALWAYS AS (pnl - commission - margin_interest_cost + funding) STORED,
    stop_loss signed_price,
    take_profit signed_price,
    exit_reason label NOT NULL,
    strategy_name label NOT NULL,
    strategy_config document,
    confidence_score fraction,
    order_id label,
    exchange label,
    timeframe label,
    mfe ratio,
    mfe_price signed_price,
    mfe_time instant,
    mae ratio,
    mae_price signed_price,
    mae_time instant,
    leverage numeric,
    entry_tag text,
    request_id uuid NOT NULL DEFAULT gen_random_uuid(),
    request_hash bigint NOT NULL DEFAULT 0,
    CONSTRAINT trades_pkey PRIMARY KEY (id),
    CONSTRAINT trades_request_id_key UNIQUE (request_id),
    CONSTRAINT trades_position_id_key UNIQUE (position_id),
    CONSTRAINT trades_session_id_fkey FOREIGN KEY (session_id) REFERENCES trading_sessions (id),
    CONSTRAINT trades_position_id_fkey FOREIGN KEY (position_id, session_id) REFERENCES positions (id, session_id),
    CONSTRAINT trades_exit_after_entry CHECK (exit_time >= entry_time)
);

CREATE INDEX trades_session_id_exit_time_idx ON trades (session_id, exit_time, id);

-- A trade logged again with its order is the same trade.
CREATE UNIQUE INDEX trades_order_id_key ON trades ((session_id::text || ' ' || order_id::text), symbol)
WHERE order_id IS NOT NULL AND position_id IS NULL;

COMMENT ON TABLE trades IS 'Completed trades: one per closed position, or logged by itself (backtests).';
COMMENT ON COLUMN trades.id IS 'Identifier.';
COMMENT ON COLUMN trades.session_id IS 'Session that traded.';
COMMENT ON COLUMN trades.position_id IS
'Position that was closed, of the same session; NULL for a trade logged without one.';
COMMENT ON COLUMN trades.symbol IS 'Instrument.';
COMMENT ON COLUMN trades.side IS 'LONG or SHORT.';
COMMENT ON COLUMN trades.source IS 'The session''s mode: LIVE, BACKTEST or PAPER.';
COMMENT ON COLUMN trades.entry_price IS 'Average price of all entries, in quote currency.';
COMMENT ON COLUMN trades.exit_price IS 'Average price of all exits, in quote currency.';
COMMENT ON COLUMN trades.size IS
'Everything entered, as a fraction of the balance at entry; NULL when it was not given.';
COMMENT ON COLUMN trades.quantity IS 'Everything entered, in units of the base asset.';
COMMENT ON COLUMN trades.entry_time IS 'When the position was entered.';
COMMENT ON COLUMN trades.exit_time IS 'When the final exit happened; its UTC day is the trade''s day.';
COMMENT ON COLUMN trades.pnl IS 'Gross P&L of all exits together, in the session''s base currency.';
COMMENT ON COLUMN trades.pnl_percent IS
'pnl in percent of everything entered (price x quantity); without a quantity, the price''s move in the trade''s '
'favour (5 = 5 %).';
COMMENT ON COLUMN trades.commission IS 'Fees of all fills, in the session''s base currency; negative for a rebate.';
COMMENT ON COLUMN trades.margin_interest_cost IS 'Interest paid on borrowed funds, in the session''s base currency.';
COMMENT ON COLUMN trades.funding IS
'Funding while the position was open, in the session''s base currency: positive when received, negative when paid.';
COMMENT ON COLUMN trades.net_pnl IS
'pnl - commission - margin_interest_cost + funding, in the session''s base currency.';
COMMENT ON COLUMN trades.stop_loss IS 'Stop price at the exit, in quote currency.';
COMMENT ON COLUMN trades.take_profit IS 'Target price at the exit, in quote currency.';
COMMENT ON COLUMN trades.exit_reason IS 'Why the trade was closed.';
COMMENT ON COLUMN trades.strategy_name IS 'Strategy that traded.';
COMMENT ON COLUMN trades.strategy_config IS
'Configuration of the strategy; NULL = that of the session, which stays as it was at the start.';
COMMENT ON COLUMN trades.confidence_score IS 'The strategy''s confidence at entry, from 0 to 1.';
COMMENT ON COLUMN trades.order_id IS 'The exchange''s identifier of the exit order.';
COMMENT ON COLUMN trades.exchange IS 'Exchange that executed the trade.';
COMMENT ON COLUMN trades.timeframe IS 'Length of one candle, such as 1h.';
COMMENT ON COLUMN trades.mfe IS 'Maximum favourable excursion, as a fraction of the entry price.';
COMMENT ON COLUMN trades.mfe_price IS 'Price at the maximum favourable excursion, in quote currency.';
COMMENT ON COLUMN trades.mfe_time IS 'When the maximum favourable excursion was reached.';
COMMENT ON COLUMN trades.mae IS 'Maximum adverse excursion, as a fraction of the entry price.';
COMMENT ON COLUMN trades.mae_price IS 'Price at the maximum adverse excursion, in quote currency.';
COMMENT ON COLUMN trades.mae_time IS 'When the maximum adverse excursion was reached.';
COMMENT ON COLUMN trades.leverage IS 'Notional / margin (3 = three times); NULL where it was not given.';
COMMENT ON COLUMN trades.entry_tag IS
'Signal or rule that opened the position, in the strategy''s own words; NULL where it was not given.';
COMMENT ON COLUMN trades.request_id IS
'Identifies the request that created the trade, its exit order and its ledger entry.';
COMMENT ON COLUMN trades.request_hash IS
'Hash of that request''s content; the same request_id with another hash is refused.';

CREATE FUNCTION known_trade(session bigint, traded text, exchange_order text, request uuid) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    known bigint;
    journaled bigint;
BEGIN
    IF exchange_order IS NULL THEN
        RETURN NULL;
    END IF;
    PERFORM permitted();
    -- A concurrent twin, or another trade of the same order, waits here; what it wrote is seen then.
    PERFORM FROM trading_sessions WHERE id = session FOR NO KEY UPDATE;
    SELECT t.id INTO known
      FROM trades AS t
     WHERE t.session_id::text || ' ' || t.order_id::text = session::text || ' ' || exchange_order
       AND t.symbol = traded
       AND t.order_id IS NOT NULL
       AND t.position_id IS NULL
       AND t.request_id <> request;
    IF NOT FOUND THEN
        SELECT o.id, t.id INTO journaled, known
          FROM orders AS o
          LEFT JOIN trades AS t ON t.position_id = o.position_id AND t.request_id <> request
         WHERE o.session_id::text || ' ' || o.exchange_order_id::text = session::text || ' ' || exchange_order
           AND o.symbol = traded
           AND o.position_id IS NOT NULL;
        IF FOUND AND known IS NULL AND NOT EXISTS (SELECT FROM trades AS t WHERE t.request_id = request) THEN
            RAISE EXCEPTION USING ERRCODE = 'AT409', COLUMN = 'order_id',
                MESSAGE = format(
                    'order %s is journaled as order %s of a position, whose fills make the trade', exchange_order,
                    journaled
                );
        END IF;
    END IF;
    RETURN known;
END
$$;
COMMENT ON FUNCTION known_trade IS
'The trade that a session has of the exchange''s order: logged with its id, or of the position that the order belongs '
'to; NULL when there is none, or it is the request''s own. Raises AT409 for an order of a position without a trade, '
'whose fills make one.';
