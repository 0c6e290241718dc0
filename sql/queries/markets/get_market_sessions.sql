-- When each market is open, by name.
SELECT name, timezone, open_time, close_time, days_of_week, is_24h
  FROM market_sessions
 ORDER BY name
