"""The fault suite's size, its results, and its server."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Final

import psycopg
import pytest

from atb_db import embedded
from atb_db.embedded import Server
from atb_db.sqlfile import schema_sql
from tests.conftest import TEMPLATE
from tests.faults.results import Line
from tests.faults.scene import Scene, scene_on

FULL: Final = os.environ.get("ATB_DB_FAULTS") == "full"
"""Whether each fault strikes as often as the suite promises (`make faults`), or a few times (`make test`)."""

only_in_full = pytest.mark.skipif(not FULL, reason="part of make faults")


class Record:
    """Notes a line of the suite's table, if its file is named."""

    def __call__(self, line: Line) -> None:
        if path := os.environ.get("ATB_DB_FAULTS_FILE"):
            with Path(path).open("a") as file:
                file.write(json.dumps(line._asdict()) + "\n")


@pytest.fixture
def record() -> Record:
    return Record()


@pytest.fixture(params=[False, True], ids=["sync", "async"])
def is_async(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.fixture(scope="package")
def battered() -> Iterator[Server]:
    """A server that keeps what it has committed through its own crashes."""
    settings = {"max_connections": "40", "deadlock_timeout": "20ms", "log_min_messages": "fatal"}
    with embedded.postgresql(durable=FULL, settings={"synchronous_commit": "on", **settings}) as running:
        with psycopg.connect(running.create_database(TEMPLATE, template="template0")) as connection:
            connection.execute(schema_sql())
        yield running


@pytest.fixture
def scene(battered: Server, chance: Random) -> Iterator[Scene]:
    with scene_on(battered, chance) as made:
        yield made
