-- A session's metrics over the trades that were closed from one moment to before another, in order of exit.
WITH session AS (
    SELECT id, initial_balance
      FROM trading_sessions
     WHERE id = :session_id
       AND existing_session(:session_id) IS NOT NULL
), opening AS (
    SELECT s.initial_balance + coalesce(sum(t.net_pnl), 0) AS balance
      FROM session AS s
      LEFT JOIN trades AS t ON t.session_id = s.id AND t.exit_time < :start::timestamptz
     GROUP BY s.initial_balance
), counted AS (
    SELECT t.pnl, t.net_pnl, t.commission, t.margin_interest_cost, t.exit_time, t.id,
           opening.balance + sum(t.net_pnl) OVER in_order AS value,
           -- A run of equal outcomes keeps this difference constant.
           row_number() OVER in_order
           - row_number() OVER (PARTITION BY sign(t.pnl) ORDER BY t.exit_time, t.id) AS run
      FROM trades AS t
     CROSS JOIN opening
     WHERE t.session_id = :session_id
       AND t.exit_time >= coalesce(:start::timestamptz, '-infinity')
       AND t.exit_time < coalesce(:end::timestamptz, 'infinity')
    WINDOW in_order AS (ORDER BY t.exit_time, t.id)
), falls AS (
    SELECT drawdown(greatest(opening.balance, max(c.value) OVER (ORDER BY c.exit_time, c.id)), c.value) AS drawdown
      FROM counted AS c
     CROSS JOIN opening
), equity_falls AS (
    SELECT drawdown(max(equity) OVER (ORDER BY timestamp, id), equity) AS drawdown
      FROM account_history
     WHERE session_id = :session_id
       AND timestamp >= coalesce(:start::timestamptz, '-infinity')
       AND timestamp < coalesce(:end::timestamptz, 'infinity')
), runs AS (
    SELECT sign(pnl) AS outcome, count(*) AS length
      FROM counted
     GROUP BY sign(pnl), run
), totals AS (
    SELECT count(*)::integer AS total_trades,
           (count(*) FILTER (WHERE pnl > 0))::integer AS winning_trades,
           (count(*) FILTER (WHERE pnl < 0))::integer AS losing_trades,
           coalesce(sum(pnl) FILTER (WHERE pnl > 0), 0) AS gross_profit,
           coalesce(-sum(pnl) FILTER (WHERE pnl < 0), 0) AS gross_loss,
           coalesce(sum(commission), 0) AS commission,
           coalesce(sum(margin_interest_cost), 0) AS margin_interest_cost,
           coalesce(sum(net_pnl), 0) AS net_pnl,
           max(pnl) AS best_trade_pnl,
           min(pnl) AS worst_trade_pnl
      FROM counted
)
SELECT t.total_trades, t.winning_trades, t.losing_trades,
       t.winning_trades::numeric / nullif(t.total_trades, 0) AS win_rate,
       t.gross_profit, t.gross_loss, t.gross_profit - t.gross_loss AS gross_pnl,
       t.commission, t.margin_interest_cost, t.net_pnl,
       t.net_pnl / nullif(opening.balance, 0) * 100 AS total_return_percent,
       t.gross_profit / nullif(t.gross_loss, 0) AS profit_factor,
       (t.gross_profit - t.gross_loss) / nullif(t.total_trades, 0) AS expectancy,
       t.gross_profit / nullif(t.winning_trades, 0) AS avg_win,
       -t.gross_loss / nullif(t.losing_trades, 0) AS avg_loss,
       t.best_trade_pnl, t.worst_trade_pnl,
       coalesce((SELECT max(length) FROM runs WHERE outcome = 1), 0)::integer AS largest_win_streak,
       coalesce((SELECT max(length) FROM runs WHERE outcome = -1), 0)::integer AS largest_loss_streak,
       coalesce((SELECT max(drawdown) FROM equity_falls), (SELECT max(drawdown) FROM falls), 0) AS max_drawdown
  FROM totals AS t
 CROSS JOIN opening
