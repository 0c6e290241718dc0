"""Positions that are moved to another session: the books of both stay right."""

from __future__ import annotations

from decimal import Decimal
from itertools import count
from typing import Final
from uuid import UUID

import pytest

from atb_db import Database
from atb_db.errors import Conflict, IdempotencyConflict, InvalidInput, NotFound, SessionClosed, SessionHeld
from atb_db.repository import account, audit, orders, positions, reconciliation, sessions, trades
from atb_db.statement import Statement
from atb_db.types import Number
from atb_db.values import new_request_id
from tests.books.test_restart import claim
from tests.invariants.running import run_together

_numbers: Final = count(1)


def session(db: Database, **more: object) -> int:
    arguments: dict[str, object] = {
        "strategy_name": "trend",
        "symbol": "BTCUSDT",
        "timeframe": "1h",
        "mode": "PAPER",
        "initial_balance": 1000,
        **more,
    }
    return db.run(sessions.create_trading_session(**arguments))  # type: ignore[arg-type]


def journal(db: Database, session_id: int, kind: str, **more: object) -> int:
    arguments: dict[str, object] = {
        "session_id": session_id,
        "order_type": kind,
        "symbol": "BTCUSDT",
        "side": "LONG",
        "quantity": 4,
        "internal_order_id": f"order-{next(_numbers)}",
        **more,
    }
    return db.run(orders.create_order(**arguments))  # type: ignore[arg-type]


def fill(
    order_id: int, quantity: Number, price: Number, commission: Number = 1, token: UUID | None = None
) -> Statement[int]:
    return orders.record_fill(
        order_id=order_id,
        exchange_fill_id=f"fill-{next(_numbers)}",
        quantity=quantity,
        price=price,
        commission=commission,
        token=token,
    )


def trade_live(db: Database, session_id: int) -> tuple[int, int]:
    """An open position with two entry fills, a partial exit, funding, interest and an unfilled stop; both ids."""
    entry = journal(db, session_id, "ENTRY")
    db.run(fill(entry, 3, 100))
    db.run(fill(entry, 1, 104))
    [position] = db.run(positions.get_active_positions(session_id=session_id))
    half = journal(db, session_id, "PARTIAL_EXIT", quantity=2, position_id=position.id)
    db.run(fill(half, 2, 111))
    db.run(positions.apply_scale_in(position_id=position.id, quantity=1, price=99, commission="0.5"))
    db.run(positions.record_funding(position_id=position.id, amount=-3))
    db.run(positions.record_margin_interest(position_id=position.id, cost=2))
    return position.id, journal(db, session_id, "STOP_LOSS", quantity=3, position_id=position.id, status="OPEN")


def balances(db: Database, *ids: int) -> list[Decimal]:
    return [db.run(account.get_current_balance(session_id=one)) for one in ids]


def clean(db: Database, *ids: int) -> None:
    for one in ids:
        assert db.run_batch(audit.audit_session(session_id=one)).findings == []


@pytest.mark.parametrize("has_ended", ["it has ended", ""])
def test_a_position_goes_on_in_another_session(fresh_db: Database, has_ended: str) -> None:
    old = session(fresh_db)
    position_id, stop = trade_live(fresh_db, old)
    before = fresh_db.run(positions.get_position(position_id=position_id))
    if has_ended:
        fresh_db.run(sessions.end_trading_session(session_id=old))
    new = session(fresh_db, timeframe="4h", initial_balance=500)
    stood = balances(fresh_db, old, new)
    move = positions.move_position_to_session(position_id=position_id, session_id=new, reason="another timeframe")
    assert [fresh_db.run(move), fresh_db.run(move)] == [position_id] * 2

    assert balances(fresh_db, old, new) == stood
    clean(fresh_db, old, new)
    after = fresh_db.run(positions.get_position(position_id=position_id))
    assert after.session_id == new
    assert after._replace(session_id=old, last_update=before.last_update, orders=()) == before._replace(orders=())
    assert [one.id for one in after.orders] == [one.id for one in before.orders]
    assert fresh_db.run(positions.get_active_positions(session_id=old)) == []
    assert [one.id for one in fresh_db.run(orders.get_pending_orders(session_id=new))] == [stop]
    for one in (old, new):
        [event] = fresh_db.run(reconciliation.get_reconciliation_events(session_id=one))
        assert (event.entity_type, event.entity_id, event.field) == ("position", str(position_id), "session_id")
        assert (event.old_value, event.new_value, event.reason) == (str(old), str(new), "another timeframe")

    # Its trade there carries all that it has earned and cost, and the balance what was booked there.
    fresh_db.run(fill(stop, 3, 90))
    [trade] = fresh_db.run(trades.get_recent_trades(session_id=new))
    closed = fresh_db.run(positions.get_position(position_id=position_id))
    # 4 of 101, 2 at 111, 1 of 99 and the rest of 3 at 90; fees 1 + 1 + 1 + 0.5 + 1.
    assert (trade.pnl, trade.commission, trade.funding, trade.margin_interest_cost) == (
        Decimal(-11),
        Decimal("4.5"),
        Decimal(-3),
        Decimal(2),
    )
    assert closed.status == "CLOSED"
    assert balances(fresh_db, old, new) == [stood[0], stood[1] + (3 * 90 - 301) - 1]
    clean(fresh_db, old, new)
    if not has_ended:
        fresh_db.run(sessions.end_trading_session(session_id=old))
    fresh_db.run(sessions.end_trading_session(session_id=new))
    clean(fresh_db, old, new)


def test_there_and_back_and_further(fresh_db: Database) -> None:
    first, second, third = (session(fresh_db) for _ in range(3))
    position_id, stop = trade_live(fresh_db, first)
    stood = balances(fresh_db, first, second, third)
    for target in (second, first, third, second, first):
        fresh_db.run(
            positions.move_position_to_session(position_id=position_id, session_id=target, reason="to and fro")
        )
        assert balances(fresh_db, first, second, third) == stood
        clean(fresh_db, first, second, third)
    fresh_db.run(fill(stop, 3, 110))
    clean(fresh_db, first, second, third)


def test_a_request_is_done_once_also_when_there_was_nothing_to_move(fresh_db: Database) -> None:
    """A repeat that comes late, as of a journal, does not take back what another has moved since."""
    old, new = session(fresh_db), session(fresh_db)
    position_id, _ = trade_live(fresh_db, old)
    stays, moves = (
        positions.move_position_to_session(position_id=position_id, session_id=target, reason="x")
        for target in (old, new)
    )
    for one in (stays, moves, stays):
        assert fresh_db.run(one) == position_id
    assert fresh_db.run(positions.get_position(position_id=position_id)).session_id == new
    clean(fresh_db, old, new)


def test_what_was_booked_and_taken_back_needs_no_move(fresh_db: Database) -> None:
    old, new = session(fresh_db), session(fresh_db)
    entry = journal(fresh_db, old, "ENTRY")
    fresh_db.run(orders.update_order_status(order_id=entry, commission="0.5"))
    bought = orders.record_fill(order_id=entry, exchange_fill_id="one", quantity=4, price=100)
    fresh_db.run(bought)
    fresh_db.run(orders.record_fill(order_id=entry, exchange_fill_id="one", quantity=4, price=100, commission=0))
    [held] = fresh_db.run(positions.get_active_positions(session_id=old))
    kinds = [one.entry_type for one in fresh_db.run(account.get_balance_history(session_id=old))]
    assert sorted(kinds) == ["FEE", "FILL", "INITIAL"]
    fresh_db.run(positions.move_position_to_session(position_id=held.id, session_id=new, reason="x"))
    clean(fresh_db, old, new)


def test_a_plan_is_moved_with_its_order(fresh_db: Database) -> None:
    old, new = session(fresh_db), session(fresh_db)
    entry = journal(fresh_db, old, "ENTRY", stop_loss=90)
    [planned] = fresh_db.run(positions.get_planned_positions(session_id=old))
    fresh_db.run(positions.move_position_to_session(position_id=planned.id, session_id=new, reason="x"))
    fresh_db.run(fill(entry, 4, 100))
    [position] = fresh_db.run(positions.get_active_positions(session_id=new))
    assert (position.id, position.quantity, position.stop_loss) == (planned.id, Decimal(4), Decimal(90))
    clean(fresh_db, old, new)


def test_a_late_fee_and_an_amended_order_follow(fresh_db: Database) -> None:
    old, new = session(fresh_db), session(fresh_db)
    entry = journal(fresh_db, old, "ENTRY")
    unknown_fee = orders.record_fill(order_id=entry, exchange_fill_id="1", quantity=4, price=100)
    fresh_db.run(unknown_fee)
    [position] = fresh_db.run(positions.get_active_positions(session_id=old))
    stop = journal(fresh_db, old, "STOP_LOSS", position_id=position.id)
    journal(fresh_db, old, "STOP_LOSS", position_id=position.id, replaced_order_id=stop)
    stray = journal(fresh_db, old, "STOP_LOSS", replaced_order_id=stop)
    fresh_db.run(positions.move_position_to_session(position_id=position.id, session_id=new, reason="x"))
    assert fresh_db.run(orders.get_order(order_id=stray)).session_id == old
    fresh_db.run(
        orders.record_fill(order_id=entry, exchange_fill_id="1", quantity=4, price=100, fee="0.4", fee_currency="USDT")
    )
    assert balances(fresh_db, old, new) == [1000, Decimal("999.6")]
    clean(fresh_db, old, new)


def test_what_cannot_be_moved_says_why(fresh_db: Database) -> None:
    old, new = session(fresh_db), session(fresh_db)
    position_id, stop = trade_live(fresh_db, old)
    client_id = fresh_db.run(orders.get_order(order_id=stop)).internal_order_id
    taken = journal(fresh_db, new, "ENTRY", internal_order_id=client_id)

    def refused(error: type[Exception], match: str, **changes: object) -> None:
        arguments: dict[str, object] = {"position_id": position_id, "session_id": new, "reason": "x", **changes}
        with pytest.raises(error, match=match):
            fresh_db.run(positions.move_position_to_session(**arguments))  # type: ignore[arg-type]

    refused(Conflict, f"order {taken} of session {new} has the id {client_id}")
    refused(NotFound, "position 999 does not exist", position_id=999)
    refused(NotFound, "session 999 does not exist", session_id=999)
    refused(InvalidInput, "is PAPER in USDT.*is LIVE in USDT", session_id=session(fresh_db, mode="LIVE"))
    refused(InvalidInput, "is PAPER in EUR", session_id=session(fresh_db, base_currency="EUR"))
    ended = session(fresh_db)
    fresh_db.run(sessions.end_trading_session(session_id=ended))
    refused(SessionClosed, f"session {ended} is closed", session_id=ended)
    other = session(fresh_db)
    fresh_db.run(fill(stop, 3, 90))
    refused(Conflict, f"its trade is in the books of session {old}", session_id=other)
    entry = journal(fresh_db, old, "ENTRY", quantity=2)
    fresh_db.run(fill(entry, 1, 100))
    [first] = fresh_db.run(positions.get_active_positions(session_id=old))
    fresh_db.run(positions.close_position(position_id=first.id, exit_price=100, exit_reason="x"))
    fresh_db.run(fill(entry, 1, 100))
    [continuing] = fresh_db.run(positions.get_active_positions(session_id=old))
    refused(Conflict, "shares the fills of an order", position_id=continuing.id, session_id=other)
    clean(fresh_db, old, new, other)


def test_another_move_under_the_same_request_is_refused(fresh_db: Database) -> None:
    old, new, other = (session(fresh_db) for _ in range(3))
    position_id, _ = trade_live(fresh_db, old)
    request_id = new_request_id()
    move = positions.move_position_to_session(
        position_id=position_id, session_id=new, reason="x", request_id=request_id
    )
    answers = run_together(fresh_db, [move] * 6)
    assert answers == [position_id] * 6
    with pytest.raises(IdempotencyConflict):
        fresh_db.run(
            positions.move_position_to_session(
                position_id=position_id, session_id=other, reason="x", request_id=request_id
            )
        )
    clean(fresh_db, old, new, other)


def test_two_moves_past_each_other_and_fills_meanwhile(fresh_db: Database) -> None:
    one, two = session(fresh_db), session(fresh_db)
    (first, _), (second, _) = trade_live(fresh_db, one), trade_live(fresh_db, two)
    for _ in range(5):
        where = fresh_db.run(positions.get_position(position_id=first)).session_id
        there = two if where == one else one
        scale_in = [positions.apply_scale_in(position_id=held, quantity=1, price=100) for held in (first, second)]
        answers = run_together(
            fresh_db,
            [
                positions.move_position_to_session(position_id=first, session_id=there, reason="x"),
                positions.move_position_to_session(position_id=second, session_id=where, reason="x"),
                *scale_in,
            ],
        )
        assert all(isinstance(answer, int) for answer in answers)
    clean(fresh_db, one, two)


def test_the_engine_that_had_it_is_refused(fresh_db: Database) -> None:
    theirs = fresh_db.run(claim("engine-1"))
    position_id, stop = trade_live(fresh_db, theirs.session_id)
    ours = fresh_db.run(claim("engine-2", timeframe="4h", despite_open_positions=True))
    fresh_db.run(positions.move_position_to_session(position_id=position_id, session_id=ours.session_id, reason="x"))
    with pytest.raises(SessionHeld, match="is held by engine-2"):
        fresh_db.run(fill(stop, 1, 90, token=theirs.token))
    fresh_db.run(fill(stop, 1, 90, token=ours.token))
    clean(fresh_db, theirs.session_id, ours.session_id)
