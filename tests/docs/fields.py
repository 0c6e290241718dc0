"""The docstrings of row types' fields: read from the source, and written into it from the columns' comments.

`python -m tests.docs.fields` writes those whose columns have a comment; the others are written by hand.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import psycopg

from atb_db import embedded
from atb_db.repository import statements
from atb_db.sqlfile import schema_sql
from tests.docs.described import Described, modules, row_types

WIDTH = 120


class Field(NamedTuple):
    """A field of a row type in the source."""

    row: str
    """Module and class, such as positions.Position."""
    name: str
    annotation: str
    default: str | None
    doc: str | None
    """The docstring, in one line."""
    last: int
    """Number of the field's last line, without the docstring."""
    end: int
    """Number of the last line, with it."""


def fields(module: ModuleType) -> list[Field]:
    """The fields of the module's row types, in its order."""
    return [field for row in row_types(module) for field in class_fields(module, row.__name__)]


def class_fields(module: ModuleType, name: str) -> list[Field]:
    """The fields of a class of the module, in its order."""
    subject = module.__name__.rpartition(".")[2]
    classes = [one for one in ast.parse(inspect.getsource(module)).body if isinstance(one, ast.ClassDef)]
    return [field for found in classes if found.name == name for field in _fields(f"{subject}.{name}", found.body)]


def _fields(row: str, body: list[ast.stmt]) -> Iterator[Field]:
    for number, one in enumerate(body):
        if not isinstance(one, ast.AnnAssign) or not isinstance(one.target, ast.Name):
            continue
        after = body[number + 1] if number + 1 < len(body) else None
        doc = None
        if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant) and isinstance(after.value.value, str):
            doc = after.value.value
        last = one.end_lineno or one.lineno
        yield Field(
            row,
            one.target.id,
            ast.unparse(one.annotation),
            None if one.value is None else ast.unparse(one.value),
            None if doc is None else " ".join(doc.split()),
            last,
            last if doc is None or after is None else after.end_lineno or last,
        )


def meant(field: Field, comment: str) -> str:
    """The docstring of a field whose column has the comment; a vocabulary that may grow says so."""
    return (
        f"{comment} Text if a later version of atb_db has added it." if field.annotation.endswith(" | str") else comment
    )


def written(source: str, found: list[Field], comments: Mapping[tuple[str, str], str]) -> str:
    """The source with the comments as docstrings; a field without a comment keeps what it has."""
    lines = source.splitlines()
    for field in sorted(found, key=lambda field: -field.last):
        comment = comments.get((field.row, field.name))
        if comment is not None:
            lines[field.last : field.end] = _docstring(meant(field, comment))
    return "\n".join(lines) + "\n"


def _docstring(text: str) -> list[str]:
    quoted = text.replace("\\", "\\\\").replace('"""', '\\"""')
    one = f'    """{quoted}"""'
    if len(one) <= WIDTH and not quoted.endswith('"'):
        return [one]
    return [*textwrap.wrap(f'"""{quoted}', WIDTH, initial_indent="    ", subsequent_indent="    "), '    """']


def write() -> None:
    """Write the docstrings of every subject."""
    with embedded.postgresql() as server, psycopg.connect(server.create_database("fields")) as connection:
        connection.execute(schema_sql())
        comments = Described(connection).comments(statements())
    for module in modules():
        path = Path(str(module.__file__))
        path.write_text(written(path.read_text(encoding="utf-8"), fields(module), comments), encoding="utf-8")


if __name__ == "__main__":
    write()
