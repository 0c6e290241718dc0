"""Which objects a migration makes and drops, by their names in its statements."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from atb_db.admin.schema.catalog import Catalog
from atb_db.admin.tokens import SqlStatement, Token

_WORD: Final = r'(?:[^\W\d][\w$]*|"(?:[^"]|"")+")'
_NAME: Final = rf"(?:PUBLIC \. )?({_WORD}(?: \. {_WORD})*)"
_KIND: Final = r"(TABLE|TYPE|DOMAIN|VIEW|FUNCTION|PROCEDURE|AGGREGATE|INDEX|TRIGGER)"
_CREATE: Final = re.compile(
    r"CREATE (?:(?:UNLOGGED|UNIQUE|CONSTRAINT|RECURSIVE|MATERIALIZED|FOREIGN) )*"
    rf"{_KIND} (?:CONCURRENTLY )?(?:IF NOT EXISTS )?{_NAME}"
)
_ON: Final = re.compile(rf" ON (?:ONLY )?{_NAME}")
_DROP: Final = re.compile(
    rf"DROP (?:MATERIALIZED |FOREIGN )?{_KIND} (?:CONCURRENTLY )?(?:IF EXISTS )?(.+?)(?: CASCADE| RESTRICT)?$"
)
_ALTER_TABLE: Final = re.compile(rf"ALTER (?:FOREIGN )?TABLE (?:IF EXISTS )?(?:ONLY )?{_NAME} ")
_RENAME: Final = re.compile(rf"ALTER (?:MATERIALIZED )?{_KIND} (?:IF EXISTS )?{_NAME} RENAME TO ")
_ADD_COLUMN: Final = re.compile(
    rf"ADD (?:COLUMN )?(?!CONSTRAINT |CHECK |UNIQUE |PRIMARY |FOREIGN |EXCLUDE )(?:IF NOT EXISTS )?{_NAME} "
)
_TYPE: Final = re.compile(rf"{_NAME}(?! \[)")
_DROP_COLUMN: Final = re.compile(
    rf"(?:DROP (?:COLUMN )?(?!CONSTRAINT )(?:IF EXISTS )?|RENAME (?:COLUMN )?(?!TO )){_NAME}"
)
_ADD_LABEL: Final = re.compile(rf"ALTER TYPE {_NAME} ADD VALUE ")
_NOT_A_COLUMN: Final = frozenset({"CONSTRAINT", "PRIMARY", "UNIQUE", "CHECK", "FOREIGN", "EXCLUDE", "LIKE"})
_KINDS: Final = {"PROCEDURE": "function", "AGGREGATE": "function"}
_LABEL: Final = re.compile(r"'((?:[^']|'')*)'")


class Object(NamedTuple):
    """A thing of the schema, as a migration names it."""

    kind: str
    """table, column, type, label, domain, view, function, index or trigger."""
    name: str
    """Of a column, label or trigger with its table's or type's before it."""

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


def created(statement: SqlStatement) -> Iterator[Object]:
    """What the statement makes; not what it replaces."""
    if label := added_label(statement):
        yield label
    elif altered := _ALTER_TABLE.match(statement.shape):
        for action in _items(statement.tokens, after=altered[0]):
            if column := _ADD_COLUMN.match(action.shape):
                yield Object("column", f"{_plain(altered[1])}.{_plain(column[1])}")
    elif found := _CREATE.match(statement.shape):
        kind, name = _object(*found.groups())
        if kind == "trigger" and (table := _ON.search(statement.shape)):
            name = f"{_plain(table[1])}.{name}"
        yield Object(kind, name)
        if kind == "table":
            yield from (Object("column", f"{name}.{column}") for column in _columns(statement))


def dropped(statement: SqlStatement) -> Iterator[Object]:
    """What the statement drops, or renames away."""
    if altered := _ALTER_TABLE.match(statement.shape):
        for action in _items(statement.tokens, after=altered[0]):
            if column := _DROP_COLUMN.match(action.shape):
                yield Object("column", f"{_plain(altered[1])}.{_plain(column[1])}")
    if renamed := _RENAME.match(statement.shape):
        yield _object(*renamed.groups())
    elif found := _DROP.match(statement.shape):
        for name in re.sub(r" \( [^()]*\)", "", found[2]).split(" , "):
            if match := re.match(_NAME, name):
                yield _object(found[1], match[1])


def added_label(statement: SqlStatement) -> Object | None:
    """The label that the statement adds to an enum."""
    found = _ADD_LABEL.match(statement.shape)
    if found is None:
        return None
    label = next(token.text for token in statement.tokens if token.is_text)
    return Object("label", f"{_plain(found[1])}.{label[1:-1].replace(chr(39) * 2, chr(39))}")


def indexed_table(statement: SqlStatement) -> str | None:
    """The table on which the statement builds an index."""
    found = _CREATE.match(statement.shape)
    if found is None or found[1] != "INDEX":
        return None
    table = _ON.search(statement.shape)
    return _plain(table[1]) if table else None


class AddedColumn(NamedTuple):
    """A column that a table gets."""

    table: str
    name: str
    type: str
    """As it is written, without arguments; empty of an array."""
    line: int


def added_columns(statement: SqlStatement) -> Iterator[AddedColumn]:
    """The columns that an ALTER TABLE adds."""
    altered = _ALTER_TABLE.match(statement.shape)
    for action in actions(statement):
        if altered and (column := _ADD_COLUMN.match(action.shape)):
            of_type = _TYPE.match(action.shape, column.end())
            yield AddedColumn(_plain(altered[1]), _plain(column[1]), _plain(of_type[1]) if of_type else "", action.line)


def catalog_objects(catalog: Catalog) -> frozenset[Object]:
    """The objects of a catalog under the names that migrations give them."""
    return frozenset(_catalog_objects(catalog))


def _catalog_objects(catalog: Catalog) -> Iterator[Object]:
    for kind, name, definition, _ in catalog:
        if kind == "enum":
            yield Object("type", name)
            for label in _LABEL.findall(definition):
                yield Object("label", f"{name}.{label.replace(chr(39) * 2, chr(39))}")
        elif kind == "function":
            yield Object(kind, name.partition("(")[0])
        elif kind == "index":
            yield Object(kind, name.rpartition(".")[2])
        else:
            yield Object(kind, name)


def own_objects(files: Iterable[Sequence[SqlStatement]], expected: Catalog) -> list[frozenset[Object]]:
    """For each migration the objects of the expected schema that are there because of it, and of no earlier one."""
    wanted = catalog_objects(expected)
    seen: set[Object] = set()
    own: list[frozenset[Object]] = []
    for file in files:
        made = {thing for statement in file for thing in created(statement)}
        gone = {thing for statement in file for thing in dropped(statement)}
        own.append(frozenset((made - gone - seen) & wanted))
        seen |= made
    return own


def body(statement: SqlStatement) -> list[SqlStatement]:
    """What stands between the statement's first parentheses, split at its commas."""
    texts = [token.text for token in statement.tokens]
    if "(" not in texts:
        return []
    start = texts.index("(") + 1
    depth = 1
    for end, text in enumerate(texts[start:], start):
        depth += (text == "(") - (text == ")")
        if depth == 0:
            return _split(statement.tokens[start:end])
    return []


def actions(statement: SqlStatement) -> list[SqlStatement]:
    """What an ALTER TABLE does, action by action."""
    altered = _ALTER_TABLE.match(statement.shape)
    return _items(statement.tokens, after=altered[0]) if altered else []


def _columns(statement: SqlStatement) -> Iterator[str]:
    for item in body(statement):
        if item.tokens[0].text.upper() not in _NOT_A_COLUMN:
            yield _plain(item.tokens[0].text)


def _items(tokens: Sequence[Token], *, after: str) -> list[SqlStatement]:
    position = 0
    for index, token in enumerate(tokens):
        if position >= len(after):
            return _split(tokens[index:])
        position += len("''" if token.is_text else token.text) + 1
    return []


def _split(tokens: Sequence[Token]) -> list[SqlStatement]:
    depth = 0
    items: list[list[Token]] = [[]]
    for token in tokens:
        depth += token.text in ("(", "[")
        depth -= token.text in (")", "]")
        if token.text == "," and depth == 0:
            items.append([])
        else:
            items[-1].append(token)
    return [SqlStatement(tuple(item)) for item in items if item]


def _object(kind: str, name: str) -> Object:
    return Object(_KINDS.get(kind, kind.lower()), _plain(name))


def _plain(name: str) -> str:
    parts = (part[1:-1].replace('""', '"') if part.startswith('"') else part.lower() for part in name.split(" . "))
    return ".".join(parts)
