"""Results as frames: a COPY of a query's rows, made into tables as it comes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from atb_db.database.aio.streams import copy_out, described
from atb_db.database.connections import AsyncConnection
from atb_db.frames.planning import As, FramePlan, Money, plan_frame, plan_view, view_sql
from atb_db.statement import Statement

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl
    import pyarrow as pa

    from atb_db.frames.tables import Tables


async def frame(
    connection: AsyncConnection, query: Statement[object] | str, as_: As, money: Money
) -> pa.Table | pl.DataFrame | pd.DataFrame:
    """As for threads."""
    from atb_db.frames.tables import as_frame, check_kind  # noqa: PLC0415  pyarrow is an extra

    check_kind(as_)
    async with frames(connection, query, money) as tables:
        made = [table async for table in tables]
    return as_frame(made, as_)


@asynccontextmanager
async def frames(
    connection: AsyncConnection, query: Statement[object] | str, money: Money
) -> AsyncIterator[AsyncIterator[pa.Table]]:
    """As for threads."""
    from atb_db.frames.tables import Tables  # noqa: PLC0415  pyarrow is an extra

    plan = await _plan(connection, query, money)
    async with copy_out(connection, plan.sql, plan.declaration) as blocks:
        yield _tables(Tables(plan), blocks)


async def _tables(tables: Tables, blocks: AsyncIterator[bytearray]) -> AsyncIterator[pa.Table]:
    async for block in blocks:
        for table in tables.take(block):
            yield table
    for table in tables.rest():
        yield table


async def _plan(connection: AsyncConnection, query: Statement[object] | str, money: Money) -> FramePlan:
    if isinstance(query, str):
        return plan_view(query, await described(connection, view_sql(query)), money=money)
    return plan_frame(query, money=money)
