"""An error is never an answer: whatever the statement, it is an exception that names the statement."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from atb_db import Database
from atb_db.embedded import Server
from atb_db.errors import SchemaMismatch
from atb_db.repository import statements
from atb_db.statement import Declared
from tests.each import each
from tests.invariants.running import run
from tests.statements.examples import World, example


@pytest.fixture(scope="module")
def without_tables(server: Server) -> Iterator[Database]:
    with Database(server.create_database("without_tables", template="template0")) as database:
        yield database


# What is asked of the server itself needs no table.
OF_TABLES = [declaration for declaration in statements() if not declaration.name.startswith("server.")]


def test_what_is_not_there_is_no_empty_answer(without_tables: Database, world: World) -> None:
    def holds(declaration: Declared[object]) -> None:
        with pytest.raises(SchemaMismatch) as caught:
            run(without_tables, example(declaration, world))
        assert caught.value.statement == declaration.name
        assert declaration.name in str(caught.value)

    each(OF_TABLES, holds)
