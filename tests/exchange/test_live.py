"""Journaled orders become the position's orders, whatever the exchange reports and in which order."""

from __future__ import annotations

from decimal import Decimal

import pytest

from atb_db.errors import Conflict, InvalidInput, NotFound
from atb_db.repository import orders, positions
from atb_db.types import OrderStatus, PositionStatus
from tests.exchange.conftest import Book


def test_one_purchase_is_one_order_with_one_set_of_fills(book: Book) -> None:
    entry = book.journal(stop_loss=90)
    [plan] = book.run(positions.get_planned_positions(session_id=book.session_id))
    assert (plan.id, plan.planned_quantity, plan.stop_loss) == (book.position_of(entry), Decimal(1), Decimal(90))
    assert book.open() == []
    with pytest.raises(NotFound, match="is planned"):
        book.position(plan.id)
    book.run(orders.update_order_status(order_id=entry, status="OPEN", exchange_order_id=f"ex-{entry}"))
    book.fill(entry, "a", "0.4", 100, "0.04")
    [held] = book.open()
    assert (held.id, held.current_quantity, held.cost_basis, held.stop_loss) == (
        plan.id,
        Decimal("0.4"),
        Decimal(40),
        Decimal(90),
    )
    book.fill(entry, "b", "0.6", 101, "0.06")
    leaving = book.journal("FULL_EXIT", position_id=plan.id, reason="target")
    book.fill(leaving, "c", "0.5", 110, "0.05")
    book.fill(leaving, "d", "0.5", 120, "0.05")
    closed = book.position(plan.id)
    assert (closed.status, closed.current_quantity, closed.cost_basis) == (
        PositionStatus.CLOSED,
        Decimal(0),
        Decimal(0),
    )
    assert (closed.realized_pnl, closed.commission, closed.exit_reason) == (Decimal("14.4"), Decimal("0.2"), "target")
    [trade] = book.trades()
    assert (trade.pnl, trade.commission, trade.quantity, trade.exit_price) == (
        Decimal("14.4"),
        Decimal("0.2"),
        Decimal(1),
        Decimal(115),
    )
    assert book.balance() == Decimal("1014.2")
    assert [one.id for one in closed.orders] == [entry, leaving]
    assert book.balances()


def test_the_acknowledgement_may_come_after_the_first_fill(book: Book) -> None:
    entry = book.journal()
    book.fill(entry, "a", "0.4", 100)
    book.run(orders.update_order_status(order_id=entry, status="OPEN", exchange_order_id=f"late-{entry}"))
    assert (book.order(entry).status, book.order(entry).exchange_order_id) == (
        OrderStatus.PARTIALLY_FILLED,
        f"late-{entry}",
    )
    assert book.balances()


def test_complete_may_come_before_the_single_fills(book: Book) -> None:
    entry = book.journal(quantity=3)
    book.run(
        orders.update_order_status(
            order_id=entry, status="FILLED", filled_quantity=3, filled_price="100.33", commission="0.3"
        )
    )
    [held] = book.open()
    assert (held.cost_basis, held.commission) == (Decimal("300.99"), Decimal("0.3"))
    for number, price in enumerate((100, 100, 101)):
        book.fill(entry, str(number), 1, price, "0.1")
    [held] = book.open()
    assert (held.current_quantity, held.cost_basis, held.commission) == (Decimal(3), Decimal(301), Decimal("0.3"))
    assert book.balances()


@pytest.mark.parametrize("end", ["CANCELLED", "EXPIRED", "FAILED", "FILLED"])
def test_a_fill_after_the_end_is_booked_and_visible(book: Book, end: str) -> None:
    entry = book.journal()
    if end == "FILLED":
        book.fill(entry, "first", 1, 100)
    else:
        book.run(orders.update_order_status(order_id=entry, status=OrderStatus(end)))
    book.fill(entry, "late", "0.5", 100)
    assert book.order(entry).status is OrderStatus(end)
    [held] = book.open()
    assert held.current_quantity == (Decimal("1.5") if end == "FILLED" else Decimal("0.5"))
    assert book.warnings() == [f"Order {entry} was filled with 0.5 after it was {end}"]
    assert book.balances()


@pytest.mark.parametrize("end", ["EXPIRED", "FAILED"])
def test_an_order_given_up_here_that_the_exchange_has_is_visible(book: Book, end: str) -> None:
    entry = book.journal()
    book.run(orders.update_order_status(order_id=entry, status=OrderStatus(end)))
    for _ in range(2):
        book.run(orders.update_order_status(order_id=entry, status="OPEN", exchange_order_id="x-1"))
    assert (book.order(entry).status, book.order(entry).exchange_order_id) == (OrderStatus(end), "x-1")
    assert book.warnings() == [f"Order {entry} is {end} here, and the exchange has it: OPEN"]
    cancelled = book.journal()
    book.run(orders.update_order_status(order_id=cancelled, status="OPEN", exchange_order_id="x-2"))
    book.run(orders.update_order_status(order_id=cancelled, status="CANCELLED"))
    book.run(orders.update_order_status(order_id=cancelled, status="OPEN", exchange_order_id="x-2"))
    assert len(book.warnings()) == 1


def test_a_price_of_zero_is_booked_and_visible(book: Book) -> None:
    entry = book.journal(quantity=2)
    book.fill(entry, "a", 1, 0)
    assert book.warnings() == [f"Order {entry} was filled with 1 at a price of 0"]
    book.fill(entry, "b", 1, 100)
    [held] = book.open()
    book.run(positions.close_position(position_id=held.id, exit_price=0, exit_reason="worthless"))
    assert sum(one.endswith("with 2 at a price of 0") for one in book.warnings()) == 1
    assert book.balances()


def test_an_order_that_ended_without_a_fill_plans_nothing(book: Book) -> None:
    entry = book.journal()
    book.run(orders.update_order_status(order_id=entry, status="CANCELLED"))
    assert book.run(positions.get_planned_positions(session_id=book.session_id)) == []
    book.fill(entry, "late", 1, 100)
    assert [held.id for held in book.open()] == [book.position_of(entry)]
    assert book.balances()


def test_more_or_less_than_was_ordered_is_kept_and_flagged(book: Book) -> None:
    over = book.journal(quantity=5)
    book.fill(over, "a", "5.012345", 100)
    assert (book.order(over).is_overfilled, book.order(over).status) == (True, OrderStatus.FILLED)
    assert book.warnings() == [f"Order {over} of 5 was filled with 5.012345"]
    under = book.journal(quantity="0.000116967819813412", symbol="ETHUSDT")
    book.run(orders.update_order_status(order_id=under, status="FILLED", filled_quantity="0.00011", filled_price=100))
    assert (book.order(under).status, book.order(under).filled_quantity) == (OrderStatus.FILLED, Decimal("0.00011"))
    assert {held.current_quantity for held in book.open()} == {Decimal("5.012345"), Decimal("0.00011")}
    assert book.balances()


def test_a_state_does_not_go_back(book: Book) -> None:
    entry = book.journal()
    book.fill(entry, "a", 1, 100)
    book.run(orders.update_order_status(order_id=entry, status="CANCELLED", failure_reason="too late"))
    assert book.order(entry).status is OrderStatus.FILLED


def test_the_same_fill_counts_once_and_other_figures_are_named(book: Book) -> None:
    entry = book.journal()
    first = book.fill(entry, "a", "0.5", 100, "0.1")
    assert book.fill(entry, "a", "0.5", 100, "0.1") == first
    with pytest.raises(Conflict, match=r"0\.5 @ 100, fee 0\.1, and now 0\.5 @ 101, fee 0\.1"):
        book.fill(entry, "a", "0.5", 101, "0.1")
    other = book.journal(symbol="ETHUSDT")
    assert book.fill(other, "a", "0.5", 7, "0.1") != first
    assert book.balances()


def test_orders_are_found_by_any_id(book: Book) -> None:
    entry = book.journal()
    client = book.order(entry).internal_order_id
    book.run(
        orders.update_order_status(
            session_id=book.session_id, internal_order_id=client, status="OPEN", exchange_order_id=f"any-{entry}"
        )
    )
    for ids in ({"internal_order_id": client}, {"exchange_order_id": f"any-{entry}"}):
        assert book.run(orders.get_order(session_id=book.session_id, **ids)).id == entry
    book.run(orders.update_order_status(order_id=entry, exchange_order_id=f"amended-{entry}", quantity=2, price=99))
    assert (book.order(entry).quantity, book.order(entry).price) == (Decimal(2), Decimal(99))
    book.run(
        orders.record_fill(
            session_id=book.session_id,
            exchange_order_id=f"any-{entry}",
            exchange_fill_id="a",
            quantity=1,
            price=100,
        )
    )
    assert book.order(entry).filled_quantity == 1
    with pytest.raises(NotFound, match="has no order nobody"):
        book.run(orders.get_order(session_id=book.session_id, internal_order_id="nobody"))
    with pytest.raises(Conflict, match=f"order {entry} of session {book.session_id} has the id {client}"):
        book.run(
            orders.create_order(
                session_id=book.session_id,
                order_type="ENTRY",
                symbol="BTCUSDT",
                side="LONG",
                quantity=1,
                internal_order_id=str(client),
            )
        )


def test_an_acknowledgement_with_a_taken_id_names_the_order_that_has_it(book: Book) -> None:
    first, second = book.journal(), book.journal()
    taken = f"taken-{first}"
    book.run(orders.update_order_status(order_id=first, exchange_order_id=taken))
    with pytest.raises(Conflict, match=f"order {first} of session {book.session_id} has the id {taken}"):
        book.run(orders.update_order_status(order_id=second, exchange_order_id=taken))


def test_an_unknown_order_can_wait_for_a_person(book: Book) -> None:
    entry = book.journal()
    book.run(orders.update_order_status(order_id=entry, status="UNKNOWN", needs_review=True))
    assert book.run(orders.get_pending_orders(session_id=book.session_id)) == []
    assert book.order(entry).needs_review
    # The next poll says the same: a person still has to look at it.
    book.run(orders.update_order_status(order_id=entry, status="UNKNOWN"))
    assert book.order(entry).needs_review
    book.run(orders.update_order_status(order_id=entry, status="UNKNOWN", needs_review=False))
    assert not book.order(entry).needs_review
    book.run(orders.update_order_status(order_id=entry, needs_review=True))
    book.fill(entry, "a", 1, 100)
    assert (book.order(entry).status, book.order(entry).needs_review) == (OrderStatus.FILLED, False)


def test_a_late_entry_fill_after_the_close_continues_the_position(book: Book) -> None:
    entry = book.journal(quantity=2, stop_loss=90)
    book.fill(entry, "a", 1, 100)
    first = book.position_of(entry)
    leaving = book.journal("FULL_EXIT", position_id=first)
    book.fill(leaving, "b", 1, 110)
    book.fill(entry, "late", 1, 101)
    [continued] = book.open()
    assert (continued.continues_position_id, continued.current_quantity, continued.stop_loss) == (
        first,
        Decimal(1),
        Decimal(90),
    )
    assert book.position(first).status is PositionStatus.CLOSED
    assert book.balances()


def test_an_exit_before_its_entry_waits_for_it(book: Book) -> None:
    entry = book.journal()
    position_id = book.position_of(entry)
    leaving = book.journal("FULL_EXIT", position_id=position_id)
    book.fill(leaving, "b", 1, 110, "0.1")
    [unbooked] = book.run(orders.get_unbooked_orders(session_id=book.session_id))
    assert (unbooked.order_id, unbooked.filled_quantity, unbooked.booked_quantity) == (leaving, Decimal(1), Decimal(0))
    book.fill(entry, "a", 1, 100)
    assert book.run(orders.get_unbooked_orders(session_id=book.session_id)) == []
    assert [trade.pnl for trade in book.trades()] == [10]
    assert book.balance() == Decimal("1009.9")
    assert book.balances()


def test_what_is_filled_and_in_no_position_is_listed_until_it_is_linked(book: Book) -> None:
    entry = book.journal()
    book.fill(entry, "a", 1, 100)
    adding = book.run(
        orders.create_order(
            session_id=book.session_id,
            order_type="SCALE_IN",
            symbol="BTCUSDT",
            side="LONG",
            quantity=1,
            internal_order_id=f"adding-{entry}",
        )
    )
    book.fill(adding, "a", 1, 110, "0.1")
    assert [one.order_id for one in book.run(orders.get_unbooked_orders(session_id=book.session_id))] == [adding]
    book.run(orders.link_order_to_position(order_id=adding, position_id=book.position_of(entry)))
    [held] = book.open()
    assert (held.current_quantity, held.entry_price, held.scale_ins_taken) == (Decimal(2), Decimal(105), 1)
    assert book.balance() == Decimal("999.9")
    assert book.balances()


def test_a_bad_plan_is_refused_before_anything_is_sent(book: Book) -> None:
    with pytest.raises(InvalidInput) as caught:
        book.journal(stop_loss=-1)
    assert caught.value.field == "stop_loss"
    assert book.run(orders.get_pending_orders(session_id=book.session_id)) == []
