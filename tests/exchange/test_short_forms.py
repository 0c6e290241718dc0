"""The short forms make their order, or adopt the one that was journaled."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest

from atb_db.errors import Conflict, InvalidInput, NotFound
from atb_db.repository import execution, orders, positions, trades
from atb_db.repository.trades import NewTrade
from atb_db.types import OrderStatus, OrderType, PositionStatus
from tests.exchange.conftest import START, Book


def open_short(book: Book, quantity: object = 1, price: object = 100, **more: object) -> int:
    return book.run(
        positions.open_position.value(
            {
                "session_id": book.session_id,
                "symbol": "BTCUSDT",
                "side": "LONG",
                "strategy_name": "test",
                "entry_price": None if price is None else Decimal(str(price)),
                "quantity": None if quantity is None else Decimal(str(quantity)),
                **more,
            }
        )
    )


def test_the_journaled_order_is_adopted_by_each_of_its_ids(book: Book) -> None:
    for number, ids in enumerate(("order_id", "internal_order_id", "entry_order_id")):
        symbol = f"COIN{number}"
        entry = book.journal(quantity=2, symbol=symbol)
        exchange_id = f"adopted-{entry}"
        book.run(orders.update_order_status(order_id=entry, status="OPEN", exchange_order_id=exchange_id))
        book.fill(entry, "a", 2, 50, "0.2")
        name = {
            "order_id": entry,
            "internal_order_id": book.order(entry).internal_order_id,
            "entry_order_id": exchange_id,
        }
        opened = open_short(
            book, symbol=symbol, price=None, quantity=None, stop_loss=Decimal(45), size="0.1", **{ids: name[ids]}
        )
        held = book.position(opened)
        assert opened == book.position_of(entry)
        assert (held.entry_price, held.quantity, held.commission, held.stop_loss) == (
            Decimal(50),
            Decimal(2),
            Decimal("0.2"),
            Decimal(45),
        )
        assert (held.size, [one.id for one in held.orders]) == (Decimal("0.1"), [entry])
    assert book.balances()


def test_an_amended_order_is_adopted_by_the_id_that_it_had_before(book: Book) -> None:
    entry = book.journal()
    for exchange_id in (f"before-{entry}", f"after-{entry}"):
        book.run(orders.update_order_status(order_id=entry, status="OPEN", exchange_order_id=exchange_id))
    opened = open_short(book, entry_order_id=f"before-{entry}")
    assert opened == book.position_of(entry)
    assert book.order(entry).exchange_order_id == f"after-{entry}"
    assert len(book.open()) == 1
    assert book.balances()


def test_an_order_without_fills_is_filled_as_given(book: Book) -> None:
    entry = book.journal(quantity=2)
    opened = open_short(book, quantity="1.5", price=101, order_id=entry, entry_commission=Decimal("0.3"))
    held = book.position(opened)
    assert (held.quantity, held.entry_price, held.commission) == (Decimal("1.5"), Decimal(101), Decimal("0.3"))
    assert book.order(entry).status is OrderStatus.FILLED
    leaving = book.journal("STOP_LOSS", "1.5", position_id=opened)
    close = positions.close_position(position_id=opened, exit_price=90, exit_reason="stop", order_id=leaving)
    trade = book.run(close)
    assert [one.id for one in book.trades()] == [trade]
    assert (book.position(opened).exit_reason, len(book.position(opened).orders)) == ("stop", 2)
    assert (
        book.run(positions.close_position(position_id=opened, exit_price=90, exit_reason="stop", order_id=leaving))
        == trade
    )
    assert book.balances()


def test_a_filled_stop_is_the_exit(book: Book) -> None:
    opened = open_short(book)
    stop = book.journal("STOP_LOSS", 1, position_id=opened, reason="stop hit")
    book.run(orders.update_order_status(order_id=stop, status="OPEN", exchange_order_id=f"stop-{stop}"))
    book.fill(stop, "a", 1, 90, "0.1")
    closed = book.position(opened)
    assert (closed.status, closed.exit_reason, closed.realized_pnl) == (PositionStatus.CLOSED, "stop hit", Decimal(-10))
    # An engine that closes "with" it, as it always has, gets the trade that is there.
    [trade] = book.trades()
    close = positions.close_position(
        position_id=opened, exit_price=90, exit_reason="stop", exit_order_id=f"stop-{stop}"
    )
    assert book.run(close) == trade.id
    assert book.balance() == Decimal("989.9")
    assert book.balances()


def test_an_order_of_another_position_is_a_conflict(book: Book) -> None:
    first, second = open_short(book), open_short(book, symbol="ETHUSDT")
    leaving = book.journal("FULL_EXIT", 1, position_id=first)
    with pytest.raises(Conflict, match=f"order {leaving} belongs to position {first}"):
        book.run(positions.close_position(position_id=second, exit_price=1, exit_reason="x", order_id=leaving))


def test_an_adopted_order_gets_the_exchange_s_id(book: Book) -> None:
    entry = book.journal()
    opened = open_short(book, order_id=entry, entry_order_id=f"told-{entry}")
    assert book.order(entry).exchange_order_id == f"told-{entry}"
    leaving = book.journal("FULL_EXIT", position_id=opened)
    for _ in range(2):
        book.run(
            positions.close_position(
                position_id=opened,
                exit_price=110,
                exit_reason="target",
                internal_order_id=book.order(leaving).internal_order_id,
                exit_order_id=f"told-{leaving}",
            )
        )
    assert book.order(leaving).exchange_order_id == f"told-{leaving}"
    [trade] = book.trades()
    assert trade.order_id == f"told-{leaving}"
    assert book.balances()
    other = book.journal()
    with pytest.raises(Conflict, match=f"order {entry} of session {book.session_id} has the id told-{entry}"):
        open_short(book, order_id=other, entry_order_id=f"told-{entry}")


def test_an_order_of_something_else_is_not_adopted(book: Book, start_session: Callable[..., int]) -> None:
    entry = book.journal()
    elsewhere = Book(book.run, start_session())
    with pytest.raises(NotFound, match=f"session {elsewhere.session_id} has no order {entry}"):
        open_short(elsewhere, order_id=entry)
    with pytest.raises(InvalidInput, match=f"order {entry} is of a LONG position in BTCUSDT, and not of a SHORT one"):
        open_short(book, order_id=entry, side="SHORT")
    with pytest.raises(InvalidInput, match="and not of a LONG one in ETHUSDT"):
        open_short(book, internal_order_id=book.order(entry).internal_order_id, symbol="ETHUSDT")
    assert book.order(entry).filled_quantity == 0


def test_other_figures_for_an_order_that_is_filled_are_a_conflict(book: Book) -> None:
    first = open_short(book, entry_order_id=f"twice-{book.session_id}")
    assert open_short(book, entry_order_id=f"twice-{book.session_id}") == first
    with pytest.raises(Conflict, match="was filled with 1 @ 100, and now 2 @ 100"):
        open_short(book, quantity=2, entry_order_id=f"twice-{book.session_id}")


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ({"price": 101}, "was filled with 2 @ 100.4, and now 2 @ 101"),
        ({"price": "100.5"}, "and now 2 @ 100.5"),
        ({"quantity": 1}, "was filled with 2 @ 100.4, and now 1 @ 100.4"),
        ({"quantity": 3}, "and now 3 @ 100.4"),
        ({"entry_commission": "0.3"}, "was filled with 2 @ 100.4, fee 0.2, and now 2 @ 100.4, fee 0.3"),
    ],
)
def test_other_figures_than_the_single_fills_are_a_conflict(book: Book, given: dict[str, object], shown: str) -> None:
    entry = book.journal(quantity=2)
    book.fill(entry, "a", 1, "100.3", "0.1")
    book.fill(entry, "b", 1, "100.5", "0.1")
    with pytest.raises(Conflict, match=shown):
        open_short(book, **{"price": None, "quantity": None, **given}, order_id=entry)
    opened = open_short(book, quantity=2, price="100.4", order_id=entry, entry_commission="0.2")
    assert open_short(book, quantity=2, price=100.4000000001, order_id=entry) == opened
    held = book.position(opened)
    assert (held.quantity, held.entry_price, held.commission) == (Decimal(2), Decimal("100.4"), Decimal("0.2"))
    assert book.balances()


def test_more_than_its_fills_completes_an_order_that_is_not_final(book: Book) -> None:
    opened = open_short(book, quantity=4)
    leaving = book.journal("PARTIAL_EXIT", 2, position_id=opened)
    book.fill(leaving, "a", 1, 110)
    exit_of_two = positions.apply_partial_exit(
        position_id=opened, quantity=2, price=111, order_id=leaving, target_level=1, commission="0.1"
    )
    part = book.run(exit_of_two)
    assert book.run(exit_of_two) == part
    assert (book.order(leaving).filled_quantity, book.position(opened).realized_pnl) == (Decimal(2), Decimal(22))
    assert (book.order(leaving).target_level, book.balance()) == (1, Decimal("1021.9"))
    for other in ({"quantity": 3}, {"size": "0.25"}, {"target_level": 2}, {"pnl": 23}, {"quantity": 1}):
        with pytest.raises(Conflict):
            book.run(positions.apply_partial_exit(position_id=opened, order_id=leaving, **other))
    assert book.run(positions.apply_partial_exit(position_id=opened, order_id=leaving, size="0.5", pnl=22)) == part
    assert book.balances()


def test_a_cancelled_order_was_filled_with_what_it_was(book: Book) -> None:
    opened = open_short(book, quantity=2)
    leaving = book.journal("STOP_LOSS", 2, position_id=opened)
    book.fill(leaving, "a", 1, 90)
    book.run(orders.update_order_status(order_id=leaving, status="CANCELLED"))
    with pytest.raises(Conflict, match="was filled with 1 @ 90, and now 2 @ 90"):
        book.run(positions.apply_partial_exit(position_id=opened, order_id=leaving, quantity=2))
    assert book.position(opened).current_quantity == 1


def test_a_scale_in_s_size_is_what_its_order_is_filled_with(book: Book) -> None:
    opened = open_short(book, quantity=2)
    more = book.journal("SCALE_IN", 2, position_id=opened)
    book.run(positions.apply_scale_in(position_id=opened, size="0.5", price=100, order_id=more))
    assert (book.order(more).filled_quantity, book.position(opened).quantity) == (Decimal(1), Decimal(3))
    with pytest.raises(InvalidInput, match="size is a fraction"):
        book.run(positions.apply_scale_in(position_id=opened, size=50, order_id=more))
    assert book.balances()


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ({"contract": "INVERSE"}, "planned as LINEAR of 1, base asset BTC, .*and now it is INVERSE of 1"),
        ({"contract_size": 10}, "and now it is LINEAR of 10"),
        ({"base_asset": "ETH"}, "planned as LINEAR of 1, base asset BTC.*base asset ETH"),
        ({"settlement_currency": "EUR"}, "settled in the session's currency, and now .* settled in EUR"),
    ],
)
def test_another_contract_than_was_planned_is_a_conflict(book: Book, given: dict[str, object], shown: str) -> None:
    entry = book.journal(base_asset="BTC")
    book.fill(entry, "a", 1, 100)
    with pytest.raises(Conflict, match=shown):
        open_short(book, order_id=entry, **given)
    opened = open_short(book, order_id=entry, base_asset="BTC", settlement_currency="USDT")
    assert book.position_of(entry) == opened
    assert book.balances()


def test_what_was_not_planned_is_taken_until_something_is_filled(book: Book) -> None:
    entry = book.journal()
    with pytest.raises(Conflict, match="planned as LINEAR"):
        open_short(book, order_id=entry, contract="INVERSE")
    opened = open_short(book, order_id=entry, base_asset="BTC", settlement_currency="EUR", settlement_rate=2)
    book.run(positions.close_position(position_id=opened, exit_price=110, exit_reason="x"))
    assert book.balance() == 1020
    assert book.balances()


def test_order_quality_counts_one_order_for_one_purchase(book: Book) -> None:
    entry = book.run(
        orders.create_order(
            session_id=book.session_id,
            order_type="ENTRY",
            symbol="BTCUSDT",
            side="LONG",
            quantity=1,
            price=100,
            internal_order_id=f"quality-{book.session_id}",
        )
    )
    book.fill(entry, "a", "0.5", 100, "0.05")
    book.fill(entry, "b", "0.5", 102, "0.05")
    open_short(book, price=None, quantity=None, order_id=entry)
    [quality] = book.run(execution.get_order_quality(session_id=book.session_id))
    # By hand: 101 paid where 100 was asked, on one unit.
    assert (quality.order_type, quality.total_orders, quality.commission) == (OrderType.ENTRY, 1, Decimal("0.1"))
    assert (quality.avg_slippage, quality.slippage_cost, quality.fill_rate) == (Decimal("0.01"), Decimal(1), Decimal(1))


@pytest.mark.parametrize(
    "exits",
    [
        [{"quantity": "24.4"}, {"quantity": "172.1"}, {"quantity": "233"}],
        [{"size": 1 / 3}] * 3,
        [{"size": Decimal(1) / 3}] * 3,
        [{"size": 0.05 / 0.3}] * 6,
        [{"size": 0.7}, {"size": 1 - 0.7}],
        [{"size": "0.25"}, {}],
        [{"quantity": 0.1 * 3}, {"quantity": 429.5 - 0.1 * 3}],
        [{"quantity": 429.5 - 0.1 - 0.2}, {"quantity": 0.1 + 0.2}],
    ],
    ids=["units", "floats", "decimals", "sixths", "one minus", "the rest", "float units", "more float units"],
)
def test_exits_end_at_exactly_nothing(book: Book, exits: list[dict[str, object]]) -> None:
    opened = open_short(book, quantity="429.5", price="0.1")
    for part in exits:
        book.run(positions.apply_partial_exit.value({"position_id": opened, "price": Decimal("0.2"), **part}))
    closed = book.position(opened)
    assert (closed.status, closed.current_quantity, closed.partial_exits_taken) == (
        PositionStatus.CLOSED,
        Decimal(0),
        len(exits),
    )
    assert closed.realized_pnl == Decimal("42.95")
    assert book.balances()


@pytest.mark.parametrize(
    ("entered", "exits"), [(0.3, [0.1, 0.3 - 0.1]), (0.1 + 0.2, [0.1, 0.2]), ("0.3", [0.3 - 0.1, 0.1 + 1e-17])]
)
@pytest.mark.parametrize("is_journaled", [False, True])
def test_sums_of_floats_end_at_exactly_nothing(
    book: Book, entered: float | str, exits: list[float], *, is_journaled: bool
) -> None:
    opened = book.run(
        positions.open_position(
            session_id=book.session_id,
            symbol="BTCUSDT",
            side="LONG",
            strategy_name="test",
            entry_price=100,
            quantity=entered,
        )
    )
    for number, quantity in enumerate(exits):
        order_id = None
        if is_journaled:
            order_id = book.run(
                orders.create_order(
                    session_id=book.session_id,
                    order_type="PARTIAL_EXIT",
                    symbol="BTCUSDT",
                    side="LONG",
                    quantity=quantity,
                    internal_order_id=f"float-{opened}-{number}",
                    position_id=opened,
                )
            )
        given = {"quantity": None if is_journaled else quantity, "order_id": order_id}
        book.run(positions.apply_partial_exit(position_id=opened, price=110, **given))  # type: ignore[arg-type]
    closed = book.position(opened)
    assert (closed.status, closed.current_quantity) == (PositionStatus.CLOSED, Decimal(0))
    assert book.balances()


def test_a_float_s_noise_is_no_difference_to_what_was_ordered(book: Book) -> None:
    for ordered, filled in ((0.1 + 0.2, "0.3"), ("0.3", 0.1 + 0.2), (0.3 - 0.1, "0.2")):
        entry = book.run(
            orders.create_order(
                session_id=book.session_id,
                order_type="ENTRY",
                symbol="BTCUSDT",
                side="LONG",
                quantity=ordered,
                internal_order_id=f"noise-{ordered}-{book.session_id}",
            )
        )
        if isinstance(filled, str):
            book.fill(entry, "a", filled, 100)
        else:
            book.run(orders.update_order_status(order_id=entry, filled_quantity=filled, filled_price=100))
        order = book.order(entry)
        assert (order.status, order.is_overfilled, len(str(order.filled_quantity))) == (OrderStatus.FILLED, False, 3)
    assert book.warnings() == []
    assert book.balances()


def test_the_sum_of_the_pnl_is_exact(book: Book) -> None:
    opened = open_short(book, quantity=10, price=100)
    book.run(positions.apply_partial_exit(position_id=opened, quantity=5, price=110))
    book.run(positions.apply_scale_in(position_id=opened, quantity=10, price=120))
    book.run(positions.apply_partial_exit(position_id=opened, quantity=15, price=130))
    assert book.position(opened).realized_pnl == 300
    assert book.balance() == 1300
    thirds = open_short(book, quantity=3, price="10.01", symbol="ETHUSDT")
    for _ in range(3):
        book.run(positions.apply_partial_exit(position_id=thirds, quantity=1, price=11))
    assert book.position(thirds).realized_pnl == Decimal("2.97")
    assert max(len(book.position(thirds).realized_pnl.as_tuple().digits), 1) <= 34
    assert book.balances()


def test_a_size_in_percent_is_refused_with_a_sentence(book: Book) -> None:
    opened = open_short(book)
    with pytest.raises(InvalidInput, match="size is a fraction"):
        book.run(positions.apply_partial_exit(position_id=opened, size=50, price=100))
    with pytest.raises(InvalidInput, match="size is a fraction"):
        book.run(positions.apply_scale_in(position_id=opened, size=50, price=100))
    with pytest.raises(InvalidInput, match="size is a fraction"):
        open_short(book, size=50, entry_balance=1000, symbol="ETHUSDT")
    with pytest.raises(InvalidInput, match="size or quantity, not both"):
        book.run(positions.apply_partial_exit(position_id=opened, size="0.5", quantity=1, price=100))


def test_a_size_in_percent_is_refused_wherever_it_is_given(book: Book) -> None:
    def order(**given: object) -> None:
        book.run(
            orders.create_order.value(
                {
                    "session_id": book.session_id,
                    "order_type": "ENTRY",
                    "symbol": "BTCUSDT",
                    "side": "LONG",
                    "quantity": 1,
                    "internal_order_id": f"percent-{book.session_id}-{len(str(given))}",
                    **given,
                }
            )
        )

    def trade(size: object) -> NewTrade:
        return NewTrade(
            symbol="BTCUSDT",
            side="LONG",
            entry_price=100,
            exit_price=110,
            size=Decimal(str(size)),
            quantity=1,
            entry_time=START,
            exit_time=START,
            pnl=10,
            exit_reason="target",
            strategy_name="test",
        )

    with pytest.raises(InvalidInput, match="size 50 would be 50 times the balance: size is a fraction"):
        order(size=50)
    with pytest.raises(InvalidInput, match="times the balance, and the position is worth 100: size is a fraction"):
        order(size=5, price=100)
    with pytest.raises(InvalidInput, match="size_fraction 50 would be 50 times the original quantity") as caught:
        order(size_fraction=50)
    assert caught.value.field == "size_fraction"
    with pytest.raises(InvalidInput, match="size is a fraction"):
        open_short(book, size=50)
    entry = book.journal()
    with pytest.raises(InvalidInput, match="size is a fraction"):
        open_short(book, size=50, order_id=entry)
    for log in (
        trades.log_trade.value({"session_id": book.session_id, **trade(50)._asdict()}),
        trades.log_trades(session_id=book.session_id, trades=[trade("0.5"), trade(50)]),
    ):
        with pytest.raises(InvalidInput, match="size is a fraction") as caught:
            book.run(log)
        assert caught.value.field == "size"
    assert not book.open()
    assert not book.trades()
    assert book.balance() == 1000
    # With leverage it is no percentage.
    order(size=20, price=20_000)
    assert book.position(open_short(book, size=20, quantity=200)).size == 20
    book.run(trades.log_trades(session_id=book.session_id, trades=[trade(20)._replace(quantity=200)]))
