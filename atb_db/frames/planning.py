"""What a frame is made of: a COPY of a query's rows, and the type of each column."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from enum import Enum, StrEnum, auto
from typing import Final, Literal, NamedTuple, TypeAlias, get_args
from uuid import UUID

from atb_db.errors import InvalidInput
from atb_db.rows import Column, Shape
from atb_db.sqlfile import OPAQUE
from atb_db.statement import Declared, Kind, Statement

As: TypeAlias = Literal["arrow", "polars", "pandas"]
"""What a frame is: a pyarrow.Table, a polars.DataFrame or a pandas.DataFrame."""
Money: TypeAlias = Literal["decimal128", "float64"]
"""What exact numbers become: decimal128(38, 18), rounded to 18 decimals, or the nearest float."""

SCALE: Final = 18
"""Decimals of money in a frame."""
_WHOLE: Final = 38 - SCALE
"""Digits before the point that there is room for."""
_PLACES: Final = re.compile(rf"{OPAQUE} | \$(?P<number>\d+)", re.VERBOSE | re.DOTALL)
_VIEW: Final = re.compile(r"reporting\.[a-z_][a-z0-9_]*")
_FIRST_OF_OTHERS: Final = 16384
"""Types from here on are not PostgreSQL's own: enums, as domains come as what they are made of."""


class Form(StrEnum):
    """What a column is in a frame."""

    MONEY = auto()
    WHOLE = auto()
    FLOAT = auto()
    FLAG = auto()
    MOMENT = auto()
    DAY = auto()
    LABEL = auto()
    TEXT = auto()


_FORMS: Final[dict[object, Form]] = {
    Decimal: Form.MONEY, int: Form.WHOLE, float: Form.FLOAT, bool: Form.FLAG, datetime: Form.MOMENT, date: Form.DAY,
    str: Form.TEXT, UUID: Form.TEXT,
}  # fmt: skip
_OF_SERVER: Final = {
    1700: Form.MONEY, 20: Form.WHOLE, 21: Form.WHOLE, 23: Form.WHOLE, 700: Form.FLOAT, 701: Form.FLOAT, 16: Form.FLAG,
    1184: Form.MOMENT, 1082: Form.DAY,
}  # fmt: skip


class FrameColumn(NamedTuple):
    """A column of a frame."""

    name: str
    form: Form
    nested: bool = False
    """Whether it belongs to joined rows, which become a list of structures."""


class FramePlan(NamedTuple):
    """How a query becomes a frame."""

    sql: bytes
    """COPY … TO STDOUT in CSV."""
    columns: tuple[FrameColumn, ...]
    money: Money
    declaration: Declared[object] | None = None
    """None for a view."""

    @property
    def nested(self) -> str | None:
        """The field of joined rows, if there are any."""
        found = next((column.name for column in self.columns if column.nested), None)
        return None if found is None else found.partition(".")[0]


def plan_frame(query: Statement[object], *, money: Money = "decimal128") -> FramePlan:
    """The plan of a query's frame: its rows, or a single one, with the columns that its declaration has.

    Raises:
        InvalidInput: it is no query, or answers with a value that has no columns.
    """
    declaration = query.declaration
    reader = declaration.reader
    if declaration.kind is not Kind.QUERY or reader.shape is Shape.NOTHING:
        raise InvalidInput("is no query: a frame only reads", statement=query.name)
    columns = tuple(_declared(column, query.name) for column in reader.columns)
    return FramePlan(_copy(_with_values(query.sql, query.server_values()), columns, money), columns, money, declaration)


def view_sql(name: str) -> str:
    """The SELECT of a view of the schema reporting, such as reporting.trades.

    Raises:
        InvalidInput: it is not the name of one.
    """
    if not _VIEW.fullmatch(name):
        raise InvalidInput("is no view of reporting, such as reporting.trades", field="query")
    return f"SELECT * FROM {name}"  # noqa: S608  a name of letters


def plan_view(name: str, described: Sequence[tuple[str, int]], *, money: Money = "decimal128") -> FramePlan:
    """The plan of a view's frame, whose columns and their types the server has described."""
    columns = tuple(
        FrameColumn(column, _OF_SERVER.get(type_, Form.LABEL if type_ >= _FIRST_OF_OTHERS else Form.TEXT))
        for column, type_ in described
    )
    return FramePlan(_copy(view_sql(name), columns, money), columns, money)


def _declared(column: Column, statement: str) -> FrameColumn:
    if column.name is None:
        raise InvalidInput("answers with a single value, not with rows", statement=statement)
    kind = column.type
    is_label = isinstance(kind, type) and issubclass(kind, Enum)
    return FrameColumn(column.name, Form.LABEL if is_label else _FORMS.get(kind, Form.TEXT), column.nested)


def _with_values(sql: str, values: Sequence[str | None]) -> str:
    """The SQL with its values in the place of $1 … $n, as constants that the server infers the type of, as it does."""

    def constant(match: re.Match[str]) -> str:
        if match["number"] is None:
            return match[0]
        value = values[int(match["number"]) - 1]
        if value is None:
            return "NULL"
        if "\0" in value:
            raise InvalidInput("has a NUL character, which PostgreSQL does not store")
        quoted = value.replace("'", "''")
        # The form with E reads the same whatever standard_conforming_strings is.
        return " E'" + quoted.replace("\\", "\\\\") + "'" if "\\" in value else f"'{quoted}'"

    return _PLACES.sub(constant, sql)


def _copy(sql: str, columns: Sequence[FrameColumn], money: Money) -> bytes:
    """COPY of the rows, money in the form that the frame has it in."""
    if money not in get_args(Money):
        raise InvalidInput("is decimal128 or float64", field="money")
    names = [_quoted(column.name) for column in columns]
    shown = [
        name if column.form is not Form.MONEY else _money(name, money)
        for name, column in zip(names, columns, strict=True)
    ]
    inner = sql.strip().rstrip(";")
    selected = f"SELECT {', '.join(shown)} FROM (\n{inner}\n) AS framed"  # noqa: S608  of declared columns
    return f"COPY ({selected}) TO STDOUT (FORMAT csv)".encode()


def _money(name: str, money: Money) -> str:
    """Rounded only where there is something to round: by itself `round` would write every number with 18 decimals.

    So it does with what does not fit: Arrow's reader refuses the digits, while it would scale a whole number into
    another one without a word.
    """
    if money == "float64":
        return f"{name}::float8"
    return f"CASE WHEN scale({name}) > {SCALE} OR abs({name}) >= 1e{_WHOLE} THEN round({name}, {SCALE}) ELSE {name} END"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
