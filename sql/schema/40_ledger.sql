-- The ledger: every change of a session's balance.

CREATE TABLE account_balances (
    id bigint GENERATED ALWAYS AS IDENTITY,
    session_id bigint NOT NULL,
    entry_number integer NOT NULL,
    previous_entry integer GENERATED ALWAYS AS (nullif(entry_number - 1, 0)) STORED,
    entry_type ledger_entry_type NOT NULL,
    previous_balance amount NOT NULL,
    pnl amount NOT NULL DEFAULT 0,
    commission amount NOT NULL DEFAULT 0,
    amount amount NOT NULL DEFAULT 0,
    delta amount NOT NULL,
    total_balance amount NOT NULL,
    reserved_balance nonnegative NOT NULL DEFAULT 0,
    available_balance amount NOT NULL GENERATED ALWAYS AS (total_balance - reserved_balance) STORED,
    base_currency label NOT NULL,
    position_id bigint,
    order_fill_id bigint,
    asset_balances document,
    update_reason label NOT NULL,
    updated_by label NOT NULL,
    last_updated instant NOT NULL,
    request_id uuid NOT NULL DEFAULT gen_random_uuid(),
    request_hash bigint NOT NULL DEFAULT 0,
    CONSTRAINT account_balances_pkey PRIMARY KEY (id),
    CONSTRAINT account_balances_request_id_key UNIQUE (request_id),
    CONSTRAINT account_balances_chain_key UNIQUE (session_id, entry_number, total_balance),
    CONSTRAINT account_balances_entry_number_key UNIQUE (session_id, entry_number),
    CONSTRAINT account_balances_session_id_fkey FOREIGN KEY (session_id) REFERENCES trading_sessions (id),
    CONSTRAINT account_balances_chain_fkey FOREIGN KEY (session_id, previous_entry, previous_balance)
    REFERENCES account_balances (session_id, entry_number, total_balance),
    CONSTRAINT account_balances_sum CHECK (
        delta = pnl - commission + amount AND total_balance = previous_balance + delta
    ),
    CONSTRAINT account_balances_first_entry CHECK (
        (entry_number = 1) = (entry_type = 'INITIAL')
        AND entry_number >= 1
        AND (entry_number > 1 OR previous_balance = 0)
    )
);

-- Read by the audit, for the entries of positions of a stretch of ids: they lie near each other, so that a summary of
-- each stretch of pages finds them, and costs a write next to nothing.
CREATE INDEX account_balances_position_id_idx ON account_balances USING brin (position_id)
WITH (pages_per_range = 32, autosummarize = on);
-- Read by transfer_spans: deposits and withdrawals are few.
CREATE INDEX account_balances_transfers_idx ON account_balances (session_id, last_updated)
WHERE entry_type = 'TRANSFER';

COMMENT ON TABLE account_balances IS
'The ledger: every change of a session''s balance, append-only. Each entry starts from the balance that the one '
'before it left '
'(a foreign key holds the chain); corrections are new entries.';
COMMENT ON COLUMN account_balances.id IS 'Identifier.';
COMMENT ON COLUMN account_balances.session_id IS 'Session whose balance changed.';
COMMENT ON COLUMN account_balances.entry_number IS 'Position in the session''s ledger, from 1 without gaps.';
COMMENT ON COLUMN account_balances.previous_entry IS 'entry_number of the entry before; NULL for the first.';
COMMENT ON COLUMN account_balances.entry_type IS 'What moved the balance.';
COMMENT ON COLUMN account_balances.previous_balance IS 'Balance before, in base_currency; 0 for the first entry.';
COMMENT ON COLUMN account_balances.pnl IS 'Gross P&L in the change, in base_currency.';
COMMENT ON COLUMN account_balances.commission IS 'Fees in the change, in base_currency; negative for a rebate.';
COMMENT ON COLUMN account_balances.amount IS
'The rest of the change, in base_currency: funding, interest, transfers, adjustments.';
COMMENT ON COLUMN account_balances.delta IS 'Change of the balance, in base_currency: pnl - commission + amount.';
COMMENT ON COLUMN account_balances.total_balance IS 'Balance after, in base_currency.';
COMMENT ON COLUMN account_balances.reserved_balance IS 'Part of total_balance that orders hold, in base_currency.';
COMMENT ON COLUMN account_balances.available_balance IS 'total_balance - reserved_balance, in base_currency.';
COMMENT ON COLUMN account_balances.base_currency IS 'Currency of the amounts: the session''s.';
COMMENT ON COLUMN account_balances.position_id IS 'Position that the change belongs to, if any.';
COMMENT ON COLUMN account_balances.order_fill_id IS 'Fill that the change belongs to, if any.';
COMMENT ON COLUMN account_balances.asset_balances IS 'Quantity of each asset as the exchange reported it, as strings.';
COMMENT ON COLUMN account_balances.update_reason IS 'Why the balance changed.';
COMMENT ON COLUMN account_balances.updated_by IS 'Who changed it: the engine, an account sync, a person.';
COMMENT ON COLUMN account_balances.last_updated IS 'When the change happened.';
COMMENT ON COLUMN account_balances.request_id IS
'Identifies the request that changed the balance; a trade''s entry carries the trade''s.';
COMMENT ON COLUMN account_balances.request_hash IS
'Hash of that request''s content; the same request_id with another hash is refused.';

-- A session says what its newest ledger entry says, or the transaction does not commit: post_entry() moves both. A
-- session that is being removed has no entry number, and so nothing to refer to.
ALTER TABLE trading_sessions ADD CONSTRAINT trading_sessions_balance_fkey
FOREIGN KEY (id, ledger_entries, current_balance)
REFERENCES account_balances (session_id, entry_number, total_balance) DEFERRABLE INITIALLY DEFERRED;

CREATE TRIGGER account_balances_append_only BEFORE UPDATE ON account_balances
FOR EACH ROW EXECUTE FUNCTION refuse_change();
COMMENT ON TRIGGER account_balances_append_only ON account_balances IS 'The ledger is append-only.';

CREATE FUNCTION refuse_shorter_ledger() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF old.purge_started_at IS NOT NULL AND new.ledger_entries = (
        SELECT max(l.entry_number) FROM account_balances AS l WHERE l.session_id = new.id
    ) THEN
        RETURN new;
    END IF;
    RAISE EXCEPTION USING ERRCODE = 'AT409', COLUMN = 'ledger_entries',
        MESSAGE = format('the ledger of session %s only grows: entry %s is not its newest', old.id, new.ledger_entries);
END
$$;
COMMENT ON FUNCTION refuse_shorter_ledger IS
'Trigger of trading_sessions: refuses with AT409 to go back to an earlier ledger entry; a session whose removal was '
'started, and is taken back, can only go back to its newest.';

CREATE TRIGGER trading_sessions_ledger_only_grows BEFORE UPDATE ON trading_sessions
FOR EACH ROW
WHEN (new.ledger_entries IS NOT NULL AND (new.ledger_entries >= old.ledger_entries) IS NOT TRUE)
EXECUTE FUNCTION refuse_shorter_ledger();
COMMENT ON TRIGGER trading_sessions_ledger_only_grows ON trading_sessions IS
'The balance is that of the newest ledger entry, never of an earlier one.';

CREATE FUNCTION transfer_spans(session bigint)
RETURNS TABLE (valid_from timestamptz, valid_until timestamptz, transferred numeric)
LANGUAGE sql STABLE AS $$
    SELECT t.since, lead(t.since, 1, 'infinity') OVER in_order, sum(t.amount) OVER in_order
      FROM (
               SELECT '-infinity'::timestamptz AS since, 0 AS number, 0::numeric AS amount
                UNION ALL
               SELECT l.last_updated::timestamptz, l.entry_number, l.amount::numeric
                 FROM public.account_balances AS l
                WHERE l.session_id = session AND l.entry_type = 'TRANSFER'
           ) AS t
    WINDOW in_order AS (ORDER BY t.since, t.number ROWS UNBOUNDED PRECEDING)
$$;
COMMENT ON FUNCTION transfer_spans IS
'How much had been deposited less withdrawn, in the session''s base currency, in which span of time: one row from '
'-infinity to infinity while there is no transfer.';
