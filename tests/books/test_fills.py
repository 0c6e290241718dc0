"""Fills one by one: each counts once, and their average is exact."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atb_db import Database
from atb_db.errors import AtbDbError, Conflict, NotFound
from atb_db.repository import audit, orders, positions, sessions
from atb_db.repository.orders import Order
from atb_db.statement import Statement
from atb_db.types import OrderStatus, OrderStatusLabel
from tests.invariants.running import run_together

START = datetime(2024, 3, 1, tzinfo=UTC)
_names = count(1)


def order(db: Database, session_id: int, quantity: object = 2, status: OrderStatusLabel = "OPEN") -> int:
    return db.run(
        orders.create_order(
            session_id=session_id,
            order_type="ENTRY",
            symbol="BTCUSDT",
            side="LONG",
            quantity=Decimal(str(quantity)),
            internal_order_id=f"fills-{next(_names)}",
            status=status,
        )
    )


def fill(order_id: int, number: int, quantity: object, price: object, commission: object = "0.1") -> Statement[int]:
    return orders.record_fill(
        order_id=order_id,
        exchange_fill_id=str(number),
        quantity=Decimal(str(quantity)),
        price=Decimal(str(price)),
        commission=Decimal(str(commission)),
        filled_at=START + timedelta(minutes=number),
    )


def read(db: Database, session_id: int, order_id: int, url: str) -> tuple[object, ...]:
    """What the order says: status, filled quantity, average price, commission."""
    with psycopg.connect(url) as connection:
        row = connection.execute(
            "SELECT status::text, filled_quantity, filled_price, commission FROM orders WHERE id = %s", [order_id]
        ).fetchone()
    assert row is not None
    assert db.run_batch(audit.audit_session(session_id=session_id)).findings == []
    return row


def test_an_order_is_filled_in_parts(db: Database, session_id: int, url: str) -> None:
    order_id = order(db, session_id, status="PENDING")
    first = db.run(fill(order_id, 1, "0.5", 100))
    assert read(db, session_id, order_id, url) == ("PARTIALLY_FILLED", Decimal("0.5"), 100, Decimal("0.1"))
    assert db.run(fill(order_id, 1, "0.50", 100)) == first
    db.run(fill(order_id, 2, "1.5", 104))
    assert read(db, session_id, order_id, url) == ("FILLED", 2, 103, Decimal("0.2"))
    assert [(one.exchange_fill_id, one.quantity, one.price) for one in db.run(orders.get_fills(order_id=order_id))] == [
        ("1", Decimal("0.5"), Decimal(100)),
        ("2", Decimal("1.5"), Decimal(104)),
    ]
    assert db.run(orders.get_pending_orders(session_id=session_id)) == []


def test_a_fill_with_other_figures_is_a_conflict(db: Database, session_id: int) -> None:
    order_id = order(db, session_id)
    db.run(fill(order_id, 1, 1, 100))
    with pytest.raises(Conflict, match=f"fill 1 of order {order_id} is recorded with other figures") as caught:
        db.run(fill(order_id, 1, 1, 101))
    assert (caught.value.statement, caught.value.field) == ("orders.record_fill", "exchange_fill_id")


def test_more_than_was_ordered_is_recorded_and_flagged(db: Database, session_id: int, url: str) -> None:
    order_id = order(db, session_id)
    db.run(fill(order_id, 1, "1.5", 100))
    assert not db.run(orders.get_order(order_id=order_id)).is_overfilled
    db.run(fill(order_id, 2, 1, 100))
    assert read(db, session_id, order_id, url) == ("FILLED", Decimal("2.5"), 100, Decimal("0.2"))
    assert db.run(orders.get_order(order_id=order_id)).is_overfilled
    with pytest.raises(NotFound):
        db.run(fill(10**9, 1, 1, 100))


def test_totals_told_before_are_not_counted_twice(db: Database, session_id: int, url: str) -> None:
    order_id = order(db, session_id)
    db.run(
        orders.update_order_status(
            order_id=order_id, status="PARTIALLY_FILLED", filled_quantity="1.5", filled_price=101, commission="0.3"
        )
    )
    db.run(fill(order_id, 1, 1, 100))
    assert read(db, session_id, order_id, url) == ("PARTIALLY_FILLED", Decimal("1.5"), 101, Decimal("0.3"))
    db.run(fill(order_id, 2, "0.5", 106))
    assert read(db, session_id, order_id, url) == ("PARTIALLY_FILLED", Decimal("1.5"), 102, Decimal("0.2"))
    db.run(fill(order_id, 3, "0.5", 102))
    assert read(db, session_id, order_id, url) == ("FILLED", 2, 102, Decimal("0.3"))


def test_a_final_order_takes_the_fills_that_it_has(db: Database, session_id: int, url: str) -> None:
    order_id = order(db, session_id)
    db.run(orders.update_order_status(order_id=order_id, status="CANCELLED", filled_quantity=1, filled_price=100))
    db.run(fill(order_id, 1, 1, 100))
    assert read(db, session_id, order_id, url) == ("CANCELLED", 1, 100, Decimal("0.1"))
    # What came beyond the end is recorded, and booked: the position holds it.
    db.run(fill(order_id, 2, "0.5", 100))
    assert read(db, session_id, order_id, url) == ("CANCELLED", Decimal("1.5"), 100, Decimal("0.2"))
    position_id = db.run(orders.get_order(order_id=order_id)).position_id
    assert position_id is not None
    assert db.run(positions.get_position(position_id=position_id)).current_quantity == Decimal("1.5")


def test_the_average_becomes_exact_when_the_last_fill_comes_after_the_end(
    db: Database, session_id: int, url: str
) -> None:
    order_id = order(db, session_id)
    db.run(fill(order_id, 1, "0.5", 100))
    # Of an order with fills, FILLED without a quantity says nothing about how much.
    db.run(orders.update_order_status(order_id=order_id, status="FILLED"))
    assert read(db, session_id, order_id, url) == ("FILLED", Decimal("0.5"), 100, Decimal("0.1"))
    db.run(fill(order_id, 2, "1.5", 104))
    assert read(db, session_id, order_id, url) == ("FILLED", 2, 103, Decimal("0.2"))


def test_a_rounded_total_does_not_replace_an_exact_average(db: Database, session_id: int, url: str) -> None:
    order_id = order(db, session_id, quantity=3)
    db.run(fill(order_id, 1, 1, 100))
    db.run(fill(order_id, 2, 2, 101))
    exact = read(db, session_id, order_id, url)
    for status in ("FILLED", "FILLED"):
        db.run(
            orders.update_order_status(
                order_id=order_id, status=status, filled_quantity=3, filled_price="100.67", commission="0.3"
            )
        )
        assert read(db, session_id, order_id, url) == exact
    partly = order(db, session_id, quantity=3)
    db.run(fill(partly, 1, 1, 100))
    db.run(orders.update_order_status(order_id=partly, status="PARTIALLY_FILLED", filled_price=99, commission=5))
    assert read(db, session_id, partly, url) == ("PARTIALLY_FILLED", 1, 100, Decimal("0.1"))


def test_eight_at_once(db: Database, session_id: int, url: str) -> None:
    order_id = order(db, session_id, quantity=8)
    each_once = run_together(db, [fill(order_id, 1 + number // 2, 1, 100 + number // 2) for number in range(8)])
    assert [answer for answer in each_once if isinstance(answer, AtbDbError)] == []
    assert len(set(each_once)) == 4
    assert read(db, session_id, order_id, url) == ("PARTIALLY_FILLED", 4, Decimal("101.5"), Decimal("0.4"))


quantities = st.decimals("0.00000001", 100, places=8)
prices = st.decimals("0.0001", 100_000, places=4)


@given(parts=st.lists(st.tuples(quantities, prices), min_size=1, max_size=6), data=st.data())
@settings(max_examples=25, deadline=None)
def test_the_average_is_weighted_by_volume(
    parts: list[tuple[Decimal, Decimal]], data: st.DataObject, db: Database, shared_session: int, url: str
) -> None:
    total = sum((quantity for quantity, _ in parts), Decimal(0))
    order_id = order(db, shared_session, quantity=total)
    fills = [fill(order_id, number, *part, commission=0) for number, part in enumerate(parts)]
    for one in data.draw(st.permutations(fills + fills[:2])):
        db.run(one)
    status, quantity, price, _ = read(db, shared_session, order_id, url)
    notional = sum((quantity * price for quantity, price in parts), Decimal(0))
    assert (status, quantity) == ("FILLED", total)
    assert isinstance(price, Decimal)
    assert abs(price * total - notional) <= notional * Decimal("1e-15")


@pytest.fixture(scope="module")
def shared_session(db: Database) -> int:
    return db.run(
        sessions.create_trading_session(
            strategy_name="fills", symbol="BTCUSDT", timeframe="1h", mode="PAPER", initial_balance=1000
        )
    )


def test_an_order_finds_its_position_later(db: Database, session_id: int) -> None:
    order_id = db.run(
        orders.create_order(
            session_id=session_id, order_type="SCALE_IN", symbol="BTCUSDT", side="LONG", quantity=2,
            internal_order_id=f"fills-{next(_names)}",
        )
    )  # fmt: skip
    db.run(fill(order_id, 1, 2, 100))
    assert [one.order_id for one in db.run(orders.get_unbooked_orders(session_id=session_id))] == [order_id]

    def position(name: str) -> int:
        return db.run(
            positions.open_position(
                session_id=session_id,
                symbol="BTCUSDT",
                side="LONG",
                entry_price=100,
                size="0.2",
                quantity=2,
                strategy_name="fills",
                entry_order_id=name,
            )
        )

    first, second = position("one"), position("two")
    link = orders.link_order_to_position(order_id=order_id, position_id=first)
    assert [db.run(link), db.run(link)] == [order_id, order_id]
    linked: list[Order] = db.run(orders.get_orders_for_position(position_id=first))
    assert [(one.id, one.status) for one in linked if one.id == order_id] == [(order_id, OrderStatus.FILLED)]
    assert db.run(orders.get_unbooked_orders(session_id=session_id)) == []
    assert db.run(positions.get_position(position_id=first)).current_quantity == 4
    with pytest.raises(Conflict, match=f"order {order_id} belongs to position {first}"):
        db.run(orders.link_order_to_position(order_id=order_id, position_id=second))
    with pytest.raises(NotFound):
        db.run(orders.link_order_to_position(order_id=10**9, position_id=second))


def test_what_was_executed_does_not_change(db: Database, session_id: int, url: str) -> None:
    order_id = order(db, session_id)
    db.run(fill(order_id, 1, 1, 100))
    with (
        psycopg.connect(url) as owner,
        pytest.raises(psycopg.Error, match="order_fills is append-only") as caught,
    ):
        owner.execute("UPDATE order_fills SET quantity = 2 WHERE order_id = %s", [order_id])
    assert caught.value.sqlstate == "AT409"


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ("orders SET filled_price = 101", {"filled_price"}),
        ("orders SET commission = 0", {"booked fills, commission", "order figures, commission"}),
        ("orders SET is_overfilled = TRUE", {"is_overfilled"}),
        ("orders SET recorded_notional = 201, filled_price = 100.5", {"recorded_notional"}),
        ("order_fills SET commission = 1", {"recorded_commission"}),
        ("order_fills SET quantity = 1", {"recorded_quantity", "recorded_notional", "recorded_value"}),
    ],
)
def test_the_audit_compares_an_order_with_its_fills(
    fresh_db: Database, fresh_url: str, change: str, found: set[str]
) -> None:
    session_id = fresh_db.run(
        sessions.create_trading_session(
            strategy_name="fills", symbol="BTCUSDT", timeframe="1h", mode="PAPER", initial_balance=1000
        )
    )
    order_id = order(fresh_db, session_id)
    fresh_db.run(fill(order_id, 1, 2, 100))
    assert fresh_db.run_batch(audit.audit_session(session_id=session_id)).findings == []
    with psycopg.connect(fresh_url, autocommit=True) as owner:
        owner.execute("SET session_replication_role = replica")
        owner.execute(f"UPDATE {change}".encode())
    findings = fresh_db.run_batch(audit.audit_session(session_id=session_id)).findings
    assert {(one.identity, one.subject) for one in findings} == {
        (identity or "fills", f"order {order_id}, {name}")
        for identity, _, name in (one.rpartition(", ") for one in found)
    }
