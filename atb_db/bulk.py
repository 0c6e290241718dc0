"""Bulk loads: a declaration whose values are rows of a COPY, and what makes many of them at once.

@copy(like=log_event)
def copy_events(*, event_type: EventType, message: str, timestamp: datetime, ...) -> None:
    \"\"\"Bulk-load system events.\"\"\"
    ...

db.copy_in(copy_events.rows(rows, session_id=42))        # dicts or NamedTuples
db.copy_in(copy_events.columns(table, session_id=42))    # lists, numpy arrays, a table of Arrow, polars or pandas
db.copy_in(copy_events(**row) for row in rows)           # one Statement a row: three times the work
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from hashlib import shake_128
from itertools import islice
from typing import Final, NamedTuple, ParamSpec, TypeAlias, cast

from atb_db.arrays import Table, columns_of
from atb_db.columns import ColumnOf, Texts
from atb_db.errors import InvalidInput, StatementError
from atb_db.parameters import MISSING
from atb_db.rows import is_row_type
from atb_db.sqlfile import query_file
from atb_db.statement import Declaration, Declared, Kind, Statement
from atb_db.types import NEW, NOW, UNSET

P = ParamSpec("P")

_STATEMENTS: Final = 200
"""Of rows that are values of their own, so many at a time: to make room for more takes longer than it saves."""

AnyCopy: TypeAlias = "Copy[...]"  # type: ignore[explicit-any]  # its parameters do not matter
"""A declaration of a bulk load, whatever its parameters."""

AnyRow: TypeAlias = "Mapping[str, object] | tuple[object, ...]"
"""A row by the names of its fields: a mapping, or a NamedTuple."""


class Block(NamedTuple):
    """Some rows of a bulk load, one after the other."""

    columns: Mapping[str, Sequence[object]]
    rows: int


class NewIds:
    """The request_ids of rows that were given none: of the same load always the same, in whatever blocks they come.

    UUIDs of version 7 (RFC 9562), each greater than the one before, so that indexes of them grow at one end: of one
    moment, then the number of their group, then 62 random bits, which come from a seed of the system's.
    """

    AT_ONCE: Final = 1024

    def __init__(self) -> None:
        self._seed = os.urandom(32)
        self._time = time.time_ns() // 1_000_000
        self._made: tuple[int, list[str]] = (-1, [])

    def of(self, first: int, rows: int) -> list[str]:
        """The texts of as many ids, from the row of this number on."""
        found: list[str] = []
        while len(found) < rows:
            group, place = divmod(first + len(found), self.AT_ONCE)
            found += self._group(group)[place : place + rows - len(found)]
        return found

    def one(self, row: int) -> str:
        """The text of a row's id."""
        return self.of(row, 1)[0]

    def _group(self, group: int) -> list[str]:
        if self._made[0] != group:
            random = shake_128(self._seed + group.to_bytes(8)).hexdigest(8 * self.AT_ONCE)
            later, number = divmod(group, 4096)
            begin = f"{self._time + later:012x}7{number:03x}"
            ids = sorted(
                [f"{begin}{_VARIANT[random[at]]}{random[at + 1 : at + 16]}" for at in range(0, 16 * self.AT_ONCE, 16)]
            )
            self._made = (group, ids)
        return self._made[1]


_VARIANT: Final = {digit: "89ab"[int(digit, 16) % 4] for digit in "0123456789abcdef"}


class Rows:
    """Rows of a bulk load, for `Database.copy_in`.

    Loaded again, they are the same records (IdempotencyConflict), as far as they can be read again: a list can, an
    iterator is used up.
    """

    def __init__(
        self, declaration: AnyCopy, same: Mapping[str, object], blocks: Callable[[], Callable[[int], Block | None]]
    ) -> None:
        self.declaration = declaration
        self.same = {name: declaration.same(name, value) for name, value in same.items()}
        self.blocks = blocks
        """Begins to read; what it returns takes the next rows, at most so many, or returns None after the last."""
        self.ids = NewIds()

    def __repr__(self) -> str:
        return f"<rows of {self.declaration.name}>"


class Copy(Declaration[P, None]):
    """The declaration of a bulk load; a call of it makes one row."""

    def __init__(self, function: Callable[P, None], like: Declared[object]) -> None:
        super().__init__(
            function, Kind.COPY, query_file(function.__module__.rpartition(".")[2], function.__name__), like=like
        )
        if made := [one.name for one in self.parameters if one.default is UNSET or one.default is NOW]:
            raise self._fail(f"the default of {made[0]} is none that a bulk load can have")
        self.fields = {
            one.name: ColumnOf.of(one.name, one.type, optional=one.optional, coerce=one.coerce, default=one.default)
            for one in self.parameters
        }
        self.usual = {
            name: field.text(field.default)
            for name, field in self.fields.items()
            if field.default is not MISSING and field.default is not NEW
        }

    def rows(self, rows: Iterable[AnyRow], /, **same: object) -> Rows:
        """Many rows at once: mappings with the names of the parameters, or NamedTuples with such fields.

        `same` are parameters that all rows share. What a row does not have is the parameter's default. What is wrong
        with a row is found when it is loaded; the error has its number.
        """
        return Rows(self, same, lambda: _Reader(self, rows, same).take)

    def columns(self, columns: Mapping[str, object] | Table, /, **same: object) -> Rows:
        """Many rows at once, by column: a mapping from the names of parameters, or a table with such columns.

        A column is a list, a numpy array, or one of Arrow, polars or pandas. `same` are parameters that all rows share.
        Missing values (null of Arrow and polars, None) are NULL. Columns of numbers are as exact as their values are.

        Raises:
            InvalidInput: not all columns are of the same length.
            TypeError: a column is missing, or no parameter has its name.
            ConfigurationError: the columns of a table, and pyarrow is not installed: pip install 'atb-db[arrow]'.
        """
        found = columns_of(columns)
        self.check_names([*found, *same])
        lengths = {name: column.length for name, column in found.items()}
        if len(set(lengths.values())) > 1:
            least, most = min(lengths, key=lengths.__getitem__), max(lengths, key=lengths.__getitem__)
            raise InvalidInput(
                f"has {lengths[least]} values, and {most} has {lengths[most]}", statement=self.name, field=least
            )
        total = next(iter(lengths.values()), 0)

        def begin() -> Callable[[int], Block | None]:
            place = 0

            def take(most: int) -> Block | None:
                nonlocal place
                begun, place = place, min(place + most, total)
                if begun == place:
                    return None
                return Block({name: column.values(begun, place) for name, column in found.items()}, place - begun)

            return take

        return Rows(self, same, begin)

    def same(self, name: str, value: object) -> str | None:
        """The text of a parameter that all rows share.

        Raises:
            InvalidInput: it cannot be stored.
            TypeError: there is no such parameter, or it is NEW for each row.
        """
        if name not in self.fields:
            raise TypeError(f"{self.name}() has no parameter {name!r}")
        if name == "request_id":
            raise TypeError(f"{self.name}(): each row has a request_id of its own")
        try:
            return self.fields[name].text(value)
        except InvalidInput as error:
            error.statement = self.name
            raise

    def hash_rows(self, texts: Mapping[str, Texts], rows: int) -> Sequence[int]:
        """The hashes of rows, from the columns that the caller gave."""
        return self._hash.of_rows(texts, rows)

    def check_names(self, names: Sequence[str], row: int | None = None) -> None:
        """Refuse names that are none of parameters, come twice, or lack one; of a row if it has a number.

        Raises:
            TypeError: so they are.
        """
        where = f"{self.name}()" if row is None else f"{self.name}(): row {row}"
        if unknown := [name for name in names if name not in self.fields]:
            raise TypeError(f"{where} has no parameter {unknown[0]!r}")
        if twice := [name for name in names if names.count(name) > 1]:
            raise TypeError(f"{where} has {twice[0]!r} twice, of its own and for all rows")
        given = set(names)
        for name, field in self.fields.items():
            if field.default is MISSING and name not in given:
                raise TypeError(f"{where} is missing its argument {name!r}")

    def texts(self, rows: Rows, block: Block, first: int) -> dict[str, Texts]:
        """The columns of a block as text, with those that all rows share; the first of its rows has the number `first`.

        Raises:
            InvalidInput: a value cannot be stored: the first such value of the first such row.
        """
        found: dict[str, Texts] = dict(rows.same)
        errors: list[InvalidInput] = []
        for name, values in block.columns.items():
            try:
                found[name] = self.fields[name].texts(values, first, rows.ids.one)
            except InvalidInput as error:
                error.statement = self.name
                errors.append(error)
        if errors:
            raise min(errors, key=lambda error: error.row or 0)
        return found


class _Reader:
    """Reads mappings and NamedTuples by column."""

    def __init__(self, declaration: AnyCopy, rows: Iterable[AnyRow], same: Mapping[str, object]) -> None:
        self._declaration = declaration
        self._rows = iter(rows)
        self._same = same
        self._read = 0

    def take(self, most: int) -> Block | None:
        """The next rows."""
        rows = list(islice(self._rows, most))
        if not rows:
            return None
        first, self._read = self._read + 1, self._read + len(rows)
        kinds = set(map(type, rows))
        kind = kinds.pop()
        if not kinds and is_row_type(kind):
            names = cast("tuple[str, ...]", kind._fields)  # type: ignore[attr-defined]  # a NamedTuple's
            self._check(names, first)
            return Block(
                dict(zip(names, zip(*cast("list[tuple[object, ...]]", rows), strict=True), strict=True)), len(rows)
            )
        mappings = [_mapping(row, number) for number, row in enumerate(rows, first)]
        names = tuple(mappings[0])
        if all(map(dict.fromkeys(names).keys().__eq__, map(_keys, mappings))):
            self._check(names, first)
            return Block({name: [row[name] for row in mappings] for name in names}, len(rows))
        return self._uneven(mappings, first)

    def _uneven(self, rows: list[Mapping[str, object]], first: int) -> Block:
        """Rows that have not all the same fields."""
        for number, row in enumerate(rows, first):
            self._check(tuple(row), number)
        names = dict.fromkeys(name for row in rows for name in row)
        defaults = {name: self._declaration.fields[name].default for name in names}
        return Block({name: [row.get(name, default) for row in rows] for name, default in defaults.items()}, len(rows))

    def _check(self, names: tuple[str, ...], row: int) -> None:
        self._declaration.check_names([*names, *self._same], row)


def _mapping(row: object, number: int) -> Mapping[str, object]:
    if isinstance(row, Mapping):
        return row
    if is_row_type(type(row)):
        return row._asdict()  # type: ignore[attr-defined, no-any-return]  # a NamedTuple's
    raise TypeError(f"row {number} of a bulk load is no mapping and no NamedTuple, but a {type(row).__name__}")


def _keys(row: Mapping[str, object]) -> object:
    return row.keys()


def of_statements(rows: Iterator[Statement[None]], first: Statement[None]) -> Rows:
    """Rows of which each is a value of its own."""
    declaration = first.declaration
    if not isinstance(declaration, Copy):
        raise StatementError("is no row of a bulk load: use run()", statement=first.name)
    names = tuple(declaration.fields)

    def take(most: int) -> Block | None:
        found = list(islice(rows, min(most, _STATEMENTS)))
        for row in found:
            if row.declaration is not declaration:
                raise StatementError(f"is in a bulk load of {declaration.name}", statement=row.name)
        if not found:
            return None
        return Block(dict(zip(names, zip(*[row.values for row in found], strict=True), strict=True)), len(found))

    return Rows(declaration, {}, lambda: take)


def copy(*, like: Declared[object]) -> Callable[[Callable[P, None]], Copy[P]]:
    """Declare the rows of a bulk load: the SQL file is `COPY table (columns) FROM STDIN`.

    `like` is the command that writes one such row. Both hash a request alike, so that neither stores what the other has
    stored.
    """
    return lambda function: Copy(function, like)
