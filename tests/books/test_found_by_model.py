"""What the model-based test (tests/model) has found, one by one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count

import psycopg
import pytest

from atb_db import Database
from atb_db.errors import InvalidInput
from atb_db.repository import account, audit, orders, positions
from atb_db.repository.audit import BookFinding

AT = datetime(2026, 3, 1, tzinfo=UTC)
_names = count(1)


def journaled(db: Database, session_id: int, kind: str = "ENTRY", **given: object) -> int:
    arguments: dict[str, object] = {"symbol": "BTCUSDT", "side": "LONG", "quantity": 1, **given}
    return db.run(
        orders.create_order(
            session_id=session_id, order_type=kind, internal_order_id=f"found-{next(_names)}", **arguments  # type: ignore[arg-type]
        )
    )  # fmt: skip


def fill(
    db: Database, order_id: int, quantity: object = 1, price: object = 100, name: object = None, **given: object
) -> int:
    return db.run(
        orders.record_fill(
            order_id=order_id, exchange_fill_id=str(name or next(_names)), quantity=Decimal(str(quantity)),
            price=Decimal(str(price)), filled_at=AT, **given,  # type: ignore[arg-type]
        )
    )  # fmt: skip


def total(db: Database, order_id: int, **given: object) -> None:
    db.run(orders.update_order_status(order_id=order_id, timestamp=AT, **given))  # type: ignore[arg-type]


def position_of(db: Database, order_id: int) -> int:
    position_id = db.run(orders.get_order(order_id=order_id)).position_id
    assert position_id is not None
    return position_id


def opened(db: Database, session_id: int, quantity: object = 1, **given: object) -> int:
    return db.run(
        positions.open_position(
            session_id=session_id, symbol="BTCUSDT", side="LONG", strategy_name="found", entry_price=100,
            quantity=Decimal(str(quantity)), entry_time=AT, **given,  # type: ignore[arg-type]
        )
    )  # fmt: skip


def balance(db: Database, session_id: int) -> Decimal:
    return db.run(account.get_current_balance(session_id=session_id))


def findings(db: Database, session_id: int) -> list[BookFinding]:
    return db.run_batch(audit.audit_session(session_id=session_id)).findings


def test_values_are_rounded_to_18_digits_however_large(db: Database, session_id: int) -> None:
    """The server divides to 16 significant digits where nobody asks for more."""
    order_id = journaled(db, session_id, contract="INVERSE", contract_size=100, quantity=7000)
    fill(db, order_id, 7000, 3)
    found = db.run(positions.get_position(position_id=position_of(db, order_id)))
    assert found.cost_basis == Decimal("233333.333333333333333333")
    db.run(positions.apply_partial_exit(position_id=found.id, quantity=2333, price=3, timestamp=AT))
    found = db.run(positions.get_position(position_id=found.id))
    assert found.cost_basis == Decimal("233333.333333333333333333") - Decimal("77766.666666666666666667")
    assert findings(db, session_id) == []


def test_a_price_that_comes_later_is_booked(db: Database, session_id: int) -> None:
    order_id = journaled(db, session_id)
    total(db, order_id, status="FILLED")
    assert [one.order_id for one in db.run(orders.get_unbooked_orders(session_id=session_id))] == [order_id]
    total(db, order_id, filled_price=100)
    assert db.run(positions.get_position(position_id=position_of(db, order_id))).cost_basis == 100
    assert db.run(orders.get_unbooked_orders(session_id=session_id)) == []
    total(db, order_id, filled_price=101)
    assert db.run(positions.get_position(position_id=position_of(db, order_id))).cost_basis == 101
    assert findings(db, session_id) == []


def test_filled_with_an_amended_quantity_is_filled_with_that(db: Database, session_id: int) -> None:
    order_id = journaled(db, session_id, quantity=3, price=100)
    total(db, order_id, status="FILLED", quantity=5)
    assert db.run(orders.get_order(order_id=order_id)).filled_quantity == 5


def test_fees_of_a_total_stay_while_its_fills_have_none(db: Database, session_id: int) -> None:
    order_id = journaled(db, session_id, quantity=2)
    fill(db, order_id, name="a")
    fill(db, order_id, name="b")
    total(db, order_id, status="FILLED", filled_quantity=2, commission="0.3")
    assert balance(db, session_id) == Decimal("999.7")
    fill(db, order_id, name="a", commission="0.1")
    assert balance(db, session_id) == Decimal("999.7")
    fill(db, order_id, name="b", commission="0.11")
    assert balance(db, session_id) == Decimal("999.79")
    assert findings(db, session_id) == []


def test_a_fee_in_the_base_asset_after_all_is_sold_is_value_at_once_and_units_later(
    db: Database, session_id: int
) -> None:
    order_id = journaled(db, session_id, base_asset="BTC")
    total(db, order_id, status="FILLED", filled_quantity=1, filled_price=100)
    first = position_of(db, order_id)
    db.run(positions.close_position(position_id=first, exit_price=110, exit_reason="target", exit_time=AT))
    fill(db, order_id, name="a", fee="0.001", fee_currency="BTC")
    # 0.999 bought for 99.9, the fee is worth 0.1, and 1 was sold for 110.
    assert balance(db, session_id) == 1010
    [unbooked] = findings(db, session_id)
    assert (unbooked.identity, unbooked.actual) == ("unbooked", "-0.001")
    fill(db, order_id, name="late", price=120)
    [continuing] = db.run(positions.get_active_positions(session_id=session_id))
    assert (continuing.continues_position_id, continuing.current_quantity) == (first, Decimal("0.999"))
    assert findings(db, session_id) == []


def test_less_was_bought_back_than_it_seemed(db: Database, session_id: int) -> None:
    entry = journaled(db, session_id, side="SHORT", base_asset="BTC", quantity=2)
    fill(db, entry, 2)
    held = position_of(db, entry)
    leaving = journaled(db, session_id, "PARTIAL_EXIT", side="SHORT", position_id=held)
    total(db, leaving, status="FILLED", filled_quantity=1, filled_price=90)
    fill(db, leaving, price=90, name="a", fee="0.001", fee_currency="BTC")
    found = db.run(positions.get_position(position_id=held))
    assert (found.current_quantity, found.cost_basis) == (Decimal("1.001"), Decimal("100.1"))
    assert findings(db, session_id) == []


def test_a_late_fee_makes_a_partial_trade_smaller(db: Database, session_id: int) -> None:
    held = opened(db, session_id, base_asset="BTC")
    more = journaled(db, session_id, "SCALE_IN", position_id=held)
    fill(db, more, name="a")
    fill(db, more, name="a", fee="0.001", fee_currency="BTC")
    assert db.run(positions.get_position(position_id=held)).quantity == Decimal("1.999")
    assert findings(db, session_id) == []


def test_a_late_fee_of_a_scale_in_reaches_the_position_that_continues(db: Database, session_id: int) -> None:
    entry = journaled(db, session_id, base_asset="BTC", quantity=2)
    fill(db, entry)
    held = position_of(db, entry)
    more = journaled(db, session_id, "SCALE_IN", position_id=held)
    fill(db, more, name="a")
    db.run(positions.close_position(position_id=held, exit_price=110, exit_reason="target", exit_time=AT))
    fill(db, entry)
    fill(db, more, name="a", fee="0.001", fee_currency="BTC")
    [continuing] = db.run(positions.get_active_positions(session_id=session_id))
    assert continuing.current_quantity == Decimal("0.999")
    assert findings(db, session_id) == []


def test_told_pnl_counts_once(db: Database, session_id: int) -> None:
    held = opened(db, session_id)
    leaving = journaled(db, session_id, "FULL_EXIT", position_id=held)
    total(db, leaving, status="FILLED", filled_quantity=1, pnl=5)
    assert balance(db, session_id) == 1000  # without a price nothing has left yet
    total(db, leaving, filled_price=110, pnl=5)
    total(db, leaving, filled_price=110, pnl=5, commission="0.1")
    assert balance(db, session_id) == Decimal("1004.9")
    assert findings(db, session_id) == []


def test_a_position_entered_by_scale_ins_only_can_be_closed(db: Database, session_id: int) -> None:
    entry = journaled(db, session_id)
    held = position_of(db, entry)
    fill(db, journaled(db, session_id, "SCALE_IN", position_id=held))
    with pytest.raises(InvalidInput, match="give quantity instead of size"):
        db.run(positions.apply_partial_exit(position_id=held, size="0.5", price=110, timestamp=AT))
    db.run(positions.close_position(position_id=held, exit_price=110, exit_reason="target", exit_time=AT))
    assert findings(db, session_id) == []


def test_an_order_is_worth_what_its_positions_contract_makes_of_it(db: Database, session_id: int) -> None:
    """It was filled before it was known which position it is of."""
    entry = journaled(db, session_id, contract="INVERSE", contract_size=100, quantity=200)
    fill(db, entry, 200, 50000)
    leaving = journaled(db, session_id, "FULL_EXIT", quantity=200)
    fill(db, leaving, 200, 40000, commission="0.01")
    db.run(orders.link_order_to_position(order_id=leaving, position_id=position_of(db, entry), timestamp=AT))
    assert balance(db, session_id) == Decimal(1000) - Decimal("0.1") - Decimal("0.01")
    assert findings(db, session_id) == []
    bought = journaled(db, session_id, "SCALE_IN")
    fill(db, bought, fee="0.001", fee_currency="BTC")
    held = opened(db, session_id, base_asset="BTC")
    db.run(orders.link_order_to_position(order_id=bought, position_id=held, timestamp=AT))
    assert db.run(positions.get_position(position_id=held)).quantity == Decimal("1.999")
    assert db.run(orders.get_order(order_id=bought)).commission == Decimal("0.1")
    assert findings(db, session_id) == []


def test_no_fees_said_is_not_no_fees(db: Database, session_id: int) -> None:
    """A short form without its fee leaves it to the order's single fills."""
    held = opened(db, session_id)
    [order] = db.run(positions.get_position(position_id=held)).orders
    fill(db, order.id, "0.5", name="a", commission="0.07")
    assert balance(db, session_id) == Decimal("999.93")
    assert findings(db, session_id) == []


def test_an_inverse_contract_has_no_price_of_0(db: Database, session_id: int) -> None:
    with pytest.raises(InvalidInput, match="price of 0") as refused:
        db.run(
            positions.open_position(
                session_id=session_id, symbol="XBTUSD", side="LONG", strategy_name="found", entry_price=0, quantity=1,
                contract="INVERSE",
            )
        )  # fmt: skip
    assert refused.value.field == "entry_price"
    order_id = journaled(db, session_id, contract="INVERSE")
    with pytest.raises(InvalidInput, match="no such price"):
        total(db, order_id, filled_quantity=1, filled_price=0)


def test_an_order_fits_its_position(db: Database, session_id: int) -> None:
    held = opened(db, session_id)
    for other in ({"side": "SHORT"}, {"symbol": "ETHUSDT"}):
        with pytest.raises(InvalidInput, match=f"position {held} is LONG in BTCUSDT"):
            journaled(db, session_id, "FULL_EXIT", position_id=held, **other)
        loose = journaled(db, session_id, "FULL_EXIT", **other)
        with pytest.raises(InvalidInput, match=f"position {held} is LONG in BTCUSDT"):
            db.run(orders.link_order_to_position(order_id=loose, position_id=held))


def test_a_rest_is_converted_at_the_rate_of_the_fill_that_takes_it_up(db: Database, session_id: int) -> None:
    entry = journaled(db, session_id, settlement_currency="EUR", quantity=2)
    leaving = journaled(db, session_id, "PARTIAL_EXIT", position_id=position_of(db, entry))
    fill(db, leaving, price=110)
    fill(db, entry, 2, settlement_rate="1.1")
    assert balance(db, session_id) == 1011
    assert findings(db, session_id) == []


def test_a_partial_trade_keeps_its_price_while_its_order_goes_on_elsewhere(db: Database, session_id: int) -> None:
    entry = journaled(db, session_id, quantity=2)
    fill(db, entry)
    leaving = journaled(db, session_id, "PARTIAL_EXIT", position_id=position_of(db, entry), quantity=2)
    fill(db, leaving, 1, 110)
    fill(db, entry)
    fill(db, leaving, 1, 120)
    assert balance(db, session_id) == 1030
    assert findings(db, session_id) == []


def test_pnl_of_a_better_price_that_is_converted_later_moves_the_partial_trade(db: Database, session_id: int) -> None:
    held = opened(db, session_id, settlement_currency="EUR")
    part = db.run(
        positions.apply_partial_exit(position_id=held, quantity=1, price=99, settlement_rate="1.07", timestamp=AT)
    )
    [_, leaving] = db.run(positions.get_position(position_id=held)).orders
    db.run(
        orders.record_fill(
            order_id=leaving.id, exchange_fill_id="a", quantity=1, price=103, filled_at=AT + timedelta(hours=1)
        )
    )
    assert [one.identity for one in findings(db, session_id)] == ["unconverted"]
    total(db, leaving.id, pnl=3)
    assert (part > 0, findings(db, session_id)) == (True, [])
    assert balance(db, session_id) == Decimal("1001.93")


def test_half_of_an_inverse_position_at_its_average_price_leaves_the_other_half(db: Database, session_id: int) -> None:
    """Seed 7: an average of 350 / 3.250832936696811043 is rounded once, or the halves' values differ by a digit."""
    entry = journaled(db, session_id, side="SHORT", quantity="0.5", contract="INVERSE", contract_size=100)
    held = position_of(db, entry)
    more = journaled(db, session_id, "SCALE_IN", side="SHORT", quantity=3, position_id=held)
    fill(db, entry, "0.5", "95.5")
    fill(db, more, 3, 110)
    assert db.run(positions.get_position(position_id=held)).entry_price == Decimal("107.664714494875549027145869")
    db.run(positions.correct_position_quantity(position_id=held, quantity="1.75", reason="found", timestamp=AT))
    assert balance(db, session_id) == 1000
    assert findings(db, session_id) == []


def test_a_price_that_an_earlier_release_rounded_twice_is_no_finding(db: Database, url: str, session_id: int) -> None:
    """Of 110.0 for 13 it made 8.461538461538461538461539, by rounding ...5384615 to 25 digits and then to 24."""
    held = opened(db, session_id, 13)
    leaving = journaled(db, session_id, "FULL_EXIT", position_id=held, quantity=13)
    fill(db, leaving, 5, "11.1")
    fill(db, leaving, 8, "6.8125")
    with psycopg.connect(url, autocommit=True) as owner:
        for due in ([], ["fills", "position price"]):
            for table, column in (("positions", "exit_price"), ("trades", "exit_price"), ("orders", "filled_price")):
                key = "id" if table == "positions" else "position_id"
                kind = " AND order_type = 'FULL_EXIT'" if table == "orders" else ""
                query = f"UPDATE {table} SET {column} = {column} + 1e-24 WHERE {key} = %s{kind}"
                owner.execute(query.encode(), [held])
            assert sorted(one.identity for one in findings(db, session_id)) == due
