"""Columns of Arrow, polars and pandas, from which the values of some rows are taken at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import cast

from atb_db.errors import ConfigurationError

try:
    import pyarrow as pa
except ImportError as error:
    raise ConfigurationError("Columns of a table need an extra: pip install 'atb-db[arrow]'") from error

Taken = tuple[int, Callable[[int, int], Sequence[object]]]
"""How many values there are, and what takes those from one row to before another."""


def columns_of_table(table: object) -> dict[str, Taken]:
    """The columns of what gives Arrow its stream."""
    read = pa.table(table)
    return {name: _taken(read.column(name)) for name in read.column_names}


def column_of(column: object) -> Taken:
    """A column of Arrow, or of what gives Arrow its stream."""
    return _taken(pa.chunked_array([column] if isinstance(column, pa.Array) else column))


def _taken(column: pa.ChunkedArray) -> Taken:
    kind = column.type
    if pa.types.is_float16(kind) or pa.types.is_float32(kind):
        # They are exact as they are written, not as the float64 next to them.
        column = column.cast(pa.string())
    elif pa.types.is_timestamp(kind) and kind.tz is not None:
        moments = column.cast(pa.timestamp("us", "UTC"), safe=False).cast(pa.timestamp("us"))
        return len(moments), lambda begin, end: _moments(moments.slice(begin, end - begin))
    return len(column), lambda begin, end: column.slice(begin, end - begin).to_pylist()


def _moments(column: pa.ChunkedArray) -> Sequence[object]:
    found = cast("list[datetime | None]", column.to_numpy().tolist())
    return [None if one is None else one.replace(tzinfo=UTC) for one in found]
