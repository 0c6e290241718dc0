"""Files of trades: those that exchanges have written give the expected figures, and bad ones one sentence."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from atb_db import Database
from atb_db.admin.purge import purge_session
from atb_db.importing.errors import UnusableSource
from atb_db.importing.files import read_rows
from atb_db.importing.importing import import_trades
from atb_db.importing.plan import as_document
from atb_db.importing.results import Imported
from atb_db.importing.trade_files import Wishes
from atb_db.repository import imports, orders, positions, sessions, trades
from atb_db.testing import settings_of
from tests.importing.conftest import Sample, adds_up, books_are_clean, expected, silent

NOTHING = Decimal("0.00001")
"""Kraken's costs are rounded to 5 digits, and its prices are not."""


def imported(url: str, path: Path, wishes: Wishes = Wishes(), *, dry_run: bool = False) -> Imported:  # noqa: B008
    return import_trades(settings_of(url), path, wishes, dry_run=dry_run, progress=silent)


def round_trips(db: Database, done: Imported) -> list[tuple[str, str, str, Decimal]]:
    """The closed trades of all sessions, as the expected figures have them."""
    return sorted(
        (one.symbol, str(one.side).lower(), f"{one.exit_time:%Y-%m-%d %H:%M:%S}", one.net_pnl)
        for book in done.books
        for one in db.run(trades.get_recent_trades(session_id=book.session_id, limit=1000))
    )


def same_round_trips(found: Iterable[tuple[str, str, str, Decimal]], due: Iterable[tuple[str, Any]]) -> bool:
    wanted = sorted(
        (str(symbol), str(trip["side"]), str(trip["closed"])[:19].replace("T", " "), Decimal(str(trip["realised"])))
        for symbol, figures in due
        for trip in figures["net"]["round_trips"]
    )
    for ours, theirs in zip(found, wanted, strict=True):
        assert ours[:3] == theirs[:3]
        assert abs(ours[3] - theirs[3]) < NOTHING, (ours, theirs)
    return True


def open_quantities(db: Database, done: Imported) -> dict[str, Decimal]:
    return {
        one.symbol: one.current_quantity * (1 if str(one.side) == "LONG" else -1)
        for book in done.books
        for one in db.run(positions.get_active_positions(session_id=book.session_id))
    }


@pytest.mark.parametrize("name", ["binance-spot-trades.csv", "ccxt-my-trades.json"])
def test_round_trips_and_open_positions_are_the_expected_ones(
    sample: Sample, fresh_url: str, fresh_db: Database, name: str
) -> None:
    due = expected(sample("trade-files.expected.json"))[name]["symbols"]
    done = imported(fresh_url, sample(name))
    assert adds_up(done)
    assert done.quarantined == 0
    assert same_round_trips(round_trips(fresh_db, done), due.items())
    held = {
        symbol: Decimal(str(figures["net"]["average"]["open_quantity"]))
        for symbol, figures in due.items()
        if Decimal(str(figures["net"]["average"]["open_quantity"]))
    }
    assert open_quantities(fresh_db, done) == held
    assert books_are_clean(fresh_url)


def test_kraken_keeps_margin_apart(sample: Sample, fresh_url: str, fresh_db: Database) -> None:
    due = expected(sample("trade-files.expected.json"))["kraken-trades.csv"]
    done = imported(fresh_url, sample("kraken-trades.csv"))
    assert adds_up(done)
    both = [*due["spot"]["symbols"].items(), *due["margin"]["symbols"].items()]
    assert same_round_trips(round_trips(fresh_db, done), both)
    assert sorted(book.name for book in done.books) == [
        *("kraken BTC", "kraken EUR", "kraken EUR margin", "kraken USD margin"),
    ]
    assert books_are_clean(fresh_url)


def test_bybits_results_are_net_by_settle_coin(sample: Sample, fresh_url: str) -> None:
    due = expected(sample("trade-files.expected.json"))["bybit-closed-pnl.csv"]["by_settle_coin"]
    done = imported(fresh_url, sample("bybit-closed-pnl.csv"))
    assert adds_up(done)
    found = {book.base_currency: (book.trades, book.net_pnl.normalize()) for book in done.books}
    assert found == {coin: (one["rows"], Decimal(str(one["closed_pnl"])).normalize()) for coin, one in due.items()}
    assert done.differences == ()
    assert books_are_clean(fresh_url)


def test_ccxts_orders_by_their_totals(sample: Sample, fresh_url: str, fresh_db: Database) -> None:
    due = expected(sample("trade-files.expected.json"))["ccxt-orders.json"]
    done = imported(fresh_url, sample("ccxt-orders.json"))
    assert adds_up(done)
    assert open_quantities(fresh_db, done) == {
        symbol: Decimal(str(held))
        for symbol, held in due["open_quantity"].items()
        if Decimal(str(held)) and "/" in symbol
    }
    usdt = next(book for book in done.books if book.base_currency == "USDT")
    assert usdt.balance == sum(
        Decimal(str(one)) for symbol, one in due["realised_fees_apart_fifo"].items() if symbol != "BTC/USD:BTC"
    )
    [pending] = fresh_db.run(orders.get_pending_orders(session_id=usdt.session_id))
    assert pending.exchange_order_id == "880012601"
    assert books_are_clean(fresh_url)


@pytest.mark.parametrize(
    "name",
    ["binance-spot-trades.csv", "kraken-trades.csv", "bybit-closed-pnl.csv", "ccxt-my-trades.json", "ccxt-orders.json"],
)
def test_a_second_run_changes_nothing(sample: Sample, fresh_url: str, name: str) -> None:
    tried = imported(fresh_url, sample(name), dry_run=True)
    first = imported(fresh_url, sample(name))
    again = imported(fresh_url, sample(name))
    assert [one._replace(known=0) for one in again.counts] == list(first.counts) == list(tried.counts)
    assert all(one.known == one.rows for one in again.counts)
    assert again.books == first.books
    assert again.fates == ()


HEAD = '"Date(UTC)","Pair","Side","Price","Executed","Amount","Fee"\r\n'


def binance(*rows: str) -> str:
    return HEAD + "".join(f"{row}\r\n" for row in reversed(rows))


BUY = '"2025-11-05 09:00:00","BTCUSDT","BUY","50,000.0000","2.0000000000BTC","100,000.0USDT","0.0000000000BNB"'
SELL = '"2025-11-06 09:00:00","BTCUSDT","SELL","51,000.0000","1.0000000000BTC","51,000.0USDT","5.0000000000USDT"'
LATER = '"2025-11-07 09:00:00","BTCUSDT","SELL","52,000.0000","3.0000000000BTC","156,000.0USDT","0.0010000000BTC"'


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    def write_file(content: str | bytes, name: str = "trades.csv") -> Path:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write_file


def test_a_dry_run_keeps_nothing(fresh_url: str, fresh_db: Database, write: Callable[..., Path]) -> None:
    done = imported(fresh_url, write(binance(BUY, SELL)), dry_run=True)
    assert [one.net_pnl for one in done.books] == [0]
    assert done.books[0].balance == 995
    assert fresh_db.run(imports.get_import_sources()) == []


def test_the_next_file_continues_the_first(fresh_url: str, fresh_db: Database, write: Callable[..., Path]) -> None:
    apart = imported(fresh_url, write(binance(BUY, SELL, SELL)))
    assert apart.books[0].trades == 1
    assert apart.books[0].net_pnl == 2 * (1000 - 5)  # two equal rows are two executions
    own = Wishes(account="other")
    imported(fresh_url, write(binance(BUY, SELL)), own)
    done = imported(fresh_url, write(binance(SELL, LATER)), own)
    assert [(one.rows, one.known, one.adjusted) for one in done.counts] == [(2, 1, 1)]
    assert open_quantities(fresh_db, done) == {"BTCUSDT": Decimal("-2.001")}  # the fee was taken from what is owed
    assert books_are_clean(fresh_url)


def test_what_is_older_than_what_was_imported_is_in_quarantine(
    fresh_url: str, fresh_db: Database, write: Callable[..., Path]
) -> None:
    imported(fresh_url, write(binance(SELL)))
    done = imported(fresh_url, write(binance(BUY, SELL)))
    assert adds_up(done)
    [why] = [fate.reason for fate in done.fates]
    assert str(why).startswith("newer trades of BTCUSDT are in the books: import files oldest first")
    [kept] = fresh_db.run(imports.get_quarantine(source_id=done.source_id))
    assert isinstance(kept.content, dict)
    assert kept.content["Executed"] == "2.0000000000BTC"


def test_the_same_id_with_other_figures_is_in_quarantine(fresh_url: str, write: Callable[..., Path]) -> None:
    rows = [{"time": "2025-11-05", "symbol": "X", "side": "buy", "quantity": 1, "price": 2, "trade_id": 7}]
    imported(fresh_url, write(json.dumps(rows)))
    rows[0]["price"] = 3
    done = imported(fresh_url, write(json.dumps(rows)))
    assert [fate.reason for fate in done.fates] == [
        "it was imported before, with other figures; the first are in the books"
    ]


def test_a_corrected_row_leaves_quarantine(fresh_url: str, fresh_db: Database, write: Callable[..., Path]) -> None:
    first = {"time": "2025-11-05", "symbol": "X", "side": "buy", "quantity": 1, "price": "2", "trade_id": 7}
    bad = first | {"time": "2025-11-06", "side": "sell", "price": "oops", "trade_id": 8}
    later = first | {"time": "2025-11-07", "symbol": "Y", "trade_id": 9}
    done = imported(fresh_url, write(json.dumps([first, bad, later])))
    assert (done.quarantined, fresh_db.run(trades.get_recent_trades(session_id=done.books[0].session_id))) == (1, [])
    corrected = [first, bad | {"price": "3"}, later]
    done = imported(fresh_url, write(json.dumps(corrected)))
    assert (adds_up(done), done.quarantined, done.fates) == (True, 0, ())
    [trade] = fresh_db.run(trades.get_recent_trades(session_id=done.books[0].session_id))
    assert (trade.symbol, trade.net_pnl) == ("X", Decimal(1))
    assert fresh_db.run(imports.get_quarantine(source_id=done.source_id)) == []
    assert imported(fresh_url, write(json.dumps(corrected))).counts[0].known == 3
    assert books_are_clean(fresh_url)


def test_a_corrected_row_that_comes_too_late_is_booked_after_a_purge(
    fresh_url: str, fresh_db: Database, write: Callable[..., Path]
) -> None:
    first = {"time": "2025-11-05", "symbol": "X", "side": "buy", "quantity": 2, "price": "oops", "trade_id": 7}
    later = first | {"time": "2025-11-07", "price": "4", "trade_id": 8}
    imported(fresh_url, write(json.dumps([first, later])))
    path = write(json.dumps([first | {"price": "2"}, later]))
    done = imported(fresh_url, path)
    [why] = [fate.reason for fate in done.fates]
    assert str(why).endswith("or purge the session, and import all of it again")
    [session_id] = [book.session_id for book in done.books]
    fresh_db.run(sessions.end_trading_session(session_id=session_id))
    purge_session(settings_of(fresh_url), session_id)
    again = imported(fresh_url, path)
    assert again.quarantined == 0
    [held] = fresh_db.run(positions.get_active_positions(session_id=again.books[0].session_id))
    assert (held.current_quantity, held.entry_price) == (Decimal(4), Decimal(3))
    assert books_are_clean(fresh_url)


def test_an_order_that_was_open_is_continued(fresh_url: str, fresh_db: Database, write: Callable[..., Path]) -> None:
    row = {
        "id": "1",
        "symbol": "BTC/USDT",
        "side": "buy",
        "amount": 3,
        "timestamp": 1767603600000,
        "status": "open",
        "filled": 1,
        "average": 100,
        "lastUpdateTimestamp": 1767603600000,
    }
    imported(fresh_url, write(json.dumps([row]), "orders.json"))
    row |= {"status": "closed", "filled": 3, "average": 110, "lastUpdateTimestamp": 1767603700000}
    done = imported(fresh_url, write(json.dumps([row]), "orders.json"))
    [position] = fresh_db.run(positions.get_active_positions(session_id=done.books[0].session_id))
    assert (position.current_quantity, position.entry_price) == (Decimal(3), Decimal(110))
    assert books_are_clean(fresh_url)


SINCE = Wishes(since=datetime(2025, 11, 6, tzinfo=UTC))
BOUGHT = SELL.replace("SELL", "BUY").replace("09:00", "10:00")


def test_since_leaves_older_rows_out_and_the_rest_of_their_positions(
    fresh_url: str, fresh_db: Database, write: Callable[..., Path]
) -> None:
    other = SELL.replace("BTC", "ETH")
    done = imported(fresh_url, write(binance(BUY, other, SELL, BOUGHT, LATER)), SINCE)
    # 2 before; then 1 sold, 1 bought, and 3.001 sold: 2 of the older position, which opened 1.001 short.
    assert (done.left_out, [(one.rows, one.adjusted) for one in done.counts]) == (3, [(2, 1)])
    assert open_quantities(fresh_db, done) == {"ETHUSDT": Decimal(-1), "BTCUSDT": Decimal("-1.001")}
    assert books_are_clean(fresh_url)


def test_since_leaves_out_nothing_of_a_position_that_is_in_the_books(
    fresh_url: str, fresh_db: Database, write: Callable[..., Path]
) -> None:
    imported(fresh_url, write(binance(BUY)))
    done = imported(fresh_url, write(binance(BUY, SELL)), SINCE)
    assert open_quantities(fresh_db, done) == {"BTCUSDT": Decimal(1)}
    again = imported(fresh_url, write(binance(BUY, SELL)), SINCE)
    assert (again.quarantined, open_quantities(fresh_db, again)) == (0, {"BTCUSDT": Decimal(1)})


def test_since_in_the_middle_of_all_positions_leaves_nothing(fresh_url: str, write: Callable[..., Path]) -> None:
    done = imported(fresh_url, write(binance(BUY, SELL)), SINCE)
    assert (done.left_out, done.books) == (2, ())


def test_columns_of_ones_own(fresh_url: str, fresh_db: Database, write: Callable[..., Path]) -> None:
    text = "when;pair;what;amount;price;cost;cc\n2025-11-05T10:00+01:00;A/B;Buy;2;3;0.5;B\n2025-11-06;A/B;sell;2;4;;B\n"
    mapping = {"when": "time", "pair": "symbol", "what": "side", "amount": "quantity", "cost": "fee", "cc": "currency"}
    done = imported(fresh_url, write(text), Wishes(mapping=mapping))
    [trade] = fresh_db.run(trades.get_recent_trades(session_id=done.books[0].session_id))
    assert (trade.net_pnl, f"{trade.entry_time:%H:%M}") == (Decimal("1.5"), "09:00")


BAD_ROWS = {
    "Side is 'SWAP', not BUY or SELL": BUY.replace('"BUY"', '"SWAP"'),
    "Price is NaN": BUY.replace("50,000.0000", "NaN"),
    "Price is no number": BUY.replace("50,000.0000", "fifty"),
    "Price is '50,000': numbers have a decimal point": BUY.replace("50,000.0000", "50,000"),
    "price is -50000.0000": BUY.replace("50,000.0000", "-50,000.0000"),
    "price is 1E+31": BUY.replace("50,000.0000", "1e31"),
    "numbers are milliseconds since 1970": BUY.replace("2025-11-05 09:00:00", "1762333200000"[:10]),
    "has no quote currency": BUY.replace("BTCUSDT", "BTCXYZ"),
    "is in none of BTC": BUY.replace("2.0000000000BTC", "2.0000000000ETH"),
    "Date(UTC) is no time": BUY.replace("2025-11-05 09:00:00", "yesterday"),
    "Executed is 0.0": BUY.replace("2.0000000000BTC", "0.0BTC"),
}


def test_bad_rows_are_in_quarantine_as_they_were_and_the_others_are_booked(
    fresh_url: str, fresh_db: Database, write: Callable[..., Path]
) -> None:
    path = write(binance(*BAD_ROWS.values(), SELL))
    done = imported(fresh_url, path)
    assert adds_up(done)
    assert (done.quarantined, done.counts[0].rows) == (len(BAD_ROWS), len(BAD_ROWS) + 1)
    kept = fresh_db.run(imports.get_quarantine(source_id=done.source_id))
    assert [why for why in BAD_ROWS if not any(why in str(one.reason) for one in kept)] == []
    rows = [as_document(row) for row in read_rows(path)]
    assert all(one.content in rows for one in kept)
    assert books_are_clean(fresh_url)


def test_what_the_books_refuse_is_in_quarantine_with_their_words(fresh_url: str, write: Callable[..., Path]) -> None:
    done = imported(fresh_url, write(binance(BUY, SELL, LATER.replace("52,000.0000", "9e29"))))
    assert [(one.records, one.quarantined) for one in done.counts] == [(2, 1)]
    assert "the books refuse it: orders.record_fill: must be a finite amount below 1e30" in done.fates[-1].reason
    assert books_are_clean(fresh_url)


NUMBERS = ("1e9999999", "1e-9999999", "9" * 300, "1e300", "-1e300", "NaN", "inf", "0." + "0" * 190 + "1", "", "1_0x")
LONG_IDS = ("x" * 240, "x" * 241 + "y", "x" * 3000, " x ")
PLAIN = {"time": "2025-11-05", "symbol": "BTCUSDT", "side": "buy", "quantity": "1", "price": "2", "fee": "0"}
KRAKEN = {
    "txid": "T", "ordertxid": "O", "pair": "XXBTZUSD", "time": "2025-11-05 10:00:00.1234", "type": "buy",
    "ordertype": "limit", "price": "2", "cost": "2", "fee": "0", "vol": "1", "margin": "0",
}  # fmt: skip
CCXT = {
    "id": "1", "order": "7", "timestamp": 1762333200000, "symbol": "BTC/USD:BTC", "side": "buy", "price": 2,
    "amount": 1, "cost": 2, "takerOrMaker": "taker", "fee": {"cost": 0, "currency": "BTC"},
}  # fmt: skip
CCXT_ORDER = {
    "id": "1", "timestamp": 1762333200000, "symbol": "BTC/USD:BTC", "side": "buy", "price": 2, "amount": 1, "cost": 2,
    "filled": 1, "average": 2, "status": "closed", "lastUpdateTimestamp": 1762333200000,
}  # fmt: skip
BYBIT = {
    "Contracts": "BTCUSDT", "Closing Direction": "Close Long", "Qty": "1", "Entry Price": "1", "Exit Price": "2",
    "Closed P&L": "1", "Exit Type": "Trade", "Trade Time(UTC+0)": "2025-11-05 10:00:00", "Order No.": "1",
}  # fmt: skip
ODD: dict[str, tuple[dict[str, Any], dict[str, tuple[object, ...]]]] = {
    "plain": (
        PLAIN,
        {**dict.fromkeys(("quantity", "price", "fee"), NUMBERS), **dict.fromkeys(("trade_id", "order_id"), LONG_IDS)},
    ),
    "kraken": (
        KRAKEN,
        {
            **dict.fromkeys(("vol", "price", "fee", "margin"), NUMBERS),
            **dict.fromkeys(("txid", "ordertxid"), LONG_IDS),
        },
    ),
    "ccxt": (
        CCXT,
        {
            **dict.fromkeys(("amount", "price", "cost"), (*NUMBERS, None)),
            "id": (*LONG_IDS, None),
            "order": (*LONG_IDS, None),
            "timestamp": ("x", -1, 10**400, True, None, 1e300),
            "fee": ("x", 1, ["x"], {"cost": "x", "currency": "BTC"}, {"cost": 1}),
            "fees": ("x", {"cost": "x", "currency": "BTC"}, [None]),
        },
    ),
    "ccxt-orders": (
        CCXT_ORDER,
        {
            **dict.fromkeys(("amount", "average", "cost", "filled", "lastUpdateTimestamp"), (*NUMBERS, None)),
            "id": (*LONG_IDS, None),
            "side": ("long", "", None),
            "status": ("odd", "open", None),
        },
    ),
    "bybit": (BYBIT, dict.fromkeys(("Qty", "Entry Price", "Exit Price", "Closed P&L"), (*NUMBERS, "1e25"))),
}  # fmt: skip


@pytest.mark.parametrize("name", ODD)
def test_no_value_of_a_row_stops_the_import(fresh_url: str, tmp_path: Path, name: str) -> None:
    """Each odd value alone in a row of its own market, twice: all are records, adjusted, or in quarantine."""
    usual, odd = ODD[name]
    market = {"plain": "symbol", "ccxt": "symbol", "ccxt-orders": "symbol"}.get(name)
    rows = []
    for number, (column, value) in enumerate((column, value) for column, values in odd.items() for value in values):
        row = {**usual, column: value}
        if market is not None:
            row[market] = f"X{number}{str(usual[market])[3:]}"
        rows += [row, row]
    path = tmp_path / "odd.json"
    path.write_text(json.dumps([usual, *rows, usual]))
    done = imported(fresh_url, path, Wishes(format=name))
    assert adds_up(done)
    assert sum(one.rows for one in done.counts) == len(rows) + 2
    again = imported(fresh_url, path, Wishes(format=name))
    assert [(one.records, one.adjusted, one.quarantined) for one in again.counts] == [
        (one.records, one.adjusted, one.quarantined) for one in done.counts
    ]
    assert all(one.known == one.rows for one in again.counts)
    assert books_are_clean(fresh_url)


def test_a_trade_that_comes_twice_is_recorded_once(
    fresh_url: str, fresh_db: Database, write: Callable[..., Path]
) -> None:
    text = "time,symbol,side,quantity,price,trade_id\n"
    pages = [
        "2025-11-05,A/B,buy,1,3,1\n2025-11-06,A/B,sell,1,4,2\n",
        "2025-11-06,A/B,sell,1,4,2\n",
        "2025-11-06,A/B,sell,1,5,2\n",
    ]
    done = imported(fresh_url, write(text + "".join(pages)))
    assert [(one.records, one.adjusted, one.quarantined) for one in done.counts] == [(2, 1, 1)]
    [trade] = fresh_db.run(trades.get_recent_trades(session_id=done.books[0].session_id))
    assert trade.net_pnl == 1


def test_what_cannot_have_been_is_in_quarantine(fresh_url: str, write: Callable[..., Path]) -> None:
    """A time to come would keep all that follows out of the books; others are in another unit, or no number."""
    head = "time,symbol,side,quantity,price,fee,fee_currency,base\n"
    bad = {
        "2199-11-05,A/B,buy,1,3,,,": "time is 2199-11-05, which is to come",
        "1762333200,A/B,buy,1,3,,,": "numbers are milliseconds since 1970",
        "1762333200000000,A/B,buy,1,3,,,": "numbers are milliseconds since 1970",
        "2025-11-05,A/B,buy,1_0,3,,,": "quantity is no number: '1_0'",
        "2025-11-05,A/B,buy,1,3,1.5,A,A": "its fee is 1.5 A of 1 A",
        "2025-11-05,A/B,sell,1,3,-1,A,A": "its fee is -1 A of 1 A",
    }
    done = imported(fresh_url, write(head + "\n".join([*bad, "1762333200000.0,A/B,buy,1,3,,,\n"])))
    assert adds_up(done)
    assert (done.quarantined, done.books[0].open_positions) == (len(bad), 1)
    reasons = {fate.reason for fate in done.fates}
    assert all(any(why in f"{reason}" for reason in reasons) for why in bad.values())
    assert books_are_clean(fresh_url)


def test_a_fee_in_the_bought_asset_is_taken_from_the_position_where_the_symbol_says_which_it_is(
    fresh_url: str, write: Callable[..., Path]
) -> None:
    head = "time,symbol,side,quantity,price,fee,fee_currency\n"
    rows = "2025-11-05,{0},buy,1,100,0.001,ETH\n2025-11-06,{0},sell,0.999,90,0,\n"
    done = imported(fresh_url, write(head + "".join(map(rows.format, ("ETHUSDT", "ETH/USDT", "ETH-USDT", "ETHEUR")))))
    # Nothing says what ETHEUR is of: its currency is not named.
    assert (done.books[0].trades, done.books[0].open_positions) == (3, 1)
    assert books_are_clean(fresh_url)


def test_an_order_that_was_closed_before_it_was_filled_is_over(
    fresh_url: str, fresh_db: Database, write: Callable[..., Path]
) -> None:
    """What the exchange does not report for filled was not."""
    row = {
        "symbol": "BTC/USDT", "side": "buy", "amount": 2, "timestamp": 1767603600000, "status": "closed", "price": 9,
        "average": 10,
    }  # fmt: skip
    rows = [row | {"id": str(number), "filled": filled} for number, filled in enumerate((1, 0, None, 2))]
    done = imported(fresh_url, write(json.dumps(rows), "orders.json"))
    assert [(one.records, one.adjusted, one.quarantined) for one in done.counts] == [(1, 2, 1)]
    session_id = done.books[0].session_id
    assert fresh_db.run(orders.get_pending_orders(session_id=session_id)) == []
    [held] = fresh_db.run(positions.get_active_positions(session_id=session_id))
    assert held.current_quantity == 3
    assert books_are_clean(fresh_url)


def test_of_several_fees_the_note_names_the_one_that_is_booked(fresh_url: str, write: Callable[..., Path]) -> None:
    fees = [{"cost": 0.1, "currency": "BNB"}, {"cost": 0.01, "currency": "BTC"}]
    row = CCXT | {"symbol": "BTC/USDT", "fee": None, "fees": fees}
    done = imported(fresh_url, write(json.dumps([row]), "trades.json"))
    assert [fate.reason for fate in done.fates] == ["of its fees 0.1 BNB, 0.01 BTC, that in BTC is booked"]
    assert books_are_clean(fresh_url)


def test_a_mapped_column_takes_the_place_of_one_with_its_name(
    fresh_url: str, fresh_db: Database, write: Callable[..., Path]
) -> None:
    """Whichever of the two comes first; the other is kept beside the record."""
    for number, columns in enumerate(("price,filled_price", "filled_price,price")):
        values = "9,3" if columns.startswith("price") else "3,9"
        path = write(f"time, symbol,side, quantity,{columns}\n2025-11-05,A{number}/B,buy,1,{values}\n")
        done = imported(fresh_url, path, Wishes(mapping={"filled_price": "price"}))
        [held] = [
            one
            for one in fresh_db.run(positions.get_active_positions(session_id=done.books[0].session_id))
            if one.symbol == f"A{number}/B"
        ]
        assert held.entry_price == 3
        key = f"2025-11-05|A{number}/B|buy|1|3|||||||#1"
        [found] = fresh_db.run(imports.find_imported(source_table="trades", source_key=key))
        assert found.content == {"price": "9"}


@pytest.mark.parametrize(
    ("wishes", "why"),
    [
        (Wishes(mapping={"price": "price", "paid": "price"}), "--map gives the field price to more than one column"),
        (Wishes(format="kraken", mapping={"paid": "price"}), "--map is for the plain layout"),
        (Wishes(mapping={"paid": "cost"}), "there is no field cost"),
        (Wishes(mapping={"pay": "price"}), "the file has no column pay"),
        (Wishes(currency="US D"), "--currency 'US D' is no currency's code"),
    ],
)
def test_wishes_that_say_nothing_are_refused(
    fresh_url: str, write: Callable[..., Path], wishes: Wishes, why: str
) -> None:
    with pytest.raises(UnusableSource, match=why):
        imported(fresh_url, write("time,symbol,side,quantity,price,paid\n2025-11-05,A/B,buy,1,3,4\n"), wishes)


def test_codes_of_currencies_are_one_however_they_are_written(fresh_url: str, write: Callable[..., Path]) -> None:
    head, row = "time,symbol,side,quantity,price,currency\n", "2025-11-05,A/B,buy,1,3,"
    done = imported(fresh_url, write(f"{head}{row}usdt\n{row}USDT\n{row}US dollars\n"))
    assert ([one.name for one in done.books], done.quarantined) == (["plain USDT"], 1)


BAD_FILES = {
    "is empty": b" \n",
    "is not encoded in UTF-8": HEAD.encode() + BUY.encode().replace(b"BTCUSDT", b"BTC\xff"),
    "is a sqlite file": b"SQLite format 3\0" + b"\xff" * 100,
    "is no file of text": b"a,b\n\0,1\n",
    "is the file whole": binance(BUY, SELL)[:-40].encode(),
    "another number of columns": b"time,symbol,side,quantity,price\n2025-11-05,X,buy,1\n",
    "is no whole JSON": b'[{"id": 1, "symbol": "A/B"}, {"id"',
    "is no list of objects": b"[1, 2]",
    "of no format that is known": b"a,b\n1,2\n",
    "has a column twice": b"a,a\n1,2\n",
    "is no whole Parquet file": b"PAR1" + bytes(100),
    "has no rows": HEAD.encode(),
    "is compressed": gzip.compress(b"a,b"),
    "is nested too deeply": b"[" * 100_000,
    "a number of thousands of digits": b'[{"id": ' + b"9" * 5000 + b"}]",
    "line 2, ": b'{"id": 1}\n{"id": 2',
    "has the name 'price' twice": b'[{"price": 1, "price": 2}]',
    "has half a character": b'[{"id": "\\ud800"}]',
    "has the character NUL": b'[{"id": "1\\u0000"}]',
}


def test_a_bad_file_is_one_sentence_and_writes_nothing(
    fresh_url: str, fresh_db: Database, write: Callable[..., Path]
) -> None:
    for why, content in BAD_FILES.items():
        with pytest.raises(UnusableSource, match=why):
            imported(fresh_url, write(content))
    assert fresh_db.run(imports.get_import_sources()) == []


def test_a_bad_parquet_file_is_one_sentence_and_writes_nothing(
    fresh_url: str, fresh_db: Database, tmp_path: Path
) -> None:
    pytest.importorskip("pyarrow")
    import pyarrow
    from pyarrow import parquet

    path = tmp_path / "trades.parquet"
    many = [True] * 3_000_000
    for why, values in {"has the character NUL in a text": [{"b": ["x", "y\0"]}], "3,000,000 rows": many}.items():
        parquet.write_table(pyarrow.table({"a": values}), path)
        with pytest.raises(UnusableSource, match=why):
            imported(fresh_url, path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(UnusableSource, match=r"is no whole Parquet file: [^\n]+\Z"):
        imported(fresh_url, path)
    assert fresh_db.run(imports.get_import_sources()) == []


def test_parquet_of_other_writers(fresh_url: str, fresh_db: Database, tmp_path: Path) -> None:
    """Texts as bytes, nanoseconds, dictionaries, and bytes that are no text."""
    pytest.importorskip("pyarrow")
    import pyarrow as pa
    from pyarrow import parquet

    when = pa.array([1_762_333_200_123_456_789, 1_762_333_300_123_456_789], pa.timestamp("ns"))
    columns = {
        "time": when,
        "symbol": pa.array([b"BTCUSDT", b"BTCUSDT"]),
        "side": pa.array(["buy", "sell"]).dictionary_encode(),
        "quantity": pa.array([Decimal("1.50"), Decimal("1.5")]),
        "price": [100.0, 110.0],
        "trade_id": ["1", "2"],
        "raw": [b"\xff\0", b"a\0"],
    }
    parquet.write_table(pa.table(columns), tmp_path / "trades.parquet")
    done = imported(fresh_url, tmp_path / "trades.parquet")
    [trade] = fresh_db.run(trades.get_recent_trades(session_id=done.books[0].session_id))
    assert (trade.symbol, trade.net_pnl) == ("BTCUSDT", Decimal(15))
    assert trade.entry_time == datetime(2025, 11, 5, 9, 0, 0, 123456, tzinfo=UTC)
    [found] = fresh_db.run(imports.find_imported(source_table="trades", source_key="BTCUSDT 1"))
    assert found.content == {"raw": "ff00"}


def test_json_keeps_every_digit_and_every_character(
    fresh_url: str, fresh_db: Database, write: Callable[..., Path]
) -> None:
    """More digits than a float has, and in JSON lines a character that ends a line elsewhere."""
    row = '{"time":"2025-11-05","symbol":"A\u2028/B","side":"buy","quantity":0.1,"price":12345678901.0123456789}'
    done = imported(fresh_url, write(f"{row}\n{row}\n", "trades.jsonl"))
    [held] = fresh_db.run(positions.get_active_positions(session_id=done.books[0].session_id))
    assert (held.symbol, held.entry_price) == ("A\u2028/B", Decimal("12345678901.0123456789"))


def test_a_file_too_large_for_memory_is_said(fresh_url: str, tmp_path: Path) -> None:
    path = tmp_path / "huge.csv"
    with path.open("wb") as file:
        file.truncate(3 << 30)
    with pytest.raises(UnusableSource, match="divide it by time"):
        imported(fresh_url, path)


def test_a_pipe_is_a_file_too(fresh_url: str, tmp_path: Path) -> None:
    pipe = tmp_path / "trades"
    os.mkfifo(pipe)
    with ThreadPoolExecutor() as pool:
        written = pool.submit(pipe.write_text, binance(BUY, SELL))
        assert [one.trades for one in imported(fresh_url, pipe).books] == [0]
        assert written.result() > 0


def test_parquet(fresh_url: str, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    import pyarrow
    from pyarrow import parquet

    rows = [{"time": "2025-11-05", "symbol": "X", "side": "buy", "quantity": 1.5, "price": 2.0, "trade_id": "7"}]
    parquet.write_table(pyarrow.Table.from_pylist(rows), tmp_path / "trades.parquet")
    done = imported(fresh_url, tmp_path / "trades.parquet")
    assert (done.counts[0].records, done.books[0].open_positions) == (1, 1)
