"""The meaning of each named constraint: error class, field and sentence for its violation."""

from __future__ import annotations

from typing import Final, NamedTuple

from atb_db.errors import AtbDbError, Conflict, IdempotencyConflict, InvalidInput, NotFound, SchemaMismatch


class Violation(NamedTuple):
    """Meaning of a violated constraint; field is None if the server names the parameter."""

    error: type[AtbDbError]
    field: str | None
    sentence: str


_DOMAINS: Final = {
    "amount_finite": "must be a finite amount below 1e30",
    "correlation_range": "must be a correlation from -1 to 1",
    "counter_nonnegative": "must be zero or more",
    "direction_sign": "must be -1, 0 or 1",
    "document_size": "is too large for a JSON document",
    "exchange_time_plausible": "lies before 2009 (0 is a time that was never set) or after 2199",
    "fraction_range": "must be a fraction from 0 to 1",
    "instant_plausible": "must lie between the years 1900 and 2200",
    "label_form": "must be 1 to 255 characters without blanks at either end",
    "nonnegative_finite": "must be zero or more, and finite",
    "positive_integer_positive": "must be above zero",
    "price_nonnegative": "must be a price of zero or more, and finite",
    "prose_length": "must be text of 1 byte to 1 MiB",
    "quantity_positive": "must be a quantity above zero, and finite",
    "ratio_finite": "must be a finite number",
    "signed_price_finite": "must be a finite price below 1e30",
    "size_positive": "must be a size above zero, below a million",
    "symbol_form": "must be a symbol of 1 to 128 characters without blanks at either end",
    "time_of_day_form": "must be a time as HH:MM or HH:MM:SS",
    "time_zone_form": "must be the IANA name of a time zone, such as America/New_York",
    "time_zone_known": "must be a time zone that the server knows",
    "ttl_seconds_range": "must be a number of seconds above zero, at most ten years",
    "weekdays_form": "must be a list of days of the week, 1 = Monday to 7 = Sunday",
}

_INPUT: Final = {
    "account_history_open_positions_nonnegative": ("open_positions", "must be zero or more"),
    "correlation_matrix_sorted_pair": ("other_symbol", "must be another symbol"),
    "market_sessions_hours": ("open_time", "and close_time are both needed, or neither with is_24h"),
    "order_fills_fee_with_currency": ("fee", "and fee_currency are given together"),
    "orders_target_level_nonnegative": ("target_level", "must be zero or more"),
    "partial_trades_exit_has_pnl": ("pnl", "belongs to a partial exit, not to a scale-in"),
    "partial_trades_target_level_nonnegative": ("target_level", "must be zero or more"),
    "portfolio_exposures_symbols_array": ("symbols", "must be a list"),
    "prediction_cache_expires_later": ("ttl_seconds", "must be at least a microsecond"),
    "strategy_lineage_two_strategies": ("descendant_id", "must be another strategy"),
    "strategy_performance_counts": ("total_trades", "is less than the wins and losses together"),
    "strategy_performance_end_after_start": ("period_end", "must lie after the period's start"),
    "strategy_registry_merge_source_is_another": ("merge_source", "must be neither the strategy itself nor its parent"),
    "strategy_registry_parent_is_another": ("parent_id", "must be another strategy"),
    "trades_exit_after_entry": ("exit_time", "lies before the entry"),
    "trading_sessions_end_after_start": ("end_time", "lies before the session's start"),
    "trading_sessions_initial_balance_nonnegative": ("initial_balance", "must be zero or more"),
}

_ABSENT: Final = {
    "account_balances_session_id_fkey": ("session_id", "the session does not exist"),
    "account_history_session_id_fkey": ("session_id", "the session does not exist"),
    "dynamic_performance_metrics_session_id_fkey": ("session_id", "the session does not exist"),
    "optimization_cycles_session_id_fkey": ("session_id", "the session does not exist"),
    "order_fills_order_id_fkey": ("order_id", "the order does not exist"),
    "orders_position_id_fkey": ("position_id", "the position does not exist in this session"),
    "orders_replaced_order_id_fkey": ("replaced_order_id", "the order does not exist in this session"),
    "orders_session_id_fkey": ("session_id", "the session does not exist"),
    "partial_trades_position_id_fkey": ("position_id", "the position does not exist"),
    "performance_metrics_session_id_fkey": ("session_id", "the session does not exist"),
    "positions_session_id_fkey": ("session_id", "the session does not exist"),
    "reconciliation_audit_events_session_id_fkey": ("session_id", "the session does not exist"),
    "risk_adjustments_session_id_fkey": ("session_id", "the session does not exist"),
    "session_holds_session_id_fkey": ("session_id", "the session does not exist"),
    "strategy_executions_session_id_fkey": ("session_id", "the session does not exist"),
    "strategy_executions_trade_id_fkey": ("trade_id", "the trade does not exist"),
    "strategy_lineage_ancestor_id_fkey": ("ancestor_id", "the strategy does not exist"),
    "strategy_lineage_descendant_id_fkey": ("descendant_id", "the strategy does not exist"),
    "strategy_performance_version_fkey": ("version", "the strategy has no such version, or does not exist"),
    "strategy_registry_merge_source_fkey": ("merge_source", "the strategy does not exist"),
    "strategy_registry_parent_id_fkey": ("parent_id", "the strategy does not exist"),
    "strategy_versions_strategy_id_fkey": ("strategy_id", "the strategy does not exist"),
    "system_events_session_id_fkey": ("session_id", "the session does not exist"),
    "trades_position_id_fkey": ("position_id", "the position does not exist in this session"),
    "trades_session_id_fkey": ("session_id", "the session does not exist"),
}

_TAKEN: Final = {
    "orders_exchange_order_id_key": ("exchange_order_id", "an order with this id exists in the session"),
    "orders_internal_order_id_key": ("internal_order_id", "an order with this id exists in the session"),
    "strategy_registry_name_version_key": ("version", "a strategy with this name and version exists"),
    "strategy_registry_strategy_id_key": ("strategy_id", "a strategy with this id exists"),
    "strategy_versions_version_key": ("version", "the strategy has this version already"),
    "trades_order_id_key": ("order_id", "the session has a trade of this order already"),
    "trades_position_id_key": ("position_id", "the position has a trade already"),
}

_REQUESTS: Final = (
    "account_balances_request_id_key",
    "account_history_request_id_key",
    "dynamic_performance_metrics_request_id_key",
    "optimization_cycles_request_id_key",
    "orders_request_id_key",
    "partial_trades_request_id_key",
    "positions_request_id_key",
    "prediction_performance_request_id_key",
    "reconciliation_audit_events_request_id_key",
    "risk_adjustments_request_id_key",
    "session_holds_token_key",
    "strategy_executions_request_id_key",
    "strategy_performance_request_id_key",
    "strategy_registry_request_id_key",
    "strategy_versions_request_id_key",
    "system_events_request_id_key",
    "trades_request_id_key",
    "trading_sessions_request_id_key",
)

# Our statements cannot violate these; SQL by hand or a changed schema can.
_INTERNAL: Final = {
    "account_balances_chain_fkey": "a ledger entry must start from the balance that the one before it left",
    "account_balances_chain_key": "a ledger entry's number exists already",
    "account_balances_entry_number_key": "a ledger entry's number exists already",
    "account_balances_first_entry": "a ledger begins with its INITIAL entry, from 0",
    "account_balances_pkey": "the id exists already",
    "account_balances_sum": "a ledger entry's balance must be the one before it plus its delta",
    "account_history_pkey": "the id exists already",
    "correlation_matrix_pkey": "the pair has a row for this window already",
    "deployment_collation_seen": "a collation version comes with the time at which it was seen",
    "deployment_environment_set": "an environment comes with the time and the author of its setting",
    "deployment_one_row": "there is one deployment",
    "deployment_pkey": "the deployment has its row already",
    "dynamic_performance_metrics_pkey": "the id exists already",
    "market_sessions_pkey": "the market has a row already",
    "optimization_cycles_pkey": "the id exists already",
    "order_fills_booked_somewhere": "a fill is booked into a position",
    "order_fills_exchange_fill_id_key": "the order has this fill already",
    "order_fills_execution_is_complete": "an execution has id, quantity and price, and nothing else has",
    "order_fills_pkey": "the id exists already",
    "order_fills_position_id_fkey": "the position does not exist",
    "orders_filled_as_reported": "what is filled follows from the reports, and has its time",
    "orders_id_session_id_key": "the id exists already",
    "orders_pkey": "the id exists already",
    "partial_trades_order_id_fkey": "the order does not exist",
    "partial_trades_order_id_key": "the order has its partial trade already",
    "partial_trades_pkey": "the id exists already",
    "performance_metrics_counts": "wins and losses cannot outnumber the trades",
    "performance_metrics_period_span": "every period but ALL_TIME needs an end after its start",
    "performance_metrics_pkey": "the period has a row already",
    "performance_metrics_streaks": "a streak cannot outlast its trades",
    "portfolio_exposures_pkey": "the group has a row in this mode already",
    "positions_closed_with_exit": "a position has exit data exactly when it is CLOSED",
    "positions_continues_position_id_fkey": "the position that is continued does not exist in this session",
    "positions_continues_position_id_key": "the position is continued by another already",
    "positions_id_session_id_key": "the id exists already",
    "positions_pkey": "the id exists already",
    "positions_pnl_from_values": "realized P&L follows from the values entered and exited",
    "positions_status_follows_quantity": "status follows from what was entered and exited",
    "prediction_cache_pkey": "the key has an entry already",
    "prediction_performance_pkey": "the id exists already",
    "reconciliation_audit_events_pkey": "the id exists already",
    "risk_adjustments_pkey": "the id exists already",
    "session_holds_expires_later": "a hold cannot expire before it was renewed",
    "session_holds_pkey": "the session has a hold already",
    "strategy_executions_pkey": "the id exists already",
    "strategy_lineage_pkey": "the two strategies have a row already",
    "strategy_performance_pkey": "the id exists already",
    "strategy_registry_pkey": "the id exists already",
    "strategy_versions_pkey": "the id exists already",
    "system_control_flags_pkey": "the flag has a row already",
    "system_events_pkey": "the id exists already",
    "trades_pkey": "the id exists already",
    "trading_sessions_balance_fkey": "a session's balance is what its newest ledger entry says",
    "trading_sessions_final_figures": "a session has final figures exactly when it has ended",
    "trading_sessions_ledger_entries_positive": "a session's ledger has at least its first entry",
    "trading_sessions_ledger_until_purged": "a session counts its ledger's entries until it is being removed",
    "trading_sessions_purged_when_ended": "only a session that has ended can be removed",
    "trading_sessions_pkey": "the id exists already",
}

VIOLATIONS: Final[dict[str, Violation]] = {
    **{name: Violation(InvalidInput, None, sentence) for name, sentence in _DOMAINS.items()},
    **{name: Violation(InvalidInput, field, sentence) for name, (field, sentence) in _INPUT.items()},
    **{name: Violation(NotFound, field, sentence) for name, (field, sentence) in _ABSENT.items()},
    **{name: Violation(Conflict, field, sentence) for name, (field, sentence) in _TAKEN.items()},
    **{name: Violation(IdempotencyConflict, "request_id", "was already used by another request") for name in _REQUESTS},
    **{name: Violation(SchemaMismatch, None, sentence) for name, sentence in _INTERNAL.items()},
}
"""By the constraint's name; a test compares it with the schema's constraints."""
