"""What every query keeps to: it only reads, its result is what it declares, its file runs in psql as it stands."""

from __future__ import annotations

import csv
import io
import os
import shutil
import subprocess
from collections.abc import Iterator
from datetime import datetime

import pytest

from atb_db import Database
from atb_db.embedded import Server
from atb_db.errors import Unavailable
from atb_db.repository import account, statements
from atb_db.statement import Declared, Kind
from tests.statements.conforms import differences
from tests.statements.examples import World, example, variants

QUERIES = [declaration for declaration in statements() if declaration.kind is Kind.QUERY]


@pytest.fixture(scope="module")
def read_only(world_url: str) -> Iterator[Database]:
    """The prepared world on connections whose every transaction is READ ONLY."""
    with Database(f"{world_url}?options=-c%20default_transaction_read_only%3Don") as database:
        yield database


def test_the_read_only_database_refuses_commands(read_only: Database, world: World) -> None:
    with pytest.raises(Unavailable, match="read-only"):
        read_only.run(account.adjust_balance(session_id=world.session_id, delta=1, reason="test"))


@pytest.mark.parametrize("query", QUERIES, ids=str)
def test_a_query_only_reads_and_answers_what_it_declares(
    read_only: Database, world: World, query: Declared[object]
) -> None:
    for statement in variants(query, world):
        assert differences(statement, read_only.run(statement)) == []


@pytest.mark.parametrize("query", QUERIES, ids=str)
def test_its_file_runs_in_psql_as_it_stands(
    server: Server, world_url: str, world: World, query: Declared[object]
) -> None:
    own = server.bin_dir / "psql"
    psql = own if own.exists() else shutil.which("psql")
    if psql is None:
        pytest.skip("psql is not installed")
    variables = [f"--set={name}={_literal(value)}" for name, value in example(query, world).args.items()]
    done = subprocess.run(
        [psql, "--no-psqlrc", "--csv", "--set=ON_ERROR_STOP=1", *variables, f"--file={query.path}", world_url],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PGTZ": "UTC"},
    )
    assert (done.returncode, done.stderr) == (0, "")
    header = next(csv.reader(io.StringIO(done.stdout)))
    declared = [column.name for column in query.reader.columns]
    assert declared in (header, [None])


def _literal(value: object) -> str:
    if value is None:
        return "NULL"
    return f"'{value}'" if isinstance(value, (str, datetime)) else str(value)
