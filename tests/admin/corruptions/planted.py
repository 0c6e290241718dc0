"""Corruptions of single rows, and what the audit says of each; or why nothing can say."""

from __future__ import annotations

from typing import Final, NamedTuple


class Corruption(NamedTuple):
    """One change of one row; the fields of a World stand in braces."""

    table: str
    what: str
    script: str
    identity: str
    """The rule that names it."""
    subject: str
    """And what it names; # is an id that only the database knows."""


class Undecidable(NamedTuple):
    """A change that contradicts nothing."""

    table: str
    what: str
    script: str
    reason: str


CLOSED: Final = "position {closed}, "
OPEN: Final = "position {open}, "
ENTRY: Final = "order {entry}, "
TOTAL: Final = "order {total}, "
LIVE: Final = "session {live}, "
ENDED: Final = "session {ended}, "
ANY: Final = "fill #, "
TRADE: Final = "trade #, "
PART: Final = "partial trade #, "
BOOKED: Final = "ledger entry #, "

_FIRST: Final = "(SELECT min(id) FROM order_fills WHERE order_id = {entry})"
_BASE_FEE: Final = "(SELECT max(id) FROM order_fills WHERE order_id = {entry})"
_LAST: Final = "(SELECT max(id) FROM order_fills WHERE order_id = {exit})"
_LOGGED: Final = "(SELECT min(id) FROM trades WHERE session_id = {live} AND position_id IS NULL)"


def _position(column: str, to: str, identity: str, subject: str, *, of: str = "closed", what: str = "") -> Corruption:
    script = f"UPDATE positions SET {column} = {to} WHERE id = {{{of}}}"
    return Corruption("positions", what or f"`{column}` of {_A[of]}", script, identity, subject)


def _order(column: str, to: str, identity: str, subject: str, *, of: str = "entry", what: str = "") -> Corruption:
    script = f"UPDATE orders SET {column} = {to} WHERE id = {{{of}}}"
    return Corruption("orders", what or f"`{column}` of {_A[of]}", script, identity, subject)


def _fill(column: str, to: str, identity: str, subject: str, *, of: str = _FIRST, what: str = "") -> Corruption:
    script = f"UPDATE order_fills SET {column} = {to} WHERE id = {of}"
    return Corruption("order_fills", what or f"`{column}`", script, identity, subject)


def _part(column: str, to: str, subject: str, *, identity: str = "partial trade") -> Corruption:
    script = f"UPDATE partial_trades SET {column} = {to} WHERE order_id = {{partial}}"
    return Corruption("partial_trades", f"`{column}`", script, identity, subject)


def _trade(column: str, to: str, *, identity: str = "trade", subject: str = "") -> Corruption:
    script = f"UPDATE trades SET {column} = {to} WHERE position_id = {{closed}}"
    return Corruption("trades", f"`{column}` of a position's trade", script, identity, subject or f"{TRADE}{column}")


def _logged(column: str, to: str, identity: str, subject: str) -> Corruption:
    script = f"UPDATE trades SET {column} = {to} WHERE id = {_LOGGED}"
    return Corruption("trades", f"`{column}` of a trade without a position", script, identity, subject)


def _entry(column: str, to: str, kind: str, identity: str, subject: str, *, what: str = "") -> Corruption:
    script = (
        f"UPDATE account_balances SET {column} = {to} WHERE id = (SELECT max(id) FROM account_balances"
        f" WHERE session_id = {{live}} AND entry_type = '{kind}')"
    )
    return Corruption("account_balances", what or f"`{column}` of a {kind} entry", script, identity, subject)


def _session(column: str, to: str, identity: str, subject: str, *, of: str = "live", what: str = "") -> Corruption:
    script = f"UPDATE trading_sessions SET {column} = {to} WHERE id = {{{of}}}"
    return Corruption("trading_sessions", what or f"`{column}` of {_A[of]}", script, identity, subject)


def _metric(column: str, to: str) -> Corruption:
    script = (
        f"UPDATE performance_metrics SET {column} = {to} WHERE session_id = {{live}}"
        " AND period_start = '2024-03-01 00:00:00+00'"
    )
    return Corruption("performance_metrics", f"`{column}`", script, "metrics", f"DAILY 2024-03-01, {column}")


def _day(table: str, column: str, to: str) -> Corruption:
    """One of a row that is kept of the trades or orders of a day."""
    parts = {
        "trade_days": ("", ""),
        "trade_day_parts": (" AND kept_by = 'symbol' AND symbol = 'ETHUSDT'", ", symbol, , ETHUSDT, "),
        "trade_months": ("", ""),
        "trade_month_parts": (" AND kept_by = 'symbol' AND symbol = 'ETHUSDT'", ", symbol, , ETHUSDT, "),
        "order_day_parts": (" AND kept_by = 'order_type' AND order_type = 'ENTRY'", ", order_type, ENTRY, , "),
    }
    condition, part = parts[table]
    span = "month" if "month" in table else "day"
    script = f"UPDATE {table} SET {column} = {to} WHERE session_id = {{ended}} AND {span} = '2024-03-01Z'{condition}"
    identity = f"{table.partition('_')[0]} {span}s"
    return Corruption(table, f"`{column}`", script, identity, f"{span} 2024-03-01{part}, {column}")


def _span(column: str, to: str, *, named: str = "") -> Corruption:
    script = (
        f"UPDATE equity_spans SET {column} = {to} WHERE session_id = {{live}} AND start_time >= '2024-03-01 20:00Z'"
    )
    return Corruption("equity_spans", f"`{column}`", script, "equity", f"hour 2024-03-01 20:00, {named or column}")


def _chunk(column: str, to: str, identity: str, named: str, *, what: str = "") -> Corruption:
    """Of the newer one of two; the older one has the decisions of 20:30 to 20:32."""
    script = f"UPDATE decision_chunks SET {column} = {to} WHERE id = (SELECT max(id) FROM decision_chunks)"
    return Corruption("decision_chunks", what or f"`{column}`", script, identity, f"decision chunk #, {named}")


def _decision(field: str, to: str, named: str, *, identity: str = "decision chunk", at: int = 1) -> Corruption:
    script = f"UPDATE decision_chunks SET packed[{at}].{field} = {to} WHERE id = (SELECT max(id) FROM decision_chunks)"
    return Corruption("decision_chunks", f"`{field}` of a decision", script, identity, f"decision chunk #, {named}")


def _again(decision: str, request: str, named: str, what: str) -> Corruption:
    """A row of the time of a compacted decision."""
    script = (
        "INSERT INTO strategy_executions (id, request_id, session_id, timestamp, strategy_name, symbol, signal_type,"
        f" action_taken, price) OVERRIDING SYSTEM VALUE SELECT {decision}, {request}, c.session_id, c.first_time,"
        " 'test', 'ETHUSDT', 'hold', 'none', 2 FROM decision_chunks AS c"
        " WHERE c.id = (SELECT max(id) FROM decision_chunks)"
    )
    return Corruption("strategy_executions", f"{what} in a row", script, "decision twice", f"decision chunk #, {named}")


def _gone(table: str, what: str, where: str, identity: str, subject: str) -> Corruption:
    return Corruption(table, f"{what} deleted", f"DELETE FROM {table} WHERE {where}", identity, subject)


_A: Final = {
    "closed": "a closed position",
    "open": "an open position",
    "continuing": "a continuing position",
    "inverse": "an inverse position",
    "planned": "a planned position",
    "entry": "an entry order",
    "exit": "an exit order",
    "partial": "a partial exit order",
    "scale_in": "a scale-in order",
    "total": "an order reported by its total",
    "resting": "an order with an unbooked rest",
    "pending": "a pending order",
    "replaced": "a cancelled order",
    "live": "an active session",
    "ended": "an ended session",
}

_POSITIONS: Final = (
    *(
        _position(column, to, "trade", f"{TRADE}{column}")
        for column, to in (
            *(("mfe_price", "1"), ("mae_price", "1"), ("mfe_time", "now()"), ("mae_time", "now()")),
            *(("leverage", "7"), ("entry_tag", "'other'")),
        )
    ),
    _position("entry_price", "entry_price + 1", "position price", f"{CLOSED}entry_price"),
    _position("entry_price", "entry_price + 1", "position price", f"{OPEN}entry_price", of="open"),
    _position("exit_price", "exit_price + 1", "position price", f"{CLOSED}exit_price"),
    _position("exit_price", "200", "position price", f"{OPEN}exit_price", of="open"),
    _position("quantity", "quantity + 1", "position quantity", f"{CLOSED}quantity"),
    _position("original_quantity", "original_quantity + 1", "position quantity", f"{OPEN}original_quantity", of="open"),
    _position("exited_quantity", "exited_quantity + 1", "position quantity", f"{OPEN}exited_quantity", of="open"),
    _position("current_quantity", "original_quantity", "position quantity", f"{OPEN}current_quantity", of="open"),
    _position("unbooked_quantity", "unbooked_quantity + 1", "position quantity", f"{OPEN}unbooked_quantity", of="open"),
    _position("entry_notional", "entry_notional + 1", "position value", f"{OPEN}entry_notional", of="open"),
    _position("exit_notional", "exit_notional + 1", "position value", f"{CLOSED}exit_notional"),
    _position("cost_basis", "cost_basis + 1", "position value", f"{OPEN}cost_basis", of="open"),
    _position("realized_pnl", "realized_pnl + 1", "realized P&L", f"{CLOSED}realized_pnl"),
    _position(
        "realized_pnl", "-realized_pnl", "realized P&L", f"{CLOSED}from values", what="the sign of `realized_pnl`"
    ),
    _position("pnl_correction", "1", "realized P&L", f"{CLOSED}from values"),
    _position("side", "'SHORT'", "realized P&L", f"{CLOSED}from values"),
    _position("side", "'LONG'", "order", "order #, side", of="open"),
    _position("symbol", "'ETHUSDT'", "order", f"{ENTRY}symbol"),
    _position("status", "'OPEN'", "position status", f"{CLOSED}status"),
    _position("status", "'PLANNED'", "position status", f"{OPEN}status", of="open"),
    _position("status", "'OPEN'", "position status", "position {planned}, status", of="planned"),
    _position("contract", "'INVERSE'", "fills", f"{ENTRY}recorded_value"),
    _position("contract", "'LINEAR'", "order figures", f"{TOTAL}told_value", of="inverse"),
    _position("contract_size", "10", "fills", f"{ENTRY}recorded_value"),
    _position("base_asset", "NULL", "fills", f"{ENTRY}recorded_base_fee"),
    _position("planned_size", "0.5", "position size", f"{CLOSED}size"),
    _position("planned_quantity", "5", "position size", f"{CLOSED}original_size"),
    _position("size", "size * 2", "position size", f"{CLOSED}size"),
    _position("original_size", "original_size * 2", "position size", f"{OPEN}original_size", of="open"),
    _position("current_size", "original_size", "position size", f"{OPEN}current_size", of="open"),
    _position("entry_time", "entry_time - interval '1 hour'", "position time", f"{OPEN}entry_time", of="open"),
    _position("exit_time", "exit_time + interval '1 hour'", "position time", f"{CLOSED}exit_time"),
    _position("exit_time", "NULL", "position time", f"{CLOSED}exit_time", what="no `exit_time` of a closed position"),
    _position("last_exit_time", "entry_time", "position time", f"{OPEN}last_exit_time", of="open"),
    _position("exit_reason", "'other'", "exit reason", f"{CLOSED}exit_reason"),
    _position("commission", "commission + 1", "position costs", f"{CLOSED}commission"),
    _position("funding", "funding + 1", "position costs", f"{OPEN}funding", of="open"),
    _position("margin_interest_cost", "1", "position costs", f"{OPEN}margin_interest_cost", of="open"),
    _position("partial_exits_taken", "0", "partial count", f"{CLOSED}partial_exits_taken"),
    _position("scale_ins_taken", "2", "partial count", f"{CLOSED}scale_ins_taken"),
    _position("unrealized_pnl", "7", "unrealized P&L", f"{CLOSED}unrealized_pnl"),
    _position("unrealized_pnl_percent", "7", "unrealized P&L", f"{CLOSED}unrealized_pnl_percent"),
    _position(
        "continues_position_id",
        "NULL",
        "fill position",
        f"{ANY}position_id",
        of="continuing",
        what="no `continues_position_id` of a continuing position",
    ),
    _position("continues_position_id", "{open}", "continuation", "position {continuing}, side", of="continuing"),
    _position(
        "continues_position_id",
        "{planned}",
        "continuation",
        "position {continuing}, status of the earlier one",
        of="continuing",
        what="a planned position continued",
    ),
    _position("session_id", "{ended}", "order", f"{ENTRY}position_id"),
    _position("stop_loss", "1", "trade", f"{TRADE}stop_loss"),
    _position("take_profit", "1", "trade", f"{TRADE}take_profit"),
    _position("confidence_score", "0.5", "trade", f"{TRADE}confidence_score"),
    _position("exchange", "'other'", "trade", f"{TRADE}exchange"),
    _position("strategy_name", "'other'", "trade", f"{TRADE}strategy_name"),
    _gone("positions", "a closed position", "id = {closed}", "orphan", "trades #, position_id"),
    _gone("positions", "an open position", "id = {open}", "orphan", "orders #, position_id"),
    _gone("positions", "a planned position", "id = {planned}", "orphan", "orders #, position_id"),
    _gone("positions", "a continued position", "id = {continued}", "orphan", "positions #, continues_position_id"),
)

_ORDERS: Final = (
    _order("session_id", "{ended}", "order position", "order {entry}"),
    _order("position_id", "{inverse}", "fill position", f"{ANY}position_id"),
    _order("position_id", "NULL", "order", f"{ENTRY}position_id", what="no `position_id` of a filled order"),
    _order("position_id", "987654321", "order", f"{ENTRY}position_id", what="an unknown `position_id`"),
    _order("order_type", "'SCALE_IN'", "position quantity", f"{CLOSED}original_quantity"),
    _order("order_type", "'FULL_EXIT'", "position quantity", f"{CLOSED}quantity", what="an entry made an exit"),
    _order("order_type", "'PARTIAL_EXIT'", "partial trade", "order {exit}, partial trade", of="exit"),
    _order("order_type", "'FULL_EXIT'", "partial trade", f"{PART}operation_type", of="partial"),
    _order("side", "'SHORT'", "order", f"{ENTRY}side"),
    _order("symbol", "'ETHUSDT'", "order", f"{ENTRY}symbol"),
    _order("quantity", "1", "fills", f"{ENTRY}is_overfilled", what="`quantity` below what was filled"),
    _order("told_quantity", "7", "order figures", f"{ENTRY}filled_quantity"),
    _order("told_quantity", "7", "order figures", f"{TOTAL}told_value", of="total"),
    _order("told_price", "7", "order figures", f"{TOTAL}told_value", of="total"),
    _order("told_value", "7", "order figures", f"{TOTAL}filled_value", of="total"),
    _order("told_commission", "7", "order figures", f"{TOTAL}commission", of="total"),
    _order("recorded_quantity", "7", "fills", f"{ENTRY}recorded_quantity"),
    _order("recorded_base_fee", "7", "fills", f"{ENTRY}recorded_base_fee"),
    _order("recorded_notional", "7", "fills", f"{ENTRY}recorded_notional"),
    _order("recorded_value", "7", "fills", f"{ENTRY}recorded_value"),
    _order("recorded_commission", "7", "fills", f"{ENTRY}recorded_commission"),
    _order("unknown_fees", "1", "fills", f"{ENTRY}unknown_fees"),
    _order("corrected_value", "1", "order figures", f"{ENTRY}filled_value"),
    _order("filled_quantity", "2", "order figures", f"{ENTRY}filled_quantity"),
    _order("filled_price", "7", "fills", f"{ENTRY}filled_price"),
    _order("filled_units", "7", "booked fills", f"{ENTRY}filled_units"),
    _order("filled_value", "7", "booked fills", f"{ENTRY}filled_value"),
    _order("commission", "7", "booked fills", f"{ENTRY}commission"),
    _order("is_overfilled", "TRUE", "fills", f"{ENTRY}is_overfilled"),
    _order("status", "'OPEN'", "order status", f"{ENTRY}status"),
    _order("status", "'PENDING'", "order time", "order {replaced}, cancelled_at", of="replaced"),
    _order("filled_at", "filled_at + interval '1 hour'", "order time", f"{ENTRY}filled_at"),
    _order("filled_at", "NULL", "order time", f"{ENTRY}filled_at", what="no `filled_at` of a filled order"),
    _order("cancelled_at", "last_update", "order time", f"{ENTRY}cancelled_at"),
    _order("created_at", "last_update + interval '1 hour'", "order time", f"{ENTRY}last_update"),
    _order("last_update", "created_at - interval '1 hour'", "order time", f"{ENTRY}last_update"),
    _order("replaced_order_id", "id", "order", f"{ENTRY}replaced_order_id", what="an order that replaces itself"),
    _order(
        "replaced_order_id",
        "{total}",
        "order",
        f"{ENTRY}replaced_order_id",
        what="an order that replaces one in another symbol",
    ),
    _order(
        "replaced_order_id",
        "987654321",
        "order",
        f"{ENTRY}replaced_order_id",
        what="an order that replaces an unknown one",
    ),
    _order("exchange_order_id", "'other'", "trade", f"{TRADE}order_id", of="exit"),
    _order("target_level", "2", "partial trade", f"{PART}target_level", of="partial"),
    _gone("orders", "an entry order", "id = {entry}", "orphan", "order_fills #, order_id"),
    _gone("orders", "an exit order", "id = {exit}", "position quantity", f"{CLOSED}exited_quantity"),
    _gone("orders", "a replaced order", "id = {replaced}", "orphan", "orders #, replaced_order_id"),
    Corruption(
        "orders",
        "a second entry order, FILLED",
        "INSERT INTO orders (session_id, position_id, order_type, status, symbol, side, quantity, told_quantity,"
        " told_price, told_value, filled_quantity, filled_price, filled_units, filled_value, created_at, filled_at,"
        " last_update) SELECT session_id, position_id, 'ENTRY', 'FILLED', symbol, side, 1, 1, 100, 100, 1, 100, 1, 100,"
        " created_at, filled_at, last_update FROM orders WHERE id = {entry}",
        "booked fills",
        "order #, filled_units",
    ),
    Corruption(
        "orders",
        "a second exit order, FILLED",
        "INSERT INTO orders (session_id, position_id, order_type, status, symbol, side, quantity, told_quantity,"
        " told_price, told_value, filled_quantity, filled_price, filled_units, filled_value, created_at, filled_at,"
        " last_update) SELECT session_id, position_id, 'FULL_EXIT', 'FILLED', symbol, side, 1, 1, 100, 100, 1, 100, 1,"
        " 100, created_at, filled_at, last_update FROM orders WHERE id = {exit}",
        "booked fills",
        "order #, filled_value",
    ),
)

_FILLS: Final = (
    _fill("order_id", "{scale_in}", "fills", f"{ENTRY}recorded_quantity"),
    _fill("order_id", "987654321", "orphan", "order_fills #, order_id", what="an unknown `order_id`"),
    _fill("quantity", "quantity + 1", "fills", f"{ENTRY}recorded_quantity"),
    _fill("price", "price + 1", "fills", f"{ENTRY}recorded_notional"),
    _fill("fee", "1", "fills", f"{ENTRY}recorded_base_fee", of=_BASE_FEE, what="`fee` in the base asset"),
    _fill(
        "fee_currency",
        "'BNB'",
        "fills",
        f"{ENTRY}recorded_base_fee",
        of=_BASE_FEE,
        what="`fee_currency` of a fee in the base asset",
    ),
    _fill("commission", "1", "fills", f"{ENTRY}recorded_commission"),
    _fill("commission", "NULL", "fills", f"{ENTRY}unknown_fees", what="no `commission`"),
    _fill("filled_at", "filled_at + interval '1 hour'", "ledger time", f"{BOOKED}last_updated"),
    _fill(
        "filled_at",
        "filled_at - interval '1 hour'",
        "position time",
        f"{CLOSED}entry_time",
        what="`filled_at` of the first fill",
    ),
    _fill("position_id", "{inverse}", "position quantity", f"{CLOSED}quantity"),
    _fill(
        "position_id", "{inverse}", "ledger cause", f"{BOOKED}position_id", what="`position_id` of a fill with an entry"
    ),
    _fill("is_booked", "FALSE", "unbooked", f"{ENTRY}filled_quantity"),
    _fill("booked_quantity", "booked_quantity + 1", "booked fills", f"{ENTRY}filled_units"),
    _fill("booked_value", "booked_value + 1", "booked fills", f"{ENTRY}filled_value"),
    _fill("booked_commission", "booked_commission + 1", "booked fills", f"{ENTRY}commission"),
    _fill("released_cost", "released_cost + 1", "position value", f"{CLOSED}cost_basis", of=_LAST),
    _fill("pnl", "pnl + 1", "ledger cause", f"{ANY}pnl", of=_LAST),
    _fill("unconverted_pnl", "1", "unconverted", f"{ENTRY}pnl"),
    _fill("kind", "'CHANGE'", "fills", f"{ENTRY}recorded_quantity"),
    _gone("order_fills", "a fill", f"id = {_FIRST}", "fills", f"{ENTRY}recorded_quantity"),
    _gone(
        "order_fills", "a fill that the ledger names", f"id = {_LAST}", "orphan", "account_balances #, order_fill_id"
    ),
    _gone(
        "order_fills",
        "an unbooked rest",
        "order_id = {resting} AND NOT is_booked",
        "position quantity",
        "position #, unbooked_quantity",
    ),
    Corruption(
        "order_fills",
        "a fill recorded twice",
        "INSERT INTO order_fills (order_id, kind, exchange_fill_id, quantity, price, filled_at, position_id, is_booked,"
        " booked_quantity, booked_value) SELECT order_id, kind, 'again', quantity, price, filled_at, position_id,"
        f" is_booked, booked_quantity, booked_value FROM order_fills WHERE id = {_FIRST}",
        "fills",
        f"{ENTRY}recorded_quantity",
    ),
)

_PARTS: Final = (
    _part("position_id", "{open}", "position {closed}, partial_exits_taken", identity="partial count"),
    _part("order_id", "{exit}", f"{PART}operation_type"),
    _part("order_id", "987654321", "partial_trades #, order_id", identity="orphan")._replace(
        what="an unknown `order_id`"
    ),
    _part("operation_type", "'SCALE_IN'", f"{PART}operation_type"),
    _part("size", "size * 2", f"{PART}size"),
    _part("quantity", "quantity * 2", f"{PART}quantity"),
    _part("price", "price + 1", f"{PART}price"),
    _part("pnl", "pnl + 1", f"{PART}pnl"),
    _part("target_level", "3", f"{PART}target_level"),
    _part("timestamp", "timestamp + interval '1 hour'", f"{PART}timestamp"),
    _gone("partial_trades", "a partial exit", "order_id = {partial}", "partial count", f"{CLOSED}partial_exits_taken"),
    _gone("partial_trades", "a scale-in", "order_id = {scale_in}", "partial count", f"{CLOSED}scale_ins_taken"),
    Corruption(
        "partial_trades",
        "a partial exit that never was",
        "INSERT INTO partial_trades (position_id, order_id, operation_type, size, quantity, price, pnl, timestamp)"
        " SELECT position_id, {exit}, operation_type, size, quantity, price, pnl, timestamp FROM partial_trades"
        " WHERE order_id = {partial}",
        "partial count",
        f"{CLOSED}partial_exits_taken",
    ),
)

_TRADES: Final = (
    _trade("symbol", "'ETHUSDT'"),
    _trade("side", "'SHORT'"),
    _trade("source", "'LIVE'", identity="trade source", subject="trade #"),
    _trade("entry_price", "entry_price + 1"),
    _trade("exit_price", "exit_price + 1"),
    _trade("size", "size * 2"),
    _trade("quantity", "quantity + 1"),
    _trade("entry_time", "entry_time - interval '1 hour'"),
    _trade("exit_time", "exit_time + interval '1 hour'"),
    _trade("pnl", "pnl + 1"),
    _trade("pnl_percent", "pnl_percent + 1"),
    _trade("commission", "commission + 1"),
    _trade("margin_interest_cost", "margin_interest_cost + 1"),
    _trade("funding", "funding + 1"),
    _trade("stop_loss", "1"),
    _trade("take_profit", "1"),
    _trade("exit_reason", "'other'"),
    _trade("strategy_name", "'other'"),
    _trade("confidence_score", "0.5"),
    _trade("order_id", "'other'"),
    _trade("exchange", "'other'"),
    _trade("timeframe", "'7h'"),
    _trade("leverage", "7"),
    _trade("entry_tag", "'other'"),
    _trade("mfe", "0.5"),
    _trade("mfe_price", "1"),
    _trade("mfe_time", "entry_time"),
    _trade("mae", "0.5"),
    _trade("mae_price", "1"),
    _trade("mae_time", "entry_time"),
    _trade("position_id", "NULL", identity="one trade", subject=f"{CLOSED}trades"),
    _trade("position_id", "{open}", identity="one trade", subject=f"{OPEN}trades")._replace(
        what="the trade of an open position"
    ),
    _trade("session_id", "{ended}", identity="trade position", subject="trade #"),
    _trade("request_id", "gen_random_uuid()", identity="metrics", subject="DAILY 2024-03-01, total_trades"),
    _gone("trades", "a position's trade", "position_id = {closed}", "one trade", f"{CLOSED}trades"),
    _logged("pnl", "pnl + 1", "ledger cause", f"{TRADE}pnl"),
    _logged("commission", "commission + 1", "ledger cause", f"{TRADE}commission"),
    _logged("funding", "funding + 1", "ledger cause", f"{TRADE}funding"),
    _logged("pnl_percent", "pnl_percent + 1", "trade", f"{TRADE}pnl_percent"),
    _logged("entry_price", "entry_price + 1", "trade", f"{TRADE}pnl_percent"),
    _logged("quantity", "quantity + 1", "trade", f"{TRADE}pnl_percent"),
    _logged("exit_time", "exit_time + interval '1 hour'", "trade", f"{TRADE}exit_time"),
    _logged("exit_time", "exit_time + interval '1 day'", "metrics", "DAILY 2024-03-02, total_trades")._replace(
        what="a trade on another day"
    ),
    _logged("exit_time", "entry_time - interval '1 hour'", "trade", f"{TRADE}exit_time")._replace(
        what="an exit before the entry"
    ),
    _gone("trades", "a trade without a position", f"id = {_LOGGED}", "ledger cause", "ledger entry #, pnl"),
    Corruption(
        "trades",
        "a trade recorded twice",
        "INSERT INTO trades (session_id, symbol, side, source, entry_price, exit_price, size, quantity, entry_time,"
        " exit_time, pnl, pnl_percent, commission, exit_reason, strategy_name) SELECT session_id, symbol, side, source,"
        " entry_price, exit_price, size, quantity, entry_time, exit_time, pnl, pnl_percent, commission, exit_reason,"
        f" strategy_name FROM trades WHERE id = {_LOGGED}",
        "ledger cause",
        f"{TRADE}pnl",
    ),
)

_LEDGER: Final = (
    _entry("entry_number", "entry_number + 90", "FILL", "ledger chain", f"{BOOKED}entry_number"),
    _entry(
        "entry_type",
        "'ADJUSTMENT'",
        "FILL",
        "balance",
        f"{LIVE}current_balance",
        what="a FILL entry made an ADJUSTMENT",
    ),
    _entry(
        "entry_type",
        "'ADJUSTMENT'",
        "TRANSFER",
        "transfers",
        f"{LIVE}transferred",
        what="a TRANSFER entry made an ADJUSTMENT",
    ),
    _entry(
        "entry_type",
        "'TRANSFER'",
        "ADJUSTMENT",
        "balance set",
        f"{LIVE}balance_set_at",
        what="an ADJUSTMENT entry made a TRANSFER",
    ),
    _entry(
        "entry_type",
        "'INTEREST'",
        "FUNDING",
        "position costs",
        f"{OPEN}funding",
        what="a FUNDING entry made an INTEREST",
    ),
    _entry(
        "entry_type",
        "'ADJUSTMENT'",
        "INITIAL",
        "ledger sum",
        f"{LIVE}current_balance",
        what="an INITIAL entry of another amount",
    )._replace(
        script="UPDATE account_balances SET amount = amount + 1, delta = delta + 1, total_balance = total_balance + 1"
        " WHERE session_id = {live} AND entry_type = 'INITIAL'"
    ),
    _entry("previous_balance", "previous_balance + 1", "FILL", "ledger chain", f"{BOOKED}previous_balance"),
    _entry("pnl", "pnl + 1", "FILL", "ledger cause", f"{ANY}pnl"),
    _entry("commission", "commission + 1", "FILL", "ledger cause", f"{ANY}commission"),
    _entry("commission", "commission + 1", "FEE", "position costs", f"{OPEN}ledger commission"),
    _entry("pnl", "1", "FUNDING", "ledger kind", f"{BOOKED}pnl"),
    _entry("amount", "1", "FILL", "ledger kind", f"{BOOKED}amount"),
    _entry("amount", "amount + 1", "FUNDING", "position costs", f"{OPEN}funding"),
    _entry("amount", "amount + 1", "TRANSFER", "transfers", f"{LIVE}transferred"),
    _entry("amount", "amount + 1", "MOVE", "move", "position {moved}, sum"),
    _entry("delta", "delta + 1", "FILL", "ledger sum", f"{LIVE}current_balance"),
    _entry("total_balance", "total_balance + 1", "FILL", "ledger chain", f"{BOOKED}total_balance"),
    _entry("total_balance", "total_balance + 1", "ADJUSTMENT", "ledger event", f"{BOOKED}total_balance"),
    _entry("reserved_balance", "1", "FILL", "ledger kind", f"{BOOKED}reserved_balance"),
    _entry("asset_balances", "'[]'", "FILL", "ledger kind", f"{BOOKED}asset_balances"),
    _entry("base_currency", "'EUR'", "FILL", "ledger currency", "ledger entry #"),
    _entry("position_id", "{open}", "FILL", "ledger cause", f"{BOOKED}position_id"),
    _entry(
        "position_id",
        "NULL",
        "FUNDING",
        "ledger kind",
        f"{BOOKED}position_id",
        what="no `position_id` of a FUNDING entry",
    ),
    _entry(
        "position_id",
        "987654321",
        "FUNDING",
        "orphan",
        "account_balances #, position_id",
        what="an unknown `position_id`",
    ),
    _entry("position_id", "{open}", "TRADE", "ledger kind", f"{BOOKED}position_id"),
    _entry(
        "order_fill_id",
        "NULL",
        "FILL",
        "ledger kind",
        f"{BOOKED}order_fill_id",
        what="no `order_fill_id` of a FILL entry",
    ),
    _entry(
        "order_fill_id",
        "987654321",
        "FILL",
        "orphan",
        "account_balances #, order_fill_id",
        what="an unknown `order_fill_id`",
    ),
    _entry("order_fill_id", "1", "FILL", "ledger cause", f"{ANY}pnl", what="the `order_fill_id` of another fill"),
    _entry("last_updated", "last_updated + interval '1 hour'", "FILL", "ledger time", f"{BOOKED}last_updated"),
    _entry("last_updated", "last_updated + interval '1 hour'", "INITIAL", "ledger time", f"{BOOKED}last_updated"),
    _entry("last_updated", "last_updated + interval '1 hour'", "TRADE", "trade", f"{TRADE}exit_time"),
    _entry("last_updated", "last_updated + interval '1 hour'", "ADJUSTMENT", "balance set", f"{LIVE}balance_set_at"),
    _entry("request_id", "gen_random_uuid()", "TRADE", "ledger cause", f"{BOOKED}pnl"),
    _entry("session_id", "{ended}", "TRADE", "ledger cause", "trade #"),
    _gone(
        "account_balances",
        "a FILL entry",
        "session_id = {live} AND entry_number = 5",
        "ledger chain",
        f"{BOOKED}entry_number",
    ),
    _gone(
        "account_balances",
        "the first entry",
        "session_id = {live} AND entry_number = 1",
        "ledger chain",
        f"{BOOKED}entry_number",
    ),
    _gone(
        "account_balances",
        "the newest entry",
        "session_id = {live} AND entry_number = (SELECT ledger_entries FROM trading_sessions WHERE id = {live})",
        "ledger chain",
        f"{LIVE}ledger_entries",
    ),
    Corruption(
        "account_balances",
        "an entry that the session knows nothing of",
        "INSERT INTO account_balances (session_id, entry_number, entry_type, previous_balance, amount, delta,"
        " total_balance, base_currency, update_reason, updated_by, last_updated) SELECT session_id, entry_number + 1,"
        " 'ADJUSTMENT', total_balance, 1, 1, total_balance + 1, base_currency, 'r', 'b', last_updated"
        " FROM account_balances WHERE session_id = {live} ORDER BY entry_number DESC LIMIT 1",
        "ledger sum",
        f"{LIVE}current_balance",
    ),
)

_SESSIONS: Final = (
    _session("initial_balance", "initial_balance + 1", "ledger kind", f"{BOOKED}amount"),
    _session("current_balance", "current_balance + 1", "ledger sum", f"{LIVE}current_balance"),
    _session("ledger_entries", "ledger_entries + 1", "ledger chain", f"{LIVE}ledger_entries"),
    _session("ledger_entries", "NULL", "purge mark", f"{LIVE}ledger_entries", what="no `ledger_entries`"),
    _session("transferred", "0", "transfers", f"{LIVE}transferred"),
    _session("balance_set_at", "NULL", "balance set", f"{LIVE}balance_set_at"),
    _session("base_currency", "'EUR'", "ledger currency", "ledger entry #"),
    _session("mode", "'LIVE'", "trade source", "trade #"),
    _session("timeframe", "'7h'", "trade", f"{TRADE}timeframe"),
    _session("start_time", "start_time - interval '1 hour'", "ledger time", f"{BOOKED}last_updated"),
    _session("final_balance", "1", "final figures", f"{ENDED}final_balance", of="ended"),
    _session("total_pnl", "1", "final figures", f"{ENDED}total_pnl", of="ended"),
    _session("total_trades", "1", "final figures", f"{ENDED}total_trades", of="ended"),
    _session("win_rate", "1", "final figures", f"{ENDED}win_rate", of="ended"),
    _session("win_rate", "NULL", "final figures", f"{ENDED}win_rate", of="ended", what="no `win_rate`"),
    _session("max_drawdown", "1", "final figures", f"{ENDED}max_drawdown", of="ended"),
    _session(
        "purge_started_at",
        "now(), ledger_entries = NULL",
        "purge mark",
        f"{ENDED}purge_started_at",
        of="ended",
        what="a session hidden as being removed",
    ),
    _gone("trading_sessions", "a session", "id = {ended}", "orphan", "trades #, session_id"),
)

_METRICS: Final = (
    *(
        _metric(column, f"{column} + 1")
        for column in (
            "opening_balance",
            "total_trades",
            "winning_trades",
            "losing_trades",
            "gross_profit",
            "gross_loss",
            "commission",
            "margin_interest_cost",
            "funding",
            "best_trade_pnl",
            "worst_trade_pnl",
            "current_streak",
            "largest_win_streak",
            "largest_loss_streak",
            "peak_balance",
            "max_drawdown",
        )
    ),
    _metric("period_end", "period_end + interval '1 day'"),
    _gone(
        "performance_metrics",
        "a day",
        "session_id = {live} AND period_start = '2024-03-01 00:00:00+00'",
        "metrics",
        "DAILY 2024-03-01, total_trades",
    ),
    _gone(
        "performance_metrics",
        "the all-time row",
        "session_id = {live} AND period = 'ALL_TIME'",
        "metrics",
        "ALL_TIME 1970-01-01, total_trades",
    ),
    Corruption(
        "performance_metrics",
        "a day without trades",
        "UPDATE performance_metrics SET period_start = period_start - interval '9 days' WHERE session_id = {live}"
        " AND period_start = '2024-03-02 00:00:00+00'",
        "metrics",
        "DAILY 2024-02-22, total_trades",
    ),
)

_HOLD: Final = (
    "INSERT INTO session_holds (session_id, holder, token, claim, asked_at, acquired_at, renewed_at, expires_at)"
    " VALUES ({}, 'bot', gen_random_uuid(), 'CREATED', now(), now(), {}, now() + interval '2 hours')"
)

_AROUND: Final = (
    Corruption(
        "session_holds",
        "a hold on an ended session",
        _HOLD.format("{ended}", "now()"),
        "hold",
        "hold of session {ended}, expires_at",
    ),
    Corruption(
        "session_holds",
        "a hold on an unknown session",
        _HOLD.format("987654321", "now()"),
        "orphan",
        "session_holds #, session_id",
    ),
    Corruption(
        "session_holds",
        "a hold that was renewed in the future",
        _HOLD.format("{live}", "now() + interval '1 hour'"),
        "hold",
        "hold of session {live}, renewed_at",
    ),
    Corruption(
        "account_history",
        "`equity` of an ended session",
        "UPDATE account_history SET equity = 5000 WHERE session_id = {ended} AND equity < 10000",
        "final figures",
        f"{ENDED}max_drawdown",
    ),
    _gone(
        "account_history",
        "the lowest snapshot of an ended session",
        "session_id = {ended} AND equity < 10000",
        "final figures",
        f"{ENDED}max_drawdown",
    ),
    Corruption(
        "account_history",
        "an unknown `session_id`",
        "UPDATE account_history SET session_id = 987654321 WHERE session_id = {live} AND equity < 10000",
        "orphan",
        "account_history #, session_id",
    ),
    Corruption(
        "equity_spans",
        "an unknown `session_id`",
        "UPDATE equity_spans SET session_id = 987654321 WHERE session_id = {live}",
        "orphan",
        "equity_spans 2024-03-01, session_id",
    ),
    Corruption(
        "equity_rolls",
        "an unknown `session_id`",
        "UPDATE equity_rolls SET session_id = 987654321 WHERE session_id = {live}",
        "orphan",
        "equity_rolls 987654321, session_id",
    ),
    Corruption(
        "equity_rolls",
        "`rolled_until`",
        "UPDATE equity_rolls SET rolled_until = '2024-03-01 20:00Z' WHERE session_id = {live}",
        "equity",
        "hour 2024-03-01 20:00, snapshots",
    ),
    *(
        Corruption(
            table,
            "an unknown `session_id`",
            f"UPDATE {table} SET session_id = 987654321 WHERE session_id = {{ended}} AND {span} = '2024-03-01Z'",
            "orphan",
            f"{table} 2024-03-01, session_id",
        )
        for span, tables in {
            "day": ("trade_days", "trade_day_parts", "order_days", "order_day_parts"),
            "month": ("trade_months", "trade_month_parts"),
        }.items()
        for table in tables
    ),
    *(
        _day(table, column, to.format(column=column))
        for table in ("trade_days", "trade_months")
        for to, columns in {
            "9": "wins losses first_outcome first_run last_outcome last_run win_streak loss_streak",
            "{column} + 1": "profit loss commission funding margin_interest_cost net_pnl best_pnl",
            "{column} - 1": "worst_pnl",
            "interval '1 year'": "held wins_held losses_held",
        }.items()
        for column in columns.split()
    ),
    *(_day("trade_months", column, "'2024-03-09Z'") for column in ("best_day", "worst_day")),
    *(_day("trade_months", column, f"{column} + 1") for column in ("best_day_net_pnl", "worst_day_net_pnl")),
    *(
        _day(table, column, "9")
        for table in ("trade_day_parts", "trade_month_parts")
        for column in ("trades", "wins", "losses", "gross_pnl", "costs", "net_pnl")
    ),
    _day("trade_day_parts", "last_exit_time", "last_exit_time + interval '1 second'"),
    _day("trade_month_parts", "last_exit_time", "last_exit_time + interval '1 second'"),
    *(_day("order_day_parts", column, "9") for column in ("orders", "filled", "partially_filled", "cancelled")),
    *(_day("order_day_parts", column, "9") for column in ("failed", "expired", "slipped", "slippage")),
    *(_day("order_day_parts", column, "9") for column in ("worst_slippage", "slippage_cost", "commission")),
    *(_day("order_day_parts", column, "'2024-03-09 00:00Z'") for column in ("newest_order", "newest_fill")),
    _span("snapshots", "9"),
    _span("closing", "closing + 1"),
    _span("last_time", "last_time + interval '1 second'"),
    _span("high", "high + 1"),
    _span("high_time", "high_time + interval '1 second'"),
    _span("low", "low - 1"),
    _span("low_time", "low_time + interval '1 second'"),
    _span("low_peak", "low_peak + 1"),
    _span("fall", "0.9"),
    _span("fall_time", "start_time"),
    _span("fall_equity", "1"),
    _span("fall_peak", "1"),
    _span("hours", "hours + 1", named="snapshots"),
    Corruption(
        "account_history",
        "`timestamp` of an active session",
        "UPDATE account_history SET timestamp = timestamp + interval '3 hours' WHERE session_id = {live}",
        "equity",
        "hour 2024-03-01 20:00, snapshots",
    ),
    Corruption(
        "account_history",
        "`equity` of an active session",
        "UPDATE account_history SET equity = 1 WHERE session_id = {live}",
        "equity",
        "hour 2024-03-01 20:00, closing",
    ),
    Corruption(
        "system_events",
        "an unknown `session_id`",
        "UPDATE system_events SET session_id = 987654321 WHERE event_type = 'ALERT'",
        "orphan",
        "system_events #, session_id",
    ),
    Corruption(
        "system_events",
        "`details` of an event that set the balance",
        "UPDATE system_events SET details = jsonb_build_object('new_balance', '1') WHERE event_type "
        "= 'BALANCE_ADJUSTMENT'",
        "ledger event",
        f"{BOOKED}total_balance",
    ),
    Corruption(
        "strategy_executions",
        "an unknown `trade_id`",
        "UPDATE strategy_executions SET trade_id = 987654321",
        "orphan",
        "strategy_executions #, trade_id",
    ),
    Corruption(
        "strategy_executions",
        "`session_id` of a decision with a trade",
        "UPDATE strategy_executions SET session_id = {ended}",
        "decision",
        "strategy execution #",
    ),
    _gone(
        "reconciliation_audit_events",
        "the record of a move",
        "session_id = {live}",
        "move",
        "position {moved}, reconciliation event",
    ),
    Corruption(
        "reconciliation_audit_events",
        "an unknown `session_id`",
        "UPDATE reconciliation_audit_events SET session_id = 987654321 WHERE session_id = {live}",
        "orphan",
        "reconciliation_audit_events #, session_id",
    ),
)

_CHUNK: Final = "session_id, first_time, last_time, decisions, strategies, symbols, actions, request_ids, packed"
_DECISIONS: Final = (
    _chunk("decisions", "7", "decision chunk", "decisions"),
    _chunk("packed", "packed[1:2]", "decision chunk", "packed"),
    _chunk("first_time", "'2024-03-01 21:00Z'", "decision chunk", "first_time"),
    _chunk("last_time", "'2024-03-01 22:00Z'", "decision chunk", "last_time"),
    _chunk("last_time", "now()", "decision chunk", "last_time", what="`last_time` of today"),
    _chunk("strategies", "'{{test,other}}'", "decision chunk", "strategies"),
    _chunk("symbols", "'{{BTCUSDT}}'", "decision chunk", "symbols"),
    _chunk("actions", "'{{}}'", "decision chunk", "actions"),
    _chunk("packed", "ARRAY[packed[1], packed[3], packed[2]]", "decision chunk", "order", what="the order of `packed`"),
    _chunk("request_ids", "request_ids[1:2]", "decision chunk", "decisions"),
    _chunk("request_ids[2]", "NULL", "decision chunk", "request_ids", what="no `request_ids` of a decision"),
    _chunk("request_ids[2]", "request_ids[1]", "decision twice", "request_id", what="`request_ids` of a decision"),
    _chunk("session_id", "987654321", "orphan", "", what="an unknown `session_id`")._replace(
        subject="decision_chunks #, session_id"
    ),
    _decision("id", "packed[2].id", "id", identity="decision twice"),
    _decision("timestamp", "'2024-03-01 19:00Z'", "first_time", at=2),
    _decision("strategy_name", "'other'", "strategies"),
    _decision("symbol", "'OTHER'", "symbols"),
    _decision("action_taken", "'other'", "actions"),
    _decision("signal_type", "NULL", "values"),
    _decision("request_hash", "NULL", "values"),
    *(
        _decision(field, to, "contents")
        for field, to in (
            *(("price", "-1"), ("confidence_score", "2"), ("signal_strength", "'NaN'"), ("position_size", "-1")),
            *(("volume", "-1"), ("volatility", "-1"), ("timeframe", "''")),
        )
    ),
    _again(
        "c.packed[2].id + 1000", "c.request_ids[2]", "in strategy_executions", "a compacted decision's `request_id`"
    ),
    _again("c.packed[2].id", "gen_random_uuid()", "id in strategy_executions", "a compacted decision's `id`"),
    Corruption(
        "decision_chunks",
        "a row twice",
        f"INSERT INTO decision_chunks ({_CHUNK}) SELECT {_CHUNK} FROM decision_chunks WHERE session_id = {{ended}}",
        "decision twice",
        "decision chunk #, in decision chunk 2",
    ),
    Corruption(
        "decision_chunks",
        "a request of the one before",
        "UPDATE decision_chunks AS c SET request_ids[1] = b.request_ids[3] FROM decision_chunks AS b WHERE c.id > b.id",
        "decision twice",
        "decision chunk #, in decision chunk 1",
    ),
)

PLANTED: Final = (
    *_POSITIONS,
    *_ORDERS,
    *_FILLS,
    *_PARTS,
    *_TRADES,
    *_LEDGER,
    *_SESSIONS,
    *_METRICS,
    *_AROUND,
    *_DECISIONS,
)


def _told(table: str, column: str, script: str, reason: str) -> Undecidable:
    return Undecidable(table, f"`{column}`", script, reason)


UNDECIDABLE: Final = (
    _told(
        "positions",
        "breakeven_triggered, max_holding_until, trailing_stop_activated, trailing_stop_price, end_of_day_exit, "
        "weekend_exit, time_restriction_group, allows_negative_prices, liquidation_price",
        "UPDATE positions SET max_holding_until = now() WHERE id = {open}",
        "the engine's plans and what it said of the market; no figure follows from them",
    ),
    _told(
        "orders",
        "former_exchange_order_ids",
        "UPDATE orders SET former_exchange_order_ids = '{{other}}' WHERE id = {entry}",
        "only the exchange knows them",
    ),
    _told(
        "order_fills",
        "told_pnl, settlement_rate",
        "UPDATE order_fills SET told_pnl = 77 WHERE order_id = {exit}",
        "as reported; what was booked with them is compared",
    ),
    _told(
        "trading_sessions",
        "is_verification, market_timezone, strategy_config, time_exit_config",
        "UPDATE trading_sessions SET market_timezone = 'Asia/Tokyo' WHERE id = {live}",
        "as they were given; no figure follows from them",
    ),
    _told(
        "account_history",
        "daily_pnl, total_pnl, drawdown, margin_available, open_positions, total_exposure, details",
        "UPDATE account_history SET daily_pnl = 5 WHERE session_id = {live}",
        "snapshots are what the exchange said then",
    ),
    _told(
        "equity_rolls",
        "unrolled_in",
        "UPDATE equity_rolls SET unrolled_in = 5 WHERE session_id = {live}",
        "the number of a transaction that is over",
    ),
    _told(
        "positions",
        "stop_loss, take_profit, trailing_stop, …",
        "UPDATE positions SET stop_loss = 1 WHERE id = {open}",
        "the engine sets them while the position is open",
    ),
    _told(
        "positions",
        "current_price, unrealized_pnl, mfe, mae, …",
        "UPDATE positions SET current_price = 1 WHERE id = {open}",
        "the engine reports them; nothing else says what the price was",
    ),
    _told(
        "positions",
        "last_partial_exit_price, last_scale_in_price",
        "UPDATE positions SET last_scale_in_price = 1 WHERE id = {open}",
        "a total's average may be the price, and a later report replaces it",
    ),
    _told(
        "positions",
        "last_update",
        "UPDATE positions SET last_update = now() WHERE id = {open}",
        "any write moves it, also one that says nothing new",
    ),
    _told(
        "positions",
        "entry_balance",
        "UPDATE positions SET entry_balance = 1 WHERE id = {closed}",
        "as the engine gave it",
    ),
    _told(
        "positions",
        "planned_quantity of a planned position",
        "UPDATE positions SET planned_quantity = 7 WHERE id = {planned}",
        "its order may have been amended",
    ),
    _told(
        "positions",
        "settlement_currency, settlement_rate",
        "UPDATE positions SET settlement_rate = 7 WHERE id = {closed}",
        "each fill may have had a rate of its own; the P&L that it made is compared",
    ),
    _told(
        "positions",
        "strategy_name, exchange of an open position",
        "UPDATE positions SET strategy_name = 'other' WHERE id = {open}",
        "orders may name another strategy than their position",
    ),
    _told(
        "orders",
        "price, quote_quantity",
        "UPDATE orders SET price = 1 WHERE id = {entry}",
        "what was asked for follows from nothing",
    ),
    _told(
        "orders",
        "quantity above what was filled",
        "UPDATE orders SET quantity = 50 WHERE id = {entry}",
        "exchanges close orders that are filled in part",
    ),
    _told(
        "orders",
        "status, from one final state to another",
        "UPDATE orders SET status = 'CANCELLED' WHERE id = {entry}",
        "fills arrive after a cancellation",
    ),
    _told(
        "orders",
        "order_type, between FULL_EXIT and STOP_LOSS",
        "UPDATE orders SET order_type = 'STOP_LOSS' WHERE id = {exit}",
        "both may close a position; the reason says why",
    ),
    _told(
        "orders",
        "exchange_order_id, internal_order_id of an entry",
        "UPDATE orders SET exchange_order_id = 'other' WHERE id = {entry}",
        "only the exchange knows them",
    ),
    _told(
        "orders",
        "replaced_order_id taken away",
        "UPDATE orders SET replaced_order_id = NULL WHERE id = {pending}",
        "most orders replace none",
    ),
    _told(
        "orders",
        "reason, failure_reason, needs_review, size_fraction, strategy_name",
        "UPDATE orders SET needs_review = TRUE WHERE id = {pending}",
        "notes of the engine",
    ),
    _told(
        "order_fills",
        "exchange_fill_id",
        "UPDATE order_fills SET exchange_fill_id = 'other' WHERE order_id = {scale_in}",
        "only the exchange knows it",
    ),
    _told(
        "order_fills",
        "fee in a third currency",
        "UPDATE order_fills SET fee = 7 WHERE order_id = {scale_in}",
        "what is booked is its conversion, which is compared",
    ),
    _told(
        "trades",
        "symbol, side of a trade without a position",
        f"UPDATE trades SET symbol = 'OTHER' WHERE id = {_LOGGED}",
        "nothing else says what was traded",
    ),
    _told(
        "trades",
        "size, stop_loss, exit_reason, strategy_name of a trade without a position",
        f"UPDATE trades SET size = 7 WHERE id = {_LOGGED}",
        "as the engine gave them",
    ),
    _told(
        "trades",
        "strategy_config",
        "UPDATE trades SET strategy_config = '[]' WHERE position_id = {closed}",
        "the session's may have changed since",
    ),
    _told(
        "account_balances",
        "last_updated of a TRANSFER, FUNDING or INTEREST",
        "UPDATE account_balances SET last_updated = last_updated + interval '1 minute' WHERE "
        "session_id = {live} AND entry_type = 'TRANSFER'",
        "only who reported it knows when it was",
    ),
    _told(
        "account_balances",
        "FEE made FILL",
        "UPDATE account_balances SET entry_type = 'FILL' WHERE session_id = {live} AND entry_type = 'FEE'",
        "a fill without P&L and fee has no entry of its own",
    ),
    _told(
        "account_balances",
        "update_reason, updated_by",
        "UPDATE account_balances SET update_reason = 'other' WHERE session_id = {live} AND entry_type = 'TRANSFER'",
        "words",
    ),
    _told(
        "account_history",
        "balance, margin_used, … and equity of an active session's last hours",
        "UPDATE account_history SET balance = 1 WHERE session_id = {live}",
        "snapshots are what the exchange said then",
    ),
    _told(
        "trading_sessions",
        "session_name, strategy_name, symbol, exchange, …",
        "UPDATE trading_sessions SET strategy_name = 'other' WHERE id = {live}",
        "positions may have a strategy and a symbol of their own",
    ),
    _told(
        "trading_sessions",
        "end_time",
        "UPDATE trading_sessions SET end_time = end_time - interval '2 minutes' WHERE id = {ended}",
        "clocks differ, and what an exchange did is booked after the end",
    ),
    _told(
        "system_events",
        "one deleted, or its text",
        "DELETE FROM system_events WHERE event_type = 'ENGINE_START'",
        "events may be purged by age; no figure is computed from them",
    ),
    _told(
        "strategy_executions",
        "figures of a decision, or one deleted",
        "DELETE FROM strategy_executions",
        "decisions may be purged by age",
    ),
    _told(
        "decision_chunks",
        "session_id, that of another session; what a decision saw, where a row may have it; one deleted",
        "UPDATE decision_chunks SET packed[1].price = 7, packed[1].indicators = '{{}}' WHERE session_id = {ended}",
        "decisions may be purged by age, and no figure follows from them",
    ),
    _told(
        "any",
        "request_hash; request_id of what has no trade",
        "UPDATE positions SET request_hash = 7 WHERE id = {open}",
        "it is a fingerprint of arguments that are not kept",
    ),
    _told(
        "orders",
        "an order deleted of which nothing was filled",
        "DELETE FROM orders WHERE id = {pending}",
        "a plan without an order is a plan whose order was linked elsewhere",
    ),
)
