"""sql/schema divided into what holds data, which migrations make, and code, which is made from there."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Final, NamedTuple

from atb_db.admin.tokens import SqlStatement, statements
from atb_db.errors import ConfigurationError

_CODE: Final = re.compile(
    r"CREATE (?:OR REPLACE )?(?:(?:RECURSIVE|CONSTRAINT|TEMP|TEMPORARY) )?"
    r"(?P<kind>FUNCTION|PROCEDURE|AGGREGATE|VIEW|TRIGGER|RULE|POLICY) (?P<name>[^ ]+(?: \. [^ ]+)*)(?P<rest>.*)"
)
_OTHER_CODE: Final = re.compile(r"(?P<verb>COMMENT ON|GRANT|REVOKE|SECURITY LABEL)\b")
_ALTERED_CODE: Final = re.compile(r"(?:ALTER|DROP) (FUNCTION|PROCEDURE|ROUTINE|AGGREGATE|VIEW|TRIGGER|RULE|POLICY)\b")
_COMMENT: Final = re.compile(r"COMMENT ON (?P<kind>\w+) (?P<subject>.+?) IS (?:''(?: '')*|NULL)$")
_ON: Final = re.compile(r" ON (?:ONLY )?([^ ]+(?: \. [^ ]+)*)")
INHERITED: Final = "99_inherited_comments.sql"
"""The file that describes columns of views as their tables' are; `migrate` reads the result in the catalog."""

_CREATE: Final = re.compile(r"CREATE(?: OR REPLACE)?\b", re.IGNORECASE)
_COMPOSITE: Final = re.compile(r"CREATE TYPE (?P<name>[^ ]+(?: \. [^ ]+)*) AS \(")
_KINDS: Final = {"TYPE": "enum"}
_CODE_KINDS: Final = frozenset({"function", "view", "trigger"})


class Comment(NamedTuple):
    """What is said of an object."""

    kind: str
    """As the catalog says it: table, column, enum, function …"""
    name: str
    """As the catalog says it, but a function's without its parameters."""
    statement: str


class Unit(NamedTuple):
    """A function, view or trigger with its comments."""

    kind: str
    name: str
    """As the catalog says it, but a function's without its parameters."""
    statement: str
    """What makes it, or replaces it."""
    comments: tuple[Comment, ...]

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


class Declared(NamedTuple):
    """All of sql/schema, in the order of the files; triggers last, as making one locks writers out."""

    data: tuple[str, ...]
    """The statements that make types, domains, tables, constraints, indexes, sequences and schemas."""
    units: tuple[Unit, ...]
    comments: tuple[Comment, ...]
    """On what holds data."""


def code_word(statement: SqlStatement) -> str | None:
    """What kind of code the statement makes, changes or describes, such as FUNCTION or COMMENT; None for data."""
    if made := _CODE.match(statement.shape):
        return made["kind"]
    if altered := _ALTERED_CODE.match(statement.shape):
        return altered[1]
    other = _OTHER_CODE.match(statement.shape)
    return other["verb"].partition(" ")[0] if other else None


def read_declared(folder: Path) -> Declared:
    """Divide the files of a folder; one that does not exist has nothing.

    Raises:
        ConfigurationError: something is declared twice, or is neither data, code nor a comment.
    """
    return _divided(tuple((path.name, path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.sql"))))


@lru_cache(maxsize=2)
def _divided(files: tuple[tuple[str, str], ...]) -> Declared:
    """Of the names and texts of files; kept, as dividing thousands of lines takes longer than most that needs it."""
    data: list[str] = []
    composite: set[str] = set()
    made: dict[tuple[str, str], str] = {}
    comments: list[Comment] = []
    for file, text in files:
        for statement in statements(text):
            if found := _CODE.match(statement.shape):
                key = _code_key(found)
                if key in made or key[0] not in _CODE_KINDS:
                    raise ConfigurationError(f"{file}:{statement.line}: {' '.join(key)} cannot be declared here")
                made[key] = _CREATE.sub("CREATE OR REPLACE", statement.text, count=1)
            elif found := _COMMENT.match(statement.shape):
                comments.append(Comment(*_subject(found), statement.text))
            elif file == INHERITED:
                continue
            elif word := code_word(statement):
                raise ConfigurationError(f"{file}:{statement.line}: {word} cannot be declared here")
            else:
                data.append(statement.text)
                if found := _COMPOSITE.match(statement.shape):
                    composite.add(_plain(found["name"]))
    comments = [one._replace(kind="type") if one.kind == "enum" and one.name in composite else one for one in comments]
    return Declared(tuple(data), tuple(_units(made, comments)), tuple(_of_data(made, comments)))


def _units(made: Mapping[tuple[str, str], str], comments: Iterable[Comment]) -> Iterator[Unit]:
    owned: dict[tuple[str, str], list[Comment]] = {key: [] for key in made}
    for comment in comments:
        if (owner := _owner(comment)) in owned:
            owned[owner].append(comment)
    for key in sorted(made, key=lambda one: one[0] == "trigger"):
        yield Unit(*key, made[key], tuple(owned[key]))


def _of_data(made: Mapping[tuple[str, str], str], comments: Iterable[Comment]) -> Iterator[Comment]:
    return (comment for comment in comments if _owner(comment) not in made)


def _owner(comment: Comment) -> tuple[str, str]:
    """The unit that the comment would be a part of."""
    if comment.kind == "column":
        return "view", comment.name.rpartition(".")[0]
    return comment.kind, comment.name


def _code_key(found: re.Match[str]) -> tuple[str, str]:
    kind, name = found["kind"].lower(), _plain(found["name"])
    if kind == "trigger" and (table := _ON.search(found["rest"])):
        name = f"{_plain(table[1])}.{name}"
    return kind, name


def _subject(found: re.Match[str]) -> tuple[str, str]:
    kind, subject = found["kind"], found["subject"]
    name, _, table = subject.partition(" ON ")
    if table:
        return kind.lower(), f"{_plain(table.removeprefix('DOMAIN '))}.{_plain(name)}"
    return _KINDS.get(kind, kind.lower()), _plain(name.partition(" (")[0])


def _plain(name: str) -> str:
    parts = (part[1:-1].replace('""', '"') if part.startswith('"') else part.lower() for part in name.split(" . "))
    return ".".join(parts).removeprefix("public.")
