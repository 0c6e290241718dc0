"""What every query keeps to: it only reads, its result is what it declares, its file runs in psql as it stands."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from datetime import datetime, time
from decimal import Decimal
from enum import Enum
from typing import Final
from uuid import UUID

import pytest

from atb_db import Database
from atb_db.embedded import Server
from atb_db.errors import Unavailable
from atb_db.repository import account, statements
from atb_db.rows import Column
from atb_db.statement import Declared, Kind
from atb_db.types import Json
from tests.each import each
from tests.statements.conforms import differences
from tests.statements.examples import World, example, variants

NULL: Final = "<NULL>"
VALUES: Final[dict[type, Callable[[str], object]]] = {
    bool: lambda cell: {"t": True, "f": False}[cell],
    datetime: datetime.fromisoformat,
    Decimal: Decimal,
    int: int,
    str: str,
    time: time.fromisoformat,
    UUID: UUID,
}
OF_THE_MOMENT: Final = {"reports.get_table_sizes", "server.get_server_state"}
"""Queries that answer something else at another moment, or on another connection."""

QUERIES = [declaration for declaration in statements() if declaration.kind is Kind.QUERY]


@pytest.fixture(scope="module")
def read_only(world_url: str) -> Iterator[Database]:
    """The prepared world on connections whose every transaction is READ ONLY."""
    with Database(f"{world_url}?options=-c%20default_transaction_read_only%3Don") as database:
        yield database


def test_the_read_only_database_refuses_commands(read_only: Database, world: World) -> None:
    # In a transaction, where it is not tried again.
    with pytest.raises(Unavailable, match="read-only"), read_only.transaction() as tx:
        tx.run(account.adjust_balance(session_id=world.session_id, delta=1, reason="test"))


def test_a_query_only_reads_and_answers_what_it_declares(read_only: Database, world: World) -> None:
    def holds(query: Declared[object]) -> None:
        for statement in variants(query, world):
            assert differences(statement, read_only.run(statement)) == []

    each(QUERIES, holds)


def test_its_file_runs_in_psql_as_it_stands(server: Server, world_url: str, world_db: Database, world: World) -> None:
    """And answers what `Database.run` does."""

    def holds(query: Declared[object]) -> None:
        own = server.bin_dir / "psql"
        psql = own if own.exists() else shutil.which("psql")
        if psql is None:
            pytest.skip("psql is not installed")
        statement = example(query, world)
        variables = [f"--set={name}={_literal(value)}" for name, value in statement.args.items()]
        form = ["--no-psqlrc", "--csv", f"--pset=null={NULL}", "--set=ON_ERROR_STOP=1"]
        done = subprocess.run(
            [psql, *form, *variables, f"--file={query.path}", world_url],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "PGTZ": "UTC"},
        )
        assert (done.returncode, done.stderr) == (0, "")
        header, *rows = csv.reader(io.StringIO(done.stdout))
        columns = query.reader.columns
        assert [column.name for column in columns] in (header, [None])
        found = query.read(
            query.reader.make([_value(cell, column) for cell, column in zip(row, columns, strict=True)]) for row in rows
        )
        if query.name not in OF_THE_MOMENT:
            assert found == world_db.run(statement)

    each(QUERIES, holds)


def _literal(value: object) -> str:
    """The value as README says that it is given to psql."""
    if value is None:
        return "NULL"
    if isinstance(value, (str, datetime, UUID)):
        return "'" + str(value).replace("'", "''") + "'"
    return str(value)


def _value(cell: str, column: Column) -> object:
    """What psycopg makes of the value that psql shows so."""
    if cell == NULL:
        return None
    if column.type == Json:
        return json.loads(cell)
    assert isinstance(column.type, type)
    return cell if issubclass(column.type, Enum) else VALUES[column.type](cell)
