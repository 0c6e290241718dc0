"""The files of an export: rows as the server copies them become CSV or Parquet, and CSV again, a block at a time."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from atb_db.admin.errors import BadExport, ToolMissing
from atb_db.admin.exporting.manifest import FileFormat

if TYPE_CHECKING:
    import pyarrow as pa

_BLOCK: Final = 4 << 20
_ROWS: Final = 50_000
_SCALE: Final = 18
_DIGITS: Final = 38


class Digits(NamedTuple):
    """The most digits that the numbers of a column have before and after the point."""

    before: int
    after: int


def write_rows(
    path: Path,
    file_format: FileFormat,
    columns: Mapping[str, str],
    digits: Mapping[str, Digits],
    rows: Iterable[bytes],
) -> None:
    """Write rows that are CSV without a header."""
    if file_format is FileFormat.CSV:
        with path.open("wb") as file:
            file.write((",".join(columns) + "\n").encode())
            for block in _blocks(rows):
                file.write(block)
        return
    _need_arrow()
    import pyarrow as pa
    from pyarrow import parquet

    schema = pa.schema([(name, _type(type_, digits.get(name))) for name, type_ in columns.items()])
    with parquet.ParquetWriter(path, schema, compression="zstd") as writer:
        for block in _blocks(rows):
            writer.write_table(_table(block, schema))


def read_rows(path: Path, file_format: FileFormat, columns: Sequence[str]) -> Iterator[bytes]:
    """The rows of a file as CSV without a header, in blocks.

    Raises:
        BadExport: it has other columns, or is no such file.
    """
    if file_format is FileFormat.CSV:
        with path.open("rb") as file:
            if file.readline().decode("utf-8", "replace").rstrip("\r\n").split(",") != list(columns):
                raise BadExport(f"{path} has other columns than the manifest says")
            while block := file.read(_BLOCK):
                yield block
        return
    _need_arrow()
    import pyarrow as pa
    from pyarrow import csv, parquet

    try:
        with parquet.ParquetFile(path) as file:
            if file.schema_arrow.names != list(columns):
                raise BadExport(f"{path} has other columns than the manifest says")
            for batch in file.iter_batches(batch_size=_ROWS):
                written = io.BytesIO()
                csv.write_csv(batch, written, csv.WriteOptions(include_header=False))
                yield written.getvalue()
    except pa.ArrowInvalid as error:
        raise BadExport(f"{path} cannot be read as Parquet: {error}") from None


def _need_arrow() -> None:
    if find_spec("pyarrow") is None:
        raise ToolMissing("Parquet needs an extra: pip install 'atb-db[arrow]'; --format csv needs nothing")


def _blocks(rows: Iterable[bytes]) -> Iterator[bytes]:
    """Blocks of whole rows."""
    kept: list[bytes] = []
    size = 0
    for row in rows:
        kept.append(bytes(row))
        size += len(row)
        if size >= _BLOCK:
            yield b"".join(kept)
            kept, size = [], 0
    if kept:
        yield b"".join(kept)


def _type(type_: str, digits: Digits | None) -> pa.DataType:
    """Exact, whatever it is: a number that no decimal of Arrow's holds is text."""
    import pyarrow as pa

    if type_ == "numeric":
        before, after = digits or Digits(1, 0)
        scale = max(_SCALE, after)
        if before + scale > _DIGITS:
            scale = after
        return pa.decimal128(_DIGITS, scale) if before + scale <= _DIGITS else pa.string()
    types = {
        "bigint": pa.int64(), "integer": pa.int64(), "smallint": pa.int64(), "boolean": pa.bool_(),
        "timestamp with time zone": pa.timestamp("us", tz="UTC"),
    }  # fmt: skip
    return types.get(type_, pa.string())


def _table(block: bytes, schema: pa.Schema) -> pa.Table:
    from pyarrow import csv

    return csv.read_csv(
        io.BytesIO(block),
        read_options=csv.ReadOptions(column_names=schema.names, block_size=max(len(block), 1)),
        parse_options=csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False),
        convert_options=csv.ConvertOptions(
            column_types=dict(zip(schema.names, schema.types, strict=True)),
            null_values=[""],
            true_values=["t"],
            false_values=["f"],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
        ),
    )
