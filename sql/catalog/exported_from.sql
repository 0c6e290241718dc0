-- Which database it is: its name, and its first session's request, which another database does not have.
SELECT current_database()::text AS database,
       (SELECT request_id::text FROM trading_sessions ORDER BY id LIMIT 1) AS first_request,
       now() AS taken_at
