"""Rows that a statement takes as one argument: they become the text of a JSON array, made column by column.

That text is what a journal keeps and a request's hash is made of. A statement that takes many rows has them sent by
column instead, which is less to read: `:name_by_column` in its SQL file.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Final, cast

import orjson

from atb_db.columns import ColumnOf, Texts
from atb_db.documents import is_plain, to_json_texts
from atb_db.errors import InvalidInput, shortened

BY_COLUMN: Final = "_by_column"
"""What `:name` ends with in a SQL file if the rows of the parameter are sent by column."""

_QUOTED: Final = ("{", "}", '"', "\\", ",,", ", ", " ,")
"""What an element of an array has only between quotes, where the elements are parted, enclosed, by commas."""


class RowsText(str):
    """Rows as the text of a JSON array of objects, every value in it as text, ready to be sent."""

    __slots__ = ("_columns",)
    _columns: tuple[int, Mapping[str, Texts]]

    @classmethod
    def of(cls, columns: Mapping[str, Texts], rows: int) -> RowsText:
        """That of as many rows, of which each column is given."""
        made = cls(_array(columns, rows))
        made._columns = rows, columns
        return made

    def by_column(self) -> str:
        """The rows as the text of a JSON object: `all`, what all have by name and their number as `rows`, and `each`.

        In `each`, what differs is the text of PostgreSQL's arrays.
        """
        try:
            rows, columns = self._columns
        except AttributeError:  # as a journal keeps it
            found = json.loads(self)
            rows, names = len(found), {name for row in found for name in row}
            columns = {name: _folded([row.get(name) for row in found]) for name in names}
        same: dict[str, object] = {name: texts for name, texts in columns.items() if isinstance(texts, str)}
        each = {
            name: _array_literal(texts)
            for name, texts in columns.items()
            if texts is not None and not isinstance(texts, str)
        }
        return orjson.dumps({"all": same | {"rows": rows}, "each": each}, option=orjson.OPT_SORT_KEYS).decode()


def to_rows(row_type: type, columns: Sequence[ColumnOf]) -> Callable[[str, object], RowsText]:
    """A conversion of rows of a NamedTuple with these columns.

    The resulting text is accepted, too, as a journal keeps it; the server checks its values.
    """
    names = {column.name for column in columns}

    def coerce(name: str, value: object) -> RowsText:
        if isinstance(value, RowsText):
            return value
        if isinstance(value, str) and _is_rows(value, names):
            return RowsText(value)
        if isinstance(value, str) or not isinstance(value, Sequence):
            raise InvalidInput(f"must be a sequence of {row_type.__name__}, not {shortened(value)}", field=name)
        rows = list(value)
        other = next((number for number, row in enumerate(rows) if not isinstance(row, row_type)), None)
        texts = _texts(name, columns, rows[:other])
        if other is not None:
            found = shortened(rows[other])
            raise InvalidInput(f"must be a {row_type.__name__}, not {found}", field=f"{name}[{other}]")
        return RowsText.of(texts, len(rows))

    return coerce


def _texts(name: str, columns: Sequence[ColumnOf], rows: Sequence[Sequence[object]]) -> dict[str, Texts]:
    """The columns of rows as text.

    Raises:
        InvalidInput: a value cannot be stored: the first such value of the first such row.
    """
    found: dict[str, Texts] = {}
    errors: list[tuple[int, InvalidInput]] = []
    for column, values in zip(columns, zip(*rows, strict=True), strict=len(rows) > 0):
        try:
            found[column.name] = _folded(column.texts(values, 0, str))
        except InvalidInput as error:
            number, error.row = error.row or 0, None
            error.field = f"{name}[{number}].{error.field}"
            errors.append((number, error))
    if errors:
        raise min(errors, key=lambda one: one[0])[1]
    return found


def _folded(texts: Texts) -> Texts:
    """A single text where all are equal."""
    if texts is None or isinstance(texts, str) or texts[0] != texts[-1] or texts.count(texts[0]) < len(texts):
        return texts
    return texts[0]


def _array_literal(texts: Sequence[str | None]) -> str:
    """The text of PostgreSQL's array of these; None is NULL."""
    present = [text for text in texts if text is not None] if None in texts else cast("Sequence[str]", texts)
    joined = f",{','.join(present)},"
    if (
        joined.count(",") > len(present) + 1
        or any(part in joined for part in _QUOTED)
        or not joined.isprintable()
        or ",null," in joined.lower()
    ):
        texts = [None if text is None else _quoted(text) for text in texts]
    elif len(present) == len(texts):
        return f"{{{joined[1:-1]}}}"
    return f"{{{','.join(['NULL' if text is None else text for text in texts])}}}"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _array(columns: Mapping[str, Texts], rows: int) -> str:
    """The JSON of as many rows, their fields by name, without those that are None."""
    form: list[str] = []
    varying: list[Sequence[str]] = []
    for name in sorted(columns):
        texts, key = columns[name], f',"{name}":'
        if isinstance(texts, str):
            form.append((key + to_json_texts([texts])[0]).replace("%", "%%"))
        elif texts is not None and None in texts:
            known = iter(to_json_texts([text for text in texts if text is not None]))
            form.append("%s")
            varying.append(["" if text is None else key + next(known) for text in texts])
        elif texts is not None:
            every = cast("Sequence[str]", texts)
            plain = is_plain("".join(every))
            form.append(f'{key}"%s"' if plain else f"{key}%s")
            varying.append(every if plain else to_json_texts(every))
    lines = map("".join(form).__mod__, zip(*varying, strict=True)) if varying else ["".join(form) % ()] * rows
    return "[" + ",".join([f"{{{line[1:]}}}" for line in lines]) + "]"


def _is_rows(text: str, names: AbstractSet[str]) -> bool:
    try:
        rows = json.loads(text)
    except ValueError:
        return False
    return isinstance(rows, list) and all(
        isinstance(row, dict) and row.keys() <= names and all(isinstance(cell, str) for cell in row.values())
        for row in rows
    )
