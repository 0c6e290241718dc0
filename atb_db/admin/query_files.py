"""The answer of a read statement, written to a file of Parquet or Arrow."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from atb_db.admin.errors import ToolMissing
from atb_db.admin.questions import arguments, find
from atb_db.admin.whole_files import written_whole
from atb_db.config import Settings
from atb_db.database import Database
from atb_db.errors import ConfigurationError

if TYPE_CHECKING:
    import pyarrow as pa


class FileFormat(StrEnum):
    """What a file of rows is."""

    PARQUET = "parquet"
    """Written while the rows come: results may be larger than memory."""
    ARROW = "arrow"
    """Arrow's file format, which is also Feather; made in memory."""


def write_answer(settings: Settings, name: str, texts: Mapping[str, str], path: Path, file_format: FileFormat) -> int:
    """Write what a read statement answers, or a view such as reporting.trades has; how many rows there are.

    The file is there when it is whole.

    Raises:
        NotFound: there is no such read statement, or the row that it is about does not exist.
        InvalidInput: an argument is unknown, missing, or cannot be read; or the answer has no columns.
        ToolMissing: the extra `arrow` is not installed.
        Unusable: the file cannot be written.
    """
    query = name if name.startswith("reporting.") else (found := find(name)).value(arguments(found, texts))
    try:
        with (
            written_whole(path) as part,
            Database(settings._replace(pool_min=0, pool_max=1)) as database,
            database.frames(query) as tables,
        ):
            return _write(part, tables, file_format)
    except ConfigurationError as error:
        if "extra" in error.message:
            raise ToolMissing(error.message) from None
        raise


def _write(path: Path, tables: Iterator[pa.Table], file_format: FileFormat) -> int:
    import pyarrow as pa
    from pyarrow import ipc, parquet

    if file_format is FileFormat.ARROW:
        # A file has each dictionary once.
        table = pa.concat_tables(tables).unify_dictionaries()
        with path.open("wb") as file, ipc.new_file(file, table.schema) as writer:
            writer.write_table(table)
        return table.num_rows
    first = next(tables)
    rows = first.num_rows
    with parquet.ParquetWriter(path, first.schema, compression="zstd") as writer:
        writer.write_table(first)
        for table in tables:
            writer.write_table(table)
            rows += table.num_rows
    return rows
