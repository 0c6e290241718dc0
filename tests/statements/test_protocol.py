"""What goes over the wire: one prepared statement per SQL file, one round trip and one commit per statement."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Iterator
from tempfile import TemporaryFile

import psycopg
import pytest

from atb_db import Database, Settings
from atb_db.repository import account, events, statements
from atb_db.repository.dashboard import dashboard
from atb_db.statement import Declared, Kind, Statement
from atb_db.values import new_request_id
from tests.each import each
from tests.statements.examples import NEEDED, World, example

STATEMENTS = {declaration.name: declaration for declaration in statements()}
QUERIES = [declaration for declaration in STATEMENTS.values() if declaration.kind is Kind.QUERY]
COMMANDS = [declaration for declaration in STATEMENTS.values() if declaration.kind is Kind.COMMAND]


@pytest.fixture
def one_connection(fresh_world_url: str) -> Iterator[Database]:
    """A database whose pool is a single connection, so that its state can be looked at."""
    with Database(Settings.load(fresh_world_url, environ={})._replace(pool_max=1)) as database:
        yield database


def prepared(database: Database) -> list[str]:
    """The SQL of the connection's prepared statements of ours."""
    with database._pool.connection() as connection:
        found = connection.execute("SELECT statement FROM pg_prepared_statements WHERE statement !~ 'pg_prepared'")
        return [str(statement) for (statement,) in found]


def traced_on(database: Database, run: Callable[[], object]) -> tuple[str, ...] | None:
    """The messages that something sends to the server on the only connection; None where libpq does not trace."""
    if sys.platform != "linux":
        return None
    with TemporaryFile() as file:
        with database._pool.connection() as connection:
            connection.pgconn.trace(file.fileno())
        run()
        with database._pool.connection() as connection:
            connection.pgconn.untrace()
        file.seek(0)
        lines = [line.split("\t") for line in file.read().decode(errors="replace").splitlines()]
    return tuple(fields[3] for fields in lines if len(fields) > 3 and fields[1] == "F")


Trace = Callable[[Callable[[], object]], tuple[str, ...]]


@pytest.fixture
def traced(one_connection: Database) -> Trace:
    """Runs something and lists which messages it sent to the server."""

    def trace(run: Callable[[], object]) -> tuple[str, ...]:
        sent = traced_on(one_connection, run)
        if sent is None:
            pytest.skip("libpq traces on Linux only")
        return sent

    return trace


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("positions.open_position", marks=pytest.mark.slow),
        pytest.param("trades.log_trade", marks=pytest.mark.slow),
        "events.log_strategy_execution",
    ],
)
def test_one_prepared_statement_after_1000_calls_with_random_nulls(
    one_connection: Database, world: World, name: str
) -> None:
    declaration = STATEMENTS[name]
    choose = random.Random(1)  # noqa: S311  repeatable
    arguments = dict(example(declaration, world).args)
    needed = NEEDED.get(name, ())
    optional = [one.name for one in declaration.parameters if one.optional and one.name not in needed]
    with one_connection.transaction() as transaction:
        for number in range(1000):
            absent = dict.fromkeys(choose.sample(optional, choose.randint(0, len(optional))))
            own = {"request_id": new_request_id()}
            for once in ("entry_order_id", "internal_order_id", "order_id"):
                if isinstance(arguments.get(once), str):
                    own[once] = f"{once}-{number}"  # type: ignore[assignment]
            transaction.run(declaration.value(arguments | absent | own))
    assert prepared(one_connection) == [declaration.text]


def warm(url: str, world: World, declaration: Declared[object]) -> None:
    """Run seven times on one connection: the planner, left to itself, would begin to compare with the sixth."""
    statement = example(declaration, world)
    with Database(Settings.load(url, environ={})._replace(pool_max=1)) as database:
        database.run(statement)
        # No BEGIN and no COMMIT: the statement is a transaction by itself, which its Sync ends.
        sent = traced_on(database, lambda: database.run(statement))
        assert sent in {("Bind", "Describe", "Execute", "Sync"), None}
        assert prepared(database) == [declaration.text]
        for _ in range(5):
            database.run(statement)
        with database._pool.connection() as connection:
            [(custom, generic)] = connection.execute(
                "SELECT custom_plans, generic_plans FROM pg_prepared_statements WHERE statement = %s",
                [declaration.text],
            )
    assert (custom, generic) == (0, 7)


def test_a_warm_query_is_one_round_trip_one_transaction_and_a_generic_plan(world_url: str, world: World) -> None:
    each(QUERIES, lambda query: warm(world_url, world, query))


@pytest.mark.parametrize("command", COMMANDS, ids=str)
def test_a_warm_command_is_one_round_trip_one_transaction_and_a_generic_plan(
    fresh_world_url: str, world: World, command: Declared[object]
) -> None:
    warm(fresh_world_url, world, command)


@pytest.mark.parametrize("name", ["events.get_recent_events", "events.log_event"])
@pytest.mark.parametrize("times", [1, 3])
def test_the_server_shows_a_statement_by_its_name(
    one_connection: Database, fresh_world_url: str, world: World, name: str, times: int
) -> None:
    for _ in range(times):
        one_connection.run(example(STATEMENTS[name], world))
    shown = "SELECT query FROM pg_stat_activity WHERE application_name = 'atb_db' AND datname = current_database()"
    with psycopg.connect(fresh_world_url) as watcher:
        assert [query[:40].split()[0] for (query,) in watcher.execute(shown)] == [f"/*action='{name}'*/"]


def test_many_statements_are_one_round_trip_and_one_transaction(
    one_connection: Database, traced: Trace, world: World
) -> None:
    def three() -> list[Statement[object]]:
        return [
            events.log_event(session_id=world.session_id, event_type="TEST", message="first"),
            account.adjust_balance(session_id=world.session_id, delta=1, reason="second"),
            events.log_event(session_id=world.session_id, event_type="TEST", message="third"),
        ]

    one_connection.run_many(three())
    sent = traced(lambda: one_connection.run_many(three()))
    assert set(sent) <= {"Bind", "Describe", "Execute", "Sync", "Flush"}
    assert (sent.count("Execute"), sent.count("Sync")) == (3, 1)


def test_a_dashboard_is_one_round_trip(one_connection: Database, traced: Trace, world: World) -> None:
    batch = dashboard(session_id=world.session_id)
    one_connection.run_batch(batch)
    sent = traced(lambda: one_connection.run_batch(batch))
    assert set(sent) <= {"Bind", "Describe", "Execute", "Sync", "Flush"}
    # Every query once, and BEGIN and COMMIT around them.
    assert (sent.count("Execute"), sent.count("Sync")) == (len(batch.statements) + 2, 1)
