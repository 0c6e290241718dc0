-- Decisions in decision_chunks: read beside the rows, moved there and back, and never recorded a second time.

CREATE FUNCTION every_decision(
    since timestamptz DEFAULT '-infinity', until timestamptz DEFAULT 'infinity'
) RETURNS TABLE (
    id bigint, session_id bigint, trade_id bigint, "timestamp" timestamptz, strategy_name text, symbol text,
    timeframe text, signal_type text, signal_strength numeric, confidence_score numeric, action_taken text,
    price numeric, position_size numeric, volume numeric, volatility numeric, indicators jsonb,
    sentiment_data jsonb, ml_predictions jsonb, reasons jsonb, request_id uuid, request_hash bigint
)
LANGUAGE sql STABLE AS $$
    SELECT x.id, x.session_id, x.trade_id, x.timestamp::timestamptz, x.strategy_name::text, x.symbol::text,
           x.timeframe::text, x.signal_type::text, x.signal_strength::numeric, x.confidence_score::numeric,
           x.action_taken::text, x.price::numeric, x.position_size::numeric, x.volume::numeric,
           x.volatility::numeric, x.indicators::jsonb, x.sentiment_data::jsonb, x.ml_predictions::jsonb,
           x.reasons::jsonb, x.request_id, x.request_hash
      FROM public.strategy_executions AS x
     WHERE x.timestamp >= since
       AND x.timestamp < until
     UNION ALL
    SELECT u.id, c.session_id, NULL::bigint, u.timestamp, u.strategy_name, u.symbol, u.timeframe, u.signal_type,
           u.signal_strength, u.confidence_score, u.action_taken, u.price, u.position_size, u.volume, u.volatility,
           u.indicators, u.sentiment_data, u.ml_predictions, u.reasons, u.request_id, u.request_hash
      FROM public.decision_chunks AS c
     CROSS JOIN LATERAL unnest(c.packed, c.request_ids) AS u (
               id, "timestamp", strategy_name, symbol, timeframe, signal_type, signal_strength, confidence_score,
               action_taken, price, position_size, volume, volatility, indicators, sentiment_data, ml_predictions,
               reasons, request_hash, request_id
           )
     WHERE c.last_time >= since
       AND c.first_time < until
       AND u.timestamp >= since
       AND u.timestamp < until
$$;
COMMENT ON FUNCTION every_decision IS
'Every decision from one moment to before another, wherever it is kept. The chunks of other times are not read, which '
'a comparison with the result''s timestamp cannot do.';

CREATE FUNCTION chunks_of_page(
    session bigint, strategy text, instrument text, action text, since timestamptz, until timestamptz, most bigint
) RETURNS SETOF bigint
LANGUAGE plpgsql STABLE AS $$
DECLARE
    chunk record;
    found_times timestamptz[] := '{}';
BEGIN
    FOR chunk IN
        SELECT c.id, c.last_time
          FROM public.decision_chunks AS c
         WHERE c.session_id = session
           AND c.last_time >= since
           AND c.first_time <= until
           AND (strategy IS NULL OR strategy = any(c.strategies))
           AND (instrument IS NULL OR instrument = any(c.symbols))
           AND (action IS NULL OR action = any(c.actions))
         ORDER BY c.last_time DESC
    LOOP
        EXIT WHEN (SELECT count(*) FROM unnest(found_times) AS f (moment) WHERE f.moment > chunk.last_time) >= most;
        RETURN NEXT chunk.id;
        found_times := found_times || ARRAY(
            SELECT u.timestamp
              FROM public.decision_chunks AS c
             CROSS JOIN LATERAL unnest(c.packed) AS u
             WHERE c.id = chunk.id
               AND u.timestamp >= since
               AND u.timestamp < until
               AND (strategy IS NULL OR u.strategy_name = strategy)
               AND (instrument IS NULL OR u.symbol = instrument)
               AND (action IS NULL OR u.action_taken = action)
        );
    END LOOP;
END
$$;
COMMENT ON FUNCTION chunks_of_page IS
'The rows of decision_chunks that may have some of a session''s newest decisions between two moments, so many of them, '
'newest first: one is read after the other until the rest is older. Those of the last moment itself are found, too, '
'but not counted. NULL does not filter.';

CREATE FUNCTION compacted_request(session bigint, moment timestamptz, request uuid, content_hash bigint) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    is_permitted CONSTANT boolean := permitted();
    known record;
BEGIN
    -- What is being moved is neither in the unique index nor in a chunk for others, until it is there.
    PERFORM s.id FROM public.trading_sessions AS s WHERE s.id = session FOR KEY SHARE;
    SELECT u.id, u.request_hash INTO known
      FROM public.decision_chunks AS c
     CROSS JOIN LATERAL (
               SELECT (c.packed[p.place]).id, (c.packed[p.place]).request_hash
                 FROM array_position(c.request_ids, request) AS p (place)
                WHERE p.place IS NOT NULL
           ) AS u
     WHERE c.session_id = session
       AND c.last_time >= moment
       AND c.first_time <= moment;
    IF known.request_hash <> content_hash THEN
        PERFORM public.refuse_request(request);
    END IF;
    RETURN known.id;
END
$$;
COMMENT ON FUNCTION compacted_request IS
'The id of the decision that a request made, where it is in decision_chunks; NULL where it is not. It is looked for '
'where its session and time are, which belong to the request''s content. Raises AT412 where the content was another.';

CREATE FUNCTION refuse_compacted_request() RETURNS trigger
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    known bigint;
BEGIN
    -- The foreign key's trigger, which runs first, by its name, has locked the session: nothing is being moved.
    SELECT (c.packed[p.place]).id INTO known
      FROM public.decision_chunks AS c
     CROSS JOIN LATERAL array_position(c.request_ids, new.request_id) AS p (place)
     WHERE c.session_id = new.session_id
       AND c.last_time >= new.timestamp
       AND c.first_time <= new.timestamp
       AND p.place IS NOT NULL;
    -- The same id is that decision itself, on its way back.
    IF known <> new.id THEN
        RAISE unique_violation USING TABLE = 'strategy_executions', CONSTRAINT = 'strategy_executions_request_id_key',
            MESSAGE = format('request_id %s is that of the compacted decision %s', new.request_id, known);
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION refuse_compacted_request IS
'Trigger of strategy_executions: a request whose decision is in decision_chunks is refused as the unique key refuses '
'one.';

CREATE TRIGGER strategy_executions_compacted
AFTER INSERT ON strategy_executions
FOR EACH ROW
-- Decisions of the last day are never compacted: what engines record pays for this comparison alone.
WHEN (new.timestamp < clock_timestamp() - interval '23 hours')
EXECUTE FUNCTION refuse_compacted_request();
COMMENT ON TRIGGER strategy_executions_compacted ON strategy_executions IS
'No request is recorded a second time, also after its decision was compacted.';

CREATE FUNCTION compact_decisions(session bigint, before timestamptz, most integer, since timestamptz)
RETURNS TABLE (decisions integer, last_time timestamptz)
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    ended boolean;
    chosen bigint[];
BEGIN
    IF before > clock_timestamp() - interval '24 hours' THEN
        RAISE EXCEPTION USING ERRCODE = 'AT422', COLUMN = 'before',
            MESSAGE = 'decisions of the last day are not compacted';
    END IF;
    -- Nobody records a decision of the session meanwhile, nor begins to purge it.
    SELECT s.end_time IS NOT NULL INTO ended
      FROM public.trading_sessions AS s
     WHERE s.id = session
       AND s.purge_started_at IS NULL
       FOR UPDATE;
    SELECT array_agg(o.id) INTO chosen
      FROM (
               SELECT x.id
                 FROM public.strategy_executions AS x
                WHERE x.session_id = session
                  AND x.timestamp >= since
                  AND x.timestamp < before
                  AND x.timestamp < (
                      SELECT max(n.timestamp) FROM public.strategy_executions AS n WHERE n.session_id = session
                  )
                  AND x.trade_id IS NULL
                ORDER BY x.timestamp, x.id
                LIMIT most
           ) AS o;
    IF chosen IS NULL OR ended IS NULL OR (cardinality(chosen) < most AND NOT ended) THEN
        RETURN;
    END IF;
    -- Not every server is built with lz4.
    PERFORM set_config('default_toast_compression', 'lz4', TRUE)
       FROM pg_settings AS g
      WHERE g.name = 'default_toast_compression' AND 'lz4' = any(g.enumvals);
    RETURN QUERY
    WITH moved AS (
        DELETE FROM public.strategy_executions AS x
         WHERE x.id = any(chosen)
        RETURNING x.id, x.timestamp, x.strategy_name, x.symbol, x.timeframe, x.signal_type, x.signal_strength,
                  x.confidence_score, x.action_taken, x.price, x.position_size, x.volume, x.volatility,
                  x.indicators, x.sentiment_data, x.ml_predictions, x.reasons, x.request_hash, x.request_id
    )
    INSERT INTO public.decision_chunks AS c (
        session_id, first_time, last_time, decisions, strategies, symbols, actions, request_ids, packed
    )
    SELECT session, min(m.timestamp), max(m.timestamp), count(*)::integer, array_agg(DISTINCT m.strategy_name::text),
           array_agg(DISTINCT m.symbol::text), array_agg(DISTINCT m.action_taken::text),
           array_agg(m.request_id ORDER BY m.timestamp, m.id),
           array_agg(
               ROW(
                   m.id, m.timestamp, m.strategy_name, m.symbol, m.timeframe, m.signal_type, m.signal_strength,
                   m.confidence_score, m.action_taken, m.price, m.position_size, m.volume, m.volatility,
                   m.indicators, m.sentiment_data, m.ml_predictions, m.reasons, m.request_hash
               )::public.compacted_decision
               ORDER BY m.timestamp, m.id
           )
      FROM moved AS m
    HAVING count(*) > 0
    RETURNING c.decisions, c.last_time;
END
$$;
COMMENT ON FUNCTION compact_decisions IS
'Moves a session''s oldest decisions between two moments into one row of decision_chunks, so many of them: how many, '
'and until when; no row where there are fewer, unless the session has ended. The newest decision and those with a '
'trade stay. A session that is being purged has none. Raises AT422 for decisions of the last day.';

CREATE FUNCTION unpack_decisions(chunk bigint, also_purged boolean DEFAULT FALSE) RETURNS integer
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    moved integer;
BEGIN
    PERFORM s.id
       FROM public.trading_sessions AS s
       JOIN public.decision_chunks AS c ON c.session_id = s.id
      WHERE c.id = chunk
        FOR UPDATE OF s;
    INSERT INTO public.strategy_executions (
        id, session_id, timestamp, strategy_name, symbol, timeframe, signal_type, signal_strength, confidence_score,
        action_taken, price, position_size, volume, volatility, indicators, sentiment_data, ml_predictions, reasons,
        request_id, request_hash
    ) OVERRIDING SYSTEM VALUE
    SELECT u.id, c.session_id, u.timestamp, u.strategy_name, u.symbol, u.timeframe, u.signal_type,
           u.signal_strength, u.confidence_score, u.action_taken, u.price, u.position_size, u.volume, u.volatility,
           u.indicators, u.sentiment_data, u.ml_predictions, u.reasons, u.request_id, u.request_hash
      FROM public.decision_chunks AS c
      JOIN public.trading_sessions AS s ON s.id = c.session_id AND (also_purged OR s.purge_started_at IS NULL)
     CROSS JOIN LATERAL unnest(c.packed, c.request_ids) AS u (
               id, "timestamp", strategy_name, symbol, timeframe, signal_type, signal_strength, confidence_score,
               action_taken, price, position_size, volume, volatility, indicators, sentiment_data, ml_predictions,
               reasons, request_hash, request_id
           )
     WHERE c.id = chunk;
    GET DIAGNOSTICS moved = ROW_COUNT;
    DELETE FROM public.decision_chunks AS c WHERE c.id = chunk AND moved > 0;
    RETURN moved;
END
$$;
COMMENT ON FUNCTION unpack_decisions IS
'Moves the decisions of a row of decision_chunks back into strategy_executions, each as it was recorded; how many. '
'Those of a session that is being purged stay unless also_purged.';

CREATE FUNCTION chunk_failure(chunk bigint, contents boolean) RETURNS text
LANGUAGE plpgsql STABLE AS $$
BEGIN
    PERFORM cardinality(c.request_ids) FROM public.decision_chunks AS c WHERE c.id = chunk;
    IF contents THEN
        -- As unpack_decisions would store them.
        PERFORM count(
                    num_nulls(
                        u.timestamp::public.instant, u.strategy_name::public.label, u.symbol::public.symbol,
                        u.timeframe::public.label, u.signal_type::public.label, u.signal_strength::public.ratio,
                        u.confidence_score::public.fraction, u.action_taken::public.label, u.price::public.price,
                        u.position_size::public.nonnegative, u.volume::public.nonnegative,
                        u.volatility::public.nonnegative, u.indicators::public.document,
                        u.sentiment_data::public.document, u.ml_predictions::public.document,
                        u.reasons::public.document
                    )
                )
           FROM public.decision_chunks AS c
          CROSS JOIN LATERAL unnest(c.packed) AS u
          WHERE c.id = chunk;
    END IF;
    RETURN NULL;
EXCEPTION
    -- Bytes that cannot be decompressed, or are no longer there; and values that no row may have.
    WHEN data_corrupted OR internal_error OR check_violation THEN
        RETURN sqlerrm;
END
$$;
COMMENT ON FUNCTION chunk_failure IS
'Why a row of decision_chunks cannot be read, with its contents also why it could not be moved back; NULL if it can.';
