"""Every command takes our id, the client id or the exchange's, and an order keeps those that it had."""

from __future__ import annotations

from decimal import Decimal

import pytest

from atb_db.errors import NotFound
from atb_db.repository import orders, positions
from atb_db.types import OrderStatus, PositionStatus
from tests.exchange.conftest import Book
from tests.exchange.test_short_forms import open_short

WAYS = ("our id", "the client id", "the exchange's id", "a former id of the exchange")


def acknowledged(book: Book, *kind: object, **more: object) -> dict[str, dict[str, object]]:
    """Journal an order and amend it once; the arguments that name it, each way."""
    order_id = book.journal(*kind, **more)  # type: ignore[arg-type]
    for exchange_id in (f"former-{order_id}", f"now-{order_id}"):
        book.run(orders.update_order_status(order_id=order_id, status="OPEN", exchange_order_id=exchange_id))
    client = book.order(order_id).internal_order_id
    named: tuple[dict[str, object], ...] = (
        {"order_id": order_id},
        {"internal_order_id": client},
        {"exchange_order_id": f"now-{order_id}"},
        {"exchange_order_id": f"former-{order_id}"},
    )
    return dict(zip(WAYS, named, strict=True))


@pytest.mark.parametrize("way", WAYS)
def test_every_command_of_orders(book: Book, way: str) -> None:
    session = {"session_id": book.session_id}
    entry = acknowledged(book)[way]
    book.run(orders.record_fill.value({**session, **entry, "exchange_fill_id": "a", "quantity": 1, "price": 100}))
    [held] = book.open()
    more = acknowledged(book, "SCALE_IN")[way]
    book.run(orders.update_order_status.value({**session, **more, "filled_quantity": "0.5", "filled_price": 100}))
    assert book.run(orders.get_order.value({**session, **more})).status is OrderStatus.PARTIALLY_FILLED
    linked = orders.link_order_to_position.value({**session, **more, "position_id": held.id})
    assert book.run(linked) == book.run(linked)
    assert book.position(held.id).current_quantity == Decimal("1.5")
    with pytest.raises(NotFound):
        book.run(orders.link_order_to_position(session_id=book.session_id, internal_order_id="no", position_id=held.id))
    assert book.balances()


@pytest.mark.parametrize("way", WAYS)
def test_every_short_form_adopts(book: Book, way: str) -> None:
    def by(named: dict[str, object], exchange: str) -> dict[str, object]:
        return {exchange if name == "exchange_order_id" else name: value for name, value in named.items()}

    entry = acknowledged(book, "ENTRY", 2)[way]
    opened = open_short(book, quantity=2, **by(entry, "entry_order_id"))
    grown, part, rest = (
        acknowledged(book, kind, 1, position_id=opened)[way] for kind in ("SCALE_IN", "PARTIAL_EXIT", "FULL_EXIT")
    )
    scale_in = positions.apply_scale_in.value({"position_id": opened, "price": 100, **by(grown, "exchange_order_id")})
    leave = positions.apply_partial_exit.value({"position_id": opened, "price": 110, **by(part, "exchange_order_id")})
    close = positions.close_position.value(
        {"position_id": opened, "exit_price": 110, "exit_reason": "x", **by(rest, "exit_order_id")}
    )
    for act in (scale_in, leave):
        assert book.run(act) == book.run(act)
    exit_of_one = book.run(orders.get_order.value({"session_id": book.session_id, **rest}))
    assert exit_of_one.quantity == 1
    book.run(orders.update_order_status(order_id=exit_of_one.id, quantity=2))
    assert book.run(close) == book.run(close)
    closed = book.position(opened)
    assert (closed.status, len(closed.orders), closed.realized_pnl) == (PositionStatus.CLOSED, 4, Decimal(30))
    assert book.balances()


def test_an_amended_order_and_a_replaced_stop_keep_the_chain(book: Book) -> None:
    entry = book.journal(quantity=2)
    for number, (quantity, price) in enumerate((("3", 99), ("1.5", 98))):
        book.run(
            orders.update_order_status(
                order_id=entry,
                status="OPEN",
                exchange_order_id=f"{entry}-{number}",
                quantity=quantity,
                price=price,
            )
        )
    assert (book.order(entry).quantity, book.order(entry).price) == (Decimal("1.5"), Decimal(98))
    book.fill(entry, "a", "1.5", 98)
    held = book.position_of(entry)
    stop = book.journal("STOP_LOSS", "1.5", position_id=held)
    book.run(orders.update_order_status(order_id=stop, status="CANCELLED"))
    higher = book.run(
        orders.create_order(
            session_id=book.session_id,
            order_type="STOP_LOSS",
            symbol="BTCUSDT",
            side="LONG",
            quantity="1.5",
            internal_order_id=f"higher-{stop}",
            position_id=held,
            replaced_order_id=stop,
        )
    )
    assert book.order(higher).replaced_order_id == stop
    # The one that was cancelled was filled in part all the same.
    book.fill(stop, "late", "0.5", 95)
    book.fill(higher, "b", 1, 97)
    closed = book.position(held)
    assert (closed.status, closed.realized_pnl) == (PositionStatus.CLOSED, Decimal("-2.5"))
    assert [one.replaced_order_id for one in closed.orders] == [None, None, stop]
    assert book.balances()


def test_two_matches_of_one_id_are_two(book: Book) -> None:
    """A trade with oneself has one id, on both orders, in one symbol."""
    buying, selling = book.journal(), book.journal(side="SHORT")
    fills = [book.fill(order, "self", 1, 100) for order in (buying, selling)]
    assert fills[0] != fills[1]
    assert [held.side.value for held in book.open()] == ["LONG", "SHORT"]
    # Three messages of one of them, the last with another time.
    assert [book.fill(buying, "self", 1, 100) for _ in range(3)] == [fills[0]] * 3
    assert len(book.run(orders.get_fills(order_id=buying))) == 1
    assert book.balances()


def test_a_market_order_by_amount_has_the_quantity_that_the_exchange_says(book: Book) -> None:
    entry = book.run(
        orders.create_order(
            session_id=book.session_id,
            order_type="ENTRY",
            symbol="BTCUSDT",
            side="LONG",
            quantity="0.0025",
            quote_quantity=100,
            internal_order_id=f"by-amount-{book.session_id}",
        )
    )
    book.fill(entry, "a", "0.0025", 39_000)
    assert (book.order(entry).status, book.order(entry).is_overfilled) == (OrderStatus.PARTIALLY_FILLED, False)
    book.fill(entry, "b", "0.000064", 39_000)
    book.run(orders.update_order_status(order_id=entry, status="FILLED"))
    order = book.order(entry)
    assert (order.status, order.is_overfilled, order.filled_quantity) == (
        OrderStatus.FILLED,
        False,
        Decimal("0.002564"),
    )
    assert [held.current_quantity for held in book.open()] == [Decimal("0.002564")]
    assert book.warnings() == []
    assert book.balances()
