"""One example of every statement, in a world of prepared rows."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any, Final, NamedTuple
from uuid import UUID

from atb_db import Database
from atb_db.documents import JsonText
from atb_db.given_rows import RowsText
from atb_db.repository import account, audit, events, metrics, orders, positions, sessions, trades
from atb_db.statement import Declared, Kind, Statement
from tests.statements.examples_analytics import ANALYTICS_EXAMPLES, prepare_analytics
from tests.statements.examples_backup import BACKUP_EXAMPLES
from tests.statements.examples_bulk import BULK_EXAMPLES
from tests.statements.examples_deployment import DEPLOYMENT_EXAMPLES, prepare_deployment
from tests.statements.examples_history import HISTORY_EXAMPLES
from tests.statements.examples_imports import IMPORT_EXAMPLES, prepare_imports
from tests.statements.examples_more import MORE_EXAMPLES, prepare_more
from tests.statements.examples_restart import RESTART_EXAMPLES, TOKEN, prepare_restart
from tests.statements.examples_tearsheet import TEARSHEET_EXAMPLES

START: Final = datetime(2024, 3, 1, 9, tzinfo=UTC)


def at(hours: float) -> datetime:
    """So many hours after the world's beginning."""
    return START + timedelta(hours=hours)


class World(NamedTuple):
    """Ids of prepared rows; the other ones are for showing that an id matters."""

    session_id: int
    other_session_id: int
    empty_session_id: int
    position_id: int
    """Open, with a partial exit and a scale-in."""
    other_position_id: int
    """Open and untouched."""
    closed_position_id: int
    order_id: int
    """OPEN, with the plan of its position."""
    trade_id: int
    other_trade_id: int


def prepare(db: Database, *, unbooked: bool = True) -> World:
    """Write a world's rows; with unbooked, one order is filled that no position takes up."""

    def start(name: str) -> int:
        return db.run(
            sessions.create_trading_session(
                strategy_name=name,
                symbol="BTCUSDT",
                timeframe="1h",
                mode="PAPER",
                initial_balance=1000,
                start_time=START,
                strategy_config={"fast": 10, "slow": 30},
            )
        )

    session_id, other_session_id = start("example"), start("other")
    position_id, other_position_id, closed_position_id = (
        db.run(opening(session_id, symbol)) for symbol in ("BTCUSDT", "ETHUSDT", "SOLUSDT")
    )
    db.run(positions.apply_partial_exit(position_id=position_id, size="0.25", price=110, timestamp=at(2)))
    db.run(positions.apply_scale_in(position_id=position_id, size="0.5", price=105, commission="0.1", timestamp=at(3)))
    db.run(positions.record_funding(position_id=position_id, amount="-0.2", timestamp=at(3)))
    trade_id = db.run(
        positions.close_position(
            position_id=closed_position_id, exit_price=120, exit_time=at(4), exit_reason="target", commission="0.1"
        )
    )
    for hours, pnl in ((5, -3), (6, 0), (29, 4)):
        db.run(trade(session_id, exit_time=at(hours), pnl=pnl))
    other_trade_id = db.run(trade(session_id, exit_time=at(30), pnl=1))
    db.run(trade(other_session_id, exit_time=at(5), pnl=2))
    db.run(account.record_transfer(session_id=session_id, amount=50, reason="deposit", timestamp=at(31)))
    if unbooked:
        leave_unbooked(db, other_session_id)
    order_id = db.run(order(session_id, "pending"))
    prepare_restart(db, session_id, order_id)
    for hours, equity in ((1, 1000), (2, 1010), (3, 990)):
        db.run(account.log_account_snapshot(session_id=session_id, balance=1000, equity=equity, timestamp=at(hours)))
    db.run(events.log_event(session_id=session_id, event_type="ERROR", severity="ERROR", message="No answer"))
    prepare_analytics(db, session_id)
    prepare_more(db, session_id)
    prepare_deployment(db)
    prepare_imports(db)
    return World(
        session_id=session_id,
        other_session_id=other_session_id,
        empty_session_id=start("empty"),
        position_id=position_id,
        other_position_id=other_position_id,
        closed_position_id=closed_position_id,
        order_id=order_id,
        trade_id=trade_id,
        other_trade_id=other_trade_id,
    )


def leave_unbooked(db: Database, session_id: int) -> None:
    """Fill an exit of nobody knows what: it is in no position, which the audit finds."""
    lost = db.run(
        orders.create_order(
            session_id=session_id,
            order_type="FULL_EXIT",
            symbol="BTCUSDT",
            side="LONG",
            quantity="0.5",
            internal_order_id="lost",
            created_at=at(3),
        )
    )
    db.run(orders.record_fill(order_id=lost, exchange_fill_id="1", quantity="0.5", price=99, filled_at=at(4)))


def opening(session_id: int, symbol: str = "BTCUSDT") -> Statement[int]:
    """Open 2 at 100; its order is entry-SYMBOL."""
    return positions.open_position(
        session_id=session_id,
        symbol=symbol,
        side="LONG",
        entry_price=100,
        size="0.1",
        quantity=2,
        strategy_name="example",
        entry_order_id=f"entry-{symbol}",
        entry_time=at(1),
        entry_balance=1000,
        entry_commission="0.2",
        stop_loss=90,
        take_profit=130,
        trailing_stop=True,
        confidence_score="0.7",
        exchange="binance",
        max_holding_until=at(100),
        end_of_day_exit=True,
        weekend_exit=True,
        time_restriction_group="weekdays",
    )


def trade(
    session_id: int,
    *,
    exit_time: datetime,
    pnl: object,
    funding: str = "0",
    order_id: str | None = None,
    token: UUID | None = None,
) -> Statement[int]:
    return trades.log_trade(
        session_id=session_id,
        symbol="BTCUSDT",
        side="SHORT",
        entry_price=100,
        exit_price=95,
        size="0.1",
        entry_time=START,
        exit_time=exit_time,
        pnl=Decimal(str(pnl)),
        exit_reason="signal",
        strategy_name="example",
        quantity=2,
        commission="0.1",
        margin_interest_cost="0.01",
        funding=funding,
        stop_loss=110,
        take_profit=80,
        strategy_config={"fast": 10},
        confidence_score="0.6",
        order_id=order_id,
        exchange="binance",
        timeframe="1h",
        mfe="0.06",
        mfe_price=94,
        mfe_time=at(1),
        mae="0.02",
        mae_price=102,
        mae_time=at(2),
        leverage=3,
        entry_tag="breakout",
        token=token,
    )


def order(session_id: int, internal_order_id: str, position_id: int | None = None) -> Statement[int]:
    return orders.create_order(
        session_id=session_id,
        order_type="ENTRY",
        symbol="BTCUSDT",
        side="LONG",
        quantity=2,
        internal_order_id=internal_order_id,
        price=99,
        position_id=position_id,
        status="OPEN",
        exchange_order_id=f"exchange-{internal_order_id}",
        strategy_name="example",
        target_level=1,
        size_fraction="0.5",
        created_at=at(3),
    )


_PLAN: Final[dict[str, Any]] = {
    "size": "0.1",
    "entry_balance": 1000,
    "stop_loss": 90,
    "take_profit": 130,
    "trailing_stop": True,
    "confidence_score": "0.7",
    "exchange": "binance",
    "leverage": 3,
    "liquidation_price": 70,
    "entry_tag": "breakout",
    "max_holding_until": at(100),
    "end_of_day_exit": True,
    "weekend_exit": True,
    "time_restriction_group": "weekdays",
    "contract": "INVERSE",
    "contract_size": 10,
    "base_asset": "ADA",
    "settlement_currency": "ADA",
    "settlement_rate": "0.5",
    "allows_negative_prices": True,
}

# What is optional by itself and needed when nothing that stands in its place is given.
NEEDED: Final = {"orders.get_order": {"order_id"}, "positions.open_position": {"entry_price", "quantity"}}

# What stands in the place of another parameter, so that no example gives both; by statement, with a value.
ALTERNATIVES: Final[dict[str, dict[str, Callable[[World], object]]]] = {
    "orders.get_order": {
        "session_id": lambda world: world.session_id,
        "internal_order_id": lambda _: "pending",
        "exchange_order_id": lambda _: "exchange-pending",
    },
    "positions.apply_partial_exit": {"size": lambda _: "0.25", "order_id": lambda world: world.order_id},
    "positions.apply_scale_in": {"size": lambda _: "0.25", "order_id": lambda world: world.order_id},
    "positions.close_position": {"order_id": lambda world: world.order_id},
    "positions.open_position": {"order_id": lambda world: world.order_id},
    "sessions.resume_or_create": {"session_id": lambda world: world.session_id},
}

# Every parameter is given, and none with its default, so that the tests can show that each of them matters.
EVERY_POSITION: Final = {"first_position": 1, "last_position": 1_000_000}

EXAMPLES: Final[dict[str, Callable[[World], Statement[object]]]] = {
    **ANALYTICS_EXAMPLES,
    **TEARSHEET_EXAMPLES,
    **HISTORY_EXAMPLES,
    **MORE_EXAMPLES,
    **BACKUP_EXAMPLES,
    **BULK_EXAMPLES,
    **DEPLOYMENT_EXAMPLES,
    **IMPORT_EXAMPLES,
    **RESTART_EXAMPLES,
    "account.adjust_balance": lambda world: account.adjust_balance(
        session_id=world.session_id, delta=-10, reason="fee", updated_by="sync", timestamp=at(9), token=TOKEN
    ),
    "account.copy_account_snapshots": lambda world: account.copy_account_snapshots(
        session_id=world.session_id,
        balance=1000,
        equity=1005,
        timestamp=at(9),
        margin_used=1,
        margin_available=999,
        total_pnl=5,
        daily_pnl=2,
        drawdown="0.01",
        open_positions=2,
        total_exposure=400,
        details={"sharpe_ratio": "1.5"},
    ),
    "account.log_account_snapshot": lambda world: account.log_account_snapshot(
        session_id=world.session_id,
        balance=1000,
        equity=1005,
        token=TOKEN,
        timestamp=at(9),
        margin_used=1,
        margin_available=999,
        total_pnl=5,
        daily_pnl=2,
        drawdown="0.01",
        open_positions=2,
        total_exposure=400,
        details={"sharpe_ratio": "1.5"},
    ),
    "account.record_interest": lambda world: account.record_interest(
        session_id=world.session_id, amount="0.4", reason="lending", updated_by="sync", timestamp=at(9), token=TOKEN
    ),
    "account.record_transfer": lambda world: account.record_transfer(
        session_id=world.session_id, amount=-100, reason="savings", updated_by="owner", timestamp=at(9), token=TOKEN
    ),
    "account.set_balance": lambda world: account.set_balance(
        session_id=world.session_id,
        balance="1234.5",
        reason="sync",
        reserved_balance=200,
        asset_balances={"BTC": "0.5"},
        updated_by="exchange",
        timestamp=at(9),
        token=TOKEN,
    ),
    "audit.audit_days": lambda world: audit.audit_days(session_id=world.session_id, start=at(-999), end=at(999)),
    "audit.audit_decision_chunks": lambda world: audit.audit_decision_chunks(
        session_id=world.session_id, first_chunk=1, last_chunk=1_000_000, contents=True
    ),
    "audit.audit_ledger": lambda world: audit.audit_ledger(
        session_id=world.session_id, first_entry=1, last_entry=1_000_000
    ),
    "audit.audit_orders": lambda world: audit.audit_orders(session_id=world.session_id, **EVERY_POSITION),
    "audit.audit_positions": lambda world: audit.audit_positions(session_id=world.session_id, **EVERY_POSITION),
    "audit.audit_trades": lambda world: audit.audit_trades(session_id=world.session_id, **EVERY_POSITION),
    "audit.audit_metrics": lambda world: audit.audit_metrics(session_id=world.session_id, daily=True),
    "audit.get_months": lambda world: audit.get_months(session_id=world.session_id),
    "audit.get_doubtful_positions": lambda world: audit.get_doubtful_positions(
        session_id=world.session_id, **EVERY_POSITION
    ),
    "audit.get_position_blocks": lambda world: audit.get_position_blocks(session_id=world.session_id, width=4096),
    "events.copy_events": lambda world: events.copy_events(
        session_id=world.session_id,
        event_type="WARNING",
        severity="WARNING",
        message="Slow answer",
        timestamp=at(9),
        details={"seconds": 3},
        component="engine",
        error_code="E1",
        stack_trace="at line 1",
        alert_sent=True,
        alert_method="mail",
    ),
    "events.log_event": lambda world: events.log_event(
        session_id=world.session_id,
        event_type="WARNING",
        severity="WARNING",
        message="Slow answer",
        timestamp=at(9),
        details={"seconds": 3},
        component="engine",
        error_code="E1",
        stack_trace="at line 1",
        alert_sent=True,
        alert_method="mail",
    ),
    "events.copy_strategy_executions": lambda world: events.copy_strategy_executions(
        session_id=world.session_id,
        strategy_name="example",
        symbol="BTCUSDT",
        signal_type="entry",
        action_taken="opened_long",
        price=100,
        timestamp=at(9),
        timeframe="1h",
        signal_strength="1.5",
        confidence_score="0.8",
        position_size="0.1",
        volume=1000,
        volatility="0.02",
        indicators={"sma": 100},
        sentiment_data={"score": 1},
        ml_predictions=[1, 2],
        reasons=["trend"],
        trade_id=world.trade_id,
    ),
    "events.log_strategy_execution": lambda world: events.log_strategy_execution(
        session_id=world.session_id,
        strategy_name="example",
        symbol="BTCUSDT",
        signal_type="entry",
        action_taken="opened_long",
        price=100,
        token=TOKEN,
        timestamp=at(9),
        timeframe="1h",
        signal_strength="1.5",
        confidence_score="0.8",
        position_size="0.1",
        volume=1000,
        volatility="0.02",
        indicators={"sma": 100},
        sentiment_data={"score": 1},
        ml_predictions=[1, 2],
        reasons=["trend"],
        trade_id=world.trade_id,
    ),
    "metrics.rebuild_equity": lambda world: metrics.rebuild_equity(session_id=world.session_id),
    "metrics.rebuild_performance_metrics": lambda world: metrics.rebuild_performance_metrics(
        session_id=world.session_id
    ),
    "orders.get_unbooked_orders": lambda world: orders.get_unbooked_orders(session_id=world.other_session_id),
    "orders.create_order": lambda world: orders.create_order(
        session_id=world.session_id,
        order_type="SCALE_IN",
        symbol="BTCUSDT",
        side="LONG",
        quantity=2,
        internal_order_id="example",
        price=99,
        quote_quantity=198,
        position_id=world.position_id,
        status="OPEN",
        exchange_order_id="exchange-example",
        replaced_order_id=world.order_id,
        strategy_name="example",
        target_level=1,
        size_fraction="0.5",
        reason="breakout",
        **_PLAN,
        created_at=at(3),
        unless_flag="no_scale_ins",
        token=TOKEN,
    ),
    "orders.update_order_status": lambda world: orders.update_order_status(
        order_id=world.order_id,
        status="PARTIALLY_FILLED",
        filled_quantity=1,
        filled_price="99.5",
        commission="0.1",
        quantity="1.5",
        price=98,
        exchange_order_id="exchange-9",
        failure_reason="the rest is waiting",
        needs_review=True,
        timestamp=at(9),
        token=TOKEN,
    ),
    "positions.apply_partial_exit": lambda world: positions.apply_partial_exit(
        position_id=world.position_id,
        quantity="0.5",
        price=115,
        commission="0.2",
        target_level=1,
        pnl=15,
        settlement_rate="1.5",
        reason="first target",
        exchange_order_id="partial-1",
        internal_order_id="own-partial-1",
        timestamp=at(9),
        token=TOKEN,
    ),
    "positions.apply_scale_in": lambda world: positions.apply_scale_in(
        position_id=world.position_id,
        quantity="0.5",
        price=95,
        commission="0.2",
        target_level=1,
        exchange_order_id="scale-in-1",
        internal_order_id="own-scale-in-1",
        unless_flag="no_scale_ins",
        timestamp=at(9),
        token=TOKEN,
    ),
    "positions.close_position": lambda world: positions.close_position(
        position_id=world.position_id,
        exit_price=120,
        exit_time=at(9),
        exit_reason="target",
        pnl=50,
        settlement_rate="1.5",
        commission="0.3",
        margin_interest_cost="0.05",
        exit_order_id="exit-1",
        internal_order_id="own-exit-1",
        token=TOKEN,
    ),
    "positions.correct_entry_price": lambda world: positions.correct_entry_price(
        position_id=world.position_id, entry_price=101, reason="the exchange says so", timestamp=at(9)
    ),
    "positions.correct_position_quantity": lambda world: positions.correct_position_quantity(
        position_id=world.position_id, quantity="1.5", reason="sold elsewhere", price=103, timestamp=at(9)
    ),
    "positions.open_position": lambda world: positions.open_position(
        session_id=world.session_id,
        symbol="ADAUSDT",
        side="LONG",
        strategy_name="example",
        entry_price=100,
        quantity=2,
        entry_order_id="entry-ADAUSDT",
        internal_order_id="own-entry-ADAUSDT",
        entry_time=at(1),
        entry_commission="0.2",
        **_PLAN,
        unless_flag="no_scale_ins",
        token=TOKEN,
    ),
    "positions.record_funding": lambda world: positions.record_funding(
        position_id=world.position_id, amount="-0.3", reason="8 hours", timestamp=at(9), token=TOKEN
    ),
    "positions.record_margin_interest": lambda world: positions.record_margin_interest(
        position_id=world.position_id, cost="0.3", reason="borrowed", timestamp=at(9), token=TOKEN
    ),
    "positions.update_position": lambda world: positions.update_position(
        position_id=world.position_id,
        stop_loss=None,
        take_profit=140,
        trailing_stop=True,
        trailing_stop_activated=True,
        trailing_stop_price=101,
        breakeven_triggered=True,
        current_price=112,
        unrealized_pnl=24,
        unrealized_pnl_percent=12,
        mfe="0.12",
        mfe_price=112,
        mfe_time=at(8),
        mae="0.01",
        mae_price=99,
        mae_time=at(7),
        max_holding_until=at(50),
        leverage=5,
        liquidation_price=80,
        last_update=at(9),
        token=TOKEN,
    ),
    "sessions.create_trading_session": lambda _: sessions.create_trading_session(
        strategy_name="example",
        symbol="BTCUSDT",
        timeframe="1h",
        mode="BACKTEST",
        initial_balance=500,
        session_name="An example",
        exchange="binance",
        base_currency="EUR",
        start_time=START,
        strategy_config={"fast": 10},
        time_exit_config={"hours": 24},
        market_timezone="UTC",
        is_verification=True,
    ),
    "sessions.end_trading_session": lambda world: sessions.end_trading_session(
        session_id=world.session_id, end_time=at(99)
    ),
    "trades.log_trade": lambda world: trade(
        world.session_id, exit_time=at(9), pnl=7, funding="0.02", order_id="exchange-1", token=TOKEN
    ),
}


def example(declaration: Declared[object], world: World) -> Statement[object]:
    """The statement's example; a query finds its arguments by their names.

    Raises:
        LookupError: it has none.
    """
    if (build := EXAMPLES.get(declaration.name)) is not None:
        return build(world)
    if declaration.kind is not Kind.QUERY:
        raise LookupError(f"{declaration.name} has no example in {__name__}.EXAMPLES")
    known = {**world._asdict(), "limit": 10, "points": 2, "start": at(0), "since": at(0), "end": at(1000)}
    names = [parameter.name for parameter in declaration.parameters]
    if missing := [name for name in names if name not in known]:
        raise LookupError(f"{declaration.name} has no example in {__name__}.EXAMPLES for {', '.join(missing)}")
    return declaration.value({name: known[name] for name in names})


def variants(declaration: Declared[object], world: World) -> Iterator[Statement[object]]:
    """The query in a session with everything, in one with little, and in one with nothing; without what is optional."""
    complete = example(declaration, world)
    session_ids = (world.session_id, world.other_session_id, world.empty_session_id)
    # An order is found in its own session only.
    for session_id in session_ids[:1] if "order_id" in complete.args else session_ids:
        arguments = dict(complete.args) | ({"session_id": session_id} if "session_id" in complete.args else {})
        yield declaration.value(dict(arguments))
        needed = NEEDED.get(declaration.name, ())
        optional = [one.name for one in declaration.parameters if one.optional and one.name not in needed]
        yield declaration.value(arguments | dict.fromkeys(optional))
    if "position_id" in complete.args:
        for position_id in (world.other_position_id, world.closed_position_id):
            yield declaration.value(dict(complete.args) | {"position_id": position_id})


def changed(statement: Statement[object], world: World) -> Iterator[tuple[str, Statement[object]]]:
    """The same request_id with other content, once for each parameter, by the parameter's name."""
    others = {name: other(world) for name, other in ALTERNATIVES.get(statement.name, {}).items()}
    for name, value in statement.args.items():
        if name not in {"request_id", "token"}:
            other = others[name] if name in others else _other(name, value, world)
            yield name, statement.declaration.value({**statement.args, name: other})


def _other(name: str, value: object, world: World) -> object:
    if f"other_{name}" in world._fields:
        return getattr(world, f"other_{name}")
    if isinstance(value, Enum):
        return next(member for member in type(value) if member is not value)
    for kind, other in _OTHERS.items():
        if type(value) is kind:
            return other(value)
    raise LookupError(f"{name}={value!r} has no other value")


_OTHERS: Final[dict[type, Callable[[Any], object]]] = {
    bool: lambda value: not value,
    int: lambda value: value + 1,
    Decimal: lambda value: value / 2,
    str: lambda value: value + "x",
    JsonText: lambda value: [json.loads(value)],
    RowsText: lambda value: RowsText(value.replace('"size":"0.1"', '"size":"0.2"').replace('"pnl":"1"', '"pnl":"2"')),
    datetime: lambda value: value + timedelta(microseconds=1),
}
