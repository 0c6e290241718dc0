-- Define when a market is open, in its local time.
INSERT INTO market_sessions (name, timezone, open_time, close_time, days_of_week, is_24h)
VALUES (
    :name, :timezone, :open_time::time_of_day::time, :close_time::time_of_day::time, :days_of_week, :is_24h
)
ON CONFLICT (name) DO UPDATE
   SET timezone = excluded.timezone,
       open_time = excluded.open_time,
       close_time = excluded.close_time,
       days_of_week = excluded.days_of_week,
       is_24h = excluded.is_24h
