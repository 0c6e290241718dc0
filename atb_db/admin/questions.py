"""The read statements of the repository, asked by name with arguments as text."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime
from difflib import get_close_matches
from enum import Enum
from inspect import Parameter as Signature
from typing import Final, NamedTuple, Protocol, cast
from uuid import UUID

from atb_db.admin.readable import either, read_moment
from atb_db.batch import Batch
from atb_db.config import Settings
from atb_db.database import Database
from atb_db.errors import InvalidInput, NotFound
from atb_db.parameters import Parameter
from atb_db.repository import statements
from atb_db.rows import Shape
from atb_db.statement import Declared, Kind
from atb_db.types import NOW, Json, Number, Span

_NAMES: Final[dict[object, str]] = {
    Number: "number", Span: "seconds", Json: "JSON", int: "integer",
    bool: "true|false", str: "text", datetime: "time", UUID: "UUID",
}  # fmt: skip
_BOOLEANS: Final = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


class Argument(NamedTuple):
    """A parameter of a read statement, for people."""

    name: str
    type: str
    """Such as integer, number, time or LIVE|BACKTEST|PAPER."""
    required: bool
    default: str | None
    """None where the argument is required, or nothing is assumed."""


class Asked(Protocol):
    """What has a name and parameters: a read statement, or a batch of them."""

    @property
    def name(self) -> str:
        """Such as trades.get_recent_trades."""
        ...

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """In the order of its signature."""
        ...


class Question(NamedTuple):
    """A read statement, or a batch of them."""

    name: str
    arguments: tuple[Argument, ...]
    description: str


class Answer(NamedTuple):
    """What a read statement answered."""

    columns: tuple[str, ...]
    """Of joined rows, their columns have the field's name before a dot."""
    rows: tuple[tuple[object, ...], ...]
    """Of joined rows, each is a row of its own, with what it is joined to."""
    result: object
    """The result as the repository's function has it."""
    single: bool
    """Whether the statement answers with one row at the most."""


class _Result(NamedTuple):
    result: object


def questions(pattern: str = "") -> list[Question]:
    """The read statements whose name or description contains the pattern, by name; upper and lower case are equal."""
    found = (question(declared, _description(declared)) for declared in _queries().values())
    wanted = pattern.lower()
    return [one for one in found if wanted in one.name.lower() or wanted in one.description.lower()]


def question(asked: Asked, description: str) -> Question:
    """What it is, for people."""
    return Question(asked.name, tuple(map(_argument, asked.parameters)), description)


def ask(settings: Settings, name: str, texts: Mapping[str, str]) -> Answer:
    """Run a read statement in a read-only transaction, with its arguments as text.

    Times are ISO 8601 with an offset (2024-03-01T00:00Z), a UTC day (2024-03-01) or so long ago (90d), JSON is JSON,
    `null` is None where None is allowed.

    Raises:
        NotFound: there is no such read statement, or the row that it is about does not exist.
        InvalidInput: an argument is unknown, missing, or cannot be read; `field` names it.
        AtbDbError: as `Database.run`.
    """
    declared = find(name)
    value = declared.value(arguments(declared, texts))
    # The transaction of a batch is read-only.
    with Database(settings._replace(pool_min=0, pool_max=1)) as database:
        result = database.run_batch(Batch(_Result, result=value)).result
    return answered(declared, result)


def answered(declared: Declared[object], result: object) -> Answer:
    """A read statement's result as rows."""
    columns = tuple(column.name or declared.name.partition(".")[2] for column in declared.reader.columns)
    found = result if isinstance(result, list) else [] if result is None else [result]
    rows = [flat for one in found for flat in _flat(one, len(columns))]
    return Answer(columns, tuple(rows), result, declared.reader.shape is not Shape.MANY)


def find(name: str, *, others: Collection[str] = ()) -> Declared[object]:
    """The read statement of this name, such as trades.get_recent_trades.

    Raises:
        NotFound: there is none; the message says which are like it, also of the `others`.
    """
    queries = _queries()
    if name in queries:
        return queries[name]
    if name.startswith("reporting."):
        raise NotFound(f"there is no read statement {name[:60]}: a view goes into a file, by --parquet or --arrow")
    alike = named_like(name, [*queries, *others])
    hint = f"; did you mean {either(alike)}?" if alike else "; `atb-db queries` lists them"
    raise NotFound(f"there is no read statement {name[:60]}{hint}")


def named_like(name: str, names: Collection[str]) -> list[str]:
    """Up to three of the names that somebody may have meant; those that are called so in their module come first."""
    same = [one for one in names if one.endswith(f".{name}")]
    return same[:3] or get_close_matches(name, names, n=3, cutoff=0.5)


def arguments(declared: Asked, texts: Mapping[str, str]) -> dict[str, object]:
    """The statement's arguments from their texts.

    A name may leave out `_id`: `session` is session_id where there is no session.

    Raises:
        InvalidInput: one is unknown, missing, given twice, or cannot be read; the message lists what there is.
    """
    parameters = {parameter.name: parameter for parameter in declared.parameters}
    listed = ", ".join(parameters) or "none"
    full = {name: name if name in parameters or f"{name}_id" not in parameters else f"{name}_id" for name in texts}
    if twice := [name for name in full if name != full[name] and full[name] in texts]:
        raise InvalidInput("is given twice", statement=declared.name, field=full[twice[0]])
    texts = {full[name]: text for name, text in texts.items()}
    for name in texts:
        if name not in parameters:
            raise InvalidInput(f"is no parameter (there are: {listed})", statement=declared.name, field=name)
    needed = [one for one in parameters.values() if one.default is Signature.empty and one.name not in texts]
    if needed:
        options = " ".join(f"--{one.name.replace('_', '-')} {_type_name(one)}" for one in needed)
        raise InvalidInput(f"needs {options}", statement=declared.name)
    return {name: _parsed(declared, parameters[name], text) for name, text in texts.items()}


def _queries() -> dict[str, Declared[object]]:
    return {declared.name: declared for declared in statements() if declared.kind is Kind.QUERY}


def _description(declared: Declared[object]) -> str:
    return declared.text.partition("\n")[0].partition("-- ")[2]


def _argument(parameter: Parameter) -> Argument:
    default = parameter.default
    required = default is Signature.empty
    shown = None if required or default is None else "now" if default is NOW else str(default)
    return Argument(parameter.name, _type_name(parameter), required, shown)


def _type_name(parameter: Parameter) -> str:
    if isinstance(parameter.type, type) and issubclass(parameter.type, Enum):
        return "|".join(str(member.value) for member in parameter.type)
    return _NAMES[parameter.type]


def _boolean(text: str) -> bool:
    return _BOOLEANS[text.lower()]


_PARSERS: Final[dict[object, Callable[[str], object]]] = {
    int: int, bool: _boolean, UUID: UUID, Json: json.loads,
}  # fmt: skip


def _parsed(declared: Asked, parameter: Parameter, text: str) -> object:
    if text == "null" and parameter.optional:
        return None
    if parameter.type is datetime:
        try:
            return read_moment(text, datetime.now(UTC))
        except ValueError as error:
            raise InvalidInput(str(error), statement=declared.name, field=parameter.name) from None
    try:
        return _PARSERS.get(parameter.type, str)(text)
    except (ValueError, KeyError):
        expected = f"must be {_type_name(parameter)}, not {text[:40]!r}"
        raise InvalidInput(expected, statement=declared.name, field=parameter.name) from None


def _flat(row: object, width: int) -> list[tuple[object, ...]]:
    if not isinstance(row, tuple):
        return [(row,)]
    values = cast("tuple[object, ...]", row)
    joined = values[-1] if values and isinstance(values[-1], tuple) else None
    if joined is None:
        return [values]
    own = values[:-1]
    empty = (None,) * (width - len(own))
    return [(*own, *cast("Sequence[object]", child)) for child in joined] or [(*own, *empty)]


def option_texts(words: Sequence[str]) -> dict[str, str]:
    """`--name value` and `--name=value` by name; a `-` in a name is a `_`.

    Raises:
        InvalidInput: a word is no option, or an option has no value or two.
    """
    texts: dict[str, str] = {}
    rest = iter(words)
    for word in rest:
        match = re.fullmatch(r"--([A-Za-z][\w-]*)(?:=(.*))?", word, re.DOTALL)
        if match is None:
            raise InvalidInput(f"{word[:40]!r} is no parameter: they are given as --name VALUE")
        name, text = match[1].replace("-", "_"), match[2] if match[2] is not None else next(rest, None)
        if text is None:
            raise InvalidInput("has no value", field=name)
        if name in texts:
            raise InvalidInput("is given twice", field=name)
        texts[name] = text
    return texts
