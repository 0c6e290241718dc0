"""Trades logged at once leave what logging one after the other leaves, however they are cut into batches."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from atb_db import Database
from atb_db.errors import IdempotencyConflict, InvalidInput, NotFound, SessionClosed
from atb_db.repository import account, audit, positions, sessions, trades
from atb_db.repository.trades import NewTrade
from atb_db.statement import Statement
from atb_db.values import new_request_id

START = datetime(2024, 3, 1, tzinfo=UTC)
MONEY = st.decimals(-1000, 1000, places=2)
# What PostgreSQL's arrays have only between quotes, and what looks like it.
REASONS = st.sampled_from(
    ["target", "a,b", "{x}", "NULL", "null", 'say "no"', "back\\slash", "two words", "tab\tin", "ü\u00a0ü"]
)

Batches = list[list[NewTrade]]


def new_trade(pnl: object = 1, **others: object) -> NewTrade:
    arguments: dict[str, object] = {
        "symbol": "BTCUSDT",
        "side": "LONG",
        "entry_price": 100,
        "exit_price": "101.5",
        "size": "0.1",
        "entry_time": START,
        "exit_time": START + timedelta(hours=1),
        "pnl": pnl,
        "exit_reason": "target",
        "strategy_name": "test",
    }
    return NewTrade(**{**arguments, **others})  # type: ignore[arg-type]


TRADES = st.builds(
    new_trade,
    pnl=st.just(Decimal(0)) | MONEY,
    side=st.sampled_from(["LONG", "short"]),
    exit_time=st.builds(
        lambda day, hour: START + timedelta(days=day, hours=hour), st.integers(0, 2), st.integers(0, 9)
    ),
    commission=st.decimals(0, 5, places=3),
    margin_interest_cost=st.sampled_from([0, Decimal("0.5")]),
    quantity=st.none() | st.just(0.25),
    exit_reason=REASONS,
    entry_tag=st.none() | REASONS,
    timeframe=st.none() | st.just("5m"),
    strategy_config=st.none() | st.just({"fast": 5, "text": 'ü "\\'}),
)

# What a session's books are, without ids and what is random in each request.
BOOKS = """
SELECT 'trade', lpad(id::text, 20, '0'), (to_jsonb(t) - '{id,session_id,request_id,request_hash}'::text[])::text
  FROM trades AS t WHERE session_id = %(s)s
 UNION ALL
SELECT 'entry', lpad(id::text, 20, '0'), (to_jsonb(b) - '{id,session_id,request_id,request_hash}'::text[])::text
  FROM account_balances AS b WHERE session_id = %(s)s AND entry_number > 1
 UNION ALL
SELECT 'metrics', period || period_start::text, (to_jsonb(m) - 'session_id')::text
  FROM performance_metrics AS m WHERE session_id = %(s)s
 UNION ALL
SELECT 'session', '', jsonb_build_object('balance', current_balance, 'entries', ledger_entries)::text
  FROM trading_sessions WHERE id = %(s)s
 ORDER BY 1, 2
"""
# The order of the trades, which their ledger entries must share.
ORDER = """
SELECT b.entry_number FROM trades AS t JOIN account_balances AS b ON b.request_id = t.request_id
 WHERE t.session_id = %(s)s ORDER BY t.id
"""


def books(url: str, session_id: int) -> list[object]:
    with psycopg.connect(url, autocommit=True) as connection:
        order = [number for (number,) in connection.execute(ORDER, {"s": session_id})]
        assert order == sorted(order)
        # As numbers: 0 and 0.00 are the same.
        return [json.loads(row, parse_float=Decimal) for (*_, row) in connection.execute(BOOKS, {"s": session_id})]


def one_by_one(db: Database, session_id: int, batches: Batches) -> list[int]:
    return db.run_many(
        [trades.log_trade(session_id=session_id, **trade._asdict()) for batch in batches for trade in batch]
    )


def at_once(db: Database, session_id: int, batches: Batches) -> list[int]:
    done = [db.run(trades.log_trades(session_id=session_id, trades=batch)) for batch in batches]
    return [trade_id for ids in done for trade_id in ids]


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(TRADES, max_size=6), max_size=4), st.sampled_from(["0", "1000"]))
def test_the_books_are_those_of_one_after_the_other(
    db: Database, url: str, start_session: Callable[..., int], batches: Batches, balance: str
) -> None:
    kept, alone = start_session(balance), start_session(balance)
    at_once(db, kept, batches)
    one_by_one(db, alone, batches)
    assert books(url, kept) == books(url, alone)
    assert db.run_batch(audit.audit_session(session_id=kept)).findings == []


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(TRADES, min_size=1, max_size=4), st.lists(TRADES, min_size=1, max_size=4), st.permutations([0, 1, 2]))
def test_batches_single_trades_and_positions_share_the_books(
    db: Database, start_session: Callable[..., int], first: list[NewTrade], second: list[NewTrade], order: list[int]
) -> None:
    session_id = start_session()

    def position() -> None:
        position_id = db.run(
            positions.open_position(
                session_id=session_id,
                symbol="X",
                side="LONG",
                entry_price=100,
                size=1,
                quantity=2,
                strategy_name="test",
                entry_order_id="entry",
                entry_time=START,
            )
        )
        exited = START + timedelta(hours=1)
        db.run(positions.apply_partial_exit(position_id=position_id, size="0.5", price=90, timestamp=exited))
        db.run(positions.close_position(position_id=position_id, exit_price=120, exit_time=exited, exit_reason="test"))

    acts = [
        lambda: at_once(db, session_id, [first]),
        lambda: one_by_one(db, session_id, [second]),
        position,
    ]
    for act in order:
        acts[act]()
        assert db.run_batch(audit.audit_session(session_id=session_id)).findings == []


def as_0_11_0(url: str, session_id: int, value: Statement[list[int]]) -> list[int]:
    """What an engine of 0.11.0 sends: the same rows as they are kept, and the same hash."""
    sent = dict(zip(value.declaration.order, value.server_values(), strict=True))
    with psycopg.connect(url, autocommit=True, options="-c search_path=public") as connection:
        found = connection.execute(
            "SELECT t.id FROM log_new_trades(%s, %s, %s::uuid, %s, NULL) AS t (id)",
            [session_id, str(value.args["trades"]), value.request_id, sent["request_hash"]],
        )
        return [trade_id for (trade_id,) in found]


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(TRADES, max_size=6))
def test_an_engine_of_the_release_before_leaves_the_same_and_either_repeats_what_the_other_did(
    db: Database, url: str, start_session: Callable[..., int], batch: list[NewTrade]
) -> None:
    old, new = start_session(), start_session()
    before, now = (trades.log_trades(session_id=session_id, trades=batch) for session_id in (old, new))
    ids = as_0_11_0(url, old, before)
    repeated = db.run(now)
    assert books(url, old) == books(url, new)
    assert db.run(before) == ids
    assert as_0_11_0(url, new, now) == repeated
    assert books(url, old) == books(url, new)


def test_the_ids_are_in_the_trades_order(db: Database, session_id: int) -> None:
    ids = db.run(trades.log_trades(session_id=session_id, trades=[new_trade(pnl) for pnl in (3, 1, 2)]))
    found = {trade.id: trade.pnl for trade in db.run(trades.get_recent_trades(session_id=session_id))}
    assert [found[trade_id] for trade_id in ids] == [3, 1, 2]


def test_no_trades_are_no_change(db: Database, url: str, session_id: int) -> None:
    before = books(url, session_id)
    assert db.run(trades.log_trades(session_id=session_id, trades=[])) == []
    assert books(url, session_id) == before


def test_the_same_request_from_four_threads_is_booked_once(db: Database, url: str, session_id: int) -> None:
    for _ in range(5):
        batch = trades.log_trades(session_id=session_id, trades=[new_trade(pnl) for pnl in range(20)])
        with ThreadPoolExecutor(4) as threads:
            results = list(threads.map(db.run, [batch] * 4))
        assert results == [results[0]] * 4
    assert db.run(account.get_current_balance(session_id=session_id)) == 1000 + 5 * sum(range(20))
    assert db.run_batch(audit.audit_session(session_id=session_id)).findings == []
    assert len(books(url, session_id)) == 2 * 100 + 2 + 1  # trades and their entries, metrics, the session


def test_different_batches_from_four_threads_all_count(db: Database, session_id: int) -> None:
    batches = [trades.log_trades(session_id=session_id, trades=[new_trade()] * 25) for _ in range(12)]
    with ThreadPoolExecutor(4) as threads:
        results = list(threads.map(db.run, batches))
    assert len({trade_id for ids in results for trade_id in ids}) == 300
    assert db.run(account.get_current_balance(session_id=session_id)) == 1300
    assert db.run_batch(audit.audit_session(session_id=session_id)).findings == []


def test_a_repeated_request_is_answered_after_the_session_has_ended_and_a_new_one_refused(
    db: Database, url: str, session_id: int
) -> None:
    batch = trades.log_trades(session_id=session_id, trades=[new_trade(), new_trade(2)])
    ids = db.run(batch)
    db.run(sessions.end_trading_session(session_id=session_id))
    before = books(url, session_id)
    assert db.run(batch) == ids
    with pytest.raises(SessionClosed):
        db.run(trades.log_trades(session_id=session_id, trades=[new_trade()]))
    assert books(url, session_id) == before


def test_other_content_under_the_same_request_is_refused(db: Database, url: str, session_id: int) -> None:
    request_id = new_request_id()
    db.run(trades.log_trades(session_id=session_id, trades=[new_trade(), new_trade()], request_id=request_id))
    before = books(url, session_id)
    for other in ([new_trade()], [new_trade(), new_trade(2)], [new_trade()] * 3):
        with pytest.raises(IdempotencyConflict):
            db.run(trades.log_trades(session_id=session_id, trades=other, request_id=request_id))
    assert books(url, session_id) == before


def test_an_unknown_session_is_refused(db: Database) -> None:
    with pytest.raises(NotFound):
        db.run(trades.log_trades(session_id=2**62, trades=[new_trade()]))


@pytest.mark.parametrize(
    ("given_trades", "field"),
    [
        ("none", "trades"),
        (7, "trades"),
        ('[{"pnl": 1}]', "trades"),
        ('[{"profit": "1"}]', "trades"),
        ('{"pnl": "1"}', "trades"),
        ([("BTCUSDT",)], "trades[0]"),
        ([new_trade(), new_trade(float("nan"))], "trades[1].pnl"),
        ([new_trade(side="SIDEWAYS")], "trades[0].side"),
        ([new_trade(exit_time=datetime(2024, 1, 1))], "trades[0].exit_time"),  # noqa: DTZ001
        ([new_trade(symbol="nul\0")], "trades[0].symbol"),
        ([new_trade(commission=None)], "trades[0].commission"),
        ([new_trade(strategy_config={"a": {1j}})], "trades[0].strategy_config"),
    ],
)
def test_what_is_no_trade_is_refused_by_its_place(given_trades: object, field: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        trades.log_trades.value({"session_id": 1, "trades": given_trades})
    assert (refusal.value.statement, refusal.value.field) == ("trades.log_trades", field)


def test_the_text_of_a_value_makes_the_same_value() -> None:
    request_id = new_request_id()
    value = trades.log_trades(session_id=1, trades=[new_trade(strategy_config={"a": [1]})], request_id=request_id)
    again = trades.log_trades.value({"session_id": 1, "trades": str(value.args["trades"]), "request_id": request_id})
    assert again == value
    assert again.server_values() == value.server_values()


@pytest.mark.parametrize(
    "wrong",
    [
        {"entry_price": "1e30"}, {"size": -1}, {"pnl": "1e30"}, {"symbol": " two words"}, {"exit_reason": ""},
        {"confidence_score": 2}, {"quantity": 0},
    ],
    ids=str,
)  # fmt: skip
def test_one_trade_that_cannot_be_stored_refuses_all(
    db: Database, url: str, session_id: int, wrong: dict[str, object]
) -> None:
    before = books(url, session_id)
    with pytest.raises(InvalidInput) as refusal:
        db.run(trades.log_trades(session_id=session_id, trades=[new_trade(), new_trade(**wrong)]))
    assert refusal.value.constraint is not None or "zero" in str(refusal.value)
    assert books(url, session_id) == before
