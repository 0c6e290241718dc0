from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from re import search
from typing import Final, NamedTuple

import psycopg
import pytest

from atb_db import Database
from atb_db.admin.audit import audit as audit_all
from atb_db.config import Settings
from atb_db.embedded import Server
from atb_db.errors import NotFound
from atb_db.repository import account, audit, positions, reports, sessions, trades
from atb_db.statement import Statement
from atb_db.types import PositionSideLabel
from tests.admin.corruptions.planted import PLANTED
from tests.conftest import TEMPLATE

START: Final = datetime(2024, 3, 1, 22, tzinfo=UTC)
BOOKS: Final = "audited_books"
_numbers = count(1)


def at(hours: int) -> datetime:
    return START + timedelta(hours=hours)


class Books(NamedTuple):
    """Sessions with something of everything; `url` is of a database that holds them."""

    url: str
    active: int
    ended: int
    open: int
    """Position of the active session, partly exited."""
    closed: int
    """Position of the active session, partly exited, enlarged, and closed."""


def opening(session_id: int, side: PositionSideLabel = "LONG") -> Statement[int]:
    return positions.open_position(
        session_id=session_id,
        symbol="BTCUSDT",
        side=side,
        entry_price="100.1",
        size="0.3",
        quantity="2.7",
        strategy_name="test",
        entry_order_id=f"entry-{next(_numbers)}",
        entry_time=at(0),
        entry_commission="0.1",
    )


def write(db: Database, url: str) -> Books:
    active, ended = (
        db.run(
            sessions.create_trading_session(
                strategy_name="test",
                symbol="BTCUSDT",
                timeframe="1h",
                mode="PAPER",
                initial_balance=1000,
                start_time=at(0),
            )
        )
        for _ in range(2)
    )
    closed, left = db.run(opening(active)), db.run(opening(active, "SHORT"))
    db.run(positions.apply_partial_exit(position_id=closed, size="0.3", price="103.7", timestamp=at(1)))
    db.run(positions.apply_scale_in(position_id=closed, size="0.7", price="104.3", timestamp=at(2)))
    db.run(positions.apply_partial_exit(position_id=left, size="0.1", price="99", timestamp=at(2)))
    db.run(positions.close_position(position_id=closed, exit_price="101.3", exit_time=at(3), exit_reason="target"))
    db.run(account.adjust_balance(session_id=active, delta="-12.5", reason="withdrawal", timestamp=at(3)))
    for session_id in (active, ended):
        for hours, pnl in ((4, "5.5"), (5, "-7"), (29, "0"), (30, "3")):
            db.run(
                trades.log_trade(
                    session_id=session_id,
                    symbol="BTCUSDT",
                    side="LONG",
                    entry_price=100,
                    exit_price=101,
                    size="0.1",
                    entry_time=at(hours - 1),
                    exit_time=at(hours),
                    pnl=pnl,
                    commission="0.25",
                    exit_reason="test",
                    strategy_name="test",
                )
            )
    db.run(sessions.end_trading_session(session_id=ended, end_time=at(31)))
    return Books(url, active, ended, left, closed)


@pytest.fixture(scope="module")
def written(server: Server) -> Books:
    url = server.create_database(BOOKS, template=TEMPLATE)
    with Database(url) as db:
        return write(db, url)


@pytest.fixture
def books(server: Server, written: Books) -> Books:
    """A copy to tamper with."""
    return written._replace(url=server.create_database(f"{BOOKS}_{next(_numbers)}", template=BOOKS))


def tamper(books: Books, script: str) -> None:
    """As somebody who can: a superuser, with triggers and foreign keys off."""
    with psycopg.connect(books.url, autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute(script.format_map(books._asdict()).encode())


def found(books: Books) -> set[str]:
    with Database(books.url) as db:
        return {
            f"{finding.identity}: {finding.subject.partition(', ')[2]}"
            for session_id in (books.active, books.ended)
            for finding in db.run_batch(audit.audit_session(session_id=session_id)).findings
        }


def test_written_books_balance(written: Books) -> None:
    assert found(written) == set()


@pytest.mark.parametrize("shown", ["trim_scale(%I)", "%I + 0.0000000000000000000000000"])
def test_zeros_behind_numbers_contradict_nothing(books: Books, shown: str) -> None:
    """An export does not keep them, and quotients have more digits with them."""
    with Database(books.url) as db:
        # Whether its sizes, above 1, have 16 digits or 18 depends on the zeros.
        grown = db.run(
            positions.open_position(
                session_id=books.active,
                symbol="ETHUSDT",
                side="LONG",
                entry_price="7000.00",
                size="0.90000000",
                quantity="0.13840000",
                strategy_name="test",
                entry_time=at(0),
            )
        )
        db.run(positions.apply_scale_in(position_id=grown, quantity="0.076888888889", price="7000", timestamp=at(2)))
    assert found(books) == set()
    tamper(
        books,
        "DO $$ DECLARE change text; BEGIN FOR change IN"
        f" SELECT format('UPDATE %I SET ' || string_agg(format('%I = {shown}', attname, attname), ', '), relname)"
        " FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid JOIN pg_type AS t ON t.oid = a.atttypid"
        " WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND attnum > 0 AND NOT attisdropped"
        " AND attgenerated = '' AND 'numeric'::regtype IN (t.oid, t.typbasetype) GROUP BY relname"
        " LOOP EXECUTE change; END LOOP; END $$",
    )
    assert found(books) == set()


def test_several_connections_find_the_same_in_the_same_order(books: Books) -> None:
    tamper(
        books, "UPDATE trades SET exit_price = 5; UPDATE orders SET symbol = 'OTHER'; UPDATE trade_days SET loss = 9"
    )
    settings = Settings.load(books.url, environ={})
    alone = audit_all(settings)
    assert len(alone.findings) > 5
    assert audit_all(settings, jobs=3) == alone


def test_an_unknown_session_is_not_clean(db: Database) -> None:
    for statement in audit.audit_session(session_id=10**9).statements:
        with pytest.raises(NotFound):
            db.run(statement)


@pytest.mark.parametrize("off", ["enable_hashjoin", "enable_mergejoin", "enable_nestloop"])
def test_an_unknown_session_is_refused_by_any_plan(db: Database, off: str) -> None:
    """A join of which one side is empty may never look at the other, nor at what is asked there."""
    with psycopg.connect(db.settings.conninfo, autocommit=True) as connection:
        connection.execute(f"SET {off} TO off".encode())
        for statement in audit.audit_session(session_id=10**9).statements:
            with pytest.raises(psycopg.Error) as caught:
                psycopg.RawCursor(connection).execute(statement.declaration.sql, statement.server_values())
            assert caught.value.sqlstate == "AT404", statement.name


def test_every_foreign_key_is_looked_at(db: Database) -> None:
    """The deferred one of a session's balance, and the chain of the ledger, are rules of their own."""
    looked_at = audit.audit_orphans().declaration.sql.decode()
    with psycopg.connect(db.settings.conninfo) as connection:
        keys = connection.execute(
            "SELECT c.conrelid::regclass::text, a.attname FROM pg_constraint AS c"
            " JOIN pg_attribute AS a ON a.attrelid = c.conrelid AND a.attnum = any(c.conkey)"
            " WHERE c.contype = 'f' AND c.connamespace = 'public'::regnamespace"
            " AND c.conname NOT IN ('account_balances_chain_fkey', 'trading_sessions_balance_fkey')"
        ).fetchall()
    assert len(keys) > 30
    missing = {
        (table, column) for table, column in keys if not search(rf"'{table} ' \|\| [^\n]* \|\| ', {column}'", looked_at)
    }
    assert missing == set()


def test_every_stored_column_of_the_metrics_is_planted(db: Database) -> None:
    """Stored columns are those that are not generated; the key says which row it is."""
    with psycopg.connect(db.settings.conninfo) as connection:
        stored = {
            name
            for (name,) in connection.execute(
                "SELECT attname FROM pg_attribute WHERE attrelid = 'performance_metrics'::regclass"
                " AND attnum > 0 AND NOT attisdropped AND attgenerated = ''"
            )
        }
    planted = {one.what.strip("`") for one in PLANTED if one.table == "performance_metrics"}
    assert stored - planted == {"session_id", "period", "period_start"}


def test_a_finding_says_what_is_due(books: Books) -> None:
    tamper(books, "UPDATE trading_sessions SET current_balance = current_balance + 0.50 WHERE id = {active}")
    with Database(books.url) as db:
        balance = db.run(account.get_current_balance(session_id=books.active))
        (first, second) = db.run(audit.audit_books(session_id=books.active))
    due = f"{balance - Decimal('0.5'):f}".rstrip("0")
    assert first == audit.BookFinding(
        "balance", f"session {books.active}, current_balance", due, f"{balance:f}".rstrip("0")
    )
    assert second.identity == "ledger sum"


ACROSS: Final = {
    "one order, one session": (
        "UPDATE trading_sessions SET mode = 'LIVE';"
        "UPDATE orders SET exchange_order_id = 'one' WHERE order_type = 'ENTRY' AND id IN (SELECT min(id) FROM orders);"
        "INSERT INTO orders (session_id, order_type, status, symbol, side, quantity, created_at, last_update,"
        " exchange_order_id, strategy_name)"
        " SELECT {ended}, order_type, 'OPEN', symbol, side, quantity, created_at, last_update,"
        " exchange_order_id, strategy_name"
        " FROM orders WHERE exchange_order_id = 'one'"
    ),
    "ledger cause": (
        "UPDATE account_balances SET session_id = {ended}, entry_number = 99 WHERE entry_type = 'TRADE'"
        " AND id = (SELECT min(id) FROM account_balances WHERE session_id = {active} AND entry_type = 'TRADE')"
    ),
    "decision": (
        "INSERT INTO strategy_executions (session_id, trade_id, timestamp, strategy_name, symbol, timeframe,"
        " signal_type, action_taken, price)"
        " SELECT {ended}, min(id), now(), 's', 'BTCUSDT', '1h', 'BUY', 'enter', 1"
        " FROM trades WHERE session_id = {active}"
    ),
    "trade source": "UPDATE trades SET source = 'LIVE' WHERE id = (SELECT min(id) FROM trades)",
    "ledger currency": (
        "UPDATE account_balances SET base_currency = 'ODD' WHERE id = (SELECT min(id) FROM account_balances)"
    ),
}


def test_nothing_is_odd_between_sessions(written: Books) -> None:
    audited = audit_all(Settings.load(written.url))
    assert (audited.sessions, audited.audited, audited.findings) == (2, 2, ())


@pytest.mark.parametrize("identity", ACROSS)
def test_what_is_odd_between_sessions_is_found(books: Books, identity: str) -> None:
    tamper(books, ACROSS[identity])
    with Database(books.url) as db:
        across = db.run(audit.audit_across_sessions())
    assert {finding.identity for finding in across} == {identity} | (
        {"trade source"} if identity == "one order, one session" else set()
    )
    audited = audit_all(Settings.load(books.url))
    assert [one.finding for one in audited.findings if one.session_id is None] == across


def test_one_session_is_audited_alone(books: Books) -> None:
    tamper(books, "UPDATE trading_sessions SET current_balance = current_balance + 1 WHERE id = {active}")
    settings = Settings.load(books.url)
    assert audit_all(settings, session_id=books.ended).findings == ()
    assert {one.session_id for one in audit_all(settings, session_id=books.active).findings} == {books.active}
    assert {one.session_id for one in audit_all(settings).findings} == {books.active}
    with pytest.raises(NotFound):
        audit_all(settings, session_id=10**9)


def test_table_sizes_tell_of_every_table(fresh_db: Database, session_id: int) -> None:
    assert session_id
    sizes = fresh_db.run(reports.get_table_sizes())
    with psycopg.connect(fresh_db.settings.conninfo) as connection:
        tables = connection.execute(
            "SELECT relname, pg_total_relation_size(oid) FROM pg_class"
            " WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' ORDER BY 2 DESC, 1"
        ).fetchall()
    assert [(size.table_name, size.total_bytes) for size in sizes] == tables
    assert {size.row_count for size in sizes} == {0}


def test_pnl_by_exit_reason_adds_up_to_the_trades(written: Books) -> None:
    with Database(written.url) as db:
        rows = db.run(reports.get_pnl_by_exit_reason(session_id=written.active))
        booked = db.run(trades.get_trades_since(session_id=written.active, since=at(0)))
    assert {row.exit_reason: row.total_trades for row in rows} == {"test": 4, "target": 1}
    assert [row.net_pnl for row in rows] == sorted((row.net_pnl for row in rows), reverse=True)
    assert sum(row.net_pnl for row in rows) == sum(trade.net_pnl for trade in booked)
    for row in rows:
        assert row.net_pnl == row.gross_pnl - row.costs
        assert row.winning_trades == sum(trade.pnl > 0 for trade in booked if trade.exit_reason == row.exit_reason)
        assert row.win_rate == row.winning_trades / row.total_trades
