"""Rows that a statement takes as one argument: they become the text of a JSON array, made column by column."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import cast

from atb_db.columns import ColumnOf, Texts
from atb_db.documents import is_plain, to_json_texts
from atb_db.errors import InvalidInput, shortened


class RowsText(str):
    """Rows as the text of a JSON array of objects, every value in it as text, ready to be sent."""

    __slots__ = ()


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
        return RowsText(_array(texts, len(rows)))

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
            found[column.name] = column.texts(values, 0, str)
        except InvalidInput as error:
            number, error.row = error.row or 0, None
            error.field = f"{name}[{number}].{error.field}"
            errors.append((number, error))
    if errors:
        raise min(errors, key=lambda one: one[0])[1]
    return found


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
