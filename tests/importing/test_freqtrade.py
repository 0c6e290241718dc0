"""freqtrade's database: the sample gives freqtrade's own figures; open trades are continued; bad rows stand apart."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from atb_db import Database
from atb_db.importing.errors import UnusableSource
from atb_db.importing.freqtrade.choice import Choice
from atb_db.importing.freqtrade.file import read_freqtrade
from atb_db.importing.importing import import_freqtrade
from atb_db.importing.results import Imported
from atb_db.repository import history, imports, orders, positions, trades
from atb_db.testing import settings_of
from tests.importing.conftest import Sample, adds_up, books_are_clean, expected, silent
from tests.importing.freqtrade_files import EXIT, ORDER, TRADE, write_freqtrade

NAME = "freqtrade-spot-futures"
ROUNDED = Decimal("0.00000001")
"""freqtrade rounds each profit to 8 digits."""


def imported(url: str, path: Path, choice: Choice = Choice(), *, dry_run: bool = False) -> Imported:  # noqa: B008
    return import_freqtrade(settings_of(url), path, choice, dry_run=dry_run, progress=silent)


def by_trade(db: Database, done: Imported) -> dict[str, int]:
    """The position that each of freqtrade's trades became, by its id there."""
    found = {}
    session_id = done.books[0].session_id
    for key in db.run(imports.get_imported_keys(source_id=done.source_id)):
        if key.source_table == "trades" and key.session_id == session_id and key.target_id is not None:
            found[key.source_key.partition(" ")[0]] = key.target_id
    return found


def test_the_sample_gives_freqtrades_own_figures_and_a_second_run_changes_nothing(
    sample: Sample, fresh_url: str, fresh_db: Database
) -> None:
    """One import for all of it: it takes longer than anything that is asked of it."""
    due = expected(sample(f"{NAME}.expected.json"))
    path = sample(f"{NAME}.sqlite")
    tried = imported(fresh_url, path, dry_run=True)
    assert fresh_db.run(imports.get_import_sources()) == []
    first = imported(fresh_url, path)
    have_the_figures(fresh_db, first, due)
    open_trades_are_open(fresh_db, first, due)
    keep_what_has_no_place(fresh_db)
    again = imported(fresh_url, path)
    assert [one._replace(known=0) for one in again.counts] == list(first.counts) == list(tried.counts)
    assert all(one.known == one.rows for one in again.counts)
    assert again.books == first.books
    assert books_are_clean(fresh_url)


def have_the_figures(db: Database, done: Imported, due: Mapping[str, Any]) -> None:
    """Every closed trade has freqtrade's profit."""
    assert adds_up(done)
    assert {one.table: one.rows for one in done.counts} == due["tables"]
    assert done.quarantined == 0
    [book] = done.books
    assert (book.trades, book.base_currency) == (due["trades"]["closed"], "USDT")
    assert abs(book.net_pnl - Decimal(str(due["totals"]["sum_close_profit_abs_closed"]))) < 54 * ROUNDED
    closed = {one.position_id: one for one in db.run(trades.get_recent_trades(session_id=book.session_id, limit=100))}
    places = by_trade(db, done)
    for trade in due["all_trades"]:
        if trade["is_open"]:
            continue
        ours = closed[places[str(trade["id"])]]
        assert abs(ours.net_pnl - Decimal(str(trade["close_profit_abs"]))) <= ROUNDED, trade
        assert ours.exit_reason == trade["exit_reason"], trade
    assert sorted(one.pnl > 0 for one in closed.values()).count(True) >= due["trades"]["closed_wins"]


def open_trades_are_open(db: Database, done: Imported, figures: Mapping[str, Any]) -> None:
    """Open trades are open positions with their pending orders."""
    due = {str(one["id"]): one for one in figures["open_trades"]}
    places = by_trade(db, done)
    held = {one.id: one for one in db.run(positions.get_active_positions(session_id=done.books[0].session_id))}
    differing = {"60", "62"}  # partly filled orders, which freqtrade does not count before they end
    for trade, one in due.items():
        position = held.get(places[trade])
        if position is None:
            assert Decimal(str(one["amount"])) == 0, trade
        elif trade not in differing:
            assert position.current_quantity == Decimal(str(one["amount"])), trade
            assert position.stop_loss == Decimal(str(one["stop_loss"]))
    assert {difference.subject.split()[1] for difference in done.differences if "quantity" in difference.subject} == (
        differing
    )
    pending = {one.exchange_order_id for one in db.run(orders.get_pending_orders(session_id=done.books[0].session_id))}
    assert pending == {order["order_id"] for one in due.values() for order in one["open_orders"]}


def keep_what_has_no_place(db: Database) -> None:
    """What freqtrade says beyond the books is beside the record, or in a column of its own."""
    [found] = db.run(imports.find_imported(source_table="trades", source_key="1 2026-03-02 14:06:08.000000"))
    assert isinstance(found.content, dict)
    assert found.content["trading_mode"] == "FUTURES"
    assert found.target_id is not None
    position = db.run(positions.get_position(position_id=found.target_id))
    assert (position.leverage, position.liquidation_price) == (Decimal(3), Decimal("4112.89"))
    trade = next(one for one in db.run(history.get_trades()) if one.position_id == position.id)
    assert (trade.leverage, trade.entry_tag) == (position.leverage, position.entry_tag)


@pytest.mark.parametrize("base_fee", [None, 0.0009])
def test_a_trade_that_was_open_is_continued(
    fresh_url: str, fresh_db: Database, tmp_path: Path, base_fee: float | None
) -> None:
    entry = {**ORDER, "ft_fee_base": base_fee}
    held = 0.9 if base_fee is None else 0.899
    trade = {**TRADE, "amount": held}
    path = tmp_path / "bot.sqlite"
    first = imported(fresh_url, write_freqtrade(path, [trade], [entry]))
    [position] = fresh_db.run(positions.get_active_positions(session_id=1))
    assert (position.current_quantity, position.stop_loss) == (Decimal(str(held)), Decimal(2800))
    closed = {**trade, "is_open": 0, "close_profit_abs": 80.0, "exit_reason": "roi", "close_date": "2026-03-03"}
    exit_ = {**EXIT, "amount": held, "filled": held}
    done = imported(fresh_url, write_freqtrade(path, [closed], [entry, exit_]))
    assert done.source_id == first.source_id
    [made] = fresh_db.run(trades.get_recent_trades(session_id=1))
    sold = Decimal(str(held))
    assert made.net_pnl == sold * 100 - sold * 3000 * Decimal("0.001") - sold * 3100 * Decimal("0.001")
    assert books_are_clean(fresh_url)


def test_an_entry_that_fills_later_opens_then(fresh_url: str, fresh_db: Database, tmp_path: Path) -> None:
    waiting = {**ORDER, "status": "open", "filled": 0.0, "average": None, "order_filled_date": None}
    path = tmp_path / "bot.sqlite"
    imported(fresh_url, write_freqtrade(path, [{**TRADE, "amount": 0.0}], [waiting]))
    assert fresh_db.run(positions.get_active_positions(session_id=1)) == []
    imported(fresh_url, write_freqtrade(path, [TRADE], [ORDER]))
    [position] = fresh_db.run(positions.get_active_positions(session_id=1))
    assert position.current_quantity == Decimal("0.9")
    assert books_are_clean(fresh_url)


def test_another_bots_file_of_the_same_name_is_another_source(fresh_url: str, tmp_path: Path) -> None:
    path = tmp_path / "tradesv3.sqlite"
    first = imported(fresh_url, write_freqtrade(path, [TRADE], [ORDER]))
    other = imported(fresh_url, write_freqtrade(path, [TRADE], [{**ORDER, "order_id": "other-bot"}]))
    assert other.source_id != first.source_id
    assert other.books[0].session_id != first.books[0].session_id


def test_since_leaves_older_trades_out_and_a_later_run_brings_them(sample: Sample, fresh_url: str) -> None:
    since = datetime(2026, 3, 12, tzinfo=UTC)
    part = imported(fresh_url, sample(f"{NAME}.sqlite"), Choice(since=since))
    assert adds_up(part)
    rows = {one.table: one.rows for one in part.counts}
    whole = imported(fresh_url, sample(f"{NAME}.sqlite"))
    due = {one.table: one.rows for one in whole.counts}
    assert part.left_out == sum(due.values()) - sum(rows.values()) > 0
    assert {one.table: one.known for one in whole.counts} == rows
    assert books_are_clean(fresh_url)


def test_since_may_leave_no_trade(sample: Sample, fresh_url: str) -> None:
    whole = imported(fresh_url, sample(f"{NAME}.sqlite"), dry_run=True)
    done = imported(fresh_url, sample(f"{NAME}.sqlite"), Choice(since=datetime(2026, 11, 1, tzinfo=UTC)))
    assert adds_up(done)
    assert (done.books, done.quarantined) == ((), 0)
    assert sum(one.rows for one in done.counts) + done.left_out == sum(one.rows for one in whole.counts)


CLOSED = {**TRADE, "is_open": 0}
BAD: Mapping[str, tuple[Mapping[str, object], list[Mapping[str, object]]]] = {
    "it is closed, and none of its exit orders was filled": (CLOSED, [ORDER]),
    "its exits sold 2.0, and its entries bought 0.9": (CLOSED, [ORDER, {**EXIT, "filled": 2.0}]),
    "its entries bought 0.9, its exits sold 0.5": (CLOSED, [ORDER, {**EXIT, "filled": 0.5}]),
    "which is no state of ccxt's": (TRADE, [{**ORDER, "status": "weird"}]),
    "it has no entry order": (TRADE, [EXIT]),
    "filled is NaN": (TRADE, [{**ORDER, "filled": "NaN"}]),
    "close_profit_abs is NaN": ({**CLOSED, "close_profit_abs": "NaN"}, [ORDER, EXIT]),
    "open_date is no time": ({**TRADE, "open_date": "garbage"}, [ORDER]),
    "out of all proportion": (TRADE, [{**ORDER, "filled": 1e40}]),
    "pair is missing": ({**TRADE, "pair": ""}, [ORDER]),
    "timeframe is no number": ({**TRADE, "timeframe": "1h"}, [ORDER]),
}


@pytest.mark.parametrize("why", BAD)
def test_a_trade_that_cannot_be_is_in_quarantine_with_its_orders(
    fresh_url: str, fresh_db: Database, tmp_path: Path, why: str
) -> None:
    trade, own = BAD[why]
    good = ({**TRADE, "id": 9}, {**ORDER, "id": 9, "ft_trade_id": 9, "order_id": "good"})
    done = imported(fresh_url, write_freqtrade(tmp_path / "bot.sqlite", [trade, good[0]], [*own, good[1]]))
    assert adds_up(done)
    assert done.quarantined == 1 + len(own)
    kept = fresh_db.run(imports.get_quarantine(source_id=done.source_id))
    assert all(why in str(one.reason) for one in kept)
    assert len(fresh_db.run(positions.get_active_positions(session_id=1))) == 1
    assert books_are_clean(fresh_url)


def test_orders_of_deleted_trades_are_in_quarantine(fresh_url: str, tmp_path: Path) -> None:
    orphan = {**ORDER, "id": 5, "ft_trade_id": 5, "order_id": "gone"}
    done = imported(fresh_url, write_freqtrade(tmp_path / "bot.sqlite", [TRADE], [ORDER, orphan]))
    assert [fate.reason for fate in done.fates] == ["its trade 5 was deleted"]


def test_what_is_around_deleted_trades_is_somewhere(fresh_url: str, tmp_path: Path) -> None:
    """Notes of a trade that is gone, and pair locks of a bot without a trade."""
    path = write_freqtrade(tmp_path / "bot.sqlite", [], [])
    with closing(sqlite3.connect(path)) as bot:
        bot.execute("CREATE TABLE trade_custom_data (id, ft_trade_id, cd_key, cd_value)")
        bot.execute("INSERT INTO trade_custom_data VALUES (1, 5, 'level', '1.5')")
        bot.execute("CREATE TABLE pairlocks (id, pair, side, reason, lock_time, lock_end_time, active)")
        bot.execute("INSERT INTO pairlocks VALUES (1, 'A/B', '*', 'x', '2026-03-01', '2026-03-02', 1)")
        bot.commit()
    done = imported(fresh_url, path)
    assert [(one.table, one.adjusted, one.quarantined) for one in done.counts] == [
        ("pairlocks", 1, 0),
        ("trade_custom_data", 0, 1),
    ]


def test_a_text_that_cannot_be_stored_is_one_sentence(fresh_url: str, fresh_db: Database, tmp_path: Path) -> None:
    path = write_freqtrade(tmp_path / "bot.sqlite", [TRADE, {**TRADE, "id": 2, "enter_tag": "a\0b"}], [ORDER])
    with pytest.raises(UnusableSource, match="the character NUL in enter_tag of row 2 of trades"):
        imported(fresh_url, path)
    assert fresh_db.run(imports.get_import_sources()) == []


def test_rows_that_are_still_in_the_log_are_read(tmp_path: Path) -> None:
    path = write_freqtrade(tmp_path / "bot.sqlite", [TRADE], [ORDER])
    with closing(sqlite3.connect(path)) as bot:
        bot.execute("PRAGMA journal_mode = wal")
        bot.execute("PRAGMA wal_autocheckpoint = 0")
        bot.execute("UPDATE trades SET enter_tag = 'fresh'")
        bot.commit()
        [trade] = read_freqtrade(path).tables["trades"]
        assert trade["enter_tag"] == "fresh"


def beside(folder: Path) -> dict[str, bytes]:
    """What is in the folder, but for the locks, in which SQLite notes who reads."""
    return {one.name: b"" if one.name.endswith("-shm") else one.read_bytes() for one in folder.iterdir()}


@pytest.mark.parametrize("state", ["closed", "at work", "log alone", "killed with a journal"])
def test_reading_leaves_no_file_behind(tmp_path: Path, state: str) -> None:
    work = tmp_path / "work"
    work.mkdir()
    path = write_freqtrade(work / "bot.sqlite", [TRADE], [ORDER])
    with closing(sqlite3.connect(path)) as bot:
        bot.execute(f"PRAGMA journal_mode = {'delete' if 'journal' in state else 'wal'}")
        bot.execute("UPDATE trades SET enter_tag = 'fresh'")
        bot.commit()
        if state == "closed":
            bot.close()
        elif state != "at work":
            if "journal" in state:
                # So much in one transaction that some of it is written into the file before its end.
                bot.execute("PRAGMA cache_size = 1")
                bot.execute("UPDATE trades SET enter_tag = 'lost'")
                bot.execute("CREATE TABLE filler AS SELECT zeroblob(100000) AS zeros")
            copied = tmp_path / "copied"
            copied.mkdir()
            for one in work.iterdir():
                if not one.name.endswith("-shm"):
                    shutil.copy(one, copied)
            path = copied / path.name
        before = beside(path.parent)
        assert (len(before) > 1) == (state != "closed")
        [trade] = read_freqtrade(path).tables["trades"]
        assert trade["enter_tag"] == "fresh"
        assert beside(path.parent) == before


@pytest.mark.parametrize(
    ("why", "content"),
    [
        ("cannot be read as a sqlite file", b"time,symbol\n" * 100),
        ("is not freqtrade's: it has no table trades", None),
        ("is no file", b""),
    ],
)
def test_a_bad_file_is_one_sentence_and_writes_nothing(
    fresh_url: str, fresh_db: Database, tmp_path: Path, why: str, content: bytes | None
) -> None:
    path = tmp_path / "bot.sqlite"
    if content is None:
        with closing(sqlite3.connect(path)) as other:
            other.execute("CREATE TABLE notes (id integer)")
    elif content:
        path.write_bytes(content)
    with pytest.raises(UnusableSource, match=why):
        imported(fresh_url, path)
    assert fresh_db.run(imports.get_import_sources()) == []


def test_half_a_file_is_one_sentence(fresh_url: str, sample: Sample, tmp_path: Path) -> None:
    path = tmp_path / "half.sqlite"
    shutil.copy(sample(f"{NAME}.sqlite"), path)
    with path.open("r+b") as file:
        file.truncate(90_000)
    with pytest.raises(UnusableSource, match="cannot be read as a sqlite file"):
        imported(fresh_url, path)
