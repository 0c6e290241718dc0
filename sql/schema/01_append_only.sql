-- Append-only tables: the function of their triggers.

CREATE FUNCTION refuse_change() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION USING ERRCODE = 'AT409', MESSAGE = format('%s is append-only: a correction is a new entry', tg_table_name);
END
$$;
COMMENT ON FUNCTION refuse_change IS 'Trigger of append-only tables: refuses every UPDATE with AT409.';
