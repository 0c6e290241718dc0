"""One real server per test process; a shared database, and fresh ones for tests that need an empty or private one."""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from random import Random

import hypothesis
import psycopg
import pytest
from psycopg import sql

from atb_db import Database, embedded
from atb_db.admin.connection import reading
from atb_db.admin.migrations import migrate
from atb_db.admin.schema.catalog import expected_catalog, read_catalog
from atb_db.config import Settings
from atb_db.embedded import Server
from atb_db.repository import sessions
from atb_db.sqlfile import schema_sql
from atb_db.types import TradeSourceLabel

# Where a shell runs the tests in the background, or nohup does, they ignore these, and all that they start would, too.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)

SEED = os.environ.get("ATB_DB_SEED")
# The same commit draws the same values, so that a change is judged by what it changed; make explore draws others.
# Limits of time would fail on a machine that does something else, too.
hypothesis.settings.register_profile(
    "any machine",
    deadline=None,
    derandomize=SEED is None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("any machine")

QUIET = {"jit": "off", "autovacuum": "off"}
"""The same commit also gets the same plans, transaction ids and statistics: nothing comes between by itself."""
EAGER = {
    "jit": "off",
    "autovacuum_naptime": "1s",
    **dict.fromkeys(("autovacuum_analyze_threshold", "autovacuum_vacuum_threshold"), "1"),
    **dict.fromkeys(("autovacuum_analyze_scale_factor", "autovacuum_vacuum_scale_factor"), "0"),
}
"""With other values also other plans: every table is counted as soon as a row of it has changed."""

TEMPLATE = "atb_template"
COMPARING = ("admin/migrations", "admin/schema/test_", "backup", "cli", "docs/test_recipes", "upgrades")
"""Tests of what compares databases with sql/catalog.json."""
LONG = (
    "cli/test_backup.py",
    "cli/test_nuke.py",
    "admin/access/test_roles.py",
    "admin/migrations/test_code.py",
    "docs/test_recipes.py",
    "upgrades/test_last_release.py",
    "cli/test_database.py",
    "admin/schema/test_drift.py",
    "books/test_restart.py",
    "model/test_model.py",
    "demo/test_demo.py",
    "cli/test_watch.py",
    "backup/test_drill.py",
    "embedded/test_server.py",
    "database/test_translation.py",
    "journal/test_journal.py",
    "faults/test_engines_under_fault.py",
    "database/test_addresses.py",
    "cli/test_report.py",
    "cli/test_migrations.py",
    "cli/test_importing.py",
    "invariants/test_concurrency.py",
    "cli/test_secrets.py",
    "statements/test_plans.py",
    "admin/migrations/test_migrations.py",
    "importing/test_incumbent.py",
    "books/test_clocks.py",
    "invariants/test_equity_spans.py",
    "typing/test_typing.py",
    "journal/test_troubles.py",
    "frames/test_frames.py",
    "admin/test_corruptions.py",
    "cli/test_health.py",
    "admin/migrations/test_faults.py",
    "faults/test_books_under_fault.py",
    "backup/test_managed.py",
    "testing/test_plugin.py",
    "cli/test_railway.py",
    "importing/test_freqtrade.py",
    "cli/test_doctor.py",
    "statements/test_protocol.py",
    "faults/test_maintenance.py",
    "statements/test_commands.py",
    "invariants/test_refusals.py",
    "books/test_fencing.py",
    "cli/test_restore.py",
    "statements/test_stale_plans.py",
    "admin/schema/test_guarantees.py",
    "admin/test_purge.py",
)
"""Files that take more than six seconds, the longest first: the last one would keep one process busy alone."""
IS_CATALOG_FRESH = "test_the_generated_file_is_up_to_date"
_numbers = count(1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sort by file: the long ones first; mark what draws its values."""
    for item in items:
        if isinstance(item, pytest.Function) and (
            "chance" in item.fixturenames or hypothesis.is_hypothesis_test(item.obj)
        ):
            item.add_marker("drawn")
    places = {file: place for place, file in enumerate(LONG)}
    items.sort(key=lambda item: places.get(item.path.relative_to(Path(__file__).parent).as_posix(), len(places)))


def pytest_collection_finish() -> None:
    """What is collected stays: no garbage collection of a test needs to look through it."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """A throwaway PostgreSQL with a template database that holds the schema."""
    with embedded.postgresql(settings=QUIET if SEED is None else EAGER) as running:
        url = running.create_database(TEMPLATE)
        with psycopg.connect(url) as connection:
            connection.execute(schema_sql())
        yield running


@pytest.fixture(scope="session")
def stale_catalog(server: Server) -> bool:
    """Whether sql/catalog.json is not what sql/schema makes."""
    with reading(Settings.load(server.create_database("cataloged", template=TEMPLATE), environ={})) as (connection, _):
        return read_catalog(connection) != expected_catalog()


@pytest.fixture(autouse=True)
def _stale_catalog_fails_one_test(request: pytest.FixtureRequest) -> None:
    place = request.path.relative_to(Path(__file__).parent).as_posix()
    compares = place.startswith(COMPARING) and request.node.name != IS_CATALOG_FRESH
    if compares and request.getfixturevalue("stale_catalog"):
        pytest.skip(f"sql/catalog.json is stale, as {IS_CATALOG_FRESH} says: make catalog")


@pytest.fixture(scope="session")
def url(server: Server) -> str:
    """The database that most tests share: each works in a trading session of its own."""
    return server.create_database("atb", template=TEMPLATE)


@pytest.fixture(scope="session")
def db(url: str) -> Iterator[Database]:
    with Database(url) as database:
        yield database


@pytest.fixture
def fresh_url(server: Server) -> Iterator[str]:
    """A database of the test's own, with the schema and without rows."""
    with _database(server, f"fresh_{next(_numbers)}", template=TEMPLATE) as own:
        yield own


@pytest.fixture
def empty_url(server: Server) -> Iterator[str]:
    """A database of the test's own, without anything in it."""
    with _database(server, f"empty_{next(_numbers)}", template="template0") as own:
        yield own


@contextmanager
def _database(server: Server, name: str, *, template: str) -> Iterator[str]:
    yield server.create_database(name, template=template)
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture(scope="session")
def migrated(server: Server) -> str:
    """The name of a template that `migrate` has made: that takes a second."""
    migrate(Settings.load(server.create_database("atb_migrated", template="template0")))
    return "atb_migrated"


@pytest.fixture
def migrated_url(server: Server, migrated: str) -> Iterator[str]:
    """A database of the test's own, with the schema and the record of its migrations, and without rows."""
    with _database(server, f"migrated_{next(_numbers)}", template=migrated) as own:
        yield own


@pytest.fixture
def fresh_db(fresh_url: str) -> Iterator[Database]:
    with Database(fresh_url) as database:
        yield database


@pytest.fixture
def chance() -> Random:
    """The test's own chance; with another ATB_DB_SEED it makes something else."""
    return Random(int(SEED or 0))  # noqa: S311


@pytest.fixture
def start_session(db: Database) -> Callable[..., int]:
    """Start a trading session in the shared database; its id."""

    def start(initial_balance: str = "1000", mode: TradeSourceLabel = "PAPER") -> int:
        return db.run(
            sessions.create_trading_session(
                strategy_name="test", symbol="BTCUSDT", timeframe="1h", mode=mode, initial_balance=initial_balance
            )
        )

    return start


@pytest.fixture
def session_id(start_session: Callable[..., int]) -> int:
    """A trading session with 1000 USDT."""
    return start_session()
