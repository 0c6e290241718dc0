"""From the CSV that the server copies to tables of Arrow, block by block, and on to polars and pandas."""

from __future__ import annotations

import io
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from importlib import import_module
from typing import TYPE_CHECKING, Final, get_args

from atb_db.errors import ConfigurationError, InvalidInput, shortened
from atb_db.frames.planning import SCALE, As, Form, FrameColumn, FramePlan

try:
    import pyarrow as pa
    import pyarrow.compute as pc
    from pyarrow import csv
except ImportError as error:
    raise ConfigurationError("Frames need an extra: pip install 'atb-db[arrow]', [polars] or [pandas]") from error

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl

_FIXED: Final[dict[Form, pa.DataType]] = {
    Form.WHOLE: pa.int64(),
    Form.FLOAT: pa.float64(),
    Form.FLAG: pa.bool_(),
    Form.MOMENT: pa.timestamp("us", tz="UTC"),
    Form.DAY: pa.date32(),
    Form.LABEL: pa.dictionary(pa.int32(), pa.string()),
    Form.TEXT: pa.string(),
}


def column_type(column: FrameColumn, plan: FramePlan) -> pa.DataType:
    """The type of a column in Arrow."""
    if column.form is Form.MONEY:
        return pa.float64() if plan.money == "float64" else pa.decimal128(38, SCALE)
    return _FIXED[column.form]


class Tables:
    """Makes tables of the blocks of CSV as they come; joined rows are whole in the table that they are in.

    A block is read by a thread of its own, while the server makes the next one.
    """

    def __init__(self, plan: FramePlan) -> None:
        self.plan = plan
        self._kept: pa.Table | None = None
        self._reader = ThreadPoolExecutor(1, "atb_db frame")
        self._coming: Future[pa.Table] | None = None

    def take(self, block: bytes | bytearray) -> list[pa.Table]:
        """What is complete with the block before this one."""
        read, self._coming = self._coming, self._reader.submit(_read, self.plan, block)
        return [] if read is None else self._made(read.result())

    def _made(self, read: pa.Table) -> list[pa.Table]:
        """What is complete with what was read."""
        if self.plan.nested is None:
            self._kept = self._kept or read
            return [read]
        flat = read if self._kept is None else pa.concat_tables([self._kept, read]).unify_dictionaries()
        # The last row may go on in the next block.
        whole = _begin_of_last(flat)
        self._kept = flat.slice(whole)
        return [_nest(self.plan, flat.slice(0, whole))] if whole else []

    def rest(self) -> list[pa.Table]:
        """What is left after the last block; a table without rows where there were none."""
        self._reader.shutdown(wait=False)
        found = [] if self._coming is None else self._made(self._coming.result())
        if self.plan.nested is None and self._kept is not None:
            return found
        flat = self._kept if self._kept is not None else _read(self.plan, b"")
        return [*found, flat if self.plan.nested is None else _nest(self.plan, flat)]


def check_kind(as_: As) -> None:
    """Refuse what `as_frame` could not make, before anything is read.

    Raises:
        InvalidInput: there is no such kind of frame.
        ConfigurationError: its library is not installed.
    """
    if as_ not in get_args(As):
        raise InvalidInput(f"{shortened(as_)} is not arrow, polars or pandas", field="as_")
    if as_ == "arrow":
        return
    try:
        import_module(as_)
    except ImportError:
        raise ConfigurationError(f"as_={as_!r} needs an extra: pip install 'atb-db[{as_}]'") from None


def as_frame(tables: Sequence[pa.Table], as_: As) -> pa.Table | pl.DataFrame | pd.DataFrame:
    """All tables as a kind that `check_kind` lets through, each dictionary once."""
    table = pa.concat_tables(tables).unify_dictionaries()
    if as_ == "arrow":
        return table
    if as_ == "pandas":
        return table.to_pandas()
    import polars  # noqa: PLC0415  an extra

    frame = polars.from_arrow(table)
    assert isinstance(frame, polars.DataFrame)  # noqa: S101  of a table
    return frame


def _read(plan: FramePlan, block: bytes | bytearray) -> pa.Table:
    types = {column.name: column_type(column, plan) for column in plan.columns}
    if not block:
        return pa.table({name: pa.array([], type_) for name, type_ in types.items()})
    try:
        return csv.read_csv(
            io.BytesIO(block),
            read_options=csv.ReadOptions(column_names=list(types), block_size=max(len(block), 1)),
            parse_options=csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False),
            convert_options=csv.ConvertOptions(
                column_types=types,
                null_values=[""],
                true_values=["t"],
                false_values=["f"],
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
            ),
        )
    except pa.ArrowInvalid as error:
        raise InvalidInput(
            f"a number does not fit into decimal128(38, {SCALE}), use money='float64': {error}", field="money"
        ) from None


def _begin_of_last(flat: pa.Table) -> int:
    """Where the last row begins, with all that is joined to it."""
    runs = _runs(flat)
    return runs[-2] if len(runs) > 1 else 0


def _runs(flat: pa.Table) -> list[int]:
    """Where the runs of an equal first column end."""
    if not flat.num_rows:
        return []
    first = flat.column(0).combine_chunks()
    ends: list[int] = pc.run_end_encode(first).run_ends.to_pylist()
    return ends


def _nest(plan: FramePlan, flat: pa.Table) -> pa.Table:
    """Joined rows as a list of structures."""
    field = plan.nested or ""
    own = [column.name for column in plan.columns if not column.nested]
    nested = [column for column in plan.columns if column.nested]
    ends = _runs(flat)
    begins = [0, *ends[:-1]] if ends else []
    children = [flat.column(column.name).combine_chunks() for column in nested]
    there = pc.is_valid(children[0])
    counted: list[int] = pc.cumulative_sum(there.cast(pa.int32())).to_pylist()
    offsets = [0, *(counted[end - 1] for end in ends)]
    names = [column.name.partition(".")[2] for column in nested]
    rows = pa.StructArray.from_arrays([child.filter(there) for child in children], names=names)
    parents = flat.select(own).take(pa.array(begins, pa.int64()))
    return parents.append_column(field, pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), rows))
