-- Predictions: a cache of what models said, and how good it was.

CREATE TABLE prediction_cache (
    cache_key label NOT NULL,
    model_name label NOT NULL,
    features_hash label NOT NULL,
    config_hash label NOT NULL,
    predicted_price price NOT NULL,
    confidence fraction NOT NULL,
    direction direction NOT NULL,
    predicted_at instant NOT NULL,
    created_at instant NOT NULL,
    expires_at instant NOT NULL,
    access_count counter NOT NULL,
    last_accessed instant NOT NULL,
    CONSTRAINT prediction_cache_pkey PRIMARY KEY (cache_key),
    CONSTRAINT prediction_cache_expires_later CHECK (expires_at > created_at)
);

-- Read by set_prediction, to find the least recently used entries.
CREATE INDEX prediction_cache_last_accessed_idx ON prediction_cache (last_accessed);

COMMENT ON TABLE prediction_cache IS
'What models predicted for features that may come again. Times to live are counted by the server''s clock; of the '
'entries beyond the bound that set_prediction is given, those least recently used are removed.';
COMMENT ON COLUMN prediction_cache.cache_key IS
'Hash of model, features and configuration: atb_db.cachekey makes it.';
COMMENT ON COLUMN prediction_cache.model_name IS 'Model that predicted.';
COMMENT ON COLUMN prediction_cache.features_hash IS 'Hash of the features'' dtype, shape and bytes.';
COMMENT ON COLUMN prediction_cache.config_hash IS 'Hash of the model''s configuration as canonical JSON.';
COMMENT ON COLUMN prediction_cache.predicted_price IS 'Predicted price, in quote currency.';
COMMENT ON COLUMN prediction_cache.confidence IS 'Confidence from 0 to 1.';
COMMENT ON COLUMN prediction_cache.direction IS 'Predicted move: -1 = down, 0 = none, 1 = up.';
COMMENT ON COLUMN prediction_cache.predicted_at IS
'When it was predicted, by the client''s clock; the same moment again is the same prediction again.';
COMMENT ON COLUMN prediction_cache.created_at IS 'When the prediction was stored, by the server''s clock.';
COMMENT ON COLUMN prediction_cache.expires_at IS
'From when on the entry is no longer answered, by the server''s clock.';
COMMENT ON COLUMN prediction_cache.access_count IS
'Hits since the prediction was stored: the first one, then at most one a minute, so that a hit normally writes '
'nothing. A lower bound, exact where hits are a minute or more apart; 0 means none at all.';
COMMENT ON COLUMN prediction_cache.last_accessed IS
'Newest counted hit, or when the prediction was stored: at most one minute before the newest hit.';

CREATE SEQUENCE prediction_cache_insertions CYCLE OWNED BY prediction_cache.cache_key;
COMMENT ON SEQUENCE prediction_cache_insertions IS
'Counts new entries of prediction_cache, so that only every n-th looks for entries to remove.';

CREATE TABLE prediction_performance (
    id bigint GENERATED ALWAYS AS IDENTITY,
    timestamp instant NOT NULL,
    model_name label NOT NULL,
    horizon positive_integer NOT NULL,
    mae nonnegative,
    rmse nonnegative,
    mape nonnegative,
    ic correlation,
    mean_pred ratio,
    std_pred nonnegative,
    mean_real ratio,
    std_real nonnegative,
    strategy_name label,
    symbol symbol,
    timeframe label,
    request_id uuid NOT NULL DEFAULT gen_random_uuid(),
    request_hash bigint NOT NULL DEFAULT 0,
    CONSTRAINT prediction_performance_pkey PRIMARY KEY (id),
    CONSTRAINT prediction_performance_request_id_key UNIQUE (request_id)
);

-- Read by get_prediction_performance.
CREATE INDEX prediction_performance_model_name_timestamp_idx ON prediction_performance (model_name, timestamp, id);

COMMENT ON TABLE prediction_performance IS 'How a model''s predictions compared with what happened.';
COMMENT ON COLUMN prediction_performance.id IS 'Identifier.';
COMMENT ON COLUMN prediction_performance.timestamp IS 'When it was measured.';
COMMENT ON COLUMN prediction_performance.model_name IS 'Model that predicted.';
COMMENT ON COLUMN prediction_performance.horizon IS 'How far ahead it predicted, in candles.';
COMMENT ON COLUMN prediction_performance.mae IS 'Mean absolute error, in the unit of the predicted value.';
COMMENT ON COLUMN prediction_performance.rmse IS 'Root of the mean squared error, in the unit of the predicted value.';
COMMENT ON COLUMN prediction_performance.mape IS 'Mean absolute error as a fraction of the real value (0.05 = 5 %).';
COMMENT ON COLUMN prediction_performance.ic IS
'Information coefficient: correlation of predicted and real values, from -1 to 1.';
COMMENT ON COLUMN prediction_performance.mean_pred IS 'Mean of the predicted values, in their unit.';
COMMENT ON COLUMN prediction_performance.std_pred IS 'Standard deviation of the predicted values, in their unit.';
COMMENT ON COLUMN prediction_performance.mean_real IS 'Mean of the real values, in their unit.';
COMMENT ON COLUMN prediction_performance.std_real IS 'Standard deviation of the real values, in their unit.';
COMMENT ON COLUMN prediction_performance.strategy_name IS 'Strategy that used the predictions, if any.';
COMMENT ON COLUMN prediction_performance.symbol IS 'Instrument; NULL over several.';
COMMENT ON COLUMN prediction_performance.timeframe IS 'Length of one candle, such as 1h; NULL over several.';
COMMENT ON COLUMN prediction_performance.request_id IS
'Identifies the request that created the row, so that a retry creates nothing.';
COMMENT ON COLUMN prediction_performance.request_hash IS
'Hash of that request''s content; the same request_id with another hash is refused.';
