"""Results as frames: a COPY of a query's rows, made into tables as it comes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from atb_db.database.connections import Connection
from atb_db.database.sync.streams import copy_out, described
from atb_db.frames.planning import As, FramePlan, Money, plan_frame, plan_view, view_sql
from atb_db.statement import Statement

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl
    import pyarrow as pa

    from atb_db.frames.tables import Tables


def frame(
    connection: Connection, query: Statement[object] | str, as_: As, money: Money
) -> pa.Table | pl.DataFrame | pd.DataFrame:
    """The whole result."""
    from atb_db.frames.tables import as_frame, check_kind  # noqa: PLC0415  pyarrow is an extra

    check_kind(as_)
    with frames(connection, query, money) as tables:
        made = [table for table in tables]  # noqa: C416  as for tasks
    return as_frame(made, as_)


@contextmanager
def frames(connection: Connection, query: Statement[object] | str, money: Money) -> Iterator[Iterator[pa.Table]]:
    """The result table by table, for the block."""
    from atb_db.frames.tables import Tables  # noqa: PLC0415  pyarrow is an extra

    plan = _plan(connection, query, money)
    with copy_out(connection, plan.sql, plan.declaration) as blocks:
        yield _tables(Tables(plan), blocks)


def _tables(tables: Tables, blocks: Iterator[bytearray]) -> Iterator[pa.Table]:
    for block in blocks:
        for table in tables.take(block):
            yield table
    for table in tables.rest():
        yield table


def _plan(connection: Connection, query: Statement[object] | str, money: Money) -> FramePlan:
    if isinstance(query, str):
        return plan_view(query, described(connection, view_sql(query)), money=money)
    return plan_frame(query, money=money)
