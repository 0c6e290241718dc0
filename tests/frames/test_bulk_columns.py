"""Bulk loads of columns of Arrow, polars and pandas."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import cast

import pandas as pd
import polars as pl
import psycopg
import pyarrow as pa
import pytest

from atb_db import Database
from atb_db.arrays import Table
from atb_db.database.bulk import BulkLoad
from atb_db.repository import account, events
from tests.database.test_bulk import START, Stored, exact, of_lists, stored

__all__ = ["stored"]


def of_arrow() -> pa.Table:
    return pa.table(of_lists())


def of_polars() -> pl.DataFrame:
    return pl.DataFrame(of_lists())


def of_pandas() -> pd.DataFrame:
    return pd.DataFrame(of_lists())


def test_columns_of_pandas_are_stored_exactly(db: Database, session_id: int, stored: Stored) -> None:
    frame = cast("Table", of_pandas())
    assert db.copy_in(account.copy_account_snapshots.columns(frame, session_id=session_id)) == 300
    assert stored() == exact(300)


@pytest.mark.parametrize("make", [of_arrow, of_polars])
def test_columns_of_a_table_are_stored_as_exactly_as_it_has_them(
    db: Database, session_id: int, stored: Stored, make: Callable[[], pa.Table | pl.DataFrame]
) -> None:
    table = make()
    assert db.copy_in(account.copy_account_snapshots.columns(cast("Table", table), session_id=session_id)) == 300
    held = table.column("balance").to_pylist() if isinstance(table, pa.Table) else table["balance"].to_list()
    assert [balance for _, balance, _ in stored()] == held
    assert [(at, equity) for at, _, equity in stored()] == [(at, equity) for at, _, equity in exact(300)]


def test_columns_of_documents_labels_and_missing_values(db: Database, url: str, session_id: int) -> None:
    frame = pd.DataFrame(
        {
            "event_type": ["TEST", "alert", "ERROR"],
            "message": ["a", "b\tc", "\\N"],
            "details": [{"x": 1}, None, {"y": [1.5, "tab\t"]}],
            "component": pd.array(["engine", None, "x"], dtype="string"),
            "alert_sent": [True, False, True],
            "timestamp": pd.to_datetime(["2024-03-01T00:00:00.000001Z"] * 3).tz_convert("Asia/Tokyo"),
        }
    )
    assert db.copy_in(events.copy_events.columns(frame, session_id=session_id)) == 3
    with psycopg.connect(url) as connection:
        rows = connection.execute(
            "SELECT event_type, message, details, component, alert_sent, timestamp, severity FROM system_events"
            " WHERE session_id = %s AND message <> 'x' AND timestamp < '2024-03-02' ORDER BY id",
            [session_id],
        ).fetchall()
    moment = datetime(2024, 3, 1, microsecond=1, tzinfo=UTC)
    assert rows == [
        ("TEST", "a", {"x": 1}, "engine", True, moment, "INFO"),
        ("ALERT", "b\tc", None, None, False, moment, "INFO"),
        ("ERROR", "\\N", {"y": [1.5, "tab\t"]}, "x", True, moment, "INFO"),
    ]


@pytest.mark.parametrize(
    ("column", "texts"),
    [
        (pa.array([0.1, 2.5], pa.float32()), ["0.1", "2.5"]),
        (pa.chunked_array([[Decimal("0.10")], [Decimal("0.25")]]), ["0.10", "0.25"]),
        (pl.Series([0.1, 2.5], dtype=pl.Float32), ["0.1", "2.5"]),
        (pd.Series([0.1, 2.5], dtype="float32"), ["0.1", "2.5"]),
        (pd.Series([1, 2], dtype="Int64"), ["1", "2"]),
    ],
    ids=str,
)
def test_numbers_are_exact_whatever_holds_them(column: object, texts: list[str]) -> None:
    load = BulkLoad.of(
        account.copy_account_snapshots.columns({"equity": column}, session_id=1, balance=1, timestamp=START)
    )
    assert load is not None
    found = [line.split("\t")[3] for line in b"".join(load.blocks()).decode().splitlines()]
    assert found == texts
