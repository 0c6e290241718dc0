"""Fixtures: databases that hold one prepared world, for reading or for writing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from typing import NamedTuple

import pytest

from atb_db import Database
from atb_db.embedded import Server
from tests.statements.examples import World, prepare

_numbers = count(1)

MakeDatabase = Callable[[], str]
"""Makes another database with the world; its URL."""


class _Prepared(NamedTuple):
    world: World
    database: str


@pytest.fixture(scope="session")
def _prepared(server: Server) -> _Prepared:
    name = f"prepared_{next(_numbers)}"
    with Database(server.create_database(name, template="atb_template")) as database:
        return _Prepared(prepare(database), name)


@pytest.fixture(scope="session")
def make_world(server: Server, _prepared: _Prepared) -> MakeDatabase:
    return lambda: server.create_database(f"world_{next(_numbers)}", template=_prepared.database)


@pytest.fixture(scope="session")
def world(_prepared: _Prepared) -> World:
    """The prepared rows; they have these ids in every database of `make_world`."""
    return _prepared.world


@pytest.fixture(scope="session")
def world_url(make_world: MakeDatabase) -> str:
    """A database for tests that leave it as it is."""
    return make_world()


@pytest.fixture(scope="session")
def world_db(world_url: str) -> Iterator[Database]:
    with Database(world_url) as database:
        yield database


@pytest.fixture
def fresh_world_url(make_world: MakeDatabase) -> str:
    """A database of the test's own."""
    return make_world()


@pytest.fixture
def fresh_world_db(fresh_world_url: str) -> Iterator[Database]:
    with Database(fresh_world_url) as database:
        yield database
