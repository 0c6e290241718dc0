"""Differences between a schema and what it should be, as findings with the SQL that fixes each."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

from atb_db.admin.findings import Finding, Level
from atb_db.admin.quoting import literal, quoted
from atb_db.admin.schema.catalog import Catalog, Difference, Entry
from atb_db.sqlfile import schema_sql

_COLUMN: Final = re.compile(
    r"""(?P<type>.+?)
        (?:\ COLLATE\ (?P<collation>\S+))?
        (?P<not_null>\ NOT\ NULL)?
        (?:\ GENERATED\ (?P<identity>ALWAYS|BY\ DEFAULT)\ AS\ IDENTITY
          |\ GENERATED\ ALWAYS\ AS\ (?P<generated>\(.*\)\ (?:STORED|VIRTUAL))
          |\ DEFAULT\ (?P<default>.*))?""",
    re.VERBOSE | re.DOTALL,
)
_NOT_VALID: Final = " NOT VALID"
_INVALID: Final = " INVALID"
_DISABLED: Final = re.compile(r" (DISABLED|ON REPLICA|ALWAYS)$")
_LABEL: Final = re.compile(r"'(?:[^']|'')*'")
_BY_HAND: Final = (
    "nothing but a new one in its place, with everything that uses it: `atb-db migrate --rehearse` on a copy"
)


def drift_findings(different: Iterable[Difference], expected: Catalog) -> Iterator[Finding]:
    """Each difference with its level and its repair; objects that are not part of atb_db are only mentioned."""
    known = {(entry.kind, entry.name): entry for entry in expected}
    ours = {entry.name for entry in expected}
    for one in different:
        foreign = one.problem == "unexpected" and one.where.rpartition(".")[0] not in ours
        if foreign:
            yield Finding(one.what, one.where, "not of atb_db", None, one.actual, Level.INFO, None)
            continue
        kind, _, comment = one.what.partition(" ")
        if comment:
            repair: str | None = _comment_on(kind, one.where, one.expected)
        elif one.expected is None:
            repair = _dropping(kind, one.where)
        elif one.actual is None:
            repair = _creation(known[kind, one.where], expected)
        else:
            repair = _change(kind, one.where, one.expected, one.actual)
        yield Finding(
            one.what, one.where, one.problem, one.expected, one.actual, _level(one), repair, safe=_is_safe(one)
        )


def _level(one: Difference) -> Level:
    mild = one.what.endswith(" comment") or (one.what == "index" and not _is_unique(one.expected))
    return Level.WARNING if mild else Level.ERROR


def _is_unique(index: str | None) -> bool:
    return index is not None and index.startswith("CREATE UNIQUE")


def _is_safe(one: Difference) -> bool:
    if one.what.endswith(" comment"):
        return True
    if one.what == "index" and one.expected is not None and not _is_unique(one.expected):
        return one.actual is None or one.actual == one.expected + _INVALID
    if one.what == "column" and one.actual is None and one.expected is not None:
        return re.search(r" (NOT NULL|GENERATED|DEFAULT)\b", one.expected) is None
    return False


def _sql_name(name: str) -> str:
    return quoted(*name.split("."))


def _part(where: str) -> tuple[str, str]:
    """A part of a table, view or domain: the SQL name of the whole, and its own."""
    whole, _, part = where.rpartition(".")
    return _sql_name(whole), quoted(part)


def _in_its_schema(where: str) -> str:
    """SQL name of an index: it is in its table's schema."""
    *schema, _, name = where.split(".")
    return quoted(*schema, name)


def _comment_on(kind: str, where: str, comment: str | None) -> str:
    match kind:
        case "column":
            subject = f"COLUMN {_sql_name(where)}"
        case "constraint" | "trigger" | "policy" | "rule":
            whole, part = _part(where)
            subject = f"{kind.upper()} {part} ON {whole}"
        case "index":
            subject = f"INDEX {_in_its_schema(where)}"
        case "function":
            subject = f"FUNCTION {where}"
        case "enum":
            subject = f"TYPE {_sql_name(where)}"
        case _:
            subject = f"{kind.upper()} {_sql_name(where)}"
    return f"COMMENT ON {subject} IS {literal(comment)}"


def _dropping(kind: str, where: str) -> str:
    whole, part = _part(where)
    match kind:
        case "index":
            return f"DROP INDEX CONCURRENTLY {_in_its_schema(where)}"
        case "trigger" | "policy" | "rule":
            return f"DROP {kind.upper()} {part} ON {whole}"
        case _:
            return f"ALTER TABLE {whole} DROP {kind.upper()} {part}"


def _creation(entry: Entry, expected: Catalog) -> str:
    kind, name, definition, comment = entry
    whole, part = _part(name)
    match kind:
        case "table":
            create = _table(entry, expected)
        case "view":
            create = f"CREATE {_view(name)}"
        case "enum":
            create = f"CREATE TYPE {_sql_name(name)} AS ENUM ({definition})"
        case "domain":
            checks = [
                f" CONSTRAINT {_part(one.name)[1]} {one.definition}" for one in _parts(name, "constraint", expected)
            ]
            create = f"CREATE DOMAIN {_sql_name(name)} AS {definition}{''.join(checks)}"
        case "schema":
            create = f"CREATE SCHEMA {quoted(name)}"
        case "column":
            create = f"ALTER TABLE {whole} ADD COLUMN {part} {definition}"
        case "constraint":
            of_domain = any(one.kind == "domain" and one.name == name.rpartition(".")[0] for one in expected)
            create = f"ALTER {'DOMAIN' if of_domain else 'TABLE'} {whole} ADD CONSTRAINT {part} {definition}"
        case "index":
            # What is built concurrently must be sent alone; its comment, if it has one, is found missing next.
            return _concurrently(definition)
        case _:  # function, trigger
            create = definition.rstrip()
    return f"{create}; {_comment_on(kind, name, comment)}" if comment is not None else create


def _view(name: str) -> str:
    """The view's own text; the catalog's is made for comparing."""
    text = re.search(rf"^CREATE (VIEW {re.escape(name)} AS.+?);$", schema_sql(), re.MULTILINE | re.DOTALL)
    return text[1] if text else f"VIEW {_sql_name(name)} AS …"


def _concurrently(index: str) -> str:
    return index.replace("INDEX ", "INDEX CONCURRENTLY ", 1)


def _parts(name: str, kind: str, catalog: Catalog) -> Iterator[Entry]:
    return (one for one in catalog if one.kind == kind and one.name.startswith(f"{name}."))


def _table(entry: Entry, expected: Catalog) -> str:
    """The table with all its parts, from the catalog; its columns stand in the order of their names."""
    columns, constraints, indexes, triggers = (
        list(_parts(entry.name, kind, expected)) for kind in ("column", "constraint", "index", "trigger")
    )
    inside = [
        *(f"{_part(one.name)[1]} {one.definition}" for one in columns),
        *(f"CONSTRAINT {_part(one.name)[1]} {one.definition}" for one in constraints),
    ]
    return "; ".join(
        [
            f"CREATE TABLE {_sql_name(entry.name)} ({', '.join(inside)}){entry.definition.removeprefix('table')}",
            *(one.definition for one in (*indexes, *triggers)),
            *(
                _comment_on(one.kind, one.name, one.comment)
                for one in (*columns, *constraints, *indexes, *triggers)
                if one.comment is not None
            ),
        ]
    )


def _change(kind: str, where: str, expected: str, actual: str) -> str:
    change = _CHANGES.get(kind)
    return change(where, expected, actual) if change else _BY_HAND


def _constraint_change(where: str, expected: str, actual: str) -> str:
    whole, part = _part(where)
    if actual == expected + _NOT_VALID:
        return f"ALTER TABLE {whole} VALIDATE CONSTRAINT {part}"
    return f"ALTER TABLE {whole} DROP CONSTRAINT {part}, ADD CONSTRAINT {part} {expected}"


def _index_change(where: str, expected: str, actual: str) -> str:
    if actual == expected + _INVALID:
        return f"REINDEX INDEX CONCURRENTLY {_in_its_schema(where)}"
    return f"DROP INDEX CONCURRENTLY {_in_its_schema(where)}; {_concurrently(expected)}"


def _trigger_change(where: str, expected: str, actual: str) -> str:
    table, trigger = _part(where)
    if _DISABLED.sub("", actual) == expected:
        return f"ALTER TABLE {table} ENABLE TRIGGER {trigger}"
    return expected.replace("CREATE TRIGGER", "CREATE OR REPLACE TRIGGER", 1)


def _function_change(_where: str, expected: str, _actual: str) -> str:
    return expected.rstrip()


def _view_change(where: str, _expected: str, _actual: str) -> str:
    return f"CREATE OR REPLACE {_view(where)}"


def _column_change(where: str, expected: str, actual: str) -> str:
    wanted, found = _COLUMN.fullmatch(expected), _COLUMN.fullmatch(actual)
    if wanted is None or found is None:
        return _BY_HAND
    table, column = _part(where)
    if wanted["generated"] != found["generated"]:
        if wanted["generated"] is None:
            return f"ALTER TABLE {table} ALTER COLUMN {column} DROP EXPRESSION"
        return f"ALTER TABLE {table} DROP COLUMN {column}, ADD COLUMN {column} {expected}"
    steps: list[str] = []
    if (wanted["type"], wanted["collation"]) != (found["type"], found["collation"]):
        collation = f" COLLATE {wanted['collation']}" if wanted["collation"] else ""
        steps.append(f"TYPE {wanted['type']}{collation} USING {column}::{wanted['type']}")
    if wanted["not_null"] != found["not_null"]:
        steps.append("SET NOT NULL" if wanted["not_null"] else "DROP NOT NULL")
    if wanted["default"] != found["default"]:
        steps.append(f"SET DEFAULT {wanted['default']}" if wanted["default"] else "DROP DEFAULT")
    if wanted["identity"] != found["identity"]:
        if wanted["identity"] is None:
            steps.append("DROP IDENTITY")
        else:
            verb = "ADD" if found["identity"] is None else "SET"
            as_identity = " AS IDENTITY" if verb == "ADD" else ""
            steps.append(f"{verb} GENERATED {wanted['identity']}{as_identity}")
    return f"ALTER TABLE {table} " + ", ".join(f"ALTER COLUMN {column} {step}" for step in steps)


def _enum_change(where: str, expected: str, actual: str) -> str:
    """Missing labels can be added at their place; others neither leave nor change places."""
    wanted, found = _LABEL.findall(expected), _LABEL.findall(actual)
    if [label for label in wanted if label in found] != found:
        return _BY_HAND
    steps: list[str] = []
    for index, label in enumerate(wanted):
        if label not in found:
            place = f" AFTER {wanted[index - 1]}" if index else f" BEFORE {found[0]}"
            steps.append(f"ALTER TYPE {_sql_name(where)} ADD VALUE {label}{place}")
    return "; ".join(steps)


def _table_change(where: str, expected: str, actual: str) -> str:
    name = _sql_name(where)
    if "unlogged" in actual and "unlogged" not in expected:
        return f"ALTER TABLE {name} SET LOGGED"
    if "ROW LEVEL SECURITY" in actual:
        return f"ALTER TABLE {name} NO FORCE ROW LEVEL SECURITY, DISABLE ROW LEVEL SECURITY"
    options = re.search(r"WITH \((.*)\)", expected)
    if options:
        return f"ALTER TABLE {name} SET ({options[1]})"
    reset = re.search(r"WITH \((.*)\)", actual)
    names = re.sub(r"=[^,]*", "", reset[1]) if reset else ""
    return f"ALTER TABLE {name} RESET ({names})" if names else _BY_HAND


_CHANGES: Final[Mapping[str, Callable[[str, str, str], str]]] = {
    "column": _column_change,
    "constraint": _constraint_change,
    "enum": _enum_change,
    "function": _function_change,
    "index": _index_change,
    "table": _table_change,
    "trigger": _trigger_change,
    "view": _view_change,
}
