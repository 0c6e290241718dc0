"""What is measured: statements with their arguments, and what shows that everybody did the same."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from benchmarks.world import World

START: Final = datetime(2024, 1, 1, tzinfo=UTC)
Arguments = dict[str, object]


class Scale(NamedTuple):
    """How much there is, and how often each operation is measured."""

    rounds: int
    seconds: float
    """For one contender's calls of one operation in one round, about."""
    limit: int
    """The most calls in a round."""
    enough: float
    """Seconds after which a contender's calls of one operation have been measured enough."""
    history: int
    snapshots: int
    cached: int
    bulk: tuple[int, ...]
    trades: int
    """Of a backtest."""
    few: int
    """Rows of a bulk load by those who are slow at it."""
    starts: int
    """Processes of each kind that are started; the first of them compiles."""
    frames: int
    """Rows of a frame."""

    @property
    def positions(self) -> int:
        """Open positions to be closed: one for each call."""
        return self.rounds * self.limit + 50


FULL: Final = Scale(7, 0.1, 300, 4.0, 100_000, 1_000_000, 100_000, (10_000, 1_000_000), 10_000, 1_000, 20, 200_000)
QUICK: Final = Scale(3, 0.04, 60, 0.5, 10_000, 50_000, 5_000, (10_000,), 500, 60, 6, 10_000)


class Operation(NamedTuple):
    """A statement that every contender runs, in one of the databases."""

    name: str
    statement: str
    """Module and function, such as trades.log_trade."""
    arguments: Callable[[World, int], Arguments]
    """Those of the n-th call."""
    group: str
    """The table that it stands in."""
    database: str = "books"
    varying: dict[str, str] = {}  # noqa: RUF012  never changed
    """Arguments that differ from call to call, as SQL over :n, for pgbench."""
    fingerprint: str = ""
    """Of a command: SQL whose result is what the calls have left behind."""


_DAY: Final = datetime(2024, 2, 1, tzinfo=UTC)

_BOOKS: Final = """
SELECT (SELECT (count(*), trim_scale(sum(pnl)), trim_scale(sum(net_pnl)), count(position_id))::text FROM trades),
       (SELECT (count(*), trim_scale(sum(quantity)), trim_scale(sum(current_quantity)), trim_scale(sum(cost_basis)),
                trim_scale(sum(exit_notional)), trim_scale(sum(current_size)), trim_scale(sum(entry_price)),
                trim_scale(sum(realized_pnl)), trim_scale(sum(commission)), trim_scale(sum(unrealized_pnl)),
                count(*) FILTER (WHERE status = 'OPEN'), count(exit_time), sum(partial_exits_taken))::text
          FROM positions),
       (SELECT (count(*), trim_scale(sum(filled_quantity)), trim_scale(sum(filled_value)), trim_scale(sum(commission)),
                trim_scale(sum(told_quantity)), trim_scale(sum(recorded_quantity)), trim_scale(sum(filled_units)),
                count(*) FILTER (WHERE order_type = 'ENTRY'), count(*) FILTER (WHERE status = 'FILLED'))::text
          FROM orders),
       (SELECT (count(*), count(exchange_fill_id), trim_scale(sum(booked_quantity)), trim_scale(sum(booked_value)),
                trim_scale(sum(booked_commission)), trim_scale(sum(released_cost)), trim_scale(sum(pnl)))::text
          FROM order_fills),
       (SELECT (count(*), trim_scale(sum(pnl)), trim_scale(sum(commission)), trim_scale(sum(delta)), max(entry_number),
                count(order_fill_id), count(*) FILTER (WHERE entry_type = 'FILL'))::text
          FROM account_balances),
       (SELECT (trim_scale(sum(current_balance)), sum(ledger_entries))::text FROM trading_sessions),
       (SELECT (count(*), sum(total_trades), trim_scale(sum(net_pnl)), trim_scale(sum(max_drawdown)))::text
          FROM performance_metrics),
       (SELECT (count(*), trim_scale(sum(size)), trim_scale(sum(quantity)), trim_scale(sum(pnl)))::text
          FROM partial_trades)
"""
_LOGS: Final = """
SELECT (SELECT count(*) FROM system_events), (SELECT (count(*), sum(equity))::text FROM account_history),
       (SELECT (count(*), sum(price), max(timestamp))::text FROM strategy_executions)
"""
_CACHE: Final = "SELECT count(*), sum(predicted_price) FROM prediction_cache"


def prediction(cache_key: str, number: int, *, max_entries: int) -> Arguments:
    """A prediction of this moment, for a week."""
    return {
        "cache_key": cache_key,
        "model_name": "model",
        "features_hash": f"f{number}",
        "config_hash": "c",
        "predicted_price": Decimal(40_000 + number % 10),
        "confidence": Decimal("0.5"),
        "direction": 1,
        "ttl_seconds": Decimal(604_800),
        "max_entries": max_entries,
        "predicted_at": datetime.now(UTC),
    }


def trade(session_id: int, number: int, *, today: datetime | None = None) -> Arguments:
    """A trade of a session; those of a backtest are an hour apart."""
    moment = today or START + timedelta(hours=number)
    pnl = Decimal(number * 7919 % 2001 - 1000) / 100
    return {
        "session_id": session_id,
        "symbol": "BTCUSDT",
        "side": "LONG",
        "entry_price": Decimal(40_000),
        "exit_price": Decimal(40_000) + pnl * 80,
        "size": Decimal("0.05"),
        "quantity": Decimal("0.0125"),
        "entry_time": moment - timedelta(hours=1),
        "exit_time": moment,
        "pnl": pnl,
        "commission": Decimal("0.05"),
        "exit_reason": "take_profit" if pnl > 0 else "stop_loss",
        "strategy_name": "bench",
        "strategy_config": {"fast": 12, "slow": 26},
        "confidence_score": Decimal("0.7"),
        "stop_loss": Decimal(39_000),
        "take_profit": Decimal(42_000),
    }


def execution(session_id: int, number: int) -> Arguments:
    """A decision of a strategy."""
    return {
        "session_id": session_id,
        "strategy_name": "bench",
        "symbol": "BTCUSDT",
        "signal_type": "entry",
        "action_taken": "no_action",
        "price": Decimal(40_000 + number % 1000),
        "timestamp": START + timedelta(minutes=number),
        "timeframe": "1h",
        "signal_strength": Decimal("0.42"),
        "confidence_score": Decimal("0.7"),
        "indicators": {"rsi": 55.5, "macd": 1.25, "atr": 310.0},
        "reasons": ["trend", "volume"],
    }


def _log_trade(trades: int) -> Operation:
    return Operation(
        name=f"log_trade, {trades:,} trades today",
        statement="trades.log_trade",
        arguments=lambda world, n: trade(world.today[trades], n, today=datetime.now(UTC)),
        group="commands",
        database="days",
        fingerprint=_BOOKS,
    )


def _open_position(name: str, fee: Arguments) -> Operation:
    return Operation(
        name,
        "positions.open_position",
        lambda world, n: {
            "session_id": world.trading,
            "symbol": "BTCUSDT",
            "side": "LONG",
            "entry_price": Decimal(40_000),
            "size": Decimal("0.05"),
            "quantity": Decimal("0.0125"),
            "strategy_name": "bench",
            "entry_order_id": f"order-{n}",
            "entry_time": START,
            "stop_loss": Decimal(39_000),
            "take_profit": Decimal(42_000),
            "confidence_score": Decimal("0.7"),
            **fee,
        },
        "commands",
        varying={"entry_order_id": "'order-' || :n"},
        fingerprint=_BOOKS,
    )


def _record_fill(name: str, orders: Callable[[World], tuple[int, ...]], fill: Arguments, first: str) -> Operation:
    """The only fill of each of these orders, whose ids go up by one."""
    return Operation(
        name,
        "orders.record_fill",
        lambda world, n: {
            "order_id": orders(world)[n],
            "exchange_fill_id": f"fill-{n}",
            "fee": Decimal("0.02"),
            "fee_currency": "USDT",
            "filled_at": START + timedelta(hours=1),
            **fill,
        },
        "commands",
        varying={"order_id": f"{{{first}}} + :n", "exchange_fill_id": "'fill-' || :n"},
        fingerprint=_BOOKS,
    )


OPERATIONS: Final = (
    *map(_log_trade, (0, 1_000, 10_000, 50_000)),
    Operation(
        "create_order",
        "orders.create_order",
        lambda world, n: {
            "session_id": world.trading,
            "order_type": "ENTRY",
            "symbol": "BTCUSDT",
            "side": "LONG",
            "quantity": Decimal("0.0125"),
            "internal_order_id": f"order-{n}",
            "price": Decimal(40_000),
            "strategy_name": "bench",
            "size": Decimal("0.05"),
            "stop_loss": Decimal(39_000),
            "take_profit": Decimal(42_000),
            "confidence_score": Decimal("0.7"),
            "created_at": START,
        },
        "commands",
        varying={"internal_order_id": "'order-' || :n"},
        fingerprint=_BOOKS,
    ),
    _record_fill(
        "record_fill, an entry",
        lambda world: world.entries,
        {"quantity": Decimal("0.0125"), "price": Decimal(40_000)},
        "entry",
    ),
    _record_fill(
        "record_fill, a partial exit",
        lambda world: world.partial_exits,
        {"quantity": Decimal("0.003125"), "price": Decimal(40_100)},
        "partial_exit",
    ),
    _record_fill(
        "record_fill, a close",
        lambda world: world.full_exits,
        {"quantity": Decimal("0.0125"), "price": Decimal(40_100)},
        "full_exit",
    ),
    _open_position("open_position", {}),
    _open_position("open_position with its fee", {"entry_commission": Decimal("0.02")}),
    Operation(
        "close_position",
        "positions.close_position",
        lambda world, n: {
            "position_id": world.closing[n],
            "exit_price": Decimal(40_100),
            "exit_time": START + timedelta(hours=1),
            "exit_reason": "take_profit",
            "commission": Decimal("0.05"),
            "exit_order_id": f"exit-{n}",
        },
        "commands",
        varying={"exit_order_id": "'exit-' || :n", "position_id": "{first} + :n"},
        fingerprint=_BOOKS,
    ),
    Operation(
        "apply_partial_exit",
        "positions.apply_partial_exit",
        # Of the last positions, so that close_position, which begins with the first, finds its own open.
        lambda world, n: {
            "position_id": world.closing[-1 - n % 40],
            "size": Decimal("0.0001"),
            "price": Decimal(40_100),
            "target_level": 0,
            "timestamp": START + timedelta(minutes=n),
        },
        "commands",
        varying={"position_id": "{last} - :n % 40"},
        fingerprint=_BOOKS,
    ),
    Operation(
        "log_event",
        "events.log_event",
        lambda world, n: {
            "event_type": "ALERT",
            "severity": "WARNING",
            "message": f"something has happened {n}",
            "session_id": world.trading,
            "details": {"attempt": 3, "symbol": "BTCUSDT"},
            "component": "engine",
            "timestamp": START,
        },
        "commands",
        fingerprint=_LOGS,
    ),
    Operation(
        "log_account_snapshot",
        "account.log_account_snapshot",
        lambda world, n: {
            "session_id": world.trading,
            "balance": Decimal(100_000),
            "equity": Decimal(100_000 + n % 100),
            "timestamp": START + timedelta(minutes=n),
            "total_pnl": Decimal(12),
            "daily_pnl": Decimal(3),
            "drawdown": Decimal("0.01"),
            "open_positions": 2,
            "total_exposure": Decimal(1000),
        },
        "commands",
        varying={"timestamp": "'2024-01-01Z'::timestamptz + :n * interval '1 minute'"},
        fingerprint=_LOGS,
    ),
    Operation(
        "log_strategy_execution",
        "events.log_strategy_execution",
        lambda world, n: execution(world.trading, n),
        "commands",
        varying={"timestamp": "'2024-01-01Z'::timestamptz + :n * interval '1 minute'"},
        fingerprint=_LOGS,
    ),
    *(
        Operation(
            f"set_prediction, {entries}",
            "predictions.set_prediction",
            lambda _, n: prediction(f"key-{n % 500}", n, max_entries=1_000_000),
            "commands",
            database=database,
            varying={"cache_key": "'key-' || (:n % 500)", "predicted_at": "statement_timestamp()"},
            fingerprint=_CACHE,
        )
        for database, entries in (("books", "1 000 entries"), ("cache", "many entries"))
    ),
    *(
        Operation(
            f"get_prediction, {entries}",
            "predictions.get_prediction",
            lambda _, n: {"cache_key": f"key-{500 + n % 500}"},
            "commands",
            database=database,
            varying={"cache_key": "'key-' || (500 + :n % 500)"},
        )
        for database, entries in (("books", "1 000 entries"), ("cache", "many entries"))
    ),
    Operation(
        "active positions, 10 x 3 orders",
        "positions.get_active_positions",
        lambda world, _: {"session_id": world.few},
        "reads",
        database="history",
    ),
    Operation(
        "active positions, 200 x 3 orders",
        "positions.get_active_positions",
        lambda world, _: {"session_id": world.many},
        "reads",
        database="history",
    ),
    Operation(
        "recent trades, 50",
        "trades.get_recent_trades",
        lambda world, _: {"session_id": world.traded, "limit": 50},
        "reads",
        database="history",
    ),
    Operation(
        "recent trades, 10 000",
        "trades.get_recent_trades",
        lambda world, _: {"session_id": world.traded, "limit": 10_000},
        "reads",
        database="history",
    ),
    Operation(
        "performance metrics",
        "metrics.get_performance_metrics",
        lambda world, _: {"session_id": world.traded},
        "reads",
        database="history",
    ),
    Operation(
        "metrics kept by the books",
        "metrics.get_total_metrics",
        lambda world, _: {"session_id": world.traded},
        "reads",
        database="history",
    ),
    Operation(
        "dashboard",
        "dashboard.dashboard",
        lambda world, _: {"session_id": world.traded, "now": START + timedelta(days=500)},
        "reads",
        database="history",
    ),
    Operation(
        "report",
        "report.report_batch",
        lambda world, _: {"session_id": world.traded},
        "reads",
        database="history",
    ),
    Operation(
        "daily metrics, kept by the books",
        "metrics.get_daily_metrics",
        lambda world, _: {"session_id": world.traded, "start": _DAY, "end": _DAY + timedelta(days=1)},
        "reads",
        database="history",
    ),
    Operation(
        "equity curve, 500 points",
        "reports.get_equity_curve",
        lambda world, _: {"session_id": world.observed, "points": 500},
        "reads",
        database="history",
    ),
)

# Those that are compared with each other are measured together.
_GROWING: Final = tuple(one for one in OPERATIONS if one.statement == "trades.log_trade")
TOGETHER: Final = (_GROWING, *((one,) for one in OPERATIONS if one not in _GROWING))
