-- The table that says which code, made from sql/schema, a database has.
CREATE TABLE IF NOT EXISTS public._atb_code (
    singleton boolean CONSTRAINT _atb_code_pkey PRIMARY KEY DEFAULT TRUE CONSTRAINT _atb_code_one_row CHECK (singleton),
    release text NOT NULL,
    objects text[] NOT NULL,
    made_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE public._atb_code IS
'The functions, views and triggers that `atb-db migrate` has made from sql/schema.';
COMMENT ON COLUMN public._atb_code.singleton IS 'Always true, so that there is one row at the most.';
COMMENT ON COLUMN public._atb_code.release IS 'Version of atb_db that made them; an older one leaves them as they are.';
COMMENT ON COLUMN public._atb_code.objects IS
'Kind and name of each: one that a later release no longer declares is dropped by it.';
COMMENT ON COLUMN public._atb_code.made_at IS 'When they were last made.';
