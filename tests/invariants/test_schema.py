"""The schema holds its invariants against everybody, its owner included; its names are those of the package."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import ROUND_HALF_UP, Decimal, localcontext
from enum import Enum
from itertools import permutations

import psycopg
import pytest
from psycopg import errors

from atb_db import Database
from atb_db import types as package_types
from atb_db.constraints import VIOLATIONS
from atb_db.database import Transaction
from atb_db.repository import orders, positions, sessions
from atb_db.types import OrderStatus
from tests.each import each
from tests.invariants.running import undone
from tests.statements.books import contents
from tests.statements.examples import World, at, trade


@pytest.fixture(scope="module")
def catalog(world_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(world_url, autocommit=True) as connection:
        yield connection


@pytest.fixture
def owner(fresh_world_url: str) -> Iterator[psycopg.Connection]:
    """A connection of the database's owner, for statements by hand."""
    with psycopg.connect(fresh_world_url, autocommit=True) as connection:
        yield connection


def column(connection: psycopg.Connection, query: str) -> list[str]:
    return [str(value) for (value,) in connection.execute(query.encode())]


def test_every_constraint_has_its_sentence_and_every_sentence_its_constraint(catalog: psycopg.Connection) -> None:
    schema = column(
        catalog,
        "SELECT conname FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND contype <> 'n'"
        " UNION SELECT c.relname FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid"
        " WHERE i.indisunique AND c.relnamespace = 'public'::regnamespace",
    )
    assert sorted(schema) == sorted(VIOLATIONS)


def test_every_constraint_was_named_by_us(catalog: psycopg.Connection) -> None:
    made_up = column(
        catalog,
        "SELECT conname FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND contype <> 'n'"
        r" AND conname ~ '_(check|key|fkey|excl)\d+$'",
    )
    assert made_up == []


def test_enums_are_those_of_the_package_in_order(catalog: psycopg.Connection) -> None:
    rows = catalog.execute(
        "SELECT t.typname, array_agg(e.enumlabel::text ORDER BY e.enumsortorder) FROM pg_enum AS e"
        " JOIN pg_type AS t ON t.oid = e.enumtypid GROUP BY t.typname"
    )
    package = {
        "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).strip("_"): [
            str(member.value) for member in kind
        ]
        for name, kind in vars(package_types).items()
        if isinstance(kind, type) and issubclass(kind, Enum) and kind.__module__ == package_types.__name__
    }
    package.pop("unset")
    schema: dict[str, list[str]] = dict(rows.fetchall())
    assert schema.pop("fill_kind")  # of no parameter and of no result
    assert schema == package


def test_everything_has_a_comment(catalog: psycopg.Connection) -> None:
    bare = column(
        catalog,
        """
        SELECT relname FROM pg_class
         WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'v', 'm', 'p')
           AND obj_description(oid, 'pg_class') IS NULL
        UNION ALL
        SELECT c.relname || '.' || a.attname FROM pg_attribute AS a JOIN pg_class AS c ON c.oid = a.attrelid
         WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm')
           AND a.attnum > 0 AND NOT a.attisdropped AND col_description(c.oid, a.attnum) IS NULL
        UNION ALL
        SELECT typname FROM pg_type
         WHERE typnamespace = 'public'::regnamespace AND typtype IN ('e', 'd')
           AND obj_description(oid, 'pg_type') IS NULL
        UNION ALL
        SELECT proname FROM pg_proc
         WHERE pronamespace = 'public'::regnamespace AND obj_description(oid, 'pg_proc') IS NULL
        UNION ALL
        SELECT tgname FROM pg_trigger WHERE NOT tgisinternal AND obj_description(oid, 'pg_trigger') IS NULL
        """,
    )
    assert bare == []


def test_every_foreign_key_has_an_index(catalog: psycopg.Connection) -> None:
    """Or deleting a session would read whole tables."""
    bare = column(
        catalog,
        """
        SELECT conname FROM pg_constraint AS f
         WHERE f.contype = 'f' AND NOT EXISTS (
                   SELECT FROM pg_index AS i
                    WHERE i.indrelid = f.conrelid AND f.conkey[1] = i.indkey[0]
               )
        """,
    )
    assert bare == []


@pytest.mark.parametrize(
    ("change", "state"),
    [
        ("current_balance = 5", "23503"),
        ("ledger_entries = ledger_entries + 1", "23503"),
        ("ledger_entries = 1, current_balance = initial_balance", "AT409"),
        ("ledger_entries = NULL", "23514"),
        ("ledger_entries = NULL, purge_started_at = now()", "23514"),
    ],
)
def test_a_balance_is_that_of_the_newest_ledger_entry(
    owner: psycopg.Connection, world: World, change: str, state: str
) -> None:
    with pytest.raises(psycopg.Error) as caught:
        owner.execute(f"UPDATE trading_sessions SET {change} WHERE id = {world.session_id}".encode())
    assert caught.value.sqlstate == state


def test_a_session_begins_with_its_ledger(owner: psycopg.Connection) -> None:
    with pytest.raises(errors.ForeignKeyViolation) as caught:
        owner.execute(
            "INSERT INTO trading_sessions (session_name, mode, strategy_name, symbol, timeframe, base_currency,"
            " start_time, initial_balance, current_balance, ledger_entries)"
            " VALUES ('x', 'PAPER', 's', 'BTCUSDT', '1h', 'USDT', now(), 1, 1, 1)"
        )
    assert caught.value.diag.constraint_name == "trading_sessions_balance_fkey"


def test_the_mark_of_a_removal_stays(owner: psycopg.Connection, fresh_world_db: Database, world: World) -> None:
    """Or a session could come back with the balance of any of its entries."""
    fresh_world_db.run(sessions.end_trading_session(session_id=world.session_id))
    owner.execute(
        "UPDATE trading_sessions SET purge_started_at = now(), ledger_entries = NULL WHERE end_time > '-infinity'"
    )
    with pytest.raises(psycopg.Error, match="only grows") as caught:
        owner.execute(
            "UPDATE trading_sessions SET purge_started_at = NULL, ledger_entries = 1 WHERE end_time > '-infinity'"
        )
    assert caught.value.sqlstate == "AT409"


def test_the_ledger_is_append_only(owner: psycopg.Connection, fresh_world_url: str) -> None:
    before = contents(fresh_world_url)
    for change in ("total_balance = total_balance + 1", "update_reason = 'other'", "asset_balances = '{}'"):
        with pytest.raises(psycopg.Error, match="account_balances is append-only") as caught:
            owner.execute(f"UPDATE account_balances SET {change}".encode())
        assert caught.value.sqlstate == "AT409"
    assert contents(fresh_world_url) == before


@pytest.mark.parametrize(
    ("entry", "constraint"),
    [
        ("number + 1, balance + 1, 1, balance + 2", "account_balances_chain_fkey"),
        ("number + 2, balance, 1, balance + 1", "account_balances_chain_fkey"),
        ("number, balance - 1, 2, balance + 1", "account_balances_entry_number_key"),
        ("number + 1, balance, 1, balance + 2", "account_balances_sum"),
        ("0, balance, 0, balance", "account_balances_first_entry"),
    ],
)
def test_the_ledger_is_a_chain(owner: psycopg.Connection, world: World, entry: str, constraint: str) -> None:
    with pytest.raises(psycopg.IntegrityError) as caught:
        owner.execute(
            f"""
            INSERT INTO account_balances (
                session_id, entry_type, base_currency, update_reason, updated_by, last_updated,
                entry_number, previous_balance, delta, total_balance, amount
            )
            SELECT id, 'ADJUSTMENT', 'USDT', 'test', 'test', now(), {entry}, {entry.split(", ")[2]}
              FROM (SELECT id, ledger_entries AS number, current_balance AS balance FROM trading_sessions) AS s
             WHERE id = {world.session_id}
            """.encode()
        )
    assert caught.value.diag.constraint_name == constraint


def test_an_entry_in_the_middle_of_the_ledger_cannot_be_removed(owner: psycopg.Connection, world: World) -> None:
    with pytest.raises(errors.ForeignKeyViolation):
        owner.execute("DELETE FROM account_balances WHERE session_id = %s AND entry_number = 2", [world.session_id])


@pytest.mark.parametrize("table", ["orders", "trades"])
def test_orders_and_trades_stay_in_their_position_s_session(
    owner: psycopg.Connection, world: World, table: str
) -> None:
    owner.execute("ALTER TABLE orders DISABLE TRIGGER orders_forward_only")
    with pytest.raises(errors.ForeignKeyViolation) as caught:
        owner.execute(
            f"UPDATE {table} SET session_id = %s WHERE position_id = %s".encode(),
            [world.other_session_id, world.closed_position_id],
        )
    assert caught.value.diag.constraint_name == f"{table}_position_id_fkey"


def test_a_position_has_one_trade(owner: psycopg.Connection, fresh_world_db: Database, world: World) -> None:
    trade_id = fresh_world_db.run(trade(world.session_id, exit_time=at(50), pnl=1))
    with pytest.raises(errors.UniqueViolation) as caught:
        owner.execute("UPDATE trades SET position_id = %s WHERE id = %s", [world.closed_position_id, trade_id])
    assert caught.value.diag.constraint_name == "trades_position_id_key"


FORWARD = {
    OrderStatus.PENDING: set(OrderStatus),
    OrderStatus.OPEN: set(OrderStatus) - {OrderStatus.PENDING},
    OrderStatus.PARTIALLY_FILLED: set(OrderStatus) - {OrderStatus.PENDING, OrderStatus.OPEN},
    OrderStatus.UNKNOWN: set(OrderStatus) - {OrderStatus.PENDING},
}


FILLED = {OrderStatus.PARTIALLY_FILLED: 1, OrderStatus.FILLED: 2}


def walk(transaction: Transaction, session_id: int, status: OrderStatus) -> int:
    """An order of 2 that has got so far."""
    order_id = transaction.run(
        orders.create_order(
            session_id=session_id,
            order_type="ENTRY",
            symbol="X",
            side="LONG",
            quantity=2,
            price=1,
            internal_order_id="walk",
        )
    )
    if status != OrderStatus.PENDING:
        transaction.run(
            orders.update_order_status(
                order_id=order_id, status=status, filled_quantity=FILLED.get(status), filled_price=1
            )
        )
    return order_id


def test_orders_move_forward_only(world_db: Database, world: World) -> None:
    """A report that would lead back leaves the state; what it says of fills is booked all the same."""

    def holds(case: tuple[OrderStatus, OrderStatus]) -> None:
        old, new = case
        with undone(world_db) as transaction:
            order_id = walk(transaction, world.session_id, old)
            filled = max(FILLED.get(old, 0), FILLED.get(new, 0))
            move = orders.update_order_status(order_id=order_id, status=new, filled_quantity=filled, filled_price=1)
            assert transaction.run(move) == order_id
            found = transaction.run(orders.get_order(order_id=order_id))
            assert found.status is (new if new in FORWARD.get(old, set()) else old)
            assert found.filled_quantity == filled
            active = transaction.run(positions.get_active_positions(session_id=world.session_id))
            assert [one.current_quantity for one in active if one.symbol == "X"] == [filled] * (filled > 0)

    each(list(permutations(OrderStatus, 2)), holds)


def test_no_statement_by_hand_moves_an_order_back(world_db: Database, world: World) -> None:
    def holds(case: tuple[OrderStatus, OrderStatus]) -> None:
        old, new = case
        with undone(world_db) as transaction:
            order_id = walk(transaction, world.session_id, old)
            query = "UPDATE orders SET status = %s WHERE id = %s"
            cursor = psycopg.Cursor(transaction._connection)
            if new in FORWARD.get(old, set()):
                assert cursor.execute(query, [new, order_id]).rowcount == 1
            else:
                with pytest.raises(psycopg.Error, match="cannot become") as caught:
                    cursor.execute(query, [new, order_id])
                assert caught.value.sqlstate == "AT409"

    each(list(permutations(OrderStatus, 2)), holds)


@pytest.mark.parametrize(
    ("quotient", "numerator", "denominator", "plain"),
    [
        ("fraction(n, d)", "3.0000100000333334", "2.99999", "round(n / d, 18)"),
        ("share_of(n, 1, d)", "3.0000100000333334", "2.99999", "round(n / d, 18)"),
        (
            "contract_value('INVERSE', 1, n, d)", "175", "107.66471449487554902714587",
            "round(n * 1.000000000000000000000000 / d, 18)",
        ),
        (
            "average_price('INVERSE', 100, n, d)", "3.5", "3.250832936696811043",
            "round(n * 100.000000000000000000000000 / d, 24)",
        ),
        (
            "average_price('LINEAR', 1, d, n)", "110", "13",
            "round(n * 1.000000000000000000000000 / d, 24)",
        ),
    ],
)  # fmt: skip
def test_a_quotient_is_the_same_however_many_zeros_its_parts_show(
    catalog: psycopg.Connection, quotient: str, numerator: str, denominator: str, plain: str
) -> None:
    def found(expression: str) -> set[Decimal]:
        rows = catalog.execute(
            f"SELECT DISTINCT {expression} FROM generate_series(scale({numerator}), 40) AS p,"
            f" generate_series(scale({denominator}), 40) AS w,"
            f" LATERAL (SELECT round({numerator}, p) AS n, round({denominator}, w) AS d) AS parts".encode()
        ).fetchall()
        return {value for (value,) in rows}

    [value] = found(quotient)
    assert len(found(plain)) > 1, "so it is needed"
    if quotient.startswith("average_price"):
        with localcontext(prec=100):
            exact = Decimal(numerator) * (100 if "100" in quotient else 1) / Decimal(denominator)
            assert value == exact.quantize(Decimal(1).scaleb(-24), ROUND_HALF_UP), "it is rounded once"
