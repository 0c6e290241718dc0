"""A deleted session is put back as it was, or not at all; everybody else has traded on meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import psycopg
import pytest
from psycopg import sql

from atb_db import Database, Settings
from atb_db.admin.access.roles import Members, set_roles
from atb_db.admin.audit import audit
from atb_db.admin.continuous.put_back import check_may_put_back, put_back
from atb_db.admin.errors import Refused
from atb_db.admin.purge import DERIVED_TABLES, SESSION_TABLES, purge_session
from atb_db.embedded import Server
from atb_db.repository import account, positions, sessions
from tests.admin.roles import execute, remove_roles
from tests.statements.books import Contents, contents
from tests.statements.examples import World, opening, prepare

COUNTED_AGAIN = {*DERIVED_TABLES, "system_events"}
"""Equity is rolled up later, or further; and what is put back is recorded."""


class Lost(NamedTuple):
    """A database in which a session was there, and the same as it was before."""

    world: World
    live: Settings
    before: Settings
    url: str

    @property
    def contents(self) -> Contents:
        return contents(self.url)

    def delete(self, *tables: str) -> None:
        """Past every guard, as only an owner with a wrong statement can."""
        with psycopg.connect(self.url) as connection:
            connection.execute("SET session_replication_role = replica")
            for table in tables:
                connection.execute(
                    sql.SQL("DELETE FROM {} WHERE {}").format(sql.Identifier(table), SESSION_TABLES[table]),
                    {"session": self.world.session_id},
                )

    def change(self, statement: str) -> None:
        with psycopg.connect(self.url) as connection:
            connection.execute("SET session_replication_role = replica")
            connection.execute(statement.format_map(self.world._asdict()).encode())


def lose(server: Server, url: str, name: str, *, ended: bool) -> Lost:
    with Database(url) as db:
        world = prepare(db, unbooked=False)
        if ended:
            db.run(sessions.end_trading_session(session_id=world.session_id))
    before = server.create_database(name, template=url.rsplit("/", 1)[1].partition("?")[0])
    return Lost(world, Settings.load(url, environ={}), Settings.load(before, environ={}), url)


@pytest.fixture
def lost(server: Server, fresh_url: str) -> Iterator[Lost]:
    yield from _lost(server, fresh_url, ended=False)


@pytest.fixture
def ended(server: Server, fresh_url: str) -> Iterator[Lost]:
    yield from _lost(server, fresh_url, ended=True)


def _lost(server: Server, url: str, *, ended: bool) -> Iterator[Lost]:
    yield lose(server, url, "before", ended=ended)
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute("DROP DATABASE before WITH (FORCE)")


def counted(found: Contents) -> Contents:
    return {table: rows for table, rows in found.items() if table not in COUNTED_AGAIN}


def trade_on(found: Lost) -> None:
    """What another engine does meanwhile; it takes ids."""
    with Database(found.url) as db:
        position = db.run(opening(found.world.other_session_id, "ETHUSDT"))
        db.run(positions.close_position(position_id=position, exit_price=120, exit_reason="target"))
        db.run(account.log_account_snapshot(session_id=found.world.other_session_id, balance=1000, equity=1000))


def test_a_deleted_session_comes_back_with_all_it_had_while_others_trade_on(lost: Lost) -> None:
    was = lost.contents
    lost.delete(*SESSION_TABLES)
    left = lost.contents
    trade_on(lost)
    without = lost.contents
    done = put_back(lost.before, lost.live, [lost.world.session_id])
    [back] = done.sessions
    assert (back.present, done.notes) == (0, ())
    now = lost.contents
    for table, rows in counted(now).items():
        assert set(rows) == set(without[table]) | (set(was[table]) - set(left[table])), table
    assert set(was["system_events"]) < set(now["system_events"])
    assert audit(lost.live).findings == ()
    with Database(lost.url) as db:
        # It goes on with the same ids.
        db.run(positions.close_position(position_id=lost.world.position_id, exit_price=120, exit_reason="target"))
        assert db.run(sessions.get_trading_session(session_id=lost.world.session_id)).session_name == back.session_name
    assert audit(lost.live).findings == ()


@pytest.mark.parametrize("tables", [("system_events", "strategy_executions"), ("trades", "account_history")])
def test_what_is_still_there_stays_and_the_rest_comes_back(lost: Lost, tables: tuple[str, ...]) -> None:
    was = lost.contents
    lost.delete(*tables)
    [back] = put_back(lost.before, lost.live, [lost.world.session_id]).sessions
    assert set(back.rows) <= set(tables)
    assert back.present > 0
    assert counted(lost.contents) == counted(was)
    assert audit(lost.live).findings == ()


def test_several_sessions_come_back_at_once_or_none(lost: Lost) -> None:
    was = lost.contents
    lost.delete(*SESSION_TABLES)
    lost.change("DELETE FROM trading_sessions WHERE id = {empty_session_id}")
    lost.change("DELETE FROM account_balances WHERE session_id = {empty_session_id}")
    both = [lost.world.session_id, lost.world.empty_session_id]
    gone = lost.contents
    with pytest.raises(Refused, match="there was no session 999 at that moment"):
        put_back(lost.before, lost.live, [*both, 999])
    assert lost.contents == gone
    assert [one.session_id for one in put_back(lost.before, lost.live, both).sessions] == both
    assert counted(lost.contents) == counted(was)


def test_a_purge_that_began_is_taken_back_with_what_it_had_removed(ended: Lost) -> None:
    was = ended.contents
    with psycopg.connect(ended.url) as connection:
        connection.execute(
            "UPDATE trading_sessions SET purge_started_at = now(), ledger_entries = NULL WHERE id = %s",
            [ended.world.session_id],
        )
    ended.delete("trades", "partial_trades", "order_fills", "account_history", "equity_spans")
    marked = put_back(ended.before, ended.live, [ended.world.session_id])
    assert marked.sessions[0].present > 0
    assert counted(ended.contents) == counted(was)
    assert audit(ended.live).findings == ()
    purge_session(ended.live, ended.world.session_id)
    put_back(ended.before, ended.live, [ended.world.session_id])
    assert counted(ended.contents) == counted(was)


def _mark(found: Lost) -> None:
    with psycopg.connect(found.before.conninfo) as connection:
        connection.execute(
            "UPDATE trading_sessions SET purge_started_at = now(), ledger_entries = NULL WHERE id = %s",
            [found.world.session_id],
        )


def _trade_in(found: Lost) -> None:
    with Database(found.url) as db:
        db.run(account.record_transfer(session_id=found.world.session_id, amount=5, reason="deposit"))


def _change_a_trade(found: Lost) -> None:
    found.change("UPDATE trades SET exit_reason = 'other' WHERE id = {trade_id}")


def _take_an_id(found: Lost) -> None:
    found.delete(*SESSION_TABLES)
    found.change("ALTER TABLE trades ALTER COLUMN id SET GENERATED BY DEFAULT")
    found.change("UPDATE trades SET id = {trade_id} WHERE session_id = {other_session_id}")


def _take_a_request(found: Lost) -> None:
    found.delete(*SESSION_TABLES)
    with psycopg.connect(found.before.conninfo) as connection:
        [(request,)] = connection.execute("SELECT request_id FROM trades WHERE id = %s", [found.world.trade_id])
    found.change(f"UPDATE trades SET request_id = '{request}' WHERE session_id = {{other_session_id}}")


def _take_a_source(found: Lost) -> None:
    with psycopg.connect(found.before.conninfo) as connection:
        connection.execute("UPDATE imported_rows SET session_id = %s", [found.world.session_id])
    found.delete(*SESSION_TABLES)
    found.change("DELETE FROM imported_rows")
    found.change("DELETE FROM import_sources")


def _another_schema(found: Lost) -> None:
    found.change("ALTER TABLE trades ADD COLUMN venue text")


@pytest.mark.parametrize(
    ("happened", "sentence"),
    [
        (_mark, "was being purged at that moment already"),
        (_trade_in, "trading_sessions has another row with id .* now .*current_balance is"),
        (_change_a_trade, "trades has another row with id .*exit_reason is other and was"),
        (_take_an_id, "trades has another row with id"),
        (_take_a_request, "has the place of a row of trades .trades_request_id_key"),
        (_take_a_source, "what a row of imported_rows refers to is gone"),
        (_another_schema, "trades has other columns than at that moment .venue"),
    ],
)
def test_where_something_else_is_there_now_nothing_is_done(
    request: pytest.FixtureRequest, happened: Callable[[Lost], None], sentence: str
) -> None:
    found: Lost = request.getfixturevalue("ended" if happened is _mark else "lost")
    happened(found)
    was = found.contents
    with pytest.raises(Refused, match=sentence):
        put_back(found.before, found.live, [found.world.session_id])
    assert found.contents == was


def test_books_that_would_contradict_themselves_are_refused_unless_they_did_before(lost: Lost) -> None:
    lost.delete(*SESSION_TABLES)
    with psycopg.connect(lost.before.conninfo) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute("DELETE FROM trades WHERE id = %s", [lost.world.trade_id])
    put_back(lost.before, lost.live, [lost.world.session_id])
    assert audit(lost.live).findings == audit(lost.before).findings != ()


def test_a_role_that_only_trades_is_refused_before_anything_else(lost: Lost, server: Server) -> None:
    execute(server.url(), "CREATE ROLE engine LOGIN")
    try:
        set_roles(lost.live, Members(engines=("engine",)))
        with pytest.raises(Refused, match="only the owner of the tables puts a session back"):
            check_may_put_back(Settings.load(lost.url.replace("postgres@", "engine@"), environ={}))
        check_may_put_back(lost.live)
    finally:
        remove_roles(server, "engine")


def test_decisions_come_back_once_wherever_they_are_kept(lost: Lost) -> None:
    """Those compacted since then are there; those compacted before are rows again."""
    of = lost.world.session_id
    every = "SELECT array_agg(d::text ORDER BY id) FROM every_decision() AS d WHERE session_id = %s"
    with (
        psycopg.connect(lost.url, autocommit=True) as live,
        psycopg.connect(lost.before.conninfo, autocommit=True) as before,
    ):
        for connection, times in ((live, "1 2 3"), (before, "1 2")):
            connection.execute("SET session_replication_role = replica")
            for hour in times.split():
                connection.execute(
                    "INSERT INTO strategy_executions (id, session_id, timestamp, strategy_name, symbol, signal_type,"
                    " action_taken, price, request_id) OVERRIDING SYSTEM VALUE VALUES (900 + %s::bigint, %s,"
                    " '2020-01-01Z'::timestamptz + %s * interval '1 hour', 'old', 'X', 'hold', 'none', 1,"
                    " lpad(%s::text, 32, '0')::uuid)",
                    [hour, of, int(hour), hour],
                )
        [(had,)] = live.execute(every, [of]).fetchall()
        live.execute("SELECT compact_decisions(%s, '2021-01-01Z', 2, '-infinity')", [of])
        before.execute("SELECT compact_decisions(%s, '2021-01-01Z', 1, '-infinity')", [of])
        put_back(lost.before, lost.live, [of])
        assert live.execute(every, [of]).fetchall() == [(had,)]
        lost.delete("strategy_executions", "decision_chunks")
        [back] = put_back(lost.before, lost.live, [of]).sessions
        assert set(back.rows) == {"strategy_executions"}
        [(again,)] = live.execute(every, [of]).fetchall()
        assert set(again) < set(had)
        assert live.execute("SELECT count(*) FROM decision_chunks").fetchall() == [(0,)]
