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
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from enum import Enum
from functools import partial, update_wrapper
from operator import itemgetter
from pathlib import Path
from typing import Final, Generic, NoReturn, ParamSpec, Self, TypeAlias, TypeVar, cast, get_type_hints
from uuid import UUID

from atb_db.columns import quick_texts_or_none
from atb_db.errors import IdempotencyConflict, InvalidInput, NotFound, StatementError, shortened
from atb_db.given_rows import BY_COLUMN, RowsText
from atb_db.parameters import MISSING, Parameter, read_parameters, shown_signature
from atb_db.request_hash import RequestHash
from atb_db.rows import Reader, Shape, UnsupportedAnnotationError, is_row_type, reader_for
from atb_db.sqlfile import CompiledSql, compile_sql, query_file
from atb_db.types import NEW, NOW, UNSET
from atb_db.values import new_request_id

P = ParamSpec("P")
R_co = TypeVar("R_co", covariant=True)

GIVEN: Final = "given"
"""`:given` in a SQL file is a text[] of the parameters that the caller gave, for statements with UNSET defaults."""

REQUEST_HASH: Final = "request_hash"
"""`:request_hash` in a SQL file is a hash of what the caller gave besides `request_id` and `token`."""
_COPY_COLUMNS: Final = re.compile(r"\bCOPY\s+\w+\s*\(([^)]*)\)\s*FROM\s+STDIN", re.IGNORECASE)


class Kind(Enum):
    """What a statement does."""

    QUERY = "query"
    """Only reads: it succeeds in a read-only transaction."""
    COMMAND = "command"
    """Writes; running the same value twice leaves the database as running it once does."""
    COPY = "copy"
    """Each value is one row of a bulk load."""


class Declaration(Generic[P, R_co]):
    """A statement as it is declared: its parameters, its SQL and how its rows are read.

    `like` is the command that writes one row of a bulk load: both recognise a row that the other wrote for a request.
    """

    def __init__(
        self, function: Callable[P, R_co], kind: Kind, path: Path, *, like: Declared[object] | None = None
    ) -> None:
        update_wrapper(self, function)
        signature = inspect.signature(function)
        self.__signature__ = shown_signature(signature, Statement.__name__)
        self.name = f"{function.__module__.rpartition('.')[2]}.{function.__name__}"
        self.kind = kind
        self.path = path
        self.parameters, self.reader = self._read_signature(function, signature)
        compiled = self._read_sql()
        # First of all, as pg_stat_activity cuts what is long; in the form of sqlcommenter, which tools read.
        self.text = f"/*action='{self.name}'*/ {compiled.text}"
        self.sql = self.text.encode()
        self._names = tuple(parameter.name for parameter in self.parameters)
        self._fields = {
            parameter.name: (place, parameter.default, parameter.optional, parameter.coerce)
            for place, parameter in enumerate(self.parameters)
        }
        self._defaults = [parameter.default for parameter in self.parameters]
        self._unmade = tuple(self._makers())
        self._partial = UNSET in self._defaults
        self._quick = tuple(place for place, one in enumerate(self.parameters) if one.type in {datetime, UUID})
        self.order: tuple[str, ...] = compiled.names
        self._by_column = tuple(place for place, name in enumerate(self._names) if name + BY_COLUMN in self.order)
        self._arrange = self._arrangement()
        self.keyed = "request_id" in self._names
        self.key = (self.sql, (0,) * len(self.order))
        self.recorder = like.name if like else self.name
        self._hash = RequestHash(self.recorder, self.parameters)
        self._make: type[Statement[R_co]] = _Watched if kind is Kind.COMMAND and sys.flags.dev_mode else Statement

    def _fail(self, reason: str) -> StatementError:
        return StatementError(f"{reason} ({self.path})", statement=self.name)

    def _read_signature(
        self, function: Callable[P, R_co], signature: inspect.Signature
    ) -> tuple[tuple[Parameter, ...], Reader]:
        try:
            hints = get_type_hints(function)
            if "return" not in hints:
                raise UnsupportedAnnotationError("the return annotation is missing")
            reader = reader_for(hints["return"], self.name)
            parameters = read_parameters(signature, hints)
        except (UnsupportedAnnotationError, NameError) as error:
            raise self._fail(str(error)) from None
        return parameters, reader

    def _read_sql(self) -> CompiledSql:
        try:
            text = self.path.read_text(encoding="utf-8").strip()
        except FileNotFoundError:
            raise self._fail("its SQL file is missing") from None
        declared = [parameter.name for parameter in self.parameters]
        if self.kind is Kind.COPY:
            found = _COPY_COLUMNS.search(text)
            if found is None:
                raise self._fail("its SQL file is not COPY table (columns) FROM STDIN")
            compiled = CompiledSql(text, tuple(column.strip() for column in found[1].split(",")))
        else:
            compiled = compile_sql(text)
        automatic = {REQUEST_HASH} if "request_id" in declared else set()
        if any(parameter.default is UNSET for parameter in self.parameters):
            automatic.add(GIVEN)
        automatic |= {parameter.name + BY_COLUMN for parameter in self.parameters if is_row_type(parameter.type)}
        if unknown := [name for name in compiled.names if name not in declared and name not in automatic]:
            raise self._fail(f":{unknown[0]} is not a parameter of its signature")
        if unused := [name for name in declared if not {name, name + BY_COLUMN} & {*compiled.names}]:
            raise self._fail(f"its parameter {unused[0]} is not used as :{unused[0]}")
        return compiled

    def _arrangement(self) -> Callable[[Sequence[str | None]], tuple[str | None, ...]]:
        """From the signature's order, with what is automatic behind it, to the SQL's."""
        places = [*self._names, GIVEN, REQUEST_HASH, *(self._names[place] + BY_COLUMN for place in self._by_column)]
        indexes = [places.index(name) for name in self.order]
        if len(indexes) == 1:
            return lambda values: (values[indexes[0]],)
        return itemgetter(*indexes) if indexes else lambda _: ()

    def _makers(self) -> Iterator[tuple[int, object, Callable[[], object]]]:
        """The places of defaults that are made for each value, and of parameters that have none."""
        for place, (name, default) in enumerate(zip(self._names, self._defaults, strict=True)):
            if default is NOW:
                yield place, default, partial(datetime.now, UTC)
            elif default is NEW:
                yield place, default, new_request_id
            elif default is MISSING:
                yield place, default, partial(self._miss, name)

    def _miss(self, name: str) -> None:
        raise TypeError(f"{self.name}() is missing its argument {name!r}")

    def __call__(self, *args: P.args, **given: P.kwargs) -> Statement[R_co]:
        """The statement's value; see `value`."""
        if args:
            raise TypeError(f"{self.name}() takes keyword arguments only")
        return self.value(given)

    def __get__(self, owner: object, kind: type | None = None) -> Self:
        """Itself, as it is not a method. help() shows the signature of objects that have a `__get__`."""
        return self

    def value(self, given: dict[str, object]) -> Statement[R_co]:
        """The statement's value from its arguments by name.

        Raises:
            InvalidInput: an argument cannot be stored; the error names it.
            TypeError: an argument is missing or unknown.
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
        return self._make(self, tuple(values), tuple(changed))

    @property
    def declaration(self) -> NoReturn:
        """Catches passing `open_position` where `open_position(...)` was meant.

        Raises:
            TypeError: always.
        """
        raise TypeError(f"{self.name} was not called: {self.name}(...) makes the value that can be run")

    def __repr__(self) -> str:
        return f"<{self.kind.value} {self.name}>"

    def server_values(self, values: tuple[object, ...], given: tuple[str, ...]) -> tuple[str | None, ...]:
        """The values of `$1 … $n` as text."""
        changed = None
        if self._partial:
            changed = "{" + ",".join(given) + "}"
            values = tuple(None if value is UNSET else value for value in values)
        shown = list(values)
        if quick := self._quick:
            for place, text in zip(quick, quick_texts_or_none([values[place] for place in quick]), strict=True):
                shown[place] = text
        texts = [None if value is None else str(value) for value in shown]
        hash_ = str(self._hash(values, texts, given)) if self.keyed else None
        texts += changed, hash_
        for place in self._by_column:
            texts.append(cast("RowsText", values[place]).by_column())
        return self._arrange(texts)

    def read(self, rows: Iterable[object]) -> R_co:
        """The result from the made rows.

        Raises:
            NotFound: there is no row where exactly one was expected.
            IdempotencyConflict: there is none because the request_id was used with other content.
            StatementError: there are more rows than the return annotation allows.
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


class Statement(Generic[R_co]):
    """A declared statement with its checked arguments: a value that can be kept, compared, and run more than once."""

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
        """The SQL that the server gets: its name as a comment, then the file's text with `$1 … $n`."""
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


class _Watched(Statement[R_co]):
    """A command's value under `python -X dev`: it warns if it is discarded without having been used."""

    __slots__ = ("_made_at",)

    def __init__(self, declaration: Declared[R_co], values: tuple[object, ...], given: tuple[str, ...]) -> None:
        super().__init__(declaration, values, given)
        frame = inspect.currentframe()
        while frame is not None and frame.f_globals is globals():
            frame = frame.f_back
        self._made_at = (frame.f_code.co_filename, frame.f_lineno) if frame is not None else None

    def __getattribute__(self, name: str) -> object:
        object.__setattr__(self, "_made_at", None)
        return super().__getattribute__(name)

    def __del__(self) -> None:
        found = object.__getattribute__(self, "_made_at")
        if found is not None:
            warnings.warn_explicit(f"{self!r} was never run", RuntimeWarning, *found)


def declaration_of(statement: Statement[R_co]) -> Declared[R_co]:
    """The declaration of a caller's statement.

    Raises:
        TypeError: it is not a statement.
    """
    try:
        return statement.declaration
    except AttributeError:
        raise TypeError(
            f"{shortened(statement)} is not a statement: pass what a function of atb_db.repository returns, such as "
            "positions.get_position(position_id=1); your own SQL goes into a file of sql/queries with its declaration"
        ) from None


Declared: TypeAlias = Declaration[..., R_co]  # type: ignore[explicit-any]  # its parameters do not matter
"""A declaration, whatever its parameters."""


def query(function: Callable[P, R_co]) -> Declaration[P, R_co]:
    """Declare a statement that only reads; it succeeds in a read-only transaction."""
    return Declaration(function, Kind.QUERY, _file(function))


def command(function: Callable[P, R_co]) -> Declaration[P, R_co]:
    """Declare a statement that writes and may be repeated: running its value again changes nothing."""
    return Declaration(function, Kind.COMMAND, _file(function))


def _file(function: Callable[P, R_co]) -> Path:
    return query_file(function.__module__.rpartition(".")[2], function.__name__)


def declarations(namespaces: Sequence[object]) -> list[Declared[object]]:
    """Every declaration in the given modules, by name."""
    found = (item for namespace in namespaces for item in vars(namespace).values() if isinstance(item, Declaration))
    return sorted(found, key=lambda declaration: declaration.name)
