"""Every corruption of a row that can be known is named by the audit; what cannot is listed with the reason."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from shutil import copy
from typing import Final, NamedTuple

import pytest

from atb_db import Database
from atb_db.admin.connection import Connection
from atb_db.admin.schema.catalog import expected_catalog
from atb_db.database.connecting import ServerInfo
from atb_db.embedded import Server
from tests.admin.corruptions.auditing import audited, connected, filled_in, is_refused, keep_days, plant, undone
from tests.admin.corruptions.page import PAGE, written
from tests.admin.corruptions.planted import PLANTED, UNDECIDABLE, Corruption, Undecidable
from tests.admin.corruptions.world import World, write
from tests.conftest import TEMPLATE

# The rest that waits for an entry is no corruption, but it is listed.
KNOWN: Final = "unbooked"


class Audited(NamedTuple):
    world: World
    connection: Connection
    server: ServerInfo
    before: set[tuple[str, str]]


@pytest.fixture(scope="module")
def books(server: Server) -> Iterator[Audited]:
    url = server.create_database("corrupted", template=TEMPLATE)
    with Database(url) as db:
        world = write(db)
    keep_days(url, world)
    with connected(url) as (connection, info):
        yield Audited(world, connection, info, audited(connection, info))


def test_the_world_is_sound(books: Audited) -> None:
    assert {identity for identity, _ in books.before} == {KNOWN}


def named(corruption: Corruption | Undecidable) -> str:
    return f"{corruption.table}: {corruption.what}"


def quickly() -> set[Corruption]:
    """One corruption of each finding and table: the others take long and seldom fail alone."""
    return set({(one.identity, one.table): one for one in PLANTED}.values())


@pytest.mark.parametrize(
    "corruption",
    [pytest.param(one, marks=[] if one in quickly() else pytest.mark.slow) for one in PLANTED],
    ids=[named(one) for one in PLANTED],
)
def test_what_is_planted_is_named(books: Audited, corruption: Corruption) -> None:
    script = filled_in(corruption.script, books.world)
    with undone(books.connection):
        plant(books.connection, script)
        found = audited(books.connection, books.server) - books.before
    assert (corruption.identity, filled_in(corruption.subject, books.world)) in found


@pytest.fixture(scope="module")
def marks(books: Audited, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The marks of an audit before anything was planted."""
    path = tmp_path_factory.mktemp("marks") / "marks.json"
    assert audited(books.connection, books.server, marks=path) == books.before
    return path


@pytest.mark.parametrize(
    "corruption",
    [pytest.param(one, marks=[] if one in quickly() else pytest.mark.slow) for one in PLANTED],
    ids=[named(one) for one in PLANTED],
)
def test_what_is_planted_in_what_was_sound_is_named(
    books: Audited, marks: Path, corruption: Corruption, tmp_path: Path
) -> None:
    script = filled_in(corruption.script, books.world)
    own = Path(copy(marks, tmp_path))
    with undone(books.connection):
        plant(books.connection, script)
        found = audited(books.connection, books.server, marks=own) - books.before
    assert (corruption.identity, filled_in(corruption.subject, books.world)) in found


@pytest.mark.parametrize("corruption", UNDECIDABLE, ids=named)
def test_what_cannot_be_known_is_not_named(books: Audited, corruption: Undecidable) -> None:
    with undone(books.connection):
        plant(books.connection, filled_in(corruption.script, books.world))
        assert audited(books.connection, books.server) == books.before


def test_the_page_lists_them_all(books: Audited) -> None:
    refused = [is_refused(books.connection, filled_in(one.script, books.world)) for one in PLANTED]
    assert PAGE.read_text(encoding="utf-8") == written(refused), "make docs writes it again"


BOOKS: Final = (
    *("positions", "orders", "order_fills", "trades", "partial_trades", "account_balances", "trading_sessions"),
    *("performance_metrics", "session_holds", "account_history", "equity_spans", "equity_rolls"),
    "decision_chunks",
)


@pytest.mark.parametrize("table", BOOKS)
def test_every_column_of_the_books_is_planted_or_listed(table: str) -> None:
    columns = {
        entry.name.removeprefix(f"{table}.")
        for entry in expected_catalog()
        if entry.kind == "column" and entry.name.startswith(f"{table}.") and "GENERATED" not in entry.definition
    }
    every: tuple[Corruption | Undecidable, ...] = (*PLANTED, *UNDECIDABLE)
    said = " ".join(f"{one.what} {one.script}" for one in every if one.table in {table, "any"})
    # An identity is a number of its own; what refers to it is among the references.
    assert columns - set(re.findall(r"\w+", said)) - {"id"} == set()


def test_there_are_many() -> None:
    assert len({named(one) for one in PLANTED}) == len(PLANTED) >= 120
