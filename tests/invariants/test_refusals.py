"""What contradicts the books is refused by the name of the field at fault, and changes nothing."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from atb_db import Database
from atb_db.errors import AtbDbError, Conflict, InvalidInput, NotFound, SessionClosed
from atb_db.repository import account, events, orders, positions, sessions, trades
from atb_db.statement import Statement
from atb_db.types import OrderStatusLabel
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


def test_more_than_was_ordered_cannot_be_filled(refused: Refused, world: World) -> None:
    def fill(status: OrderStatusLabel, quantity: object, price: object = 99) -> Statement[int]:
        return orders.update_order_status(
            order_id=world.order_id, status=status, filled_quantity=str(quantity), filled_price=str(price)
        )

    refused(fill("FILLED", "2.01"), InvalidInput, "filled_quantity", "exceeds the order's quantity")
    refused(fill("CANCELLED", "2.01"), InvalidInput, "filled_quantity", "exceeds the order's quantity")
    refused(fill("FILLED", "1.99"), InvalidInput, "filled_quantity", "must be the order's whole quantity")
    refused(fill("PARTIALLY_FILLED", 2), InvalidInput, "filled_quantity", "below the order's quantity")
    refused(fill("PARTIALLY_FILLED", 0), InvalidInput, "filled_quantity", "must be above zero")


def test_a_fill_needs_its_price(fresh_world_db: Database, world: World) -> None:
    market = orders.create_order(
        session_id=world.session_id, order_type="ENTRY", symbol="X", side="LONG", quantity=1, internal_order_id="market"
    )
    order_id = fresh_world_db.run(market)
    with pytest.raises(InvalidInput, match="is needed for a fill") as caught:
        fresh_world_db.run(orders.update_order_status(order_id=order_id, status="FILLED"))
    assert caught.value.field == "filled_price"
    fresh_world_db.run(orders.update_order_status(order_id=order_id, status="FILLED", filled_price=3))


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
    refused(order(world.session_id, "pending"), Conflict, "exchange_order_id", "an order with this id exists")
    own = {**order(world.session_id, "pending").args, "exchange_order_id": None}
    refused(
        orders.create_order(**own),  # type: ignore[arg-type]
        Conflict,
        "internal_order_id",
        "an order with this id exists",
    )
    refused(opening(world.session_id), Conflict, "exchange_order_id", "an order with this id exists")


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


@pytest.mark.parametrize("status", ["FILLED", "CANCELLED"])
def test_a_final_order_changes_no_more(
    world_db: Database, refused: Refused, world: World, status: OrderStatusLabel
) -> None:
    order_id = world_db.run(order(world.session_id, f"final-{status}"))
    world_db.run(orders.update_order_status(order_id=order_id, status=status, timestamp=at(4)))
    world_db.run(orders.update_order_status(order_id=order_id, status=status, timestamp=at(5)))
    refused(
        orders.update_order_status(order_id=order_id, status=status, commission=77),
        Conflict,
        "status",
        "which is final",
    )
