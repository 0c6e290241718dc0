from collections.abc import Mapping, Sequence
from typing import BinaryIO

from pyarrow import DataType, RecordBatch, Table

class ReadOptions:
    def __init__(self, *, column_names: Sequence[str], block_size: int) -> None: ...

class ParseOptions:
    def __init__(self, *, newlines_in_values: bool, ignore_empty_lines: bool) -> None: ...

class ConvertOptions:
    def __init__(
        self,
        *,
        column_types: Mapping[str, DataType],
        null_values: Sequence[str],
        true_values: Sequence[str],
        false_values: Sequence[str],
        strings_can_be_null: bool,
        quoted_strings_can_be_null: bool,
    ) -> None: ...

def read_csv(
    source: BinaryIO, read_options: ReadOptions, parse_options: ParseOptions, convert_options: ConvertOptions
) -> Table: ...

class WriteOptions:
    def __init__(self, *, include_header: bool) -> None: ...

def write_csv(data: RecordBatch | Table, output_file: BinaryIO, write_options: WriteOptions) -> None: ...
