"""Taking a session up again: nothing is lost, and at most one engine works on it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from uuid import UUID

import psycopg
import pytest

from atb_db import Database
from atb_db.errors import AtbDbError, Conflict, IdempotencyConflict, InvalidInput, NotFound, SessionClosed, SessionHeld
from atb_db.repository import account, audit, events, orders, positions, sessions
from atb_db.repository.sessions import HeldSession
from atb_db.statement import Statement
from atb_db.types import OrderStatus, SessionClaim
from atb_db.values import new_request_id
from tests.invariants.running import run_together


def claim(holder: str, **more: object) -> Statement[HeldSession]:
    arguments: dict[str, object] = {
        "strategy_name": "trend",
        "symbol": "BTCUSDT",
        "timeframe": "1h",
        "mode": "PAPER",
        "initial_balance": 1000,
        "holder": holder,
        "lease": 60,
        **more,
    }
    return sessions.resume_or_create(**arguments)  # type: ignore[arg-type]


def where_it_is_noon() -> str:
    """A time zone in which no test meets the end of a day."""
    return f"Etc/GMT{datetime.now(UTC).hour - 12:+d}"  # with POSIX's sign: + is to the west


@pytest.fixture
def lapse(fresh_url: str) -> Iterator[object]:
    """Lets every hold's lease run out, as if its time had passed."""
    with psycopg.connect(fresh_url, autocommit=True) as owner:
        yield lambda: owner.execute("UPDATE session_holds SET expires_at = renewed_at")


def age(url: str, session_id: int, **since: float) -> None:
    """Move all that the session shows of life into the past."""
    with psycopg.connect(url, autocommit=True) as owner:
        moment = datetime.now(UTC) - timedelta(**since)
        owner.execute("ALTER TABLE account_balances DISABLE TRIGGER account_balances_append_only")
        for change in (
            "trading_sessions SET start_time = %s WHERE id = %s",
            "account_balances SET last_updated = %s WHERE session_id = %s",
            "system_events SET timestamp = %s WHERE session_id = %s",
        ):
            owner.execute(f"UPDATE {change}".encode(), [moment, session_id])
        owner.execute(
            "UPDATE session_holds SET asked_at = %s, renewed_at = %s, expires_at = %s WHERE session_id = %s",
            [moment, moment, moment, session_id],
        )


def trade_a_little(db: Database, session_id: int) -> int:
    """A session with an open position that was partly exited, its orders and two snapshots; the position."""
    position_id = db.run(
        positions.open_position(
            session_id=session_id,
            symbol="BTCUSDT",
            side="LONG",
            entry_price=100,
            size="0.2",
            quantity=4,
            strategy_name="trend",
            entry_order_id="entry",
            trailing_stop=True,
        )
    )
    db.run(positions.apply_partial_exit(position_id=position_id, size="0.25", price=110, target_level=0))
    db.run(positions.update_position(position_id=position_id, trailing_stop_activated=True, trailing_stop_price=105))
    for equity in (1040, 1020):
        db.run(account.log_account_snapshot(session_id=session_id, balance=1010, equity=equity))
    return position_id


def test_an_engine_starts_dies_and_goes_on_where_it_was(fresh_db: Database, lapse: object) -> None:
    first = fresh_db.run(claim("engine-1", market_timezone=where_it_is_noon()))
    assert first.claim is SessionClaim.CREATED
    assert (first.balance, first.equity_peak, first.open_positions) == (Decimal(1000), Decimal(1000), 0)
    position_id = trade_a_little(fresh_db, first.session_id)
    order_id = fresh_db.run(
        orders.create_order(
            session_id=first.session_id,
            order_type="SCALE_IN",
            symbol="BTCUSDT",
            side="LONG",
            quantity=1,
            internal_order_id="mine-1",
            status="OPEN",
        )
    )
    before = fresh_db.run(positions.get_active_positions(session_id=first.session_id))
    assert callable(lapse)
    lapse()
    with fresh_db.transaction() as tx:
        held = tx.run(claim("engine-2", initial_balance=5))
        after = tx.run(positions.get_active_positions(session_id=held.session_id))
        unresolved = tx.run(orders.get_pending_orders(session_id=held.session_id))
    assert (held.session_id, held.claim) == (first.session_id, SessionClaim.RESUMED)
    assert (held.balance, held.initial_balance, held.equity_peak) == (Decimal(1010), Decimal(1000), Decimal(1040))
    assert (held.day_start_equity, held.day_start_balance, held.open_positions) == (Decimal(1040), Decimal(1010), 1)
    assert after == before
    assert [(position.id, position.partial_exits_taken, position.trailing_stop_price) for position in after] == [
        (position_id, 1, Decimal(105))
    ]
    assert ([order.id for order in unresolved], held.unresolved_orders) == ([order_id], 1)
    assert fresh_db.run_batch(audit.audit_session(session_id=held.session_id)).findings == []
    [audited] = [
        event
        for event in fresh_db.run(events.get_recent_events(session_id=held.session_id))
        if event.event_type == "ENGINE_RESUME"
    ]
    assert isinstance(audited.details, dict)
    assert audited.details["holder"] == "engine-2"
    assert audited.details["previous_holder"] == "engine-1"
    assert Decimal(str(audited.details["balance"])) == 1010


def test_a_clean_stop_keeps_balance_positions_and_books(fresh_db: Database) -> None:
    first = fresh_db.run(claim("engine-1"))
    position_id = trade_a_little(fresh_db, first.session_id)
    fresh_db.run(sessions.end_trading_session(session_id=first.session_id))
    with pytest.raises(SessionClosed):
        fresh_db.run(account.adjust_balance(session_id=first.session_id, delta=1, reason="too late"))
    held = fresh_db.run(claim("engine-1"))
    assert (held.session_id, held.claim, held.balance) == (first.session_id, SessionClaim.REOPENED, Decimal(1010))
    session = fresh_db.run(sessions.get_trading_session(session_id=held.session_id))
    assert (session.is_active, session.final_balance, session.total_trades) == (True, None, None)
    fresh_db.run(positions.close_position(position_id=position_id, exit_price=120, exit_reason="target"))
    assert fresh_db.run(account.get_current_balance(session_id=held.session_id)) == 1070
    fresh_db.run(sessions.end_trading_session(session_id=held.session_id))
    assert fresh_db.run_batch(audit.audit_session(session_id=held.session_id)).findings == []


def test_another_engine_is_told_who_holds_the_session(fresh_db: Database) -> None:
    first = fresh_db.run(claim("engine-1"))
    with pytest.raises(SessionHeld, match=f"session {first.session_id} is held by engine-1 since") as caught:
        fresh_db.run(claim("engine-2"))
    assert (caught.value.sqlstate, caught.value.retryable) == ("AT423", False)
    taken = fresh_db.run(claim("engine-2", take_over=True))
    assert (taken.session_id, taken.claim) == (first.session_id, SessionClaim.RESUMED)
    with pytest.raises(SessionHeld, match="is held by engine-2"):
        fresh_db.run(sessions.renew_hold(session_id=first.session_id, token=first.token))


def test_a_hold_is_renewed_released_and_shown(fresh_db: Database) -> None:
    free = fresh_db.run(
        sessions.create_trading_session(
            strategy_name="other", symbol="X", timeframe="1h", mode="PAPER", initial_balance=1
        )
    )
    assert fresh_db.run(sessions.get_hold(session_id=free)) is None
    with pytest.raises(SessionHeld, match="held by nobody"):
        fresh_db.run(sessions.renew_hold(session_id=free, token=new_request_id()))
    held = fresh_db.run(claim("engine-1", lease=10))
    until = fresh_db.run(sessions.renew_hold(session_id=held.session_id, token=held.token, lease=100))
    assert until > held.expires_at + timedelta(seconds=80)
    shown = fresh_db.run(sessions.get_hold(session_id=held.session_id))
    assert shown is not None
    assert (shown.holder, shown.expires_at, shown.is_held) == ("engine-1", until, True)
    fresh_db.run(sessions.release_hold(session_id=held.session_id, token=new_request_id()))
    assert fresh_db.run(sessions.get_hold(session_id=held.session_id)) == shown
    fresh_db.run(sessions.release_hold(session_id=held.session_id, token=held.token))
    shown = fresh_db.run(sessions.get_hold(session_id=held.session_id))
    assert shown is not None
    assert not shown.is_held
    assert fresh_db.run(claim("engine-2")).claim is SessionClaim.RESUMED


def test_an_ended_session_s_hold_is_not_renewed(fresh_db: Database) -> None:
    held = fresh_db.run(claim("engine-1"))
    fresh_db.run(sessions.end_trading_session(session_id=held.session_id))
    with pytest.raises(SessionClosed):
        fresh_db.run(sessions.renew_hold(session_id=held.session_id, token=held.token))
    with pytest.raises(NotFound):
        fresh_db.run(sessions.renew_hold(session_id=10**9, token=held.token))


def test_a_session_that_is_held_is_never_too_old(fresh_db: Database, fresh_url: str) -> None:
    first = fresh_db.run(claim("engine-1"))
    age(fresh_url, first.session_id, hours=2)
    with psycopg.connect(fresh_url, autocommit=True) as owner:
        owner.execute("UPDATE session_holds SET expires_at = now() + interval '1 minute'")
    with pytest.raises(SessionHeld, match="is held by engine-1"):
        fresh_db.run(claim("engine-2", max_age=3600))
    assert fresh_db.run(claim("engine-2", max_age=3600, take_over=True)).session_id == first.session_id


def test_a_take_over_that_is_repeated_late_takes_nothing_over_again(fresh_db: Database, lapse: object) -> None:
    fresh_db.run(claim("engine-1"))
    second = claim("engine-2", take_over=True)
    held = fresh_db.run(second)
    assert fresh_db.run(second) == held
    fresh_db.run(claim("engine-3", take_over=True))
    with pytest.raises(SessionHeld, match="is held by engine-3"):
        fresh_db.run(second)
    other = claim("engine-4", take_over=True, request_id=second.request_id)
    with pytest.raises(IdempotencyConflict):
        fresh_db.run(other)
    assert callable(lapse)
    lapse()
    with pytest.raises(IdempotencyConflict):
        fresh_db.run(other)
    assert fresh_db.run(second).session_id == held.session_id


def test_a_renewal_that_waits_for_a_take_over_is_refused(fresh_db: Database) -> None:
    held = fresh_db.run(claim("engine-1"))
    renewal = sessions.renew_hold(session_id=held.session_id, token=held.token)
    with ThreadPoolExecutor(1) as pool:
        with fresh_db.transaction() as tx:
            tx.run(claim("engine-2", take_over=True))
            waiting = pool.submit(fresh_db.run, renewal)
            until_somebody_waits(fresh_db)
        with pytest.raises(SessionHeld, match="is held by engine-2"):
            waiting.result(timeout=30)


def test_eight_equal_renewals_tell_the_same(fresh_db: Database) -> None:
    held = fresh_db.run(claim("engine-1"))
    for _ in range(5):
        renewal = sessions.renew_hold(session_id=held.session_id, token=held.token)
        answers = run_together(fresh_db, [renewal] * 8)
        assert set(answers) == {fresh_db.run(renewal)}


def test_an_older_instance_of_the_same_engine_is_told_that_its_token_is_not_the_newest(fresh_db: Database) -> None:
    first = fresh_db.run(claim("me"))
    with pytest.raises(SessionHeld, match=r"is held by me since [^;]+; take_over=True"):
        fresh_db.run(claim("me"))
    fresh_db.run(claim("me", take_over=True))
    with pytest.raises(SessionHeld, match=r"is held by me since .*; this token is of another claim"):
        fresh_db.run(sessions.renew_hold(session_id=first.session_id, token=first.token))


def test_an_engine_that_lost_its_hold_does_not_end_the_session(fresh_db: Database) -> None:
    first = fresh_db.run(claim("engine-1"))
    second = fresh_db.run(claim("engine-2", take_over=True))
    end = sessions.end_trading_session(session_id=first.session_id, token=first.token)
    with pytest.raises(SessionHeld, match="is held by engine-2") as caught:
        fresh_db.run(end)
    assert caught.value.statement == "sessions.end_trading_session"
    assert fresh_db.run(sessions.get_trading_session(session_id=first.session_id)).is_active
    shown = fresh_db.run(sessions.get_hold(session_id=first.session_id))
    assert shown is not None
    assert (shown.holder, shown.is_held) == ("engine-2", True)
    end = sessions.end_trading_session(session_id=first.session_id, token=second.token)
    assert [fresh_db.run(end), fresh_db.run(end)] == [first.session_id] * 2
    assert not fresh_db.run(sessions.get_trading_session(session_id=first.session_id)).is_active


def until_somebody_waits(db: Database) -> None:
    """Until a session of the database waits for a lock."""
    with psycopg.connect(db.settings.conninfo, autocommit=True) as connection:
        query = "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        until = time.monotonic() + 60
        while not connection.execute(query).rowcount:
            assert time.monotonic() < until, "nobody waits for a lock"
            time.sleep(0.01)


def test_a_late_renewal_does_not_shorten_the_hold(fresh_db: Database) -> None:
    held = fresh_db.run(claim("engine-1"))
    late = sessions.renew_hold(session_id=held.session_id, token=held.token, lease=1)
    until = fresh_db.run(sessions.renew_hold(session_id=held.session_id, token=held.token, lease=100))
    assert fresh_db.run(late) == until


@pytest.mark.parametrize(
    "other",
    [
        {"mode": "BACKTEST"},
        {"mode": "LIVE"},
        {"symbol": "ETHUSDT"},
        {"timeframe": "4h"},
        {"strategy_name": "mean"},
        {"exchange": "binance", "other_exchange": "kraken"},
    ],
)
def test_a_session_of_something_else_is_not_taken_up(fresh_db: Database, other: dict[str, object]) -> None:
    theirs = {name: value for name, value in other.items() if name != "other_exchange"}
    first = fresh_db.run(claim("engine-1", **theirs))
    second = fresh_db.run(claim("engine-1", exchange=other.get("other_exchange")))
    assert second.claim is SessionClaim.CREATED
    assert second.session_id != first.session_id


def test_verification_sessions_are_not_taken_up(fresh_db: Database) -> None:
    fresh_db.run(
        sessions.create_trading_session(
            strategy_name="trend",
            symbol="BTCUSDT",
            timeframe="1h",
            mode="PAPER",
            initial_balance=1,
            is_verification=True,
        )
    )
    assert fresh_db.run(claim("engine-1")).claim is SessionClaim.CREATED


def test_the_newest_session_is_taken_up_until_it_is_too_old(fresh_db: Database, fresh_url: str) -> None:
    first = fresh_db.run(claim("engine-1"))
    age(fresh_url, first.session_id, hours=47)
    assert fresh_db.run(claim("engine-2", max_age=46 * 3600)).claim is SessionClaim.CREATED
    with psycopg.connect(fresh_url, autocommit=True) as owner:
        owner.execute("UPDATE trading_sessions SET strategy_name = 'another' WHERE id <> %s", [first.session_id])
    again = fresh_db.run(claim("engine-2", max_age=48 * 3600))
    assert (again.session_id, again.claim) == (first.session_id, SessionClaim.RESUMED)


def order(db: Database, session_id: int, name: str, **more: object) -> int:
    """An ENTRY order of the session; its id."""
    arguments: dict[str, object] = {
        "session_id": session_id,
        "order_type": "ENTRY",
        "symbol": "BTCUSDT",
        "side": "LONG",
        "quantity": 1,
        "internal_order_id": name,
        **more,
    }
    return db.run(orders.create_order(**arguments))  # type: ignore[arg-type]


def test_nothing_expires_unasked(fresh_db: Database, lapse: object) -> None:
    """25 hours down, filled meanwhile: the orders are handed out, and only what the exchange does not know expires."""
    first = fresh_db.run(claim("engine-1"))
    old, new = datetime.now(UTC) - timedelta(days=3), datetime.now(UTC)
    filled, lost, another = (order(fresh_db, first.session_id, name, created_at=old) for name in ("a", "b", "c"))
    sent = order(fresh_db, first.session_id, "sent", status="OPEN", created_at=old)
    assert callable(lapse)
    lapse()
    held = fresh_db.run(claim("engine-2"))
    pending = fresh_db.run(orders.get_pending_orders(session_id=held.session_id))
    assert [(one.id, one.status) for one in pending] == [
        (filled, OrderStatus.PENDING),
        (lost, OrderStatus.PENDING),
        (another, OrderStatus.PENDING),
        (sent, OrderStatus.OPEN),
    ]
    assert held.unresolved_orders == 4
    fresh_db.run(
        orders.record_fill(
            session_id=held.session_id,
            internal_order_id="a",
            exchange_fill_id="1",
            quantity=1,
            price=100,
            filled_at=new,
        )
    )
    fresh_db.run(orders.update_order_status(order_id=lost, status="EXPIRED"))
    [position] = fresh_db.run(positions.get_active_positions(session_id=held.session_id))
    assert position.quantity == 1
    expire = orders.expire_stale_orders(session_id=held.session_id, created_before=new)
    assert [fresh_db.run(expire), fresh_db.run(expire)] == [1, 1]
    [left] = fresh_db.run(orders.get_pending_orders(session_id=held.session_id))
    assert (left.id, left.status) == (sent, OrderStatus.OPEN)
    assert fresh_db.run_batch(audit.audit_session(session_id=held.session_id)).findings == []


def test_of_eight_engines_at_once_one_gets_the_session(fresh_url: str) -> None:
    with Database(fresh_url) as db:
        for strategy in ("new", "newer"):
            answers = run_together(db, [claim(f"engine-{number}", strategy_name=strategy) for number in range(8)])
            held = [answer for answer in answers if isinstance(answer, HeldSession)]
            assert len(held) == 1
            assert {type(answer) for answer in answers if isinstance(answer, AtbDbError)} == {SessionHeld}
        assert len(db.run(sessions.get_active_sessions())) == 2


def left_open(db: Database, what: str, **identity: object) -> int:
    """A session with something open in it, whose engine has let go of it."""
    held = db.run(claim("engine-1", **identity))
    if what == "position":
        trade_a_little(db, held.session_id)
    elif what == "order":
        order(db, held.session_id, "mine")
    else:
        order_id = order(db, held.session_id, "mine", order_type="SCALE_IN", status="OPEN")
        db.run(orders.record_fill(order_id=order_id, exchange_fill_id="1", quantity=1, price=100))
    db.run(sessions.release_hold(session_id=held.session_id, token=held.token))
    return held.session_id


LEFT_OPEN = ("position", "order", "fill that is in no position")


@pytest.mark.parametrize("what", LEFT_OPEN)
@pytest.mark.parametrize("claimed", [SessionClaim.RESUMED, SessionClaim.REOPENED])
def test_what_is_open_is_carried_on_however_old(
    fresh_db: Database, fresh_url: str, what: str, claimed: SessionClaim
) -> None:
    session_id = left_open(fresh_db, what)
    if claimed is SessionClaim.REOPENED:
        fresh_db.run(sessions.end_trading_session(session_id=session_id))
    age(fresh_url, session_id, days=400)
    with psycopg.connect(fresh_url, autocommit=True) as owner:
        owner.execute("UPDATE account_history SET timestamp = now() - interval '400 days'")
        owner.execute("UPDATE trading_sessions SET end_time = start_time WHERE end_time IS NOT NULL")
    held = fresh_db.run(claim("engine-2"))
    assert (held.session_id, held.claim) == (session_id, claimed)


@pytest.mark.parametrize("what", LEFT_OPEN)
@pytest.mark.parametrize(
    ("theirs", "ours"), [("binance", None), (None, "binance"), (None, None), ("binance", "binance")]
)
def test_an_exchange_that_is_not_given_is_any(
    fresh_db: Database, what: str, theirs: str | None, ours: str | None
) -> None:
    session_id = left_open(fresh_db, what, exchange=theirs)
    held = fresh_db.run(claim("engine-2", exchange=ours))
    assert (held.session_id, held.claim, held.exchange) == (session_id, SessionClaim.RESUMED, theirs)


def test_the_exchange_itself_comes_before_one_that_is_not_given(fresh_db: Database) -> None:
    named = fresh_db.run(claim("engine-1", exchange="binance"))
    with psycopg.connect(fresh_db.settings.conninfo, autocommit=True) as owner:
        owner.execute("UPDATE trading_sessions SET exchange = 'kraken'")
    unnamed = fresh_db.run(claim("engine-2", despite_open_positions=True, exchange="binance"))
    with psycopg.connect(fresh_db.settings.conninfo, autocommit=True) as owner:
        owner.execute("UPDATE trading_sessions SET exchange = nullif(exchange, 'binance')")
        owner.execute("UPDATE session_holds SET expires_at = renewed_at")
    assert fresh_db.run(claim("engine-3", exchange="kraken")).session_id == named.session_id
    assert fresh_db.run(claim("engine-4", exchange="okx")).session_id == unnamed.session_id


@pytest.mark.parametrize("what", LEFT_OPEN)
@pytest.mark.parametrize("other", [{"timeframe": "4h"}, {"exchange": "kraken"}])
def test_what_is_open_elsewhere_is_never_left_behind_in_silence(
    fresh_db: Database, what: str, other: dict[str, object]
) -> None:
    session_id = left_open(fresh_db, what, exchange="binance")
    ours = {"exchange": "binance", **other}
    counted = "open position" if what == "position" else "unresolved order"
    with pytest.raises(
        Conflict, match=rf"session {session_id} \(timeframe 1h, exchange binance\) has 1 {counted}: .*despite_open"
    ) as caught:
        fresh_db.run(claim("engine-2", **ours))
    assert caught.value.field == "session_id"
    beside = fresh_db.run(claim("engine-2", **ours, despite_open_positions=True))
    assert (beside.claim, beside.open_positions) == (SessionClaim.CREATED, 0)
    # From then on the new one is the newest, and is taken up without being asked about the other.
    fresh_db.run(sessions.release_hold(session_id=beside.session_id, token=beside.token))
    assert fresh_db.run(claim("engine-2", **ours)).session_id == beside.session_id
    carried_on = fresh_db.run(claim("engine-3", **ours, session_id=session_id))
    assert (carried_on.session_id, carried_on.claim, carried_on.timeframe) == (session_id, SessionClaim.RESUMED, "1h")


@pytest.mark.parametrize("theirs", [{"symbol": "ETHUSDT"}, {"strategy_name": "mean"}])
def test_a_position_in_a_session_of_something_else_is_not_left_behind(
    fresh_db: Database, theirs: dict[str, object]
) -> None:
    elsewhere = fresh_db.run(claim("engine-1", **theirs))
    held = trade_a_little(fresh_db, elsewhere.session_id)
    with pytest.raises(
        Conflict,
        match=rf"session {elsewhere.session_id} \(.*\) holds position {held} of trend in BTCUSDT: .*despite_open",
    ):
        fresh_db.run(claim("engine-2"))
    # A session of its own is carried on, and in another mode nothing of it is left behind.
    assert fresh_db.run(claim("engine-2", mode="LIVE")).claim is SessionClaim.CREATED
    beside = fresh_db.run(claim("engine-2", despite_open_positions=True))
    fresh_db.run(
        positions.move_position_to_session(position_id=held, session_id=beside.session_id, reason="its own session")
    )
    fresh_db.run(sessions.release_hold(session_id=beside.session_id, token=beside.token))
    assert fresh_db.run(claim("engine-3")).session_id == beside.session_id


@pytest.mark.parametrize("other", [{"strategy_name": "mean"}, {"symbol": "ETHUSDT"}, {"mode": "LIVE"}])
def test_a_session_of_another_strategy_symbol_or_mode_is_not_taken_up_by_its_id(
    fresh_db: Database, other: dict[str, object]
) -> None:
    session_id = left_open(fresh_db, "position")
    with pytest.raises(Conflict, match=f"session {session_id} trades BTCUSDT by trend, PAPER"):
        fresh_db.run(claim("engine-2", **other, session_id=session_id))
    with pytest.raises(NotFound):
        fresh_db.run(claim("engine-2", session_id=10**9))
    assert fresh_db.run(claim("engine-2", **other)).claim is SessionClaim.CREATED


def test_a_session_is_held_whichever_way_it_is_asked_for(fresh_db: Database) -> None:
    held = fresh_db.run(claim("engine-1", exchange="binance"))
    for asked in ({"session_id": held.session_id}, {"exchange": None}, {"exchange": "binance"}):
        with pytest.raises(SessionHeld, match="is held by engine-1"):
            fresh_db.run(claim("engine-2", **asked))


def test_eight_engines_of_different_timeframes_leave_nothing_behind(fresh_db: Database) -> None:
    session_id = left_open(fresh_db, "position")
    asked = [claim(f"engine-{number}", timeframe=("1h", "4h")[number % 2]) for number in range(8)]
    answers = run_together(fresh_db, asked)
    assert [answer.session_id for answer in answers if isinstance(answer, HeldSession)] == [session_id]
    assert {type(answer) for answer in answers if isinstance(answer, AtbDbError)} == {SessionHeld, Conflict}
    assert len(fresh_db.run(sessions.get_active_sessions())) == 1


def test_transfers_are_neither_peak_nor_loss_of_the_day(fresh_db: Database) -> None:
    """1000 to 1100, 500 withdrawn, 200 put in: the peak is 800, and so is what the day began with."""
    held = fresh_db.run(claim("engine-1", market_timezone=where_it_is_noon()))

    def snapshot(balance: int) -> None:
        fresh_db.run(account.log_account_snapshot(session_id=held.session_id, balance=balance, equity=balance))

    def transfer(amount: int) -> None:
        fresh_db.run(account.record_transfer(session_id=held.session_id, amount=amount, reason="by hand"))

    snapshot(1100)
    transfer(-500)
    snapshot(600)
    transfer(200)
    snapshot(790)
    fresh_db.run(sessions.release_hold(session_id=held.session_id, token=held.token))
    again = fresh_db.run(claim("engine-1"))
    assert (again.balance, again.equity_peak) == (Decimal(700), Decimal(800))
    assert (again.day_start_balance, again.day_start_equity) == (Decimal(800), Decimal(800))


def test_without_snapshots_the_peak_is_that_after_trades_moved_by_transfers(fresh_db: Database) -> None:
    held = fresh_db.run(claim("engine-1"))
    position_id = trade_a_little(fresh_db, held.session_id)
    with psycopg.connect(fresh_db.settings.conninfo, autocommit=True) as owner:
        owner.execute("DELETE FROM account_history")
    fresh_db.run(positions.close_position(position_id=position_id, exit_price=120, exit_reason="target"))
    fresh_db.run(account.record_transfer(session_id=held.session_id, amount=-500, reason="by hand"))
    fresh_db.run(sessions.release_hold(session_id=held.session_id, token=held.token))
    again = fresh_db.run(claim("engine-1"))
    assert (again.balance, again.equity_peak, again.day_start_equity) == (Decimal(570), Decimal(570), None)


@pytest.mark.parametrize("lease", [timedelta(minutes=2), 120, "120", 120.0, Decimal(120)], ids=repr)
def test_spans_are_timedeltas_or_seconds(fresh_db: Database, lease: timedelta | float | str | Decimal) -> None:
    token = new_request_id()
    held = fresh_db.run(claim("engine-1", lease=lease, max_age=timedelta(days=1), request_id=token))
    assert timedelta(seconds=110) < held.expires_at - datetime.now(UTC) < timedelta(seconds=121)
    # Another way to say the same is the same request.
    assert fresh_db.run(claim("engine-1", lease=120, max_age=86400, request_id=token)) == held


def test_no_nonsense_is_taken_for_a_lease(fresh_db: Database) -> None:
    for bad in (0, -1, "1e12", timedelta(0), timedelta(days=-1)):
        with pytest.raises(InvalidInput) as caught:
            fresh_db.run(claim("engine-1", lease=bad))
        assert caught.value.field == "lease"


ENGINE = """
import sys, time
from atb_db import Database
from atb_db.errors import SessionHeld
from atb_db.repository import sessions

claim = sessions.resume_or_create(
    strategy_name="processes", symbol="BTCUSDT", timeframe="1h", mode="PAPER", initial_balance=1000,
    holder=sys.argv[1], lease=3,
)
with Database.from_env() as db:
    while True:
        try:
            held = db.run(claim)
            break
        except SessionHeld as error:
            print("held", error, flush=True)
            time.sleep(0.2)
    print("got", held.session_id, held.claim, flush=True)
    while True:
        db.run(sessions.renew_hold(session_id=held.session_id, token=held.token, lease=3))
        time.sleep(0.2)
"""


def engine(url: str, name: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "DATABASE_URL": url, "PYTHONPATH": str(Path(__file__).parents[2])}
    return subprocess.Popen([sys.executable, "-c", ENGINE, name], env=environment, stdout=subprocess.PIPE, text=True)


def test_two_processes_one_killed(fresh_url: str) -> None:
    first = engine(fresh_url, "engine-1")
    second: subprocess.Popen[str] | None = None
    try:
        assert first.stdout is not None
        assert first.stdout.readline() == "got 1 CREATED\n"
        second = engine(fresh_url, "engine-2")
        assert second.stdout is not None
        assert "session 1 is held by engine-1" in second.stdout.readline()
        time.sleep(3.5)  # longer than the lease: a living engine keeps what it renews
        first.send_signal(signal.SIGKILL)
        assert first.wait() == -signal.SIGKILL
        lines = iter(second.stdout.readline, "")
        waited = list(iter(lambda: next(lines), "got 1 RESUMED\n"))
        assert waited
        assert all("held by engine-1" in line for line in waited)
        assert second.poll() is None
    finally:
        for process in (first, second):
            if process is not None:
                process.kill()
                process.communicate()


def test_the_token_is_the_claim_s_request_id(fresh_db: Database) -> None:
    token = UUID("018e0000-0000-7000-8000-00000000000a")
    assert fresh_db.run(claim("engine-1", request_id=token)).token == token
