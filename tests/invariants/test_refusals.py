"""What contradicts the books is refused by the name of the field at fault, and changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from atb_db import Database
from atb_db.errors import AtbDbError, Conflict, Halted, InvalidInput, NotFound, SessionClosed
from atb_db.repository import account, audit, events, orders, positions, sessions, trades
from atb_db.statement import Statement
from atb_db.types import OrderStatus
from tests.statements.books import contents
from tests.statements.examples import START, World, at, opening, order, trade

Refused = Callable[[Statement[object], type[AtbDbError], str | None, str], None]


@pytest.fixture
def refused(world_db: Database, world_url: str) -> Refused:
    def check(statement: Statement[object], error: type[AtbDbError], field: str | None, message: str) -> None:
        before = contents(world_url)
        with pytest.raises(error, match=message) as caught:
            world_db.run(statement)
        assert type(caught.value) is error
        assert (caught.value.statement, caught.value.field) == (statement.name, field)
        assert contents(world_url) == before

    return check


def test_more_than_is_left_cannot_be_exited(refused: Refused, world: World) -> None:
    refused(
        positions.apply_partial_exit(position_id=world.other_position_id, size="1.001", price=100),
        InvalidInput,
        "size",
        f"position {world.other_position_id} has 1 of its original size left: 1.001 of it cannot be exited",
    )
    # A quarter was exited and a half added.
    refused(
        positions.apply_partial_exit(position_id=world.position_id, size="1.2500001", price=100),
        InvalidInput,
        "size",
        "has 1.25 of its original size left",
    )


def test_a_refused_value_is_shown(refused: Refused, world: World) -> None:
    wanted = order(world.session_id, "refused-value").args
    for field, value, message in (
        ("quantity", Decimal("-0.5"), "must be a quantity above zero, and finite, not -0.5 "),
        ("quantity", Decimal("1e40"), r"and finite, not 1e\+40 "),
        ("symbol", "x" * 300, f"without blanks at either end, not '{'x' * 78}\N{HORIZONTAL ELLIPSIS} "),
    ):
        refused(orders.create_order(**{**wanted, field: value}), InvalidInput, field, message)  # type: ignore[arg-type]
    refused(
        orders.record_fill(order_id=world.order_id, exchange_fill_id="no-currency", quantity=1, price=5, fee=1),
        InvalidInput,
        "fee",
        "is given together with fee_currency, or neither ",
    )


def test_more_than_can_be_added_at_once_is_a_fraction_meant_as_percent(refused: Refused, world: World) -> None:
    refused(
        positions.apply_scale_in(position_id=world.position_id, size=50, price=100),
        InvalidInput,
        "size",
        "size is a fraction",
    )
    many = {**opening(world.session_id, "ADAUSDT").args, "size": 50}
    refused(positions.open_position(**many), InvalidInput, "size", "size is a fraction")  # type: ignore[arg-type]


def test_a_quantity_and_a_size_are_one_too_many(refused: Refused, world: World) -> None:
    for move in (positions.apply_partial_exit, positions.apply_scale_in):
        refused(move(position_id=world.position_id, size=1, quantity=1, price=1), InvalidInput, "size", "give size or")
    refused(positions.apply_scale_in(position_id=world.position_id, price=1), InvalidInput, "size", "give size or")


def test_a_negative_price_is_of_instruments_that_allow_it(refused: Refused, world: World) -> None:
    """0 is none that has to be allowed: an option expires worthless."""
    held, negative = world.position_id, "-0.5"
    own = {**order(world.session_id, "negative").args, "price": negative}
    for statement, field in (
        (positions.open_position(**{**opening(world.session_id, "X").args, "entry_price": negative}), "entry_price"),  # type: ignore[arg-type]
        (positions.open_position(**{**opening(world.session_id, "X").args, "stop_loss": negative}), "stop_loss"),  # type: ignore[arg-type]
        (positions.apply_partial_exit(position_id=held, size="0.1", price=negative), "price"),
        (positions.apply_scale_in(position_id=held, size="0.1", price=negative), "price"),
        (positions.close_position(position_id=held, exit_price=negative, exit_reason="x"), "price"),
        (orders.create_order(**own), "price"),  # type: ignore[arg-type]
        (orders.record_fill(order_id=world.order_id, exchange_fill_id="n", quantity=1, price=negative), "price"),
        (
            orders.update_order_status(order_id=world.order_id, filled_quantity=1, filled_price=negative),
            "filled_price",
        ),
    ):
        refused(statement, InvalidInput, field, "price")


def test_an_inverse_contract_has_a_price(refused: Refused, world: World) -> None:
    own = {**opening(world.session_id, "X").args, "contract": "INVERSE", "entry_price": 0}
    refused(positions.open_position(**own), InvalidInput, "entry_price", "no value at a price of 0")  # type: ignore[arg-type]


def test_an_exchange_s_time_of_0_was_never_set(refused: Refused, world: World) -> None:
    fill = orders.record_fill(
        order_id=world.order_id, exchange_fill_id="0", quantity=1, price=1, filled_at=datetime(1970, 1, 1, tzinfo=UTC)
    )
    refused(fill, InvalidInput, "filled_at", "lies before 2009")


def test_what_another_currency_earned_needs_its_rate(
    fresh_world_db: Database, fresh_world_url: str, world: World
) -> None:
    foreign = {**opening(world.session_id, "ETHBTC").args, "settlement_currency": "BTC"}
    position_id = fresh_world_db.run(positions.open_position(**foreign))  # type: ignore[arg-type]
    close = positions.close_position(position_id=position_id, exit_price=110, exit_reason="target")
    before = contents(fresh_world_url)
    with pytest.raises(InvalidInput, match="settles in BTC and the session's books are in USDT") as caught:
        fresh_world_db.run(close)
    assert caught.value.field == "settlement_rate"
    assert contents(fresh_world_url) == before
    rated = close.declaration.value({**close.args, "settlement_rate": 50000})
    fresh_world_db.run(rated)
    assert fresh_world_db.run(positions.get_position(position_id=position_id)).realized_pnl == 20 * 50000


@pytest.mark.parametrize("status", [OrderStatus.FILLED, OrderStatus.CANCELLED, OrderStatus.PARTIALLY_FILLED, None])
def test_more_than_was_ordered_is_recorded_and_flagged(
    fresh_world_db: Database, world: World, status: OrderStatus | None
) -> None:
    report = orders.update_order_status(order_id=world.order_id, status=status, filled_quantity="2.01", filled_price=99)
    fresh_world_db.run(report)
    found = fresh_world_db.run(orders.get_order(order_id=world.order_id))
    assert (str(found.filled_quantity), found.is_overfilled) == ("2.01", True)
    assert found.status == ("CANCELLED" if status == "CANCELLED" else "FILLED")
    assert found.position_id is not None
    held = fresh_world_db.run(positions.get_position(position_id=found.position_id))
    assert held.current_quantity == found.filled_quantity
    assert fresh_world_db.run_batch(audit.audit_session(session_id=world.session_id)).findings == []


def test_what_the_exchange_filled_with_less_is_filled(fresh_world_db: Database, world: World) -> None:
    fresh_world_db.run(
        orders.update_order_status(order_id=world.order_id, status="FILLED", filled_quantity="1.99", filled_price=99)
    )
    found = fresh_world_db.run(orders.get_order(order_id=world.order_id))
    assert (found.status, str(found.filled_quantity), found.is_overfilled) == ("FILLED", "1.99", False)


def test_a_fill_without_a_price_is_booked_when_there_is_one(fresh_world_db: Database, world: World) -> None:
    market = orders.create_order(
        session_id=world.session_id, order_type="ENTRY", symbol="X", side="LONG", quantity=1, internal_order_id="market"
    )
    order_id = fresh_world_db.run(market)
    fresh_world_db.run(orders.update_order_status(order_id=order_id, status="FILLED"))
    unbooked = orders.get_unbooked_orders(session_id=world.session_id)
    assert [(one.order_id, one.booked_quantity) for one in fresh_world_db.run(unbooked)] == [(order_id, Decimal(0))]
    fresh_world_db.run(orders.update_order_status(order_id=order_id, status="FILLED", filled_price=3))
    assert fresh_world_db.run(unbooked) == []
    found = fresh_world_db.run(orders.get_order(order_id=order_id))
    assert found.position_id is not None
    held = fresh_world_db.run(positions.get_position(position_id=found.position_id))
    assert (held.current_quantity, held.entry_price) == (Decimal(1), Decimal(3))


def test_a_closed_position_cannot_change(refused: Refused, world: World) -> None:
    closed = world.closed_position_id
    for statement in (
        positions.close_position(position_id=closed, exit_price=1, exit_reason="again"),
        positions.apply_partial_exit(position_id=closed, size="0.1", price=1),
        positions.apply_scale_in(position_id=closed, size="0.1", price=1),
        positions.update_position(position_id=closed, stop_loss=1),
    ):
        refused(statement, Conflict, "position_id", f"position {closed} is already closed")


def test_ids_of_orders_are_taken_once(refused: Refused, world: World) -> None:
    """The refusal names the order that has it."""
    pending = order(world.session_id, "pending")
    taken = f"order {world.order_id} of session {world.session_id} has the id"
    refused(pending, Conflict, "internal_order_id", f"{taken} pending")
    other = {**pending.args, "internal_order_id": "another"}
    refused(orders.create_order(**other), Conflict, "exchange_order_id", f"{taken} exchange-pending")  # type: ignore[arg-type]


def test_an_open_position_s_order_opens_no_other(refused: Refused, world: World) -> None:
    """The same entry order again is the same position, or a contradiction."""
    again = {**opening(world.session_id).args, "entry_price": 101}
    refused(positions.open_position(**again), Conflict, "order_id", "was filled with 2 @ 100")  # type: ignore[arg-type]


def test_a_position_of_another_session(refused: Refused, world: World) -> None:
    refused(
        order(world.other_session_id, "foreign", world.position_id),
        NotFound,
        "position_id",
        "the position does not exist in this session",
    )


@pytest.fixture
def ended(fresh_world_db: Database, world: World) -> Database:
    fresh_world_db.run(sessions.end_trading_session(session_id=world.session_id, end_time=at(99)))
    return fresh_world_db


def test_an_ended_session_takes_no_more_entries(ended: Database, fresh_world_url: str, world: World) -> None:
    before = contents(fresh_world_url)
    for statement in (
        opening(world.session_id, "ADAUSDT"),
        order(world.session_id, "late"),
        trade(world.session_id, exit_time=at(9), pnl=1),
        account.adjust_balance(session_id=world.session_id, delta=1, reason="late"),
        account.set_balance(session_id=world.session_id, balance=1, reason="late"),
        positions.apply_partial_exit(position_id=world.position_id, size="0.1", price=1),
        positions.apply_scale_in(position_id=world.position_id, size="0.1", price=1),
        positions.close_position(position_id=world.position_id, exit_price=1, exit_reason="late"),
    ):
        with pytest.raises(SessionClosed, match=f"session {world.session_id} is closed since") as caught:
            ended.run(statement)
        assert (caught.value.statement, caught.value.field) == (statement.name, "session_id")
    assert contents(fresh_world_url) == before


def test_what_was_written_before_the_end_is_still_known_after_it(
    fresh_world_db: Database, fresh_world_url: str, world: World
) -> None:
    written: list[Statement[object]] = [
        opening(world.session_id, "ADAUSDT"),
        order(world.session_id, "early"),
        trade(world.session_id, exit_time=at(9), pnl=1),
        account.adjust_balance(session_id=world.session_id, delta=1, reason="early"),
        account.set_balance(session_id=world.session_id, balance=1, reason="early"),
        positions.apply_partial_exit(position_id=world.position_id, size="0.1", price=1),
        positions.apply_scale_in(position_id=world.position_id, size="0.1", price=1),
        positions.close_position(position_id=world.position_id, exit_price=1, exit_reason="early"),
        events.log_event(session_id=world.session_id, event_type="TEST", message="early"),
    ]
    results = [fresh_world_db.run(statement) for statement in written]
    fresh_world_db.run(sessions.end_trading_session(session_id=world.session_id))
    before = contents(fresh_world_url)
    assert [fresh_world_db.run(statement) for statement in written] == results
    assert contents(fresh_world_url) == before


def test_ending_twice_changes_nothing(fresh_world_db: Database, fresh_world_url: str, world: World) -> None:
    fresh_world_db.run(sessions.end_trading_session(session_id=world.session_id, end_time=at(50)))
    before = contents(fresh_world_url)
    fresh_world_db.run(sessions.end_trading_session(session_id=world.session_id, end_time=at(60)))
    assert contents(fresh_world_url) == before


def test_sql_is_stored_as_text(fresh_world_db: Database, world: World) -> None:
    for text in ("'; DROP TABLE trades; --", "$1", ":session_id", "%s %(x)s", "\\'; SELECT 1", "{a,b}", "\\N"):
        fresh_world_db.run(events.log_event(session_id=world.session_id, event_type="TEST", message=text))
        fresh_world_db.copy_in(
            [
                events.copy_events(
                    session_id=world.session_id, event_type="TEST", message=text, timestamp=at(1000), component=text
                )
            ]
        )
        newest, *_ = fresh_world_db.run(events.get_recent_events(session_id=world.session_id, limit=1))
        assert newest.message == text
        if newest.component is not None:
            assert newest.component == text


def test_a_field_can_be_set_back_to_null_and_only_given_fields_change(fresh_world_db: Database, world: World) -> None:
    position_id = world.position_id
    before = fresh_world_db.run(positions.get_position(position_id=position_id))
    assert before.stop_loss == 90
    fresh_world_db.run(positions.update_position(position_id=position_id, stop_loss=None, mfe="0.5", last_update=at(9)))
    after = fresh_world_db.run(positions.get_position(position_id=position_id))
    assert after == before._replace(stop_loss=None, mfe=after.mfe, last_update=at(9))
    assert str(after.mfe) == "0.5"


def test_reads_keep_to_their_session(world_db: Database, world: World) -> None:
    other = world.other_session_id
    assert [found.session_id for found in world_db.run(trades.get_recent_trades(session_id=other))] == [other]
    assert world_db.run(positions.get_active_positions(session_id=other)) == []
    assert world_db.run(orders.get_pending_orders(session_id=other)) == []
    assert len(world_db.run(trades.get_trades_since(session_id=world.session_id, since=START))) == 5


@pytest.mark.parametrize("status", [OrderStatus.FILLED, OrderStatus.CANCELLED, OrderStatus.FAILED, OrderStatus.EXPIRED])
@pytest.mark.parametrize("later", [*list(OrderStatus)[1:], None], ids=str)
def test_a_final_order_stays_final_and_takes_what_comes_late(
    fresh_world_db: Database, world: World, status: OrderStatus, later: OrderStatus | None
) -> None:
    order_id = fresh_world_db.run(order(world.session_id, "final"))
    fresh_world_db.run(
        orders.update_order_status(
            order_id=order_id, status=status, filled_quantity=1, filled_price=99, timestamp=at(4)
        )
    )
    before = fresh_world_db.run(account.get_current_balance(session_id=world.session_id))
    late = orders.update_order_status(
        order_id=order_id, status=later, filled_quantity="1.5", filled_price=99, commission=7, timestamp=at(5)
    )
    fresh_world_db.run(late)
    fresh_world_db.run(late)
    found = fresh_world_db.run(orders.get_order(order_id=order_id))
    assert (found.status, str(found.filled_quantity), found.commission) == (status, "1.5", Decimal(7))
    assert fresh_world_db.run(account.get_current_balance(session_id=world.session_id)) == before - 7
    warnings = fresh_world_db.run(events.get_recent_events(session_id=world.session_id, limit=5))
    assert [one.message for one in warnings if one.severity == "WARNING" and f"Order {order_id} " in one.message] == [
        f"Order {order_id} was filled with 0.5 after it was {status}"
    ]
    assert fresh_world_db.run_batch(audit.audit_session(session_id=world.session_id)).findings == []


def test_a_flag_halts_orders_before_they_are_sent(refused: Refused, world: World) -> None:
    own = {**order(world.session_id, "halted").args, "unless_flag": "kill_switch"}
    refused(orders.create_order(**own), Halted, "unless_flag", "kill_switch is active since .*, set by operator: test")  # type: ignore[arg-type]
