"""Files of trades read as plain rows: CSV, JSON, JSON lines, Parquet."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

from atb_db.importing.errors import UnusableSource
from atb_db.importing.plan import Row

if TYPE_CHECKING:
    from pyarrow import Table

LARGEST: Final = 64 << 20
"""Bytes: the rows are put into the order of time, for which all of them are in memory, in 30 times as much of it."""
_MOST_ROWS: Final = LARGEST // 32
"""Of Parquet, which may keep a million rows in a kilobyte; a row of text takes more than so many bytes."""
_COMPRESSED: Final = (b"\x1f\x8b", b"PK\x03\x04", b"BZh", b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd")
"""How files of gzip, zip, bzip2, xz and zstd begin."""
_EXACT: Final = 15
"""Digits of a number that a float always keeps."""
_SQLITE: Final = b"SQLite format 3\0"


def read_rows(path: Path) -> list[Row]:
    """The rows of a file, numbers of JSON as they are written.

    Raises:
        UnusableSource: it cannot be read, is too large, or is none of the formats.
    """
    content = _content(path)
    if content.startswith(b"PAR1"):
        return _parquet(path, content)
    if content.startswith(_COMPRESSED):
        raise UnusableSource(f"{path.name} is compressed: unpack it first")
    if content.startswith(_SQLITE):
        raise UnusableSource(f"{path.name} is a sqlite file: one of freqtrade is for `atb-db import freqtrade`")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UnusableSource(
            f"{path.name} is not encoded in UTF-8 (byte {error.start + 1:,}): save it in UTF-8"
        ) from None
    if "\0" in text:
        raise UnusableSource(f"{path.name} is no file of text")
    if not text.strip():
        raise UnusableSource(f"{path.name} is empty")
    return _json(path, text) if text.lstrip()[0] in "[{" else _csv(path, text)


def _content(path: Path) -> bytes:
    try:
        # A pipe has no size: whatever it is, no more than that is read.
        size = path.stat().st_size
        with path.open("rb") as file:
            content = b"" if size > LARGEST else file.read(LARGEST + 1)
    except OSError as error:
        raise UnusableSource(f"{path} cannot be read: {error.strerror}") from None
    if max(size, len(content)) > LARGEST:
        raise UnusableSource(
            f"{path.name} is larger than {LARGEST >> 20} MiB: divide it by time, and import the oldest part first"
        )
    return content


def _csv(path: Path, text: str) -> list[Row]:
    try:
        delimiter = csv.Sniffer().sniff(text.partition("\n")[0], ",;\t").delimiter
    except csv.Error:
        delimiter = ","
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        columns = [column.strip() for column in reader.fieldnames or []]
        reader.fieldnames = columns
        rows = list(reader)
    except csv.Error as error:
        raise UnusableSource(f"{path.name}, line {reader.line_num}: {error}; is the file whole?") from None
    if len(set(columns)) < len(columns):
        raise UnusableSource(f"{path.name} has a column twice in its first line")
    for number, row in enumerate(rows, 2):
        if None in row or None in row.values():
            raise UnusableSource(
                f"{path.name}, row {number} has another number of columns than the first line: is the file whole?"
            )
    return cast("list[Row]", rows)


def _json(path: Path, text: str) -> list[Row]:
    try:
        found = _parsed(path, text)
        written = json.dumps(found, ensure_ascii=False, default=str).encode() if "\\u" in text else b""
    except RecursionError:
        raise UnusableSource(f"{path.name} is nested too deeply for a list of trades") from None
    except UnicodeEncodeError:
        raise UnusableSource(f"{path.name} has half a character (a lone surrogate), which cannot be stored") from None
    except ValueError:
        raise UnusableSource(f"{path.name} has a number of thousands of digits") from None
    if b"\\u0000" in written:
        raise UnusableSource(f"{path.name} has the character NUL in a text, which cannot be stored")
    rows = [found] if isinstance(found, dict) else found
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise UnusableSource(f"{path.name} is no list of objects")
    return cast("list[Row]", rows)


def _parsed(path: Path, text: str) -> object:
    """What a text of JSON, or of an object in each line, says."""
    try:
        return _DECODER.decode(text)
    except json.JSONDecodeError as error:
        whole = error
    found: list[object] = []
    # Other characters that end a line for Python may stand in a text of JSON as they are.
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            try:
                found.append(_DECODER.decode(line))
            except json.JSONDecodeError as error:
                where = f"{whole}" if not found else f"line {number}, {error.msg} (column {error.colno})"
                raise UnusableSource(f"{path.name} is no whole JSON: {where}") from None
    return found


def _float(written: str) -> float | Decimal:
    """A float where it is what is written, else all of the digits."""
    found = float(written)
    if len(written) <= _EXACT and "e" not in written.lower():
        return found
    exact = Decimal(written)
    return found if Decimal(repr(found)) == exact else exact


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise UnusableSource(f"an object of the file has the name {twice[:40]!r} twice: which of the two counts?")
    return found


_DECODER: Final = json.JSONDecoder(parse_float=_float, object_pairs_hook=_object)


def _parquet(path: Path, content: bytes) -> list[Row]:
    try:
        from pyarrow import ArrowException, parquet  # noqa: PLC0415  an extra
    except ImportError:
        raise UnusableSource("Parquet needs an extra: pip install 'atb-db[arrow]'") from None
    try:
        file = parquet.ParquetFile(io.BytesIO(content))
        about = file.metadata
        size = sum(about.row_group(number).total_byte_size for number in range(about.num_row_groups))
        if about.num_rows > _MOST_ROWS or size > LARGEST:
            raise UnusableSource(
                f"{path.name} has {about.num_rows:,} rows of {size >> 20:,} MiB: divide it by time, and import the "
                "oldest part first"
            )
        if len({*file.schema_arrow.names}) < len(file.schema_arrow.names):
            raise UnusableSource(f"{path.name} has a column twice")
        rows = cast("list[Row]", _of_python(file.read()).to_pylist())
    except (ArrowException, OSError, UnicodeDecodeError) as error:
        first, *_ = str(error).splitlines() or [""]
        raise UnusableSource(f"{path.name} is no whole Parquet file: {first}") from None
    except (ValueError, OverflowError) as error:
        raise UnusableSource(f"{path.name} has a value that cannot be read: {error}") from None
    if any(_has_nul(value) for row in rows for value in row.values()):
        raise UnusableSource(f"{path.name} has the character NUL in a text, which cannot be stored")
    return rows


def _of_python(table: Table) -> Table:
    """The same with times of microseconds, as all of ours are, and texts that a writer has kept as bytes."""
    import pyarrow.compute  # noqa: PLC0415  an extra

    for place, name in enumerate(table.column_names):
        column = table.column(place)
        kind = column.type
        if pyarrow.types.is_timestamp(kind) and kind.unit == "ns":
            column = column.cast(pyarrow.timestamp("us", kind.tz), safe=False)
        elif pyarrow.types.is_binary(kind) or pyarrow.types.is_large_binary(kind):
            try:
                column = column.cast(pyarrow.large_string())
            except pyarrow.ArrowInvalid:
                continue
            if any(pyarrow.compute.match_substring(column, "\0").to_pylist()):
                continue
        else:
            continue
        table = table.set_column(place, name, column)
    return table


def _has_nul(value: object) -> bool:
    if isinstance(value, str):
        return "\0" in value
    if isinstance(value, Mapping):
        return any(_has_nul(item) for pair in value.items() for item in pair)
    return isinstance(value, list | tuple) and any(map(_has_nul, value))
