"""Threads at the same row: no lost update, no phantom, one winner."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import pytest

from atb_db import Database, Settings
from atb_db.errors import AtbDbError, Conflict, IdempotencyConflict, SessionClosed
from atb_db.given_rows import RowsText
from atb_db.repository import account, audit, metrics, positions, sessions, statements, trades
from atb_db.statement import Declared, Kind, Statement
from atb_db.types import PositionStatus
from atb_db.values import new_request_id
from tests.invariants.running import run_together, together
from tests.statements.books import contents, row_counts
from tests.statements.examples import ALTERNATIVES, START, World, at, changed, example, opening, trade
from tests.statements.examples_more import MORE_UNIQUE
from tests.statements.examples_restart import RESTART_UNIQUE

THREADS = 8
COMMANDS = [declaration for declaration in statements() if declaration.kind is Kind.COMMAND]
KEYED = [declaration for declaration in COMMANDS if declaration.keyed]


@pytest.fixture(scope="module")
def pool(world_url: str) -> Iterator[Database]:
    """As many connections as threads, all open."""
    settings = Settings.load(world_url, environ={})._replace(pool_min=THREADS, pool_max=12)
    with Database(settings) as database:
        yield database


def start(db: Database, balance: int = 1000) -> int:
    return db.run(
        sessions.create_trading_session(
            strategy_name="race", symbol="X", timeframe="1h", mode="PAPER", initial_balance=balance, start_time=START
        )
    )


def partial_exit(position_id: int) -> Statement[int]:
    return positions.apply_partial_exit(position_id=position_id, size="0.1", price=110, timestamp=at(2))


def test_eight_partial_exits(pool: Database) -> None:
    position_id = pool.run(opening(start(pool)))
    results = run_together(pool, [partial_exit(position_id) for _ in range(8)])
    assert len(set(results)) == 8
    found = pool.run(positions.get_position(position_id=position_id))
    assert found.current_size == Decimal("0.02")
    assert found.original_size == Decimal("0.1")
    assert found.partial_exits_taken == 8
    assert (found.current_quantity, found.realized_pnl) == (Decimal("0.4"), Decimal(16))


def test_twelve_partial_exits(pool: Database) -> None:
    session_id = start(pool)
    position_id = pool.run(opening(session_id))
    results = run_together(pool, [partial_exit(position_id) for _ in range(12)])
    refused = [result for result in results if not isinstance(result, int)]
    assert [type(result) for result in refused] == [Conflict, Conflict]
    assert all("is already closed" in str(result) for result in refused)
    found = pool.run(positions.get_position(position_id=position_id))
    assert (found.current_size, found.partial_exits_taken) == (Decimal(0), 10)
    # The last of them took what was left.
    [closed] = pool.run(trades.get_recent_trades(session_id=session_id))
    assert (found.status, closed.pnl) == (PositionStatus.CLOSED, Decimal(20))
    # The entry's fee was booked with it.
    assert pool.run(account.get_current_balance(session_id=session_id)) == 1020 - Decimal("0.2")
    assert pool.run_batch(audit.audit_session(session_id=session_id)).findings == []


def test_eight_adjustments_of_the_balance(pool: Database) -> None:
    session_id = start(pool)
    results = run_together(
        pool, [account.adjust_balance(session_id=session_id, delta=-10, reason="race") for _ in range(8)]
    )
    assert sorted(result for result in results if isinstance(result, Decimal)) == list(range(920, 1000, 10))
    assert pool.run(account.get_current_balance(session_id=session_id)) == 920
    ledger = pool.run(account.get_balance_history(session_id=session_id))[::-1]
    assert [entry.entry_number for entry in ledger] == list(range(1, 10))
    assert [entry.previous_balance for entry in ledger[1:]] == [entry.total_balance for entry in ledger[:-1]]
    assert sum(entry.delta for entry in ledger) == 920


def test_setting_and_adjusting_the_balance(pool: Database) -> None:
    session_id = start(pool)
    run_together(
        pool,
        [
            *(account.set_balance(session_id=session_id, balance=balance, reason="sync") for balance in (500, 700)),
            *(account.adjust_balance(session_id=session_id, delta=1, reason="race") for _ in range(6)),
        ],
    )
    ledger = pool.run(account.get_balance_history(session_id=session_id))[::-1]
    assert [entry.previous_balance for entry in ledger[1:]] == [entry.total_balance for entry in ledger[:-1]]
    assert len(ledger) == 9
    assert {500, 700} <= {entry.total_balance for entry in ledger}


def test_two_close_the_same_position(pool: Database) -> None:
    session_id = start(pool)
    for number in range(25):
        position_id = pool.run(opening(session_id, f"S{number}"))
        closing = [
            positions.close_position(
                position_id=position_id, exit_price=price, exit_time=at(5), exit_reason="race", commission=1
            )
            for price in (110, 120)
        ]
        results = run_together(pool, closing)
        assert {type(result) for result in results} == {Conflict, int}
        loser = next(result for result in results if isinstance(result, Conflict))
        assert "is already closed" in str(loser)
    booked = pool.run(trades.get_recent_trades(session_id=session_id, limit=100))
    assert len(booked) == 25
    assert pool.run(account.get_current_balance(session_id=session_id)) == 1000 + sum(found.net_pnl for found in booked)
    assert pool.run_batch(audit.audit_session(session_id=session_id)).findings == []


def test_a_partial_exit_races_a_close(pool: Database) -> None:
    session_id = start(pool)
    for number in range(20):
        position_id = pool.run(opening(session_id, f"S{number}"))
        close = positions.close_position(position_id=position_id, exit_price=120, exit_time=at(5), exit_reason="race")
        partial, trade_id = run_together(pool, [partial_exit(position_id), close])
        assert isinstance(trade_id, int)
        assert isinstance(partial, int) or type(partial) is Conflict
    assert pool.run_batch(audit.audit_session(session_id=session_id)).findings == []


def another(db: Database, world: World, command: Declared[object], number: int) -> Statement[object]:
    """The example once more, with what can be used only once made new."""
    arguments = dict(example(command, world).args)
    if "request_id" in arguments:
        arguments["request_id"] = new_request_id()
    if command.name.startswith("positions.") and "position_id" in arguments:
        arguments["position_id"] = db.run(opening(world.session_id, f"S{number}"))
    once = ("entry_order_id", "exit_order_id", "internal_order_id", "exchange_order_id", "order_id")
    for name in (*once, *(MORE_UNIQUE | RESTART_UNIQUE).get(command.name, ())):
        if isinstance(arguments.get(name), str):
            arguments[name] = f"{name}-{number}"
    for rows in ("trades", "orders", "reports"):
        if rows in arguments:
            text = str(arguments[rows]).replace("bulk-", f"bulk-{number}-").replace("logged ", f"logged {number} ")
            arguments[rows] = RowsText(text)
    return command.value(arguments)


KEPT = {
    *("performance_metrics", "equity_spans", "equity_rolls"),
    *("trade_days", "trade_day_parts", "trade_months", "trade_month_parts", "order_days", "order_day_parts"),
}
"""Tables that are computed from others."""


def rows_added(url: str, before: dict[str, int]) -> dict[str, int]:
    # A day's row of metrics is added by the day's first trade, and hours are rolled up when nobody else writes.
    return {table: rows - before[table] for table, rows in row_counts(url).items() if table not in KEPT}


@pytest.mark.parametrize(
    ("command", "rounds"),
    [
        pytest.param(command, rounds, marks=[pytest.mark.slow] if rounds == 5 or number % 2 else [])
        for number, command in enumerate(COMMANDS)
        for rounds in (1, 5)
    ],
    ids=str,
)
def test_the_same_value_from_eight_threads_is_written_once(
    fresh_world_url: str, world: World, command: Declared[object], rounds: int
) -> None:
    settings = Settings.load(fresh_world_url, environ={})._replace(pool_min=THREADS, pool_max=THREADS)
    with Database(settings) as pool:
        first = another(pool, world, command, 0)
        before = row_counts(fresh_world_url)
        pool.run(first)
        due = rows_added(fresh_world_url, before)
        for number in range(1, rounds + 1):
            statement = another(pool, world, command, number)
            before = row_counts(fresh_world_url)
            results = run_together(pool, [statement] * THREADS)
            assert [result for result in results if isinstance(result, AtbDbError)] == []
            assert results == [results[0]] * THREADS
            if command.keyed:
                assert rows_added(fresh_world_url, before) == due
            once = contents(fresh_world_url)
            assert pool.run(statement) == results[0]
            assert contents(fresh_world_url) == once
        assert pool.run_batch(audit.audit_session(session_id=world.session_id)).findings == []


@pytest.mark.parametrize(
    ("command", "rounds"),
    [
        pytest.param(command, rounds, marks=[pytest.mark.slow] if rounds == 3 or number % 2 else [])
        for number, command in enumerate(KEYED)
        for rounds in (1, 3)
    ],
    ids=str,
)
def test_of_two_contents_with_one_request_id_one_is_written(
    fresh_world_url: str, world: World, command: Declared[object], rounds: int
) -> None:
    settings = Settings.load(fresh_world_url, environ={})._replace(pool_min=4, pool_max=4)
    with Database(settings) as pool:
        alone = another(pool, world, command, 0)
        before = row_counts(fresh_world_url)
        pool.run(alone)
        due = rows_added(fresh_world_url, before)
        for number in range(1, rounds + 1):
            statement = another(pool, world, command, number)
            replaced = ALTERNATIVES.get(command.name, {})
            other = next(
                other
                for name, other in changed(statement, world)
                if not name.endswith("_id") and name not in replaced and other.args.get(name) is not None
            )
            before = row_counts(fresh_world_url)
            results = run_together(pool, [statement, other] * 2)
            refused = [result for result in results if isinstance(result, AtbDbError)]
            assert [type(error) for error in refused] == [IdempotencyConflict] * 2
            assert results[0] == results[2] or results[1] == results[3]
            assert max(rows_added(fresh_world_url, before).values()) == max(due.values())


def test_ending_a_session_races_its_trades(pool: Database) -> None:
    for _ in range(10):
        session_id = start(pool)
        results = together(
            [
                *[lambda: pool.run(trade(session_id, exit_time=at(2), pnl=5)) for _ in range(6)],  # noqa: B023
                lambda: pool.run(sessions.end_trading_session(session_id=session_id, end_time=at(9))),  # noqa: B023
            ]
        )
        booked = pool.run(trades.get_recent_trades(session_id=session_id))
        refused = [result for result in results if not isinstance(result, int)]
        assert all(type(error) is SessionClosed for error in refused)
        assert len(booked) + len(refused) == 6
        ended = pool.run(sessions.get_trading_session(session_id=session_id))
        assert (ended.total_trades, ended.total_pnl) == (len(booked), sum(found.net_pnl for found in booked))
        assert ended.final_balance == ended.current_balance == 1000 + sum(found.net_pnl for found in booked)
        assert pool.run_batch(audit.audit_session(session_id=session_id)).findings == []


def test_rebuilding_the_metrics_races_trades(pool: Database) -> None:
    session_id = start(pool)
    for _ in range(10):
        results = together(
            [
                *[lambda: pool.run(trade(session_id, exit_time=at(2), pnl=5)) for _ in range(6)],
                *[lambda: pool.run(metrics.rebuild_performance_metrics(session_id=session_id)) for _ in range(2)],
            ]
        )
        assert [result for result in results if isinstance(result, AtbDbError)] == []
    found = pool.run(metrics.get_daily_metrics(session_id=session_id))
    assert [day.total_trades for day in found] == [60]
    assert pool.run_batch(audit.audit_session(session_id=session_id)).findings == []


def test_an_exchange_s_order_is_one_trade_however_often_it_is_logged(pool: Database) -> None:
    session_id = start(pool)
    for number in range(10):
        once = [trade(session_id, exit_time=at(2), pnl=5, order_id=f"exchange-{number}") for _ in range(THREADS)]
        ids = run_together(pool, once)
        assert ids == [ids[0]] * THREADS
        assert isinstance(ids[0], int)
    assert len(pool.run(trades.get_recent_trades(session_id=session_id, limit=100))) == 10
    assert pool.run_batch(audit.audit_session(session_id=session_id)).findings == []
