"""An engine that lost its hold writes nothing more: the statement that would have written refuses its token."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from threading import Event

import pytest

from atb_db import Database, request_id_of
from atb_db.errors import AtbDbError, Halted, SessionHeld
from atb_db.repository import account, audit, control, orders, positions, sessions
from atb_db.statement import Statement
from tests.books.test_restart import claim, order
from tests.invariants.running import together


def test_who_asks_is_no_part_of_the_request(fresh_db: Database) -> None:
    """An engine that died and has claimed its session again repeats what it did, with its new token."""
    first = fresh_db.run(claim("engine-1"))
    act = request_id_of("entry of 09:00")
    once = order(fresh_db, first.session_id, "mine", token=first.token, request_id=act)
    second = fresh_db.run(claim("engine-1", take_over=True))
    assert order(fresh_db, first.session_id, "mine", token=second.token, request_id=act) == once


def fill(order_id: int, number: int, **more: object) -> Statement[int]:
    arguments = {"order_id": order_id, "exchange_fill_id": str(number), "quantity": 1, "price": 100, "commission": 1}
    return orders.record_fill(**{**arguments, **more})  # type: ignore[arg-type]


def test_a_take_over_waits_for_what_is_being_written_and_refuses_the_rest(fresh_db: Database) -> None:
    held = fresh_db.run(claim("engine-1"))
    order_id = order(fresh_db, held.session_id, "mine", quantity=10)
    written = Event()
    with ThreadPoolExecutor(1) as pool:
        with fresh_db.transaction() as tx:
            tx.run(fill(order_id, 1, token=held.token))
            taking = pool.submit(fresh_db.run, claim("engine-2", take_over=True))
            time.sleep(0.3)
            assert not taking.done()
            tx.run(fill(order_id, 2, token=held.token))
            written.set()
        taken = taking.result(timeout=30)
    assert (taken.open_positions, taken.balance) == (1, Decimal(998))
    with pytest.raises(SessionHeld, match="is held by engine-2"):
        fresh_db.run(fill(order_id, 3, token=held.token))
    assert [one.exchange_fill_id for one in fresh_db.run(orders.get_fills(order_id=order_id))] == ["1", "2"]


def test_claims_renewals_and_commands_never_deadlock(fresh_db: Database) -> None:
    """Six engines take over from each other while each writes all kinds of things: nobody waits in a circle."""
    first = fresh_db.run(claim("engine-0"))
    order_id = order(fresh_db, first.session_id, "mine", quantity=1000)
    fresh_db.run(fill(order_id, 0))
    [position] = fresh_db.run(positions.get_active_positions(session_id=first.session_id))
    began = time.monotonic()
    written: list[int] = []
    wrong: list[AtbDbError] = []

    def is_enough() -> bool:
        took = time.monotonic() - began
        return (took > 1.5 and len(written) > 10) or took > 60 or bool(wrong)

    def engine(number: int) -> int:
        while not is_enough():
            try:
                held = fresh_db.run(claim(f"engine-{number}", take_over=True))
                for step in range(20):
                    key = f"{number}-{time.monotonic_ns()}-{step}"
                    with fresh_db.transaction() as tx:
                        tx.run(
                            positions.update_position(
                                position_id=position.id, current_price=100 + step, token=held.token
                            )
                        )
                        tx.run(fill(order_id, 0, exchange_fill_id=key, quantity="0.001", token=held.token))
                    fresh_db.run(sessions.renew_hold(session_id=held.session_id, token=held.token))
                    fresh_db.run(
                        account.adjust_balance(session_id=held.session_id, delta=1, reason="x", token=held.token)
                    )
                    written.append(number)
            except SessionHeld:
                time.sleep(0.1)
            except AtbDbError as error:
                wrong.append(error)
        return number

    assert together([lambda number=number: engine(number) for number in range(6)]) == [*range(6)]  # type: ignore[misc]
    assert wrong == []
    assert len(written) > 10
    assert fresh_db.run_batch(audit.audit_session(session_id=first.session_id)).findings == []


ENGINE = """
import sys, time
from atb_db import Database
from atb_db.errors import SessionHeld
from atb_db.repository import orders, sessions

with Database.from_env() as db:
    held = db.run(sessions.resume_or_create(
        strategy_name="trend", symbol="BTCUSDT", timeframe="1h", mode="PAPER", initial_balance=1000,
        holder=sys.argv[1], lease=1, take_over=True,
    ))
    order_id = db.run(orders.create_order(
        session_id=held.session_id, order_type="ENTRY", symbol="BTCUSDT", side="LONG", quantity=10**6,
        internal_order_id=sys.argv[1], token=held.token,
    ))
    print("holds", flush=True)
    for number in range(10**6):
        try:
            db.run(orders.record_fill(
                order_id=order_id, exchange_fill_id=str(number), quantity=1, price=100, token=held.token,
            ))
        except SessionHeld as error:
            print("stopped after", number, error, flush=True)
            break
"""


def engine_process(url: str, name: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "DATABASE_URL": url, "PYTHONPATH": str(Path(__file__).parents[2])}
    return subprocess.Popen([sys.executable, "-c", ENGINE, name], env=environment, stdout=subprocess.PIPE, text=True)


def test_of_two_processes_the_one_that_lost_its_hold_writes_nothing(fresh_db: Database, fresh_url: str) -> None:
    """It writes as fast as it can, without ever renewing; from the take-over on, not one fill of it is on record."""
    processes = [engine_process(fresh_url, "engine-1")]
    try:
        assert processes[0].stdout is not None
        assert processes[0].stdout.readline() == "holds\n"
        time.sleep(0.5)
        processes.append(engine_process(fresh_url, "engine-2"))
        assert processes[1].stdout is not None
        assert processes[1].stdout.readline() == "holds\n"
        last_word = processes[0].stdout.readline()
        assert "is held by engine-2" in last_word
        counted = int(last_word.split()[2])
        assert counted > 0
        assert processes[0].wait(timeout=60) == 0
    finally:
        for process in processes:
            process.kill()
            process.communicate()
    hold = fresh_db.run(sessions.get_hold(session_id=1))
    assert hold is not None
    written = fresh_db.run(orders.get_fills(order_id=1))
    assert len(written) == counted
    # By the clock of this machine, which is the server's, too.
    assert max(one.filled_at for one in written) <= hold.acquired_at < datetime.now(UTC)
    assert fresh_db.run_batch(audit.audit_session(session_id=1)).findings == []


def test_no_order_is_journaled_after_the_kill_switch_was_set(fresh_db: Database) -> None:
    """Twenty races: eight engines journal as fast as they can while one thread sets the flag."""
    held = fresh_db.run(claim("engine-1"))
    for race in range(20):
        flag = f"halt-{race}"
        is_set = Event()
        late: list[int] = []

        def journal(number: int, flag: str = flag, is_set: Event = is_set, late: list[int] = late) -> int:
            for step in range(1000):
                was_set = is_set.is_set()
                try:
                    order_id = order(fresh_db, held.session_id, f"{flag}-{number}-{step}", unless_flag=flag)
                except Halted:
                    return step
                if was_set:
                    late.append(order_id)
            pytest.fail("the flag was never seen")

        def raise_flag(flag: str = flag, is_set: Event = is_set) -> int:
            time.sleep(0.02)
            fresh_db.run(control.set_control_flag(name=flag, reason="test", source="test"))
            is_set.set()
            return 0

        together([raise_flag, *(lambda number=number: journal(number) for number in range(4))])
        assert late == []


def opening(session_id: int, **given: object) -> Statement[int]:
    return positions.open_position.value(
        {
            "session_id": session_id,
            "symbol": "BTCUSDT",
            "side": "LONG",
            "strategy_name": "trend",
            "entry_price": 100,
            "quantity": 1,
            **given,
        }
    )


def test_no_short_form_enters_after_the_kill_switch_was_set(fresh_db: Database) -> None:
    held = fresh_db.run(claim("engine-1"))

    enters = opening(held.session_id, unless_flag="halt")
    opened = fresh_db.run(enters)
    journaled = order(fresh_db, held.session_id, "sent before")
    grows = positions.apply_scale_in(position_id=opened, quantity=1, price=100, unless_flag="halt")
    part = fresh_db.run(grows)
    fresh_db.run(control.set_control_flag(name="halt", reason="test", source="test"))
    for late in (
        opening(held.session_id, unless_flag="halt"),
        positions.apply_scale_in(position_id=opened, quantity=1, price=100, unless_flag="halt"),
    ):
        with pytest.raises(Halted):
            fresh_db.run(late)
    # What was done is done, an order that was sent before is a fact, and nobody is kept from leaving.
    assert (fresh_db.run(enters), fresh_db.run(grows)) == (opened, part)
    adopted = fresh_db.run(opening(held.session_id, order_id=journaled, unless_flag="halt"))
    assert len(fresh_db.run(positions.get_active_positions(session_id=held.session_id))) == 2
    fresh_db.run(positions.close_position(position_id=adopted, exit_price=101, exit_reason="halted"))


def test_the_kill_switch_waits_for_an_order_that_is_being_journaled(fresh_db: Database) -> None:
    held = fresh_db.run(claim("engine-1"))
    with ThreadPoolExecutor(1) as pool:
        with fresh_db.transaction() as tx:
            tx.run(
                orders.create_order(
                    session_id=held.session_id,
                    order_type="ENTRY",
                    symbol="BTCUSDT",
                    side="LONG",
                    quantity=1,
                    internal_order_id="last",
                    unless_flag="halt",
                )
            )
            setting = pool.submit(fresh_db.run, control.set_control_flag(name="halt", reason="test", source="test"))
            time.sleep(0.3)
            assert not setting.done()
            assert not fresh_db.run(control.is_flag_active(name="halt"))
        setting.result(timeout=30)
    assert fresh_db.run(control.is_flag_active(name="halt"))
    [journaled] = fresh_db.run(orders.get_pending_orders(session_id=held.session_id))
    assert journaled.internal_order_id == "last"
    with pytest.raises(Halted, match="halt is active since"):
        order(fresh_db, held.session_id, "another", unless_flag="halt")


def test_a_sessions_own_kill_switch_halts_that_session_alone(fresh_db: Database) -> None:
    held, other = fresh_db.run(claim("engine-1")), fresh_db.run(claim("engine-2", strategy_name="other"))
    own = f"halt:{held.session_id}"
    fresh_db.run(control.set_control_flag(name=own, reason="test", source="test"))
    with pytest.raises(Halted, match=f"{own} is active since"):
        order(fresh_db, held.session_id, "first", unless_flag="halt")
    order(fresh_db, held.session_id, "an exit that does not ask")
    order(fresh_db, other.session_id, "second", unless_flag="halt")
    opened = [fresh_db.run(opening(one.session_id)) for one in (held, other)]
    with pytest.raises(Halted, match=f"{own} is active since"):
        fresh_db.run(opening(held.session_id, unless_flag="halt"))
    with pytest.raises(Halted, match=f"{own} is active since"):
        fresh_db.run(positions.apply_scale_in(position_id=opened[0], quantity=1, price=100, unless_flag="halt"))
    fresh_db.run(opening(other.session_id, unless_flag="halt"))
    fresh_db.run(positions.apply_scale_in(position_id=opened[1], quantity=1, price=100, unless_flag="halt"))
    assert not fresh_db.run(control.is_flag_active(name="halt"))
    asked = [held.session_id, other.session_id]
    assert [fresh_db.run(control.is_flag_active(name="halt", session_id=one)) for one in asked] == [True, False]
    fresh_db.run(control.set_control_flag(name="halt", reason="test", source="test"))
    fresh_db.run(control.clear_control_flag(name=own, reason="test", source="test"))
    with pytest.raises(Halted, match="halt is active since"):
        order(fresh_db, held.session_id, "third", unless_flag="halt")


def test_a_flag_that_was_never_set_is_not_active(fresh_db: Database) -> None:
    assert not fresh_db.run(control.is_flag_active(name="halt"))
    fresh_db.run(control.set_control_flag(name="halt", reason="test", source="test"))
    assert fresh_db.run(control.is_flag_active(name="halt"))
    fresh_db.run(control.clear_control_flag(name="halt", reason="test", source="test"))
    assert not fresh_db.run(control.is_flag_active(name="halt"))
