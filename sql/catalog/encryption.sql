-- How the server's end of this connection is encrypted, and which process asks.
SELECT s.version, s.cipher, pg_backend_pid() AS process, coalesce(g.encrypted, FALSE) AS gss
  FROM pg_stat_ssl s
  LEFT JOIN pg_stat_gssapi g ON g.pid = s.pid
 WHERE s.pid = pg_backend_pid()
