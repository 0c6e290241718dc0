-- What numbers of transactions belong to: the server, its history, and the database.
SELECT (SELECT s.system_identifier::text FROM pg_control_system() AS s) AS system_identifier,
       (SELECT c.timeline_id FROM pg_control_checkpoint() AS c) AS timeline,
       d.oid::bigint AS database
  FROM pg_database AS d
 WHERE d.datname = current_database()
