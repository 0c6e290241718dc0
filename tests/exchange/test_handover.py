"""Restarts, holds, moves and the kill switch: by threads and by tasks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from atb_db.errors import Conflict, Halted, SessionHeld
from atb_db.repository import account, control, orders, positions, reconciliation, sessions
from atb_db.repository.sessions import HeldSession
from atb_db.statement import Statement
from atb_db.types import SessionClaim
from atb_db.values import new_request_id
from tests.exchange.conftest import Book, Run
from tests.exchange.test_short_forms import open_short


@pytest.fixture
def strategy() -> str:
    """A strategy of the test's own: its sessions are nobody else's."""
    return f"handover-{new_request_id()}"


def claimed(run: Run, strategy: str, holder: str = "engine-1", **more: object) -> HeldSession:
    claim: Statement[HeldSession] = sessions.resume_or_create.value(
        {
            "strategy_name": strategy,
            "symbol": "BTCUSDT",
            "timeframe": "1h",
            "mode": "PAPER",
            "initial_balance": 1000,
            "holder": holder,
            **more,
        }
    )
    return run(claim)


def test_a_restart_hands_out_what_must_be_asked_for_and_expires_nothing(run: Run, strategy: str) -> None:
    book = Book(run, claimed(run, strategy).session_id)
    known, unknown = book.journal(), book.journal()
    held = claimed(run, strategy, take_over=True)
    assert (held.claim, held.session_id) == (SessionClaim.RESUMED, book.session_id)
    before = datetime.now(UTC) + timedelta(minutes=1)
    pending = run(orders.get_pending_orders(session_id=book.session_id, created_before=before))
    assert [(one.id, one.status.value) for one in pending] == [(known, "PENDING"), (unknown, "PENDING")]
    book.fill(known, "found", 1, 100)
    assert run(orders.expire_stale_orders(session_id=book.session_id, created_before=before)) == 1
    assert [book.order(one).status.value for one in (known, unknown)] == ["FILLED", "EXPIRED"]
    assert book.balances()


def test_what_is_open_under_another_timeframe_is_named_and_can_be_moved(run: Run, strategy: str) -> None:
    old = Book(run, claimed(run, strategy).session_id)
    opened = open_short(old, entry_commission=Decimal(1))
    run(positions.apply_partial_exit(position_id=opened, size="0.5", price=110))
    with pytest.raises(Conflict, match=f"session {old.session_id} "):
        claimed(run, strategy, timeframe="4h")
    new = Book(run, claimed(run, strategy, timeframe="4h", despite_open_positions=True).session_id)
    move = positions.move_position_to_session(position_id=opened, session_id=new.session_id, reason="now by 4 hours")
    assert [run(move), run(move)] == [opened, opened]
    assert (old.open(), [one.id for one in new.open()]) == ([], [opened])
    assert (old.balance(), new.balance()) == (Decimal(1004), Decimal(1000))
    run(positions.close_position(position_id=opened, exit_price=120, exit_reason="target"))
    [trade] = new.trades()
    assert (trade.pnl, trade.commission, new.balance()) == (Decimal(15), Decimal(1), Decimal(1010))
    for book in (old, new):
        [event] = run(reconciliation.get_reconciliation_events(session_id=book.session_id))
        assert event.reason == "now by 4 hours"
        assert book.balances()


def test_an_engine_that_lost_its_hold_writes_nothing(run: Run, strategy: str) -> None:
    first = claimed(run, strategy)
    book = Book(run, first.session_id)
    entry = book.journal()
    second = claimed(run, strategy, "engine-2", take_over=True)
    late = {"exchange_fill_id": "a", "quantity": 1, "price": 100}
    with pytest.raises(SessionHeld, match="is held by engine-2"):
        run(orders.record_fill.value({"order_id": entry, "token": first.token, **late}))
    with pytest.raises(SessionHeld, match="is held by engine-2"):
        run(account.adjust_balance(session_id=book.session_id, delta=1, reason="late", token=first.token))
    assert (book.open(), book.balance()) == ([], Decimal(1000))
    run(orders.record_fill.value({"order_id": entry, "token": second.token, **late}))
    assert len(book.open()) == 1
    assert book.balances()


def test_no_order_after_the_kill_switch(book: Book) -> None:
    flag = f"halt-{new_request_id()}"
    journal = orders.create_order.value(
        {
            "session_id": book.session_id,
            "order_type": "ENTRY",
            "symbol": "BTCUSDT",
            "side": "LONG",
            "quantity": 1,
            "internal_order_id": f"halted-{book.session_id}",
            "unless_flag": flag,
        }
    )
    assert not book.run(control.is_flag_active(name=flag))
    book.run(control.set_control_flag(name=flag, reason="drawdown", source="test"))
    assert book.run(control.is_flag_active(name=flag))
    with pytest.raises(Halted, match="drawdown"):
        book.run(journal)
    with pytest.raises(Halted, match="drawdown"):
        open_short(book, unless_flag=flag)
    book.run(control.clear_control_flag(name=flag, reason="over", source="test"))
    assert book.order(book.run(journal)).status.value == "PENDING"


def test_transfers_move_the_peak_that_a_restart_takes_up(run: Run, strategy: str) -> None:
    session_id = claimed(run, strategy).session_id
    now = datetime.now(UTC)
    for minutes, equity in ((3, 1000), (2, 1100)):
        run(
            account.log_account_snapshot(
                session_id=session_id, balance=equity, equity=equity, timestamp=now - timedelta(minutes=minutes)
            )
        )
    run(account.record_transfer(session_id=session_id, amount=-500, reason="withdrawal"))
    again = claimed(run, strategy, take_over=True)
    assert (again.balance, again.equity_peak) == (Decimal(500), Decimal(600))
