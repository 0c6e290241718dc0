"""docs/repository.md, made from the declarations and a server with the schema: `make docs`."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Final

import psycopg

from atb_db import embedded
from atb_db.database.translation import _BY_SQLSTATE
from atb_db.parameters import MISSING, Parameter
from atb_db.rows import Shape
from atb_db.sqlfile import schema_sql, sql_root
from atb_db.statement import Declaration, Declared, Kind
from atb_db.types import NEW, NOW
from tests.docs import fields, meanings
from tests.docs.described import Connection, Described, modules, row_name, row_of, row_types

_HEAD: Final = """\
# The repository: every function

Made by `make docs` from the declarations in [atb_db/repository](../atb_db/repository), their SQL files and the comments
of the schema. Calling a function makes a value (`Statement`); `db.run(value)` or `await adb.run(value)` runs it.

- A **query** only reads. A **command** writes; running the same value again changes nothing. A **copy** makes rows
  of a bulk load for `db.copy_in`: called, one; its `.rows(...)` and `.columns(...)`, many at once.
- *Stored as* is the type against which the server checks a value; the [domains](#domains) at the end have units and
  limits. `Number` is a `Decimal`, an `int`, a `float` or text of a number; a `…Label` is the text of an enum's label.
- `NOW` is the time at which the value is made, `NEW` a fresh id, `UNSET` leaves what is stored.
- *Raises* lists what a statement refuses by itself. Every call can also raise `InvalidInput` for a value that cannot be
  stored, and what can happen to any connection; [errors.py](../atb_db/errors.py) has them all.
"""
_RETURNS: Final = {
    Shape.ONE: "one row",
    Shape.AT_MOST_ONE: "one row or `None`",
    Shape.MANY: "all rows",
    Shape.NOTHING: "nothing",
}
_TABLES: Final = re.compile(r"\b(?:INSERT INTO|UPDATE|COPY|FROM|JOIN)\s+(\w+)")
_CALLS: Final = re.compile(r"\b([a-z_]+)\s*\(")


def page(connection: Connection) -> str:
    """The page."""
    described = Described(connection)
    refusals = Refusals(connection)
    parts = [_HEAD]
    for module in modules():
        parts += [*_subject(module, described, refusals)]
    parts += [
        "## Domains\n",
        *_table(("domain", "meaning"), ((f"`{name}`", comment) for name, comment in described.domains.items())),
    ]
    return "\n".join(parts) + "\n"


class Refusals:
    """The errors that SQL raises by itself: those of the functions that it calls, and that they call."""

    def __init__(self, connection: Connection) -> None:
        rows = connection.execute(
            "SELECT p.proname::text, p.prosrc::text FROM pg_proc AS p"
            " JOIN pg_namespace AS n ON n.oid = p.pronamespace WHERE n.nspname = 'public'"
        ).fetchall()
        self._sources = {str(name): str(source) for name, source in rows}

    def of(self, declaration: Declared[object]) -> list[str]:
        """The names of the errors, sorted."""
        codes = set(re.findall(r"AT4\d\d", self._reached(declaration.text)))
        found = {_BY_SQLSTATE[code].__name__ for code in codes}
        if declaration.keyed:
            found.add("IdempotencyConflict")
        if declaration.reader.shape is Shape.ONE and not declaration.keyed and declaration.parameters:
            found.add("NotFound")
        return sorted(found)

    def _reached(self, text: str) -> str:
        reached: dict[str, str] = {}
        waiting = [text]
        while waiting:
            one = waiting.pop()
            for name in _CALLS.findall(one):
                if name in self._sources and name not in reached:
                    reached[name] = self._sources[name]
                    waiting.append(self._sources[name])
        return "\n".join([text, *reached.values()])


def _subject(module: ModuleType, described: Described, refusals: Refusals) -> Iterator[str]:
    subject = module.__name__.rpartition(".")[2]
    yield f"## {subject}\n\n{inspect.getdoc(module)}\n"
    own = [found for found in vars(module).values() if isinstance(found, Declaration)]
    for declaration in own:
        yield from _function(declaration, described, refusals)
    found = fields.fields(module)
    for row in row_types(module):
        yield f"### `{subject}.{row.__name__}`\n\n{inspect.getdoc(row)}\n"
        listed = (
            (f"`{field.name}`", f"`{field.annotation}`", field.doc or "")
            for field in found
            if field.row == f"{subject}.{row.__name__}"
        )
        yield from _table(("field", "type", "meaning"), listed)


def _function(declaration: Declared[object], described: Described, refusals: Refusals) -> Iterator[str]:
    file = f"sql/queries/{declaration.name.replace('.', '/')}.sql"
    yield f"### `{declaration.name}`\n\n{inspect.getdoc(declaration)}\n"
    signature = inspect.signature(declaration)
    annotation = str(signature.return_annotation).removeprefix("Statement[").removesuffix("]")
    facts = [f"A {declaration.kind.value}", f"[{file}](../{file})"]
    if declaration.kind is not Kind.COPY:
        row = row_of(declaration)
        note = "" if row is None else f" ([its fields](#{row_name(row).lower().replace('.', '')}))"
        facts.append(f"returns {_RETURNS[declaration.reader.shape]}: `{annotation}`{note}")
    if called := [f"[`{name}`](../sql/schema/{path})" for name, path in sorted(booking_functions(declaration).items())]:
        facts.append(f"calls {', '.join(called)}")
    if errors := refusals.of(declaration):
        facts.append(f"raises {', '.join(f'`{name}`' for name in errors)}")
    yield " · ".join(facts) + "\n"
    stored = described.parameter_types(declaration)
    rows = []
    for parameter in declaration.parameters:
        shown = signature.parameters[parameter.name]
        rows.append(
            (
                f"`{parameter.name}`",
                f"`{shown.annotation}`",
                _default(parameter),
                f"`{stored.get(parameter.name, '')}`",
                meanings.of(declaration, parameter.name, described, named_tables(declaration)),
            )
        )
    yield from _table(("parameter", "type", "default", "stored as", "meaning"), rows)


def _default(parameter: Parameter) -> str:
    if parameter.default is MISSING:
        return "required"
    is_marker = parameter.default is NEW or parameter.default is NOW
    return f"`{repr(parameter.default) if is_marker else parameter.default}`"


def booking_functions(declaration: Declared[object]) -> dict[str, str]:
    """The functions of sql/schema/7… that the statement calls, each with its file."""
    called = set(_CALLS.findall(declaration.text))
    return {
        name: path.name
        for path in sorted((sql_root() / "schema").glob("7*.sql"))
        for name in re.findall(r"^CREATE FUNCTION (\w+)", path.read_text(encoding="utf-8"), re.MULTILINE)
        if name in called
    }


def named_tables(declaration: Declared[object]) -> list[str]:
    """The tables that the statement itself reads or writes."""
    return [str(name) for name in _TABLES.findall(declaration.text)]


def _table(heads: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    listed = list(rows)
    if not listed:
        return
    lines = ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in [heads, *listed]]
    lines.insert(1, "|" + "---|" * len(heads))
    yield "\n".join(lines) + "\n"


if __name__ == "__main__":
    with embedded.postgresql() as server, psycopg.connect(server.create_database("page")) as connected:
        connected.execute(schema_sql())
        Path(sys.argv[1]).write_text(page(connected), encoding="utf-8")
