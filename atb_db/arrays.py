"""Columns of lists and of numpy, and what of Arrow, polars and pandas goes to `arrow`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple, Protocol, Self, cast

from atb_db.errors import shortened
from atb_db.values import is_numpy


class Table(Protocol):
    """A table of Arrow, polars, pandas or another library that gives its columns to Arrow."""

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """Arrow's C stream of it."""


class _Array(Protocol):
    """What is used of numpy's arrays."""

    dtype: object

    def __len__(self) -> int: ...
    def __getitem__(self, rows: slice[int, int, None]) -> Self: ...
    def __iter__(self) -> Iterator[object]: ...
    def tolist(self) -> list[object]: ...


class Column(NamedTuple):
    """A column of values."""

    length: int
    values: Callable[[int, int], Sequence[object]]
    """Those from one row to before another, as Python has them."""


def columns_of(data: Mapping[str, object] | Table) -> dict[str, Column]:
    """The columns of a mapping or a table, by name.

    Raises:
        TypeError: it is neither, or a column is no column.
        ConfigurationError: Arrow is needed and not installed.
    """
    if isinstance(data, Mapping):
        return {name: _column(name, column) for name, column in data.items()}
    if type(data).__module__.partition(".")[0] == "pandas":  # of its columns not all become Arrow's
        return {name: _column(name, column) for name, column in data.items()}  # type: ignore[attr-defined]
    if not hasattr(data, "__arrow_c_stream__"):
        raise TypeError(f"the columns of a bulk load are a mapping or a table, not {shortened(data)}")
    from atb_db.arrow import columns_of_table  # noqa: PLC0415  an extra

    return {name: Column(*column) for name, column in columns_of_table(data).items()}


def _column(name: str, column: object) -> Column:
    if isinstance(column, (list, tuple)):
        return _of_list(column)
    if is_numpy(column) and getattr(column, "ndim", None) == 1:
        return _of_numpy(cast("_Array", column))
    if str(getattr(column, "dtype", "")) in {"object", "Object"}:
        # Of pandas or polars; Arrow would take dicts for structures that have all of the same fields.
        return _of_list(column.to_list())  # type: ignore[attr-defined]
    if hasattr(column, "__arrow_c_stream__") or hasattr(column, "__arrow_c_array__"):
        from atb_db.arrow import column_of  # noqa: PLC0415  an extra

        return Column(*column_of(column))
    if isinstance(column, Sequence) and not isinstance(column, (str, bytes)):
        return _of_list(column)
    raise TypeError(f"{name} is no column, but {shortened(column)}: what all rows share is given as an argument")


def _of_list(column: Sequence[object]) -> Column:
    return Column(len(column), lambda begin, end: column[begin:end])


def _of_numpy(column: _Array) -> Column:
    # The smaller floats are exact as they are written, not as the float64 next to them; times have no zone.
    plain = str(column.dtype).startswith(("float64", "int", "uint", "bool", "object", "<U"))
    return Column(len(column), lambda begin, end: column[begin:end].tolist() if plain else list(column[begin:end]))
