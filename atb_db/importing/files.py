"""Files of trades read as plain rows: CSV, JSON, JSON lines, Parquet."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Final, cast

from atb_db.importing.errors import UnusableSource
from atb_db.importing.plan import Row

LARGEST: Final = 64 << 20
"""Bytes: the rows are put into the order of time, for which all of them are in memory, in 30 times as much of it."""
_COMPRESSED: Final = (b"\x1f\x8b", b"PK\x03\x04", b"BZh", b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd")
"""How files of gzip, zip, bzip2, xz and zstd begin."""
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
        try:
            found = json.loads(text)
        except json.JSONDecodeError as error:
            lines = [line for line in text.splitlines() if line.strip()]
            try:
                found = [json.loads(line) for line in lines]
            except json.JSONDecodeError:
                raise UnusableSource(f"{path.name} is no whole JSON: {error}") from None
        written = json.dumps(found, ensure_ascii=False).encode() if "\\u" in text else b""
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


def _parquet(path: Path, content: bytes) -> list[Row]:
    try:
        from pyarrow import ArrowException, parquet  # noqa: PLC0415  an extra
    except ImportError:
        raise UnusableSource("Parquet needs an extra: pip install 'atb-db[arrow]'") from None
    try:
        return cast("list[Row]", parquet.read_table(io.BytesIO(content)).to_pylist())
    except ArrowException as error:
        raise UnusableSource(f"{path.name} is no whole Parquet file: {error}") from None
