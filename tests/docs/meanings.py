"""What the parameters of statements mean whose columns the server cannot know, as a function takes their values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from atb_db.statement import Declared
from tests.docs.described import Described

TABLES: Final[Mapping[str, tuple[str, ...]]] = {
    "orders.create_order": ("orders", "positions"),
    "positions.open_position": ("positions",),
    "sessions.create_trading_session": ("trading_sessions",),
    "sessions.resume_or_create": ("trading_sessions", "session_holds"),
}
"""Where a function puts the values of all parameters that are called as a column of these tables."""

_REASON: Final = "Why, as the ledger and the events show it."
_EXCHANGE_ID: Final = "The exchange's id of the order."
_ITS_QUANTITY: Final = "In units of the base asset, or in contracts; instead of size."
_OF_ORIGINAL: Final = "Fraction of the position's ORIGINAL quantity (0.25 = a quarter of what was first entered)."
_OF_BALANCE: Final = "Fraction of the balance that the entry commits (0.05 = 5 %)."
_GROSS: Final = "Gross P&L in the session's base currency, where it does not follow from the prices."
_RATE: Final = (
    "Value of one unit of the settlement currency in the session's base currency, at which the P&L is booked."
)

OF_ONE: Final[Mapping[tuple[str, str], str]] = {
    ("account.adjust_balance", "delta"): "Change of the balance, in the session's base currency; negative lowers it.",
    (
        "account.record_interest",
        "amount",
    ): "In the session's base currency: positive when received, negative when paid.",
    ("account.record_transfer", "amount"): "In the session's base currency: a deposit, or negative a withdrawal.",
    ("account.set_balance", "balance"): "The balance from now on, in the session's base currency.",
    ("account.set_balance", "reserved_balance"): "What of it is reserved for open orders, in base currency.",
    ("account.set_balance", "asset_balances"): "Each asset's quantity, as the exchange reports it.",
    ("history.get_decisions", "action_taken"): "Only decisions that led to this action.",
    ("imports.get_planned_positions", "order_ids"): "The orders' ids, as an array.",
    ("history.get_positions", "status"): "OPEN or CLOSED; both if not given.",
    ("history.get_risk_adjustments", "parameter_name"): "Only changes of this parameter.",
    ("imports.record_imported_rows", "rows"): "The rows, each of another table and key.",
    ("markets.is_market_open", "at"): "The moment.",
    ("monitoring.get_errors_by_hour", "hours"): "How many, this one included.",
    ("optimization.fetch_optimization_cycles", "before"): "Only runs before it: the last one's timestamp.",
    ("optimization.fetch_optimization_cycles", "before_cycle"): "The last one's id, where two have one timestamp.",
    ("orders.create_order", "size"): _OF_BALANCE,
    ("orders.record_fill", "commission"): "The fee in the session's base currency; negative for a rebate.",
    ("orders.record_fill", "fee"): "As the exchange reports it, in fee_currency; negative for a rebate.",
    ("orders.record_fill", "price"): "Execution price, in quote currency.",
    ("orders.record_fill", "quantity"): "Executed quantity, in units of the base asset, or in contracts.",
    ("orders.update_order_status", "commission"): "Fees of the total so far, in the session's base currency.",
    ("orders.update_order_status", "filled_price"): "Average price of the total so far, in quote currency.",
    ("orders.update_order_status", "filled_quantity"): "Total so far, in units of the base asset, or in contracts.",
    ("orders.update_order_status", "needs_review"): "Whether a person must look at it before it is pending again.",
    ("orders.update_order_status", "price"): "Amended price, in quote currency.",
    ("orders.update_order_status", "quantity"): "Amended quantity, in units of the base asset.",
    ("orders.update_order_status", "timestamp"): "When the exchange reported it.",
    ("positions.apply_partial_exit", "commission"): "Fee of this exit, in the session's base currency.",
    ("positions.apply_partial_exit", "price"): "Price of the exit, in quote currency.",
    ("positions.apply_partial_exit", "quantity"): _ITS_QUANTITY,
    ("positions.apply_partial_exit", "size"): _OF_ORIGINAL,
    ("positions.apply_scale_in", "commission"): "Fee of this entry, in the session's base currency.",
    ("positions.apply_scale_in", "price"): "Price of the added quantity, in quote currency.",
    ("positions.apply_scale_in", "quantity"): _ITS_QUANTITY,
    ("positions.apply_scale_in", "size"): _OF_ORIGINAL,
    ("positions.close_position", "commission"): "Fee of this exit, in the session's base currency.",
    ("positions.close_position", "exit_price"): "Price of what was still open, in quote currency.",
    ("positions.close_position", "margin_interest_cost"): "Interest not booked before, in the session's base currency.",
    ("positions.correct_entry_price", "entry_price"): "Average price of everything entered, in quote currency.",
    ("positions.correct_position_quantity", "price"): "Price of the difference, in quote currency.",
    (
        "positions.correct_position_quantity",
        "quantity",
    ): "What the exchange holds, in units of the base asset; 0 = closed.",
    ("positions.open_position", "entry_commission"): "Fee of the entry, in the session's base currency.",
    ("positions.open_position", "entry_price"): "Price of the entry, in quote currency.",
    ("positions.open_position", "quantity"): "Entered, in units of the base asset, or in contracts.",
    ("positions.open_position", "size"): _OF_BALANCE,
    (
        "positions.record_funding",
        "amount",
    ): "In the session's base currency: positive when received, negative when paid.",
    ("bookings.log_positions", "orders"): "The orders, in the order in which they are journaled.",
    ("bookings.log_positions", "reports"): "What became of them, in the order in which it is booked.",
    ("positions.record_margin_interest", "cost"): "In the session's base currency; positive when it was paid.",
    ("predictions.set_prediction", "max_entries"): "Most predictions that the cache keeps.",
    (
        "sessions.resume_or_create",
        "max_age",
    ): "Longest since a session's last sign of life for it to be resumed, in seconds.",
    ("tearsheet.get_pnl_distribution", "buckets"): "How many buckets.",
    ("reports.get_pnl_by_period", "period"): "Length of a period.",
    ("sessions.end_trading_session", "end_time"): "When the session ended.",
    ("sessions.get_silent_sessions", "silent_since"): "Only sessions without a sign of life from then on.",
    ("sessions.resume_or_create", "despite_open_positions"): "Whether one is started beside another's open positions.",
    ("sessions.resume_or_create", "take_over"): "Whether the session is taken from an engine that holds it.",
    ("strategies.compare_strategy_performance", "strategy_ids"): "The strategies to compare.",
    ("strategies.set_strategy_status", "reason"): "Why its status changes.",
    ("trades.log_trades", "trades"): "The trades, in the order in which they are logged.",
    ("positions.update_position", "unrealized_pnl_percent"): (
        "unrealized_pnl in percent of the open quantity's entry value (5 = 5 %)."
    ),
}
"""By function and parameter."""

OF_ALL: Final[Mapping[str, str]] = {
    "before": "Only what is older: the time of the last row of the page before.",
    "before_id": "That row's id, as several can have one time.",
    "contents": "Whether the decisions themselves are read, too.",
    "created_before": "Only orders journaled before it.",
    "daily": "The rows of days; FALSE: all others.",
    "end": "Until this moment, itself left out.",
    "entry_order_id": _EXCHANGE_ID,
    "exchange_fill_id": "The exchange's id of the execution; once per order.",
    "exchange_order_id": _EXCHANGE_ID,
    "exit_order_id": _EXCHANGE_ID,
    "exit_reason": "Why the position was closed.",
    "exit_time": "When the position was closed.",
    "failure_reason": "Why the order failed, was cancelled or expired.",
    "fee_currency": "Currency of fee, such as BNB.",
    "filled_at": "When it was executed, by the exchange's clock.",
    "first_chunk": "Id of the first row of decision_chunks; NULL = from the beginning.",
    "first_entry": "Number of the first ledger entry; NULL = from the beginning.",
    "first_position": "Id of the first position; NULL = all before, too, and what is in no position.",
    "internal_order_id": "Our own id of the order, sent as the client order id; once per session.",
    "last_chunk": "Id of the last row of decision_chunks; NULL = to the end.",
    "last_entry": "Number of the last ledger entry; NULL = to the end.",
    "last_position": "Id of the last position; NULL = all after, too.",
    "lease": "Seconds for which the session is held without being renewed.",
    "limit": "Most rows that it returns.",
    "min_severity": "Only of this severity or a higher one.",
    "newest": "Most trades that are read: the newest.",
    "now": "The moment that ages and spans are counted from.",
    "order_id": "The order, by our id.",
    "other_symbol": "The other instrument of the pair.",
    "pnl": _GROSS,
    "points": "Most points that it returns.",
    "position_id": "The position.",
    "reason": _REASON,
    "request_id": "Identifies the request, so that a retry creates nothing.",
    "session_id": "The session.",
    "settlement_rate": _RATE,
    "since": "From this moment on.",
    "source": "Only of this mode.",
    "start": "From this moment on.",
    "status": "The order's state, as the exchange says.",
    "strategy_name": "Only of this strategy.",
    "symbol": "Only of this instrument.",
    "target_level": "Index of the profit target that the order serves, from 0.",
    "timestamp": "When it happened.",
    "token": "That of the engine's hold: it is refused once it no longer holds the session.",
    "ttl_seconds": "Seconds for which the prediction is valid.",
    "unless_flag": "A control flag that refuses the order while it is active.",
    "updated_by": "Who or what changed the balance.",
    "with_rows": "Whether their rows are looked at, too; FALSE: positions are counted, no more.",
    "width": "Ids in a block.",
}
"""By parameter, whatever the function."""


def of(declaration: Declared[object], parameter: str, described: Described, tables: list[str]) -> str:
    """The meaning of a parameter: said here of the function, that of a column, or said here of all functions."""
    said = OF_ONE.get((declaration.name, parameter))
    if said is not None:
        return said
    for table in (*tables, *TABLES.get(declaration.name, ())):
        column = described.column(table, parameter)
        if column is not None:
            return column.comment
    return OF_ALL.get(parameter, "")
