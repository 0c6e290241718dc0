"""The pytest plugin: fixtures `atb_server`, `atb_url` and `atb_database`; pytest finds it when atb_db is installed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

# Every pytest run where atb_db is installed loads this module: what needs the driver waits for the first fixture.
if TYPE_CHECKING:
    from atb_db.database import Database
    from atb_db.embedded import Server
    from atb_db.testing.databases import Databases


@pytest.fixture(scope="session")
def atb_server() -> Iterator[Server]:
    """A throwaway PostgreSQL for the whole run; `restart()` and `outage()` are for drills.

    A commit that it has acknowledged outlives a crash of the server, though not of the machine. Override the fixture to
    start it with other settings.
    """
    from atb_db.embedded import postgresql

    with postgresql(settings={"synchronous_commit": "on"}) as server:
        yield server


@pytest.fixture(scope="session")
def _atb_databases(atb_server: Server) -> Databases:
    from atb_db.testing.databases import Databases

    return Databases(atb_server)


@pytest.fixture
def atb_url(_atb_databases: Databases) -> Iterator[str]:
    """The URL of a migrated database of the test's own, without rows; dropped after the test."""
    with _atb_databases.fresh() as url:
        yield url


@pytest.fixture
def atb_database(atb_url: str) -> Iterator[Database]:
    """An open `Database` on `atb_url`, with the default settings whatever the environment says."""
    from atb_db.database import Database
    from atb_db.testing.databases import settings_of

    with Database(settings_of(atb_url)) as database:
        yield database
