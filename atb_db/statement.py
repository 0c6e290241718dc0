"""A repository function is a declaration whose body is a SQL file; calling it makes a value that can be run.

    @query
    def open_positions(*, session_id: int) -> list[OpenPosition]:
        \"\"\"The session's open positions, oldest first.\"\"\"
        ...

`open_positions(session_id=42)` is a `Statement[list[OpenPosition]]`: checked, immutable, not yet sent anywhere.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import MAX_EMAX, MAX_PREC, MIN_EMIN, Context, Decimal
from enum import Enum
from functools import partial, update_wrapper
from hashlib import blake2b
from operator import itemgetter
from pathlib import Path
from typing import Final, Generic, NamedTuple, NoReturn, ParamSpec, TypeVar, cast, get_args, get_origin, get_type_hints
from uuid import UUID

from atb_db.errors import IdempotencyConflict, InvalidInput, NotFound, StatementError, shortened
from atb_db.rows import Reader, Shape, UnsupportedAnnotationError, is_row_type, reader_for, without_none
from atb_db.sqlfile import compile_sql, query_file
from atb_db.types import NEW, NOW, UNSET, Json, Number, Span, Unset
from atb_db.values import (
    Coerce,
    new_request_id,
    to_bool,
    to_decimal,
    to_int,
    to_json,
    to_label,
    to_rows,
    to_span,
    to_text,
    to_time,
    to_uuid,
)

P = ParamSpec("P")
R_co = TypeVar("R_co", covariant=True)

GIVEN: Final = "given"
"""`:given` in a SQL file is a text[] of the parameters that the caller gave, for statements with UNSET defaults."""

REQUEST_HASH: Final = "request_hash"
"""`:request_hash` in a SQL file is a hash of what the caller gave besides `request_id` and `token`."""

_COPY_COLUMNS: Final = re.compile(r"\bCOPY\s+\w+\s*\(([^)]*)\)\s*FROM\s+STDIN", re.IGNORECASE)

_COERCIONS: Final[dict[object, Coerce]] = {
    Number: to_decimal,
    Span: to_span,
    Json: to_json,
    int: to_int,
    bool: to_bool,
    str: to_text,
    datetime: to_time,
    UUID: to_uuid,
}

# Who asks is no part of what is asked: an engine that has claimed its session again repeats the request as before.
_NO_CONTENT: Final = frozenset({"request_id", "token"})

_NUMBERS: Final = frozenset({to_decimal, to_span})

_REMEMBERED: Final = 100

_MISSING: Final = inspect.Parameter.empty

# The usual context rounds to 28 digits, and overflows.
_EXACT: Final = Context(prec=MAX_PREC, Emax=MAX_EMAX, Emin=MIN_EMIN)


class Kind(Enum):
    """What a statement does."""

    QUERY = "query"
    """Only reads: it succeeds in a read-only transaction."""
    COMMAND = "command"
    """Writes; running the same value twice leaves the database as running it once."""
    COPY = "copy"
    """Each value is one row of a bulk load."""


class Parameter(NamedTuple):
    """A parameter of a declaration."""

    name: str
    type: object
    """The annotation without None and Unset; an Enum class for `Enum | str`, a NamedTuple for a sequence of it."""
    optional: bool
    default: object
    coerce: Coerce

    @property
    def required(self) -> bool:
        """Whether it has no default."""
        return self.default is _MISSING


class Declared(Generic[R_co]):
    """A statement as it is declared: its parameters, its SQL and how its rows are read."""

    def __init__(self, function: Callable[P, R_co], kind: Kind, path: Path) -> None:
        self.name = f"{function.__module__.rpartition('.')[2]}.{function.__name__}"
        self.kind = kind
        self.path = path
        self.parameters, self.reader = self._read_signature(function)
        compiled = self._read_sql()
        self.text = compiled.text
        self.sql = compiled.text.encode()
        self._names = tuple(parameter.name for parameter in self.parameters)
        self._fields = {
            parameter.name: (place, parameter.default, parameter.optional, parameter.coerce)
            for place, parameter in enumerate(self.parameters)
        }
        self._defaults = [parameter.default for parameter in self.parameters]
        self._usual = [_usual(parameter) for parameter in self.parameters]
        self._unmade = tuple(self._makers())
        self._orders: dict[tuple[str, ...], list[tuple[str, int, object, bool]]] = {}
        self._partial = UNSET in self._defaults
        self.order: tuple[str, ...] = compiled.names
        self._arrange = self._arrangement()
        self.keyed = "request_id" in self._names
        self.key = (self.sql, (0,) * len(self.order))
        # copy_events loads what log_event records: either knows a row of the other's for the same request.
        self._recorder = re.sub(r"\.copy_(\w+)s$", r".log_\1", self.name)

    def _fail(self, reason: str) -> StatementError:
        return StatementError(f"{reason} ({self.path})", statement=self.name)

    def _read_signature(self, function: Callable[P, R_co]) -> tuple[tuple[Parameter, ...], Reader]:
        try:
            hints = get_type_hints(function)
            if "return" not in hints:
                raise UnsupportedAnnotationError("the return annotation is missing")
            reader = reader_for(hints["return"])
            parameters = tuple(
                _parameter(parameter, hints.get(parameter.name))
                for parameter in inspect.signature(function).parameters.values()
            )
        except (UnsupportedAnnotationError, NameError) as error:
            raise self._fail(str(error)) from None
        return parameters, reader

    def _read_sql(self) -> _Sql:
        try:
            text = self.path.read_text(encoding="utf-8").strip()
        except FileNotFoundError:
            raise self._fail("its SQL file is missing") from None
        declared = [parameter.name for parameter in self.parameters]
        if self.kind is Kind.COPY:
            found = _COPY_COLUMNS.search(text)
            if found is None:
                raise self._fail("its SQL file is no COPY table (columns) FROM STDIN")
            compiled = _Sql(text, tuple(column.strip() for column in found[1].split(",")))
        else:
            compiled = _Sql(*compile_sql(text))
        automatic = {REQUEST_HASH} if "request_id" in declared else set()
        if any(parameter.default is UNSET for parameter in self.parameters):
            automatic.add(GIVEN)
        if unknown := [name for name in compiled.names if name not in declared and name not in automatic]:
            raise self._fail(f":{unknown[0]} is no parameter of its signature")
        if unused := [name for name in declared if name not in compiled.names]:
            raise self._fail(f"no :{unused[0]} uses its parameter {unused[0]}")
        return compiled

    def _arrangement(self) -> Callable[[tuple[str | None, ...]], tuple[str | None, ...]]:
        """From the signature's order, with `given` and `request_hash` behind it, to the SQL's."""
        places = [*self._names, GIVEN, REQUEST_HASH]
        indexes = [places.index(name) for name in self.order]
        if len(indexes) == 1:
            return lambda values: (values[indexes[0]],)
        return itemgetter(*indexes) if indexes else lambda _: ()

    def _makers(self) -> Iterator[tuple[int, object, Callable[[], object]]]:
        """The places of defaults that are made anew for each value, and of parameters that have none."""
        for place, (name, default) in enumerate(zip(self._names, self._defaults, strict=True)):
            if default is NOW:
                yield place, default, partial(datetime.now, UTC)
            elif default is NEW:
                yield place, default, new_request_id
            elif default is _MISSING:
                yield place, default, partial(self._miss, name)

    def _miss(self, name: str) -> None:
        raise TypeError(f"{self.name}() is missing its argument {name!r}")

    def value(self, given: dict[str, object]) -> Statement[R_co]:
        """The statement's value from its arguments by name.

        Raises:
            InvalidInput: an argument cannot be stored; the error names it.
            TypeError: an argument is missing, or is none of the statement's.
        """
        values = self._defaults.copy()
        changed: list[str] = []
        fields = self._fields
        try:
            for name, argument in given.items():
                place, default, optional, coerce = fields[name]
                if argument is default:
                    continue
                changed.append(name)
                values[place] = None if argument is None and optional else coerce(name, argument)
        except InvalidInput as error:
            error.statement = self.name
            raise
        except KeyError:
            if unknown := [name for name in given if name not in fields]:
                raise TypeError(f"{self.name}() has no parameter {unknown[0]!r}") from None
            raise
        for place, default, make in self._unmade:
            if values[place] is default:
                values[place] = make()
        return Statement(self, tuple(values), tuple(changed))

    @property
    def declaration(self) -> NoReturn:
        """What a value has, and a declaration is: for who forgets to call it.

        Raises:
            TypeError: always.
        """
        raise TypeError(f"{self.name} is a declaration: {self.name}(...) makes the value that can be run")

    def __repr__(self) -> str:
        return f"<{self.kind.value} {self.name}>"

    def server_values(self, values: tuple[object, ...], given: tuple[str, ...]) -> tuple[str | None, ...]:
        """The values of `$1 … $n` as text."""
        texts = [None if value is None or value is UNSET else str(value) for value in values]
        changed = "{" + ",".join(given) + "}" if self._partial else None
        hash_ = str(self._hash(values, texts, given)) if self.keyed else None
        return self._arrange((*texts, changed, hash_))

    def _in_order(self, given: tuple[str, ...]) -> list[tuple[str, int, object, bool]]:
        """The given parameters that are content by name: their places, usual texts, and whether they are numbers."""
        found = self._orders.get(given)
        if found is None:
            places = sorted((name, self._fields[name][0]) for name in given if name not in _NO_CONTENT)
            found = [
                (name, place, self._usual[place], self.parameters[place].coerce in _NUMBERS) for name, place in places
            ]
            if len(self._orders) < _REMEMBERED:
                self._orders[given] = found
        return found

    def _hash(self, values: tuple[object, ...], texts: list[str | None], given: tuple[str, ...]) -> int:
        # Defaults are left out, so that a parameter added later does not change the hash of a request made before.
        content = [self._recorder]
        for name, place, usual, is_number in self._in_order(given):
            text = texts[place]
            # Only such a number has another form.
            if is_number and text and (text[-1] == "0" or "E" in text):
                text = _canonical(cast("Decimal", values[place]))
            if text != usual:
                content.append(name if text is None else f"{name}={text}")
        # No text has a NUL in it.
        return int.from_bytes(blake2b("\0".join(content).encode(), digest_size=8).digest(), signed=True)

    def read(self, rows: Iterable[object]) -> R_co:
        """The result from the made rows.

        Raises:
            NotFound: exactly one row was due and none came.
            IdempotencyConflict: none came because the request_id is known with other content.
            StatementError: more rows came than the return annotation allows.
        """
        shape = self.reader.shape
        if shape is Shape.MANY:
            return list(self.reader.assemble(rows))  # type: ignore[return-value]  # the annotation said so
        if shape is Shape.NOTHING:
            return None  # type: ignore[return-value]
        results = list(self.reader.assemble(rows))
        if len(results) > 1:
            raise StatementError(
                f"{len(results)} rows came where at most one was declared ({self.path})", statement=self.name
            )
        if results:
            return results[0]  # type: ignore[return-value]
        if shape is Shape.AT_MOST_ONE:
            return None  # type: ignore[return-value]
        if self.keyed:
            raise IdempotencyConflict(statement=self.name, field="request_id")
        raise NotFound(statement=self.name, field=self._names[0] if self._names else None)


class Declaration(Declared[R_co], Generic[P, R_co]):
    """A declared statement with its signature: what a repository module holds."""

    def __init__(self, function: Callable[P, R_co], kind: Kind, path: Path) -> None:
        super().__init__(function, kind, path)
        update_wrapper(self, function)

    def __call__(self, *args: P.args, **given: P.kwargs) -> Statement[R_co]:
        """The statement's value; see `Declared.value`."""
        if args:
            raise TypeError(f"{self.name}() takes keyword arguments only")
        return self.value(given)


class _Sql(NamedTuple):
    text: str
    names: tuple[str, ...]


class Statement(Generic[R_co]):
    """A declared statement with its checked arguments: a value to keep, to compare, to run more than once."""

    __slots__ = ("declaration", "given", "values")

    def __init__(self, declaration: Declared[R_co], values: tuple[object, ...], given: tuple[str, ...]) -> None:
        self.declaration = declaration
        self.values = values
        self.given = given

    @property
    def name(self) -> str:
        """Module and function, such as ``positions.open_position``."""
        return self.declaration.name

    @property
    def sql(self) -> str:
        """The SQL that the server gets, with `$1 … $n`."""
        return self.declaration.text

    @property
    def args(self) -> Mapping[str, object]:
        """Every parameter with its checked value."""
        return dict(zip((parameter.name for parameter in self.declaration.parameters), self.values, strict=True))

    @property
    def request_id(self) -> UUID | None:
        """The id under which a command is recorded once; None for statements without one."""
        found = self.args.get("request_id")
        return found if isinstance(found, UUID) else None

    def server_values(self) -> tuple[str | None, ...]:
        """The values of `$1 … $n` as text."""
        return self.declaration.server_values(self.values, self.given)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Statement):
            return NotImplemented
        return self.declaration is other.declaration and self.values == other.values

    def __hash__(self) -> int:
        return hash((self.declaration.name, self.values))

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={shortened(value)}" for name, value in self.args.items())
        return f"{self.name}({shown})"


def _parameter(parameter: inspect.Parameter, annotation: object) -> Parameter:
    if parameter.kind is not inspect.Parameter.KEYWORD_ONLY:
        raise UnsupportedAnnotationError(f"{parameter.name} must be keyword-only")
    kind, optional, coerce = _coercion(parameter.name, annotation)
    default = parameter.default
    if default not in (_MISSING, None, UNSET) and default is not NEW and default is not NOW:
        default = coerce(parameter.name, default)
    return Parameter(parameter.name, kind, optional, default, coerce)


def _coercion(name: str, annotation: object) -> tuple[object, bool, Coerce]:
    """The annotation without None and Unset, whether it had None, and what makes such values exact."""
    inner, optional = without_none(annotation)
    members = get_args(inner)
    if Unset in members:
        inner, _ = without_none(_union(member for member in members if member is not Unset))
    if get_origin(inner) is Sequence and is_row_type(row := members[0]):
        fields = [(field, *_coercion(field, hint)[1:]) for field, hint in get_type_hints(row).items()]
        return row, optional, to_rows(row, fields)
    enum = next(
        (member for member in (inner, *get_args(inner)) if isinstance(member, type) and issubclass(member, Enum)), None
    )
    coerce = to_label(enum) if enum is not None else _COERCIONS.get(inner)
    if coerce is None:
        raise UnsupportedAnnotationError(f"{name}: {annotation} is no type that a parameter can have")
    return (enum if enum is not None else inner), optional, coerce


def _canonical(number: Decimal) -> str:
    """One text for equal numbers: 1.0 and 1.00 are the same."""
    return str(number.normalize(_EXACT))


def _usual(parameter: Parameter) -> object:
    """The text of the default; something else if it is made anew for each value, or there is none."""
    default = parameter.default
    if default is None or default is _MISSING or default is UNSET or default is NEW or default is NOW:
        return default
    return _canonical(default) if isinstance(default, Decimal) else str(default)


def _union(members: Iterable[object]) -> object:
    union: object = None
    for member in members:
        union = member if union is None else union | member  # type: ignore[operator]  # types, which know |
    return union


def query(function: Callable[P, R_co]) -> Declaration[P, R_co]:
    """Declare a statement that only reads; it succeeds in a read-only transaction."""
    return _declared(function, Kind.QUERY)


def command(function: Callable[P, R_co]) -> Declaration[P, R_co]:
    """Declare a statement that writes and may be repeated: twice the same value leaves what once leaves."""
    return _declared(function, Kind.COMMAND)


def copy(function: Callable[P, R_co]) -> Declaration[P, R_co]:
    """Declare the rows of a bulk load: the SQL file is `COPY table (columns) FROM STDIN`."""
    return _declared(function, Kind.COPY)


def _declared(function: Callable[P, R_co], kind: Kind) -> Declaration[P, R_co]:
    return Declaration(function, kind, query_file(function.__module__.rpartition(".")[2], function.__name__))


def declarations(namespaces: Sequence[object]) -> list[Declared[object]]:
    """Every declaration in the given modules, by name."""
    found = (item for namespace in namespaces for item in vars(namespace).values() if isinstance(item, Declared))
    return sorted(found, key=lambda declaration: declaration.name)
