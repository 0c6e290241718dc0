"""Fees, funding, transfers and what is traded: what the exchange says is in the balance, once."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from atb_db.errors import Conflict, InvalidInput
from atb_db.repository import account, audit, metrics, orders, positions, reconciliation, reports
from atb_db.types import LedgerEntryType, PositionStatus
from tests.exchange.conftest import START, Book
from tests.exchange.test_short_forms import open_short


def record(book: Book, order_id: int, **fill: object) -> int:
    return book.run(
        orders.record_fill.value(
            {"order_id": order_id, "exchange_fill_id": "a", "quantity": 1, "price": 100, "filled_at": START, **fill}
        )
    )


def test_fees_are_in_the_balance_when_they_happen(book: Book) -> None:
    opened = open_short(book, quantity=2, entry_commission=Decimal("0.2"))
    assert book.balance() == Decimal("999.8")
    book.run(positions.apply_scale_in(position_id=opened, quantity=1, price=100, commission="0.1"))
    assert book.balance() == Decimal("999.7")
    book.run(positions.apply_partial_exit(position_id=opened, quantity=1, price=110, commission="0.11"))
    assert book.balance() == Decimal("1009.59")
    book.run(positions.close_position(position_id=opened, exit_price=110, exit_reason="x", commission="0.22"))
    assert book.balance() == Decimal("1029.37")
    [trade] = book.trades()
    assert (trade.commission, trade.net_pnl) == (Decimal("0.63"), Decimal("29.37"))
    assert book.balances()


def test_a_fee_in_another_currency_waits_for_its_conversion_and_is_booked_once(book: Book) -> None:
    entry = book.journal()
    first = record(book, entry, fee=Decimal("0.0005"), fee_currency="BNB")
    assert book.balance() == 1000
    assert record(book, entry, fee=Decimal("0.0005"), fee_currency="BNB", commission=Decimal("0.3")) == first
    assert book.balance() == Decimal("999.7")
    # Read again after a restart, at another price of BNB.
    assert record(book, entry, fee=Decimal("0.0005"), fee_currency="BNB", commission=Decimal("0.31")) == first
    assert book.balance() == Decimal("999.7")
    with pytest.raises(Conflict):
        record(book, entry, fee=Decimal("0.0006"), fee_currency="BNB")
    [fill] = book.run(orders.get_fills(order_id=entry))
    assert (fill.fee, fill.fee_currency, fill.commission) == (Decimal("0.0005"), "BNB", Decimal("0.3"))
    assert book.balances()


def test_a_currency_is_known_in_any_case(book: Book) -> None:
    entry = book.journal(quantity=2, base_asset="BTC")
    record(book, entry, fee="0.1", fee_currency="usdt")
    assert book.balance() == Decimal("999.9")
    record(book, entry, exchange_fill_id="b", fee="0.001", fee_currency="btc")
    [held] = book.open()
    assert held.quantity == Decimal("1.999")
    fills = book.run(orders.get_fills(order_id=entry))
    assert [fill.fee_currency for fill in fills] == ["USDT", "BTC"]
    record(book, entry, fee="0.1", fee_currency="usdt")
    assert book.balances()


def test_a_fee_that_is_not_the_cost_that_was_told_is_refused(book: Book) -> None:
    entry = book.journal(base_asset="BTC")
    first = record(book, entry, commission=Decimal("0.1"))
    assert record(book, entry, fee=Decimal("0.1"), fee_currency="USDT") == first
    with pytest.raises(Conflict):
        record(book, entry, fee=5, fee_currency="USDT")
    with pytest.raises(Conflict):  # It would have made the position smaller.
        record(book, entry, fee=Decimal("0.001"), fee_currency="BTC")
    assert book.balance() == Decimal("999.9")
    assert book.balances()


def test_a_fee_in_the_bought_asset_makes_the_position_smaller(book: Book) -> None:
    entry = book.journal(base_asset="BTC")
    record(book, entry, fee=Decimal("0.001"), fee_currency="BTC")
    [held] = book.open()
    assert (held.quantity, held.cost_basis, held.commission) == (Decimal("0.999"), Decimal("99.9"), Decimal("0.1"))
    assert book.order(entry).filled_quantity == 1
    book.run(positions.close_position(position_id=held.id, exit_price=100, exit_reason="even"))
    assert book.balance() == Decimal("999.9")
    assert book.balances()


def test_a_fee_after_the_close_reaches_trade_metrics_and_ledger(book: Book) -> None:
    entry = book.journal()
    record(book, entry, price=100)
    leaving = book.journal("FULL_EXIT", position_id=book.position_of(entry))
    record(book, leaving, price=110, filled_at=START + timedelta(minutes=1))
    record(book, leaving, price=110, commission=Decimal("0.5"))
    [trade] = book.trades()
    assert (trade.commission, book.balance()) == (Decimal("0.5"), Decimal("1009.5"))
    kept = book.run(metrics.get_total_metrics(session_id=book.session_id))
    assert kept is not None
    assert kept.net_pnl == Decimal("9.5")
    newest = book.run(account.get_balance_history(session_id=book.session_id))[0]
    assert (newest.entry_type, newest.delta) == (LedgerEntryType.FEE, Decimal("-0.5"))
    assert book.balances()


def test_older_fees_of_a_total_do_not_replace_what_the_single_fills_cost(book: Book) -> None:
    entry = book.journal(quantity=3)
    book.run(orders.update_order_status(order_id=entry, filled_quantity=1, filled_price=100, commission="0.1"))
    for name in ("a", "b"):
        record(book, entry, exchange_fill_id=name, commission="0.1")
    assert book.balance() == Decimal("999.8")
    record(book, entry, exchange_fill_id="c")
    assert (book.balance(), book.order(entry).commission) == (Decimal("999.8"), Decimal("0.2"))
    record(book, entry, exchange_fill_id="c", commission="0.1")
    assert book.balance() == Decimal("999.7")
    assert book.balances()


def test_a_rebate_adds(book: Book) -> None:
    entry = book.journal()
    record(book, entry, fee=Decimal("-0.02"), fee_currency="USDT")
    assert book.balance() == Decimal("1000.02")
    assert book.balances()


def test_a_balance_that_is_set_after_the_fills_counts_nothing_twice(book: Book) -> None:
    """The right flow: record what was filled, then set the balance; the difference is what the books do not know."""
    opened = open_short(book, entry_commission=Decimal(1))
    book.run(positions.close_position(position_id=opened, exit_price=100, exit_reason="x", commission=1))
    assert book.run(account.set_balance(session_id=book.session_id, balance=998, reason="sync")) == 998
    assert book.run(account.get_balance_history(session_id=book.session_id))[0].delta == 0
    assert (book.balance(), book.warnings()) == (Decimal(998), [])


def test_a_fill_from_before_the_balance_was_set_is_visible(book: Book) -> None:
    """The wrong flow: the exchange's balance had the fee already, and the fill books it again."""
    entry = book.journal()
    book.run(
        account.set_balance(
            session_id=book.session_id, balance=999, reason="sync", timestamp=START + timedelta(hours=1)
        )
    )
    record(book, entry, commission=1)
    assert book.balance() == 998
    [warning] = book.warnings()
    assert "may be counted twice" in warning


def test_money_from_before_the_balance_was_set_is_visible(book: Book) -> None:
    opened = open_short(book)
    # A delta is not what the exchange says the balance is.
    book.run(account.adjust_balance(session_id=book.session_id, delta=5, reason="bonus"))
    book.run(positions.record_funding(position_id=opened, amount=1, timestamp=START))
    assert book.warnings() == []
    book.run(account.set_balance(session_id=book.session_id, balance=1000, reason="sync"))
    book.run(positions.record_funding(position_id=opened, amount=1, timestamp=START))
    book.run(positions.record_margin_interest(position_id=opened, cost=1, timestamp=START))
    book.run(account.record_interest(session_id=book.session_id, amount=1, timestamp=START))
    book.run(account.record_transfer(session_id=book.session_id, amount=1, reason="late", timestamp=START))
    assert [warning.split(" of ")[0] for warning in reversed(book.warnings())] == [
        "Funding",
        "Interest",
        "Interest",
        "A transfer",
    ]
    assert book.balances()


def test_an_exchange_time_that_was_never_set_is_refused_by_name_for_money_too(book: Book) -> None:
    opened = open_short(book, entry_time=START.replace(year=1970))
    never = START.replace(year=1970)
    for money in (
        positions.record_funding(position_id=opened, amount=1, timestamp=never),
        positions.record_margin_interest(position_id=opened, cost=1, timestamp=never),
        account.record_interest(session_id=book.session_id, amount=1, timestamp=never),
        account.record_transfer(session_id=book.session_id, amount=1, reason="never", timestamp=never),
    ):
        with pytest.raises(InvalidInput, match="2009") as caught:
            book.run(money)
        assert caught.value.field == "timestamp"


def digits(*numbers: Decimal | None) -> int:
    return max(len(number.as_tuple().digits) for number in numbers if number is not None)


def test_everything_fits_a_decimal128(book: Book) -> None:
    third = Decimal("0.3333333333333333333333333333333333333333")
    entry = book.journal(quantity=9)
    for name, quantity, price in (("a", 2, "17000000000.1"), ("b", 1, "17000000000.3")):
        record(book, entry, exchange_fill_id=name, quantity=quantity, price=price, commission=third)
    held = book.position(book.position_of(entry))
    book.run(
        orders.update_order_status(order_id=entry, filled_quantity=9, filled_price="17000000000", commission=third)
    )
    record(book, entry, exchange_fill_id="c", quantity=6, price="17000000000.7", fee=third, fee_currency="USDT")
    book.run(positions.apply_partial_exit(position_id=held.id, quantity=2, price="1.8e10", commission=third, pnl=third))
    book.run(positions.record_funding(position_id=held.id, amount=third, timestamp=START))
    book.run(account.record_transfer(session_id=book.session_id, amount=third, reason="more", timestamp=START))
    for one in (held, book.position(held.id)):
        assert digits(one.entry_price, one.cost_basis, one.entry_notional, one.commission, one.realized_pnl) <= 34
    assert digits(held.entry_price) > 20
    assert digits(book.order(entry).filled_price, book.order(entry).commission, book.balance()) <= 34
    huge = open_short(book, quantity="1e12", price="123456789.123456789012", symbol="HUGE")
    for _ in range(3):
        book.run(positions.apply_partial_exit(position_id=huge, size=1 / 3, price="123456789.3"))
    closed = book.position(huge)
    assert digits(closed.entry_notional, closed.exit_notional, closed.entry_price, closed.exit_price) <= 34
    assert closed.realized_pnl == closed.exit_notional - closed.entry_notional
    assert book.balances()


def test_funding_and_interest_are_part_of_the_net(book: Book) -> None:
    opened = open_short(book, quantity=2)
    book.run(positions.record_funding(position_id=opened, amount="-0.5"))
    book.run(positions.apply_partial_exit(position_id=opened, quantity=1, price=110))
    book.run(positions.record_funding(position_id=opened, amount="0.2"))
    book.run(positions.record_margin_interest(position_id=opened, cost="0.1"))
    assert book.balance() == Decimal("1009.6")
    book.run(positions.close_position(position_id=opened, exit_price=110, exit_reason="x"))
    book.run(positions.record_funding(position_id=opened, amount="-0.05"))
    [trade] = book.trades()
    assert (trade.funding, trade.margin_interest_cost) == (Decimal("-0.35"), Decimal("0.1"))
    assert trade.net_pnl == Decimal("19.55")
    assert book.balance() == Decimal("1019.55")
    assert book.balances()


def test_a_withdrawal_is_no_loss(book: Book) -> None:
    def snapshot(hours: int, equity: int) -> None:
        book.run(
            account.log_account_snapshot(
                session_id=book.session_id, balance=equity, equity=equity, timestamp=START + timedelta(hours=hours)
            )
        )

    snapshot(0, 1000)
    snapshot(24, 1100)
    book.run(
        account.record_transfer(
            session_id=book.session_id, amount=-500, reason="withdrawal", timestamp=START + timedelta(hours=36)
        )
    )
    snapshot(48, 600)
    snapshot(72, 660)
    figures = book.run(metrics.get_performance_metrics(session_id=book.session_id))
    assert figures.max_drawdown == 0
    assert figures.sharpe_ratio is not None
    assert figures.sharpe_ratio > 0
    assert figures.var_95 is not None
    assert figures.var_95 >= 0
    now = book.run(reports.get_current_drawdown(session_id=book.session_id))
    assert now is not None
    assert now.drawdown == 0
    snapshot(96, 594)
    assert book.run(metrics.get_performance_metrics(session_id=book.session_id)).max_drawdown == Decimal("0.1")


def test_inverse_contracts_are_worth_their_quantity_by_the_price(book: Book) -> None:
    opened = open_short(book, quantity=200, price="98950.5", side="SHORT", symbol="XBTUSD", contract="INVERSE")
    book.run(positions.close_position(position_id=opened, exit_price=98000, exit_reason="target"))
    by_hand = Decimal(200) / 98000 - Decimal(200) / Decimal("98950.5")
    assert abs(book.position(opened).realized_pnl - by_hand) < Decimal("1e-17")
    assert book.balances()


def test_another_settlement_currency_needs_a_rate_or_the_pnl(book: Book) -> None:
    opened = open_short(book, price="0.05", quantity=2, symbol="ETHBTC", settlement_currency="BTC")
    with pytest.raises(InvalidInput, match="settles in BTC and the session's books are in USDT") as caught:
        book.run(positions.close_position(position_id=opened, exit_price="0.06", exit_reason="x"))
    assert caught.value.field == "settlement_rate"
    book.run(positions.apply_partial_exit(position_id=opened, quantity=1, price="0.06", settlement_rate=50_000))
    book.run(positions.close_position(position_id=opened, exit_price="0.06", exit_reason="x", pnl=501))
    assert book.position(opened).realized_pnl == 1001
    assert book.balances()


def test_unrealised_pnl_in_another_currency_without_a_rate_is_not_known(book: Book) -> None:
    opened = open_short(book, price="0.05", quantity=2, symbol="ETHBTC", settlement_currency="BTC")
    book.run(positions.update_position(position_id=opened, current_price="0.06"))
    held = book.position(opened)
    assert (held.unrealized_pnl, held.unrealized_pnl_percent) == (None, Decimal(20))
    book.run(positions.apply_scale_in(position_id=opened, quantity=1, price="0.06"))
    assert book.position(opened).unrealized_pnl is None
    # In the session's own currency a rate says nothing.
    own = open_short(book, settlement_currency="usdt", settlement_rate=2)
    book.run(positions.update_position(position_id=own, current_price=110))
    assert book.position(own).unrealized_pnl == 10
    book.run(positions.apply_scale_in(position_id=own, quantity=1, price=120))
    assert book.position(own).unrealized_pnl == 20
    rated = open_short(book, symbol="ETHEUR", settlement_currency="EUR", settlement_rate="1.1")
    book.run(positions.update_position(position_id=rated, current_price=110))
    assert book.position(rated).unrealized_pnl == 11


@pytest.mark.parametrize(
    ("symbol", "contract", "settles_in"),
    [
        ("ETH/BTC", "LINEAR", "BTC"),
        ("BTC/USD:BTC", "INVERSE", "BTC"),
        ("BTC/USD", "INVERSE", "BTC"),
        ("ETH/USDC:USDC-241227-3000-C", "LINEAR", "USDC"),
        ("ETH/USDT", "LINEAR", None),
        ("ETH/usdt:usdt", "LINEAR", None),
        ("BRK/B", "LINEAR", None),
        ("ETHBTC", "LINEAR", None),
    ],
)
def test_a_symbol_says_in_what_it_is_settled(book: Book, symbol: str, contract: str, settles_in: str | None) -> None:
    short = open_short(book, symbol=symbol, contract=contract, price=10)
    planned = book.run(
        orders.create_order.value(
            {
                "session_id": book.session_id,
                "order_type": "ENTRY",
                "symbol": symbol,
                "side": "LONG",
                "quantity": 1,
                "internal_order_id": f"settled-{book.session_id}",
                "contract": contract,
            }
        )
    )
    record(book, planned, price=10)
    for opened in (short, book.position_of(planned)):
        close = positions.close_position(position_id=opened, exit_price=20, exit_reason="x")
        if settles_in is None:
            book.run(close)
        else:
            with pytest.raises(InvalidInput, match=f"settles in {settles_in} and the session's books are in USDT"):
                book.run(close)
            book.run(positions.close_position(position_id=opened, exit_price=20, exit_reason="x", settlement_rate=2))
    assert book.balances()


def unconverted(book: Book) -> list[tuple[str, str]]:
    everything = audit.audit_session(session_id=book.session_id)
    found = everything.assemble([book.run(one) for one in everything.statements]).findings
    assert {one.identity for one in found} <= {"unconverted"}
    return [(one.subject, str(one.actual)) for one in found]


def entered_in_bitcoin(book: Book, quantity: int = 2) -> tuple[int, int]:
    """The orders of an entry in ETH/BTC at 0.05, filled, and of its exit, journaled."""
    entry = book.journal(quantity=quantity, symbol="ETH/BTC")
    record(book, entry, quantity=quantity, price="0.05")
    leaving = book.journal("PARTIAL_EXIT", quantity, position_id=book.position_of(entry), symbol="ETH/BTC")
    return entry, leaving


def test_a_fill_whose_rate_is_not_known_is_recorded_and_its_pnl_completed_once(book: Book) -> None:
    entry, leaving = entered_in_bitcoin(book)
    exit_fill = {"quantity": 1, "price": "0.06", "filled_at": START + timedelta(hours=1)}
    first = record(book, leaving, **exit_fill)
    held = book.position(book.position_of(entry))
    assert (held.current_quantity, held.realized_pnl, book.balance()) == (Decimal(1), Decimal(0), Decimal(1000))
    [warning] = book.warnings()
    assert f"Order {leaving} earned 0.01 BTC with position {held.id}, and no rate is known" in warning
    assert unconverted(book) == [(f"order {leaving}, pnl", "0.01")]
    assert record(book, leaving, **exit_fill, settlement_rate=60_000) == first
    assert record(book, leaving, **exit_fill, settlement_rate=61_000) == first
    assert (book.position(held.id).realized_pnl, book.balance()) == (Decimal(600), Decimal(1600))
    record(book, leaving, **exit_fill | {"exchange_fill_id": "b", "price": "0.04"})
    assert [trade.pnl for trade in book.trades()] == [600]
    assert unconverted(book) == [(f"order {leaving}, pnl", "-0.01")]
    record(book, leaving, **exit_fill | {"exchange_fill_id": "b", "price": "0.04"}, pnl=-599)
    assert ([trade.pnl for trade in book.trades()], book.balance()) == ([Decimal(1)], Decimal(1001))
    assert book.balances()


def test_a_report_of_the_order_completes_the_pnl_of_all_of_it(book: Book) -> None:
    for told in ({"settlement_rate": 50_000}, {"pnl": 1000}):
        before = book.balance()
        _, leaving = entered_in_bitcoin(book)
        for name in ("a", "b"):
            record(book, leaving, exchange_fill_id=name, price="0.06")
        for _ in range(2):
            book.run(orders.update_order_status(order_id=leaving, **told))  # type: ignore[arg-type]
        assert book.balance() == before + 1000
        assert book.balances()


def test_pnl_and_rate_of_fills_wait_for_the_position_with_them(book: Book) -> None:
    _, leaving = entered_in_bitcoin(book, quantity=4)
    held = book.position_of(leaving)
    loose = book.journal("PARTIAL_EXIT", 4, symbol="ETH/BTC")
    record(book, loose, exchange_fill_id="a", price="0.06", settlement_rate=50_000)
    record(book, loose, exchange_fill_id="b", price="0.06", pnl=501)
    record(book, loose, exchange_fill_id="c", price="0.06")
    record(book, loose, exchange_fill_id="c", price="0.06", pnl=502)
    book.run(orders.update_order_status(order_id=loose, filled_quantity=4, filled_price="0.06", pnl=503))
    book.run(orders.link_order_to_position(order_id=loose, position_id=held))
    assert (book.position(held).realized_pnl, book.balance()) == (Decimal(2006), Decimal(3006))
    assert book.balances()


def test_odd_prices_and_symbols_are_stored(book: Book) -> None:
    option = open_short(book, symbol="SPXW  260120P06835000", price="1.5")
    book.run(positions.close_position(position_id=option, exit_price=0, exit_reason="worthless"))
    assert book.position(option).realized_pnl == Decimal("-1.5")
    power = open_short(book, symbol="DE-LU", price=-5, allows_negative_prices=True, stop_loss=Decimal(-20))
    book.run(positions.close_position(position_id=power, exit_price=-2, exit_reason="x"))
    assert book.position(power).realized_pnl == 3
    with pytest.raises(InvalidInput, match="is negative") as caught:
        open_short(book, symbol="BTCUSDT", price=-5)
    assert caught.value.field == "entry_price"
    token = "7" * 77
    assert book.position(open_short(book, symbol=token, quantity="1e12", price="1e-9")).symbol == token
    assert book.balances()


def test_what_differs_from_the_exchange_is_corrected_with_an_event(book: Book) -> None:
    opened = open_short(book, quantity=1, price=100)
    book.run(positions.correct_position_quantity(position_id=opened, quantity="0.9", reason="the exchange holds 0.9"))
    book.run(positions.correct_entry_price(position_id=opened, entry_price=99, reason="reported wrong"))
    held = book.position(opened)
    assert (held.current_quantity, held.entry_price) == (Decimal("0.9"), Decimal(99))
    book.run(positions.correct_position_quantity(position_id=opened, quantity=0, price=105, reason="closed elsewhere"))
    assert (book.position(opened).status, len(book.trades())) == (PositionStatus.CLOSED, 1)
    found = book.run(reconciliation.get_reconciliation_events(session_id=book.session_id))
    assert [event.field for event in reversed(found)] == ["current_quantity", "entry_price", "current_quantity"]
    assert book.balances()


def test_clocks_that_differ_close_all_the_same(book: Book) -> None:
    entry = book.journal()
    record(book, entry, filled_at=START)
    leaving = book.journal("FULL_EXIT", position_id=book.position_of(entry))
    record(book, leaving, price=110, filled_at=START - timedelta(milliseconds=120))
    [trade] = book.trades()
    assert trade.exit_time == trade.entry_time == START
    [fill] = book.run(orders.get_fills(order_id=leaving))
    assert fill.filled_at == START - timedelta(milliseconds=120)
    with pytest.raises(InvalidInput, match="2009") as caught:
        record(book, entry, exchange_fill_id="zero", filled_at=START.replace(year=1970))
    assert caught.value.field == "filled_at"


def test_unrealised_pnl_follows_from_the_price(book: Book) -> None:
    opened = open_short(book, quantity=2, price=100)
    book.run(positions.update_position(position_id=opened, current_price=110))
    held = book.position(opened)
    assert (held.unrealized_pnl, held.unrealized_pnl_percent) == (Decimal(20), Decimal(10))
    book.run(positions.update_position(position_id=opened, current_price=120, unrealized_pnl=39))
    assert book.position(opened).unrealized_pnl == 39


def test_a_fill_marks_with_18_digits_at_a_rate_too(book: Book) -> None:
    book.run(
        orders.create_order(
            session_id=book.session_id,
            order_type="ENTRY",
            symbol="ETHEUR",
            side="LONG",
            quantity=3,
            internal_order_id="in euros",
            settlement_currency="EUR",
            settlement_rate="1.123456789012345678",
        )
    )
    for name, quantity, price in (("1", 1, "100.123456789"), ("2", 2, "100.2")):
        book.run(
            orders.record_fill(
                session_id=book.session_id,
                internal_order_id="in euros",
                exchange_fill_id=name,
                quantity=quantity,
                price=price,
            )
        )
    [held] = book.open()
    assert held.unrealized_pnl == round(Decimal("0.076543211") * Decimal("1.123456789012345678"), 18)


@pytest.mark.parametrize(("exit_price", "exit_fee", "right"), [(100, 1, 998), (110, 1, 1008), (90, 0, 990)])
@pytest.mark.parametrize("closed", ["before the balance is set", "after it"])
def test_reported_balances_that_counted_twice(
    book: Book, exit_price: int, exit_fee: int, right: int, closed: str
) -> None:
    """Others' books said 997, 1007 and 980: the close counts once, whenever the exchange's balance is set."""
    opened = open_short(book, entry_commission=exit_fee)
    if closed == "after it":
        book.run(account.set_balance(session_id=book.session_id, balance=1000 - exit_fee, reason="sync"))
    close = positions.close_position(position_id=opened, exit_price=exit_price, exit_reason="x", commission=exit_fee)
    book.run(close)
    book.run(account.set_balance(session_id=book.session_id, balance=right, reason="sync"))
    book.run(close)
    assert book.balance() == right
    history = book.run(account.get_balance_history(session_id=book.session_id))
    assert {one.delta for one in history if one.entry_type is LedgerEntryType.ADJUSTMENT} == {Decimal(0)}
    assert book.warnings() == []
    assert book.balances()


def test_what_the_exchange_holds_in_each_currency_is_read_back(book: Book) -> None:
    held = {"USDT": "900", "BTC": "0.0015"}
    sync = account.set_balance(
        session_id=book.session_id, balance=1000, reserved_balance=200, asset_balances=held, reason="sync"
    )
    assert [book.run(sync), book.run(sync)] == [Decimal(1000)] * 2
    newest, first = book.run(account.get_balance_history(session_id=book.session_id))
    assert newest.asset_balances == held
    assert (newest.reserved_balance, newest.available_balance) == (Decimal(200), Decimal(800))
    assert first.asset_balances is None
    assert book.balances()


def test_a_price_of_nothing_is_stored_where_it_happens(book: Book) -> None:
    """An airdrop, a mark of 0, a lost prediction market."""
    symbol = "x" * 128
    entry = book.journal(quantity=5, symbol=symbol)
    record(book, entry, quantity=5, price=0)
    [held] = book.open()
    assert (held.symbol, held.entry_price, held.cost_basis) == (symbol, Decimal(0), Decimal(0))
    bought = book.journal(quantity=2, symbol="MARKET")
    record(book, bought, quantity=2, price="0.4")
    book.run(positions.update_position(position_id=book.position_of(bought), current_price=0))
    assert book.position(book.position_of(bought)).unrealized_pnl == Decimal("-0.8")
    for order, price, pnl in ((entry, "0.2", Decimal(1)), (bought, 0, Decimal("-0.8"))):
        held = book.position(book.position_of(order))
        leaving = book.journal("FULL_EXIT", held.current_quantity, position_id=held.id, symbol=held.symbol)
        record(book, leaving, quantity=held.current_quantity, price=price)
        assert book.position(held.id).realized_pnl == pnl
    assert book.balances()


def test_a_correction_of_what_is_closed_reaches_its_trade(book: Book) -> None:
    opened = open_short(book, quantity=2)
    book.run(positions.close_position(position_id=opened, exit_price=110, exit_reason="x"))
    book.run(positions.correct_entry_price(position_id=opened, entry_price=99, reason="reported wrong"))
    [trade] = book.trades()
    assert (trade.entry_price, trade.pnl, book.balance()) == (Decimal(99), Decimal(22), Decimal(1022))
    kept = book.run(metrics.get_total_metrics(session_id=book.session_id))
    assert kept is not None
    assert (kept.net_pnl, kept.total_trades) == (Decimal(22), 1)
    assert book.balances()


def test_a_linear_contract_is_of_its_size(book: Book) -> None:
    opened = open_short(book, quantity=3, price=61_000, symbol="BTC/USDT:USDT", contract_size=Decimal("0.001"))
    assert book.position(opened).entry_notional == 183
    book.run(positions.apply_partial_exit(position_id=opened, quantity=1, price=62_000))
    book.run(positions.close_position(position_id=opened, exit_price=60_000, exit_reason="x"))
    assert book.position(opened).realized_pnl == -1
    assert book.balances()
