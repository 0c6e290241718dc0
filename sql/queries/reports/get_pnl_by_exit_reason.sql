-- A session's P&L by the reason for which its trades ended, best first.
SELECT exit_reason,
       count(*)::integer AS total_trades,
       (count(*) FILTER (WHERE pnl > 0))::integer AS winning_trades,
       (count(*) FILTER (WHERE pnl > 0))::numeric / count(*) AS win_rate,
       sum(pnl) AS gross_pnl,
       sum(commission + margin_interest_cost) AS costs,
       sum(net_pnl) AS net_pnl
  FROM trades
 WHERE session_id = :session_id
   AND existing_session(:session_id) IS NOT NULL
 GROUP BY exit_reason
 ORDER BY net_pnl DESC, exit_reason
