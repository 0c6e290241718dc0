"""How the rows of a statement become its result, as its return annotation says."""

from __future__ import annotations

import types
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from enum import Enum, auto
from functools import partial
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple, TypeGuard, Union, cast, get_args, get_origin, get_type_hints

from atb_db.errors import SchemaMismatch

Row = tuple[object, ...]
Make = Callable[[Sequence[object]], object]


class Shape(Enum):
    """How many rows a statement returns."""

    ONE = auto()
    AT_MOST_ONE = auto()
    MANY = auto()
    NOTHING = auto()


class Labels(NamedTuple):
    """The labels of an enum that a column has."""

    members: Mapping[str, Enum]
    is_open: bool
    """Whether a label that this version does not know is read as it is, as text."""


class Column(NamedTuple):
    """A column as the annotation declares it."""

    name: str | None
    """None if the annotation is a scalar, which has no name."""
    type: object
    optional: bool
    nested: bool = False
    """Whether the column belongs to the rows joined to the row, which may be none."""
    is_open: bool = False
    """Whether it is declared `SomeEnum | str`: later versions may have more labels."""


class Reader(NamedTuple):
    """Reads the rows of one statement."""

    shape: Shape
    columns: tuple[Column, ...]
    make: Make
    """One row of the cursor to a result or, where rows are joined, to a plain tuple."""
    new: Make
    """The same for a row whose labels are members already."""
    labels: Mapping[int, Labels] = {}
    """Of columns that are enums, by the columns' places from 0."""
    join: Callable[[list[Row]], object] | None = None
    """Consecutive plain tuples with the same first column to one result; None where no rows are joined."""
    statement: str | None = None

    def row_factory(self, cursor: object) -> Make:  # noqa: ARG002  psycopg passes its cursor
        """The factory that psycopg asks for."""
        return self.make

    def unknown(self, place: int, label: str) -> SchemaMismatch:
        """The error for a label that the column's enum does not have: the database's is newer."""
        return _unknown(self.statement, self.columns[place], label)

    def assemble(self, rows: Iterable[object]) -> Iterator[object]:
        """The results from the made rows."""
        if self.join is None:
            return iter(rows)
        return (self.join(list(group)) for _, group in groupby(cast("Iterable[Row]", rows), itemgetter(0)))

    async def assemble_async(self, rows: AsyncIterator[object]) -> AsyncIterator[object]:
        """The results from the made rows, as they arrive."""
        group: list[Row] = []
        async for row in rows:
            if self.join is None:
                yield row
                continue
            joined = cast("Row", row)
            if group and joined[0] != group[0][0]:
                yield self.join(group)
                group = []
            group.append(joined)
        if self.join is not None and group:
            yield self.join(group)


class UnsupportedAnnotationError(TypeError):
    """Rows cannot be read into this annotation."""


def reader_for(annotation: object, statement: str | None = None) -> Reader:
    """The reader for a return annotation; errors name the statement.

    `T` is exactly one row, `T | None` at most one, `list[T]` all, `None` nothing; T is a scalar or a NamedTuple. A
    NamedTuple's last field may be a `tuple[Row, ...]`: then the statement is a join, and consecutive rows with the same
    first column are one result. A label of an enum that this version does not know is an error where a column is
    declared `SomeEnum`, and text where it is declared `SomeEnum | str`.
    """
    if annotation is None or annotation is type(None):
        return Reader(Shape.NOTHING, (), tuple, tuple)
    if get_origin(annotation) is list:
        return _reader(Shape.MANY, get_args(annotation)[0], statement)
    inner, optional = without_none(annotation)
    return _reader(Shape.AT_MOST_ONE if optional else Shape.ONE, inner, statement)


def without_none(annotation: object) -> tuple[object, bool]:
    """The annotation without its `| None`, and whether it had one."""
    if get_origin(annotation) not in {Union, types.UnionType}:
        return annotation, False
    arguments = get_args(annotation)
    kept = tuple(item for item in arguments if item is not type(None))
    return (kept[0] if len(kept) == 1 else Union[kept]), len(kept) < len(arguments)  # noqa: UP007  built at run time


def is_row_type(annotation: object) -> TypeGuard[type[tuple[object, ...]]]:
    """Whether the annotation is a NamedTuple."""
    return isinstance(annotation, type) and issubclass(annotation, tuple) and hasattr(annotation, "_fields")


def _reader(shape: Shape, row: object, statement: str | None) -> Reader:
    if not is_row_type(row):
        kind, is_open = _vocabulary(row)
        if not isinstance(kind, type) or issubclass(kind, (dict, tuple, list)):
            raise UnsupportedAnnotationError(f"rows cannot be read into {row}")
        return _labelled(statement, shape, (Column(None, kind, optional=False, is_open=is_open),), itemgetter(0))
    columns, child = _columns(row)
    if child is None:
        return _labelled(statement, shape, columns, _maker(row))
    inner, grandchild = _columns(child, nested=True)
    if grandchild is not None:
        raise UnsupportedAnnotationError(f"{child} has joined rows inside joined rows")
    prefix = list(get_type_hints(row))[-1]
    nested = tuple(column._replace(name=f"{prefix}.{column.name}") for column in inner)
    return _labelled(statement, shape, columns + nested, tuple, _joining(row, len(columns), child))


def _vocabulary(annotation: object) -> tuple[object, bool]:
    """The enum of `SomeEnum | str`, and that it is open; any other annotation as it is."""
    enums = [item for item in get_args(annotation) if isinstance(item, type) and issubclass(item, Enum)]
    if len(enums) == 1 and set(get_args(annotation)) == {enums[0], str}:
        return enums[0], True
    return annotation, False


def _labelled(
    statement: str | None,
    shape: Shape,
    columns: tuple[Column, ...],
    new: Make,
    join: Callable[[list[Row]], object] | None = None,
) -> Reader:
    labels = {
        place: Labels({str(member.value): member for member in column.type}, column.is_open)
        for place, column in enumerate(columns)
        if isinstance(column.type, type) and issubclass(column.type, Enum)
    }

    def make(values: Sequence[object]) -> object:
        converted = list(values)
        for place, (members, is_open) in labels.items():
            label = converted[place]
            if label is None:
                continue
            converted[place] = members.get(cast("str", label), label)
            if converted[place] is label and not is_open:
                raise _unknown(statement, columns[place], str(label))
        return new(converted)

    return Reader(shape, columns, make if labels else new, new, labels, join, statement)


def _unknown(statement: str | None, column: Column, label: str) -> SchemaMismatch:
    return SchemaMismatch(
        f"has the label {label}, which {getattr(column.type, '__name__', column.type)} of this version of atb_db does "
        "not have: a later version has added it",
        statement=statement,
        field=column.name,
    )


def _columns(row: type, *, nested: bool = False) -> tuple[tuple[Column, ...], type | None]:
    """The row's columns, and the type of the rows joined to it."""
    columns: list[Column] = []
    child: type | None = None
    for name, annotation in get_type_hints(row).items():
        if child is not None:
            raise UnsupportedAnnotationError(f"{row}: joined rows must be the last field")
        if get_origin(annotation) is tuple:
            child = get_args(annotation)[0]
            if not is_row_type(child):
                raise UnsupportedAnnotationError(f"{row}.{name}: joined rows must be NamedTuples")
            continue
        inner, optional = without_none(annotation)
        kind, is_open = _vocabulary(inner)
        columns.append(Column(name, kind, optional, nested, is_open))
    return tuple(columns), child


def _maker(row: type) -> Make:
    # As row._make, without its check of the length: every statement's columns are compared with its row type.
    return cast("Make", partial(tuple.__new__, row))


def _joining(row: type, width: int, child: type) -> Callable[[list[Row]], object]:
    make_row, make_child = _maker(row), _maker(child)
    child_of = itemgetter(slice(width, None))

    def join(group: list[Row]) -> object:
        first = group[0]
        children = () if first[width] is None else tuple(map(make_child, map(child_of, group)))
        return make_row((*first[:width], children))

    return join
