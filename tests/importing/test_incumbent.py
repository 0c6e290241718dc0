"""The incumbent's database: what its rows become, what is adjusted in them, and what is in quarantine."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from itertools import count

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from atb_db import Database
from atb_db.embedded import Server
from atb_db.importing.errors import UnusableSource
from atb_db.importing.importing import import_incumbent, time_in_both_readings
from atb_db.importing.incumbent.planning import Choice
from atb_db.importing.results import Fate, Imported
from atb_db.repository import account, imports, orders, positions, sessions, trades
from atb_db.testing import settings_of
from tests.importing.conftest import adds_up, books_are_clean, silent
from tests.importing.incumbents import ROWS, SCHEMA

_numbers = count(1)


def imported(url: str, source: str, choice: Choice = Choice("UTC"), *, dry_run: bool = False) -> Imported:  # noqa: B008
    return import_incumbent(settings_of(url), settings_of(source), choice, dry_run=dry_run, progress=silent)


@pytest.fixture
def source(server: Server) -> Iterator[Callable[[str], str]]:
    """Make a database of the incumbent's, with what the test changes in it; its URL."""
    made: list[str] = []

    def make(changes: str = "") -> str:
        made.append(f"incumbent_{next(_numbers)}")
        url = server.create_database(made[-1], template="template0")
        with psycopg.connect(url) as connection:
            connection.execute((SCHEMA + ROWS + changes).encode())
        return url

    yield make
    drop(server, made)


def drop(server: Server, names: list[str]) -> None:
    with psycopg.connect(server.url(), autocommit=True) as connection:
        for name in names:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def test_orders_and_partials_make_the_position_and_the_trade_says_its_result(
    source: Callable[[str], str], fresh_url: str, fresh_db: Database
) -> None:
    done = imported(fresh_url, source(""))
    assert adds_up(done)
    assert done.quarantined == 0
    live, over = done.books
    [trade] = fresh_db.run(trades.get_recent_trades(session_id=live.session_id))
    assert (trade.pnl, trade.commission, trade.margin_interest_cost) == (Decimal(15), Decimal(1), Decimal("0.25"))
    assert (trade.exit_reason, trade.quantity) == ("target", Decimal(2))
    [held] = fresh_db.run(positions.get_active_positions(session_id=live.session_id))
    assert (held.side, held.current_quantity, held.realized_pnl) == ("SHORT", Decimal(1), Decimal(1))
    assert live.balance == Decimal(916)
    reasons = [one.update_reason for one in fresh_db.run(account.get_balance_history(session_id=live.session_id))]
    assert {"withdrawal", "Manual adjustment", "the incumbent's last balance"} <= set(reasons)
    assert (over.trades, over.net_pnl) == (1, Decimal(10))
    assert fresh_db.run(sessions.get_trading_session(session_id=over.session_id)).end_time == datetime(
        2026, 1, 9, tzinfo=UTC
    )
    assert books_are_clean(fresh_url)


def test_the_zone_says_when_it_was(source: Callable[[str], str], fresh_url: str, fresh_db: Database) -> None:
    done = imported(fresh_url, source(""), Choice("Europe/Berlin"))
    [trade] = fresh_db.run(trades.get_recent_trades(session_id=done.books[0].session_id))
    assert trade.entry_time == datetime(2026, 1, 1, 23, tzinfo=UTC)
    [known] = fresh_db.run(imports.get_import_sources())
    assert known.time_zone == "Europe/Berlin"


def test_times_of_an_hour_that_comes_twice_are_counted(source: Callable[[str], str], fresh_url: str) -> None:
    url = source("UPDATE system_events SET timestamp = '2025-10-26 02:30' WHERE id = 1")
    done = imported(fresh_url, url, Choice("Europe/Berlin"), dry_run=True)
    [ambiguous] = [one for one in done.differences if one.subject == "times"]
    assert ambiguous.source == "1 lie in an hour that comes twice"


def test_times_that_the_zone_never_had_raise_the_question(source: Callable[[str], str], fresh_url: str) -> None:
    url = source("UPDATE system_events SET timestamp = '2026-03-29 02:30' WHERE id = 1")
    done = imported(fresh_url, url, Choice("Europe/Berlin"), dry_run=True)
    [skipped] = [one for one in done.differences if one.subject == "times"]
    assert skipped.source == "1 lie in an hour that Europe/Berlin skips: is it the zone?"


def test_the_bot_goes_on_here_with_its_open_position(
    source: Callable[[str], str], fresh_url: str, fresh_db: Database
) -> None:
    """Cutting over: import while the old bot runs, stop it, import the rest, take its session up."""
    url = source(
        "DELETE FROM positions WHERE id = 2; DELETE FROM orders WHERE id > 1; DELETE FROM partial_trades WHERE id = 2;"
    )
    first = imported(fresh_url, url)
    with psycopg.connect(url) as old:
        old.execute(
            "INSERT INTO positions (id, symbol, side, status, entry_price, size, quantity, entry_balance, current_size,"
            " entry_time, strategy_name, session_id) VALUES"
            " (7, 'BTCUSDT', 'LONG', 'OPEN', 100, 0.1, 1, 1000, 0.1, '2026-01-08', 'ml', 1)"
        )
        old.execute(
            "INSERT INTO orders (id, position_id, order_type, status, internal_order_id, symbol, side, quantity, price,"
            " created_at, session_id) VALUES"
            " (9, 7, 'STOP_LOSS', 'SUBMITTED', 'i9', 'BTCUSDT', 'LONG', 1, 90, '2026-01-08', 1)"
        )
        old.execute("INSERT INTO account_balances VALUES (9, 920, '2026-01-08', 'user', 'sync', 1)")
    done = imported(fresh_url, url)
    assert [one.known for one in done.counts if one.table == "positions"] == [1]
    assert (done.source_id, done.books[0].session_id) == (first.source_id, first.books[0].session_id)
    with fresh_db.transaction() as tx:
        held = tx.run(
            sessions.resume_or_create(
                strategy_name="ml",
                symbol="BTCUSDT",
                timeframe="1h",
                mode="LIVE",
                initial_balance=1,
                holder="new",
                base_currency="USD",
                exchange="binance",
            )
        )
        [position] = tx.run(positions.get_active_positions(session_id=held.session_id))
        [stop] = tx.run(orders.get_pending_orders(session_id=held.session_id))
    assert (stop.internal_order_id, stop.position_id, stop.price) == ("i9", position.id, Decimal(90))
    assert (held.session_id, str(held.claim), held.balance) == (first.books[0].session_id, "RESUMED", Decimal(920))
    fresh_db.run(positions.close_position(position_id=position.id, exit_price=110, exit_reason="target"))
    [trade] = fresh_db.run(trades.get_recent_trades(session_id=held.session_id, limit=1))
    assert (trade.position_id, trade.net_pnl, trade.quantity) == (position.id, Decimal(10), Decimal(1))
    assert fresh_db.run(account.get_current_balance(session_id=held.session_id)) == 930
    assert books_are_clean(fresh_url)


def firsts(cases: Mapping[str, str]) -> dict[str, str]:
    """The first case of each table, whose name it begins with: all of them can be at once."""
    names = {case.partition(": ")[0]: case for case in reversed([*cases])}.values()
    return {name: cases[name] for name in names}


def changes(cases: Mapping[str, str]) -> str:
    return "; ".join(cases.values())


def stands(fates: Sequence[Fate], case: str, outcome: str) -> bool:
    """Whether a row of the case's table has had this outcome for the case's reason."""
    table, _, why = case.partition(": ")
    found = [one for one in fates if (one.table, str(one.outcome)) == (table, outcome) and why in one.reason]
    assert found, (case, fates)
    return True


REFUSED = {
    "positions: it belongs to no session": "UPDATE positions SET session_id = NULL WHERE id = 2",
    "positions: it has no quantity": "UPDATE positions SET quantity = 0, entry_balance = NULL WHERE id = 2; "
    "UPDATE orders SET filled_quantity = NULL WHERE id = 2",
    "trades: pnl is NaN": "UPDATE trades SET pnl = 'NaN' WHERE id = 2",
    "trades: it belongs to no session": "UPDATE trades SET session_id = NULL WHERE id = 2",
    "trades: it repeats trade 2": "CREATE TEMP TABLE twin AS SELECT * FROM trades WHERE id = 2; "
    "UPDATE twin SET id = 5; INSERT INTO trades SELECT * FROM twin",
    "strategy_executions: its confidence_score is 1.35": "UPDATE strategy_executions SET confidence_score = 1.35",
    "strategy_executions: signal_type is missing": "UPDATE strategy_executions SET signal_type = NULL",
    "strategy_executions: price is NaN": "UPDATE strategy_executions SET price = 'NaN'",
    "system_events: its severity is 'LOUD'": "UPDATE system_events SET severity = 'loud' WHERE id = 1",
    "account_history: equity is missing": "UPDATE account_history SET equity = NULL",
    "account_balances: it belongs to no session": "UPDATE account_balances SET session_id = NULL WHERE id = 4",
    "orders: its status is 'maybe'": "UPDATE orders SET status = 'maybe' WHERE id = 3",
    "partial_trades: its position 99 is not there": "UPDATE partial_trades SET position_id = 99 WHERE id = 2",
    "trading_sessions: initial_balance is missing": "UPDATE trading_sessions SET initial_balance = NULL WHERE id = 2",
    "trades: it repeats trade 1": "CREATE TEMP TABLE again AS SELECT * FROM trades WHERE id = 1; "
    "UPDATE again SET id = 6; INSERT INTO trades SELECT * FROM again",
    "trading_sessions: initial_balance is -5": "UPDATE trading_sessions SET initial_balance = -5 WHERE id = 2",
    "trading_sessions: initial_balance is 1": "UPDATE trading_sessions SET initial_balance = 1e31 WHERE id = 2",
    "trading_sessions: session_name has 300": (
        "UPDATE trading_sessions SET session_name = repeat('x', 300) WHERE id = 2"
    ),
    "trading_sessions: symbol has 300": "UPDATE trading_sessions SET symbol = repeat('x', 300) WHERE id = 2",
    "trades: 'SIDEWAYS' is not a valid PositionSide": "UPDATE trades SET side = 'sideways' WHERE id = 2",
}
NO_TIMES = {
    "positions: entry_time is no time: 'infinity'": "UPDATE positions SET entry_time = 'infinity' WHERE id = 2",
    "partial_trades: its position 99 is not there": (
        "UPDATE partial_trades SET timestamp = '-infinity', position_id = 99 WHERE id = 1"
    ),
    "orders: created_at is no time: '0001-01-01 00:00:00 BC'": (
        "UPDATE orders SET created_at = '0001-01-01 BC' WHERE id = 3"
    ),
    "trades: entry_time is no time: 0001-01-01 00:00:00": "UPDATE trades SET entry_time = '0001-01-01' WHERE id = 2",
    "system_events: timestamp is no time": "UPDATE system_events SET timestamp = 'infinity' WHERE id = 1",
    "account_balances: total_balance is NaN": "UPDATE account_balances SET total_balance = 'NaN' WHERE id = 4",
}


def test_what_cannot_be_a_record_is_in_quarantine_as_it_was(
    source: Callable[[str], str], fresh_url: str, fresh_db: Database
) -> None:
    cases = firsts(REFUSED)
    done = imported(fresh_url, source(changes(cases)))
    assert adds_up(done)
    assert all(stands(done.fates, case, "QUARANTINED") for case in cases)
    kept = fresh_db.run(imports.get_quarantine(source_id=done.source_id))
    assert len(kept) == done.quarantined
    assert all(one.content for one in kept)
    assert books_are_clean(fresh_url)


def test_what_python_has_no_time_for_stops_nothing(source: Callable[[str], str], fresh_url: str) -> None:
    url = source(changes(NO_TIMES))
    done = imported(fresh_url, url, Choice("Europe/Berlin"))
    assert adds_up(done)
    assert all(stands(done.fates, case, "QUARANTINED") for case in NO_TIMES)
    assert books_are_clean(fresh_url)
    assert "--timezone UTC" in time_in_both_readings(settings_of(url))


@pytest.mark.slow
@pytest.mark.parametrize("case", REFUSED)
def test_each_refusal_alone(source: Callable[[str], str], fresh_url: str, case: str) -> None:
    done = imported(fresh_url, source(REFUSED[case]))
    assert adds_up(done)
    assert stands(done.fates, case, "QUARANTINED")
    assert books_are_clean(fresh_url)


ADJUSTED = {
    "trades: its confidence was 1.2": "UPDATE trades SET confidence_score = 1.2 WHERE id = 2",
    "trades: its quantity was 0": "UPDATE trades SET quantity = 0 WHERE id = 2",
    "trades: before its entry": "UPDATE trades SET exit_time = '2026-01-01' WHERE id = 2",
    "trades: it had no exit_reason": "UPDATE trades SET exit_reason = NULL WHERE id = 2",
    "positions: its quantity was 2, and its entry order was filled with 2.1": (
        "UPDATE orders SET filled_quantity = 2.1 WHERE id = 2"
    ),
    "positions: it had no quantity: 2 is size": (
        "UPDATE positions SET quantity = NULL WHERE id = 2; UPDATE orders SET filled_quantity = NULL WHERE id = 2"
    ),
    "positions: its partial trades leave 0.5": "UPDATE positions SET current_size = 0.2 WHERE id = 2",
    "positions: it is closed without a trade": "DELETE FROM trades WHERE id = 1",
    "partial_trades: that are left": "UPDATE partial_trades SET size = 0.3 WHERE id = 2",
    "partial_trades: was after the position's exit": "UPDATE partial_trades SET timestamp = '2026-02-01' WHERE id = 1",
    "partial_trades: it had no pnl": "SELECT 1",
    "system_events: is one of the incumbent's own": "SELECT 1",
    "system_events: it had no message": "UPDATE system_events SET message = '' WHERE id = 1",
    "system_events: its severity was DEBUG": "UPDATE system_events SET severity = 'debug' WHERE id = 1",
    "account_balances: 2 that no trade or fee causes": "SELECT 1",
    "account_balances: its reason was longer": (
        "UPDATE account_balances SET update_reason = repeat('é', 400) WHERE id = 4"
    ),
    "positions: its confidence was 2": "UPDATE positions SET confidence_score = 2 WHERE id = 2",
    "trades: its position 1 was closed by trade 1": "CREATE TEMP TABLE later AS SELECT * FROM trades WHERE id = 1; "
    "UPDATE later SET id = 7, exit_time = '2026-01-03 01:00'; INSERT INTO trades SELECT * FROM later",
    "trading_sessions: its strategy_config is no object": (
        "UPDATE trading_sessions SET strategy_config = '[1]' WHERE id = 1"
    ),
    "trading_sessions: it is active and had an end_time": (
        "UPDATE trading_sessions SET end_time = '2026-01-09' WHERE id = 1"
    ),
    "trading_sessions: before its start": "UPDATE trading_sessions SET end_time = '2025-01-01' WHERE id = 2",
    "trading_sessions: it was not active and had no end_time": (
        "UPDATE trading_sessions SET end_time = NULL WHERE id = 2"
    ),
    "orders: its position is closed, and it is not": "UPDATE orders SET position_id = 1 WHERE id = 3",
    "orders: its position 99 is not in the books": "UPDATE orders SET position_id = 99 WHERE id = 3",
}


def test_what_is_adjusted_says_so(source: Callable[[str], str], fresh_url: str) -> None:
    cases = firsts(ADJUSTED)
    done = imported(fresh_url, source(changes(cases)))
    assert adds_up(done)
    assert all(stands(done.fates, case, "ADJUSTED") for case in cases)
    assert books_are_clean(fresh_url)


@pytest.mark.slow
@pytest.mark.parametrize("case", ADJUSTED)
def test_each_adjustment_alone(source: Callable[[str], str], fresh_url: str, case: str) -> None:
    done = imported(fresh_url, source(ADJUSTED[case]))
    assert adds_up(done)
    assert stands(done.fates, case, "ADJUSTED")
    assert books_are_clean(fresh_url)


def test_the_unresolved_need_a_person(source: Callable[[str], str], fresh_url: str, fresh_db: Database) -> None:
    done = imported(fresh_url, source(""))
    session_id = done.books[0].session_id
    found = fresh_db.run(orders.get_order(session_id=session_id, internal_order_id="c4"))
    assert (str(found.status), found.needs_review) == ("UNKNOWN", True)
    [stop] = fresh_db.run(orders.get_pending_orders(session_id=session_id))
    assert (stop.internal_order_id, str(stop.order_type), stop.price) == ("i3", "STOP_LOSS", Decimal(110))


CHANGED = {
    "trades 1": "UPDATE trades SET pnl = 99 WHERE id = 1",
    "trades 2": "UPDATE trades SET pnl = 99 WHERE id = 2",
    "positions 1": "UPDATE positions SET entry_price = 50 WHERE id = 1",
    "system_events 1": "UPDATE system_events SET message = 'other' WHERE id = 1",
    "account_balances 3": "UPDATE account_balances SET total_balance = 7 WHERE id = 3",
}


@pytest.mark.parametrize("row", CHANGED)
def test_what_was_changed_after_it_was_imported_changes_no_books(
    source: Callable[[str], str], fresh_url: str, fresh_db: Database, row: str
) -> None:
    """It is in quarantine beside the row as it was, which is still found; another run finds nothing new."""
    url = source("")
    first = imported(fresh_url, url)
    with psycopg.connect(url) as old:
        old.execute(CHANGED[row])
    done, again = imported(fresh_url, url), imported(fresh_url, url)
    assert adds_up(done)
    assert (done.books, done.quarantined) == (again.books, again.quarantined) == (first.books, 1)
    assert again.fates == ()
    table, _, key = row.partition(" ")
    [known] = fresh_db.run(imports.find_imported(source_table=table, source_key=key))
    assert str(known.outcome) != "QUARANTINED"
    [kept] = fresh_db.run(imports.get_quarantine(source_id=done.source_id))
    assert (kept.source_key, kept.reason) == (
        f"{key} (changed)",
        "it was imported before, with other figures; the first are in the books",
    )
    assert books_are_clean(fresh_url)


def test_what_comes_later_is_added_to_what_is_there(
    source: Callable[[str], str], fresh_url: str, fresh_db: Database
) -> None:
    """Rows of a table are loaded many at a time: those that are there are left alone."""
    url = source("")
    first = imported(fresh_url, url)
    with psycopg.connect(url) as old:
        old.execute(
            "INSERT INTO system_events VALUES (3, '2026-01-03', 'ALERT', 'info', 'new', NULL, 1);"
            "INSERT INTO account_history VALUES (2, '2026-01-03', 1001, 1001, 5, 0.02, 1);"
            "INSERT INTO strategy_executions VALUES"
            " (2, '2026-01-03', 'ml', 'BTCUSDT', 'buy', 0.5, 'opened', 100, 1, 1);"
        )
    done = imported(fresh_url, url)
    assert adds_up(done)
    assert (done.quarantined, [fate.table for fate in done.fates]) == (0, [])
    grown = {"system_events", "account_history", "strategy_executions"}
    assert {one.table for one in done.counts if one.known != one.rows} == grown
    assert all(one.rows == one.known + 1 for one in done.counts if one.table in grown)
    keys = fresh_db.run(imports.get_imported_keys(source_id=first.source_id))
    assert (
        sum(key.target_id is not None or key.session_id is not None for key in keys if key.source_table in grown) == 7
    )
    assert books_are_clean(fresh_url)


def test_what_changes_no_figure_of_a_closed_position_is_taken_over(
    source: Callable[[str], str], fresh_url: str
) -> None:
    url = source("UPDATE trades SET margin_interest_cost = NULL WHERE id = 1")
    first = imported(fresh_url, url)
    with psycopg.connect(url) as old:
        old.execute("UPDATE positions SET unrealized_pnl = 3 WHERE id = 1; ALTER TABLE trades ADD COLUMN mood text")
    done = imported(fresh_url, url)
    assert (done.books, done.quarantined) == (first.books, 0)
    assert all(one.known == one.rows for one in imported(fresh_url, url).counts)


def test_since_takes_the_sessions_that_had_not_ended(source: Callable[[str], str], fresh_url: str) -> None:
    url = source("INSERT INTO system_events VALUES (3, '2026-01-02', 'ALERT', 'info', 'x', NULL, 2)")
    done = imported(fresh_url, url, Choice("UTC", since=datetime(2026, 1, 20, tzinfo=UTC)))
    assert [book.name for book in done.books] == ["live"]
    assert done.left_out == 3  # the session, its trade and its event
    everything = imported(fresh_url, url, dry_run=True)
    counted = [one for one in done.counts if one.table != "(last balance)"]
    every = [one for one in everything.counts if one.table != "(last balance)"]
    assert sum(one.rows for one in counted) + done.left_out == sum(one.rows for one in every)


def test_a_run_without_since_goes_on_with_one_that_had_it(source: Callable[[str], str], fresh_url: str) -> None:
    """The first of the sessions, by which the database is known again, may be one that was left out."""
    url = source("UPDATE trading_sessions SET is_active = FALSE, end_time = '2026-01-05' WHERE id = 1")
    part = imported(fresh_url, url, Choice("UTC", since=datetime(2026, 1, 8, tzinfo=UTC)))
    assert [book.name for book in part.books] == ["over"]
    whole = imported(fresh_url, url)
    assert whole.source_id == part.source_id
    assert [book.name for book in whole.books] == ["live", "over"]
    assert {one.table: one.known for one in whole.counts if one.known} == {one.table: one.rows for one in part.counts}


@pytest.mark.parametrize(
    ("why", "change"),
    [
        ("it has no table positions", "DROP TABLE positions"),
        ("trades has no column pnl", "ALTER TABLE trades DROP COLUMN pnl"),
    ],
)
def test_another_applications_database_is_one_sentence(
    source: Callable[[str], str], fresh_url: str, fresh_db: Database, why: str, change: str
) -> None:
    with pytest.raises(UnusableSource, match=why):
        imported(fresh_url, source(change))
    assert fresh_db.run(imports.get_import_sources()) == []


def test_a_table_that_may_not_be_read_is_one_sentence(source: Callable[[str], str], fresh_url: str) -> None:
    url = source("DROP ROLE IF EXISTS stranger; CREATE ROLE stranger LOGIN; GRANT SELECT ON trades TO stranger")
    with pytest.raises(UnusableSource, match=r"GRANT SELECT ON trading_sessions, positions, .* TO stranger$"):
        imported(fresh_url, make_conninfo(url, user="stranger"))


def test_another_zone_than_before_is_refused(source: Callable[[str], str], fresh_url: str, fresh_db: Database) -> None:
    url = source("")
    imported(fresh_url, url, Choice("Europe/Berlin"))
    with pytest.raises(UnusableSource, match="with --timezone Europe/Berlin: use that again"):
        imported(fresh_url, url, Choice("UTC"))
    [known] = fresh_db.run(imports.get_import_sources())
    assert known.time_zone == "Europe/Berlin"


def test_atb_dbs_own_database_is_refused(fresh_url: str, url: str) -> None:
    with pytest.raises(UnusableSource, match="atb_db's own"):
        imported(fresh_url, url)
