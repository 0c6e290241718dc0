"""Declared statements as the server describes them, compared with their signatures; nothing is run."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Final, NamedTuple, TypeAlias, cast
from uuid import UUID

import psycopg
from psycopg import pq
from psycopg.rows import tuple_row

from atb_db.admin.schema.enums import is_enum, labels_of, schema_name
from atb_db.given_rows import BY_COLUMN
from atb_db.parameters import Parameter
from atb_db.rows import Shape, is_row_type
from atb_db.statement import GIVEN, REQUEST_HASH, Declared, Kind
from atb_db.types import Json, JsonValue, Number, Span

Connection: TypeAlias = psycopg.Connection[tuple[object, ...]]

_NAME: Final = b"atb_db_description"

_INTEGERS: Final = ("int8", "int4", "int2")

# The PostgreSQL types, or domains over them, that a Python type may stand for.
_TYPES: Final[dict[object, tuple[str, ...]]] = {
    Number: ("numeric",),
    Span: ("numeric",),
    Decimal: ("numeric",),
    Json: ("jsonb",),
    JsonValue: ("jsonb",),
    int: _INTEGERS,
    float: ("float8",),
    bool: ("bool",),
    str: ("text",),
    bytes: ("bytea",),
    datetime: ("timestamptz",),
    date: ("date",),
    time: ("time",),
    timedelta: ("interval",),
    UUID: ("uuid",),
}

# Where a domain must check what is written, so that the server's refusal names the parameter.
_CHECKED: Final = frozenset({Number, Span, str, datetime})

_COPIED_TABLE: Final = re.compile(r"\bCOPY\s+(\w+)", re.IGNORECASE)
_QUALIFIER: Final = re.compile(r'("(?:[^"]|"")+"|\w+)\.')


class Mismatch(NamedTuple):
    """Something that a declaration says and the server denies."""

    statement: str
    subject: str
    """Name of the parameter or column, or `sql`."""
    problem: str

    def __str__(self) -> str:
        return f"{self.statement}: {self.subject} {self.problem}"


class _Type(NamedTuple):
    """A type as pg_type has it; base is the type under a domain, else the type itself."""

    name: str
    base: str
    is_domain: bool
    labels: tuple[str, ...]


class _ResultColumn(NamedTuple):
    name: str
    type: int
    table: int
    number: int


class _Described(NamedTuple):
    parameters: tuple[int, ...]
    columns: tuple[_ResultColumn, ...]


def describe(connection: Connection, declaration: Declared[object]) -> list[Mismatch]:
    """Every difference between the declaration and what the connected database makes of its SQL.

    Parameters' and result columns' names, order, types and nullability are compared. A result column that is no column
    of a table but an expression may be NULL for all the server says, so that its nullability is not compared. The
    database is not changed; a read-only connection will do.

    Raises:
        psycopg.errors.InsufficientPrivilege: the role may not run the statement.
    """
    try:
        with connection.transaction(force_rollback=True):
            find = _copied if declaration.kind is Kind.COPY else _prepared
            return [Mismatch(declaration.name, *found) for found in find(connection, declaration)]
    except psycopg.errors.InsufficientPrivilege:
        raise
    except (psycopg.ProgrammingError, psycopg.DataError, psycopg.NotSupportedError) as error:
        return [Mismatch(declaration.name, "sql", f"is refused by the server: {error.diag.message_primary}")]


_Found: TypeAlias = tuple[str, str]


def _prepared(connection: Connection, declaration: Declared[object]) -> Iterator[_Found]:
    _checked(connection.pgconn.prepare(b"", declaration.sql))
    described = _described(_checked(connection.pgconn.describe_prepared(b"")))
    types = _types(connection, (*described.parameters, *(column.type for column in described.columns)))
    yield from _parameters(declaration, described.parameters, types)
    yield from _columns(connection, declaration, described.columns, types)


def _checked(result: pq.abc.PGresult) -> pq.abc.PGresult:
    if result.status != pq.ExecStatus.COMMAND_OK:
        raise psycopg.errors.error_from_result(result)
    return result


def _described(result: pq.abc.PGresult) -> _Described:
    return _Described(
        tuple(result.param_type(index) for index in range(result.nparams)),
        tuple(
            _ResultColumn(
                name=(result.fname(index) or b"").decode(),
                type=result.ftype(index),
                table=result.ftable(index),
                number=result.ftablecol(index),
            )
            for index in range(result.nfields)
        ),
    )


def _parameters(declaration: Declared[object], found: Sequence[int], types: Mapping[int, _Type]) -> Iterator[_Found]:
    declared = {parameter.name: parameter for parameter in declaration.parameters}
    declared |= {name + BY_COLUMN: parameter for name, parameter in declared.items() if is_row_type(parameter.type)}
    for name, oid in zip(declaration.order, found, strict=True):
        if name in declared:
            checked = declaration.kind is not Kind.QUERY
            yield from _parameter(declared[name], types[oid], checked=checked)
        elif types[oid].name != {GIVEN: "_text", REQUEST_HASH: "int8"}[name]:
            yield name, f"is {types[oid].name} in the SQL"


def _parameter(parameter: Parameter, found: _Type, *, checked: bool) -> Iterator[_Found]:
    # Known labels can be sent to an enum that has more of them.
    if (problem := _type_problem(parameter.type, found, is_open=True)) is not None:
        yield parameter.name, problem
    elif checked and parameter.type in _CHECKED and not found.is_domain:
        yield parameter.name, f"is a bare {found.name} in the SQL, which checks nothing: cast it to a domain"


def _type_problem(declared: object, found: _Type, *, is_open: bool) -> str | None:
    if is_enum(declared):
        if found.name != schema_name(declared):
            return f"is declared {declared.__name__} and is {found.name} in the SQL"
        labels = labels_of(declared)
        if tuple(label for label in found.labels if not is_open or label in labels) != labels:
            return f"has the labels {', '.join(labels)} and {found.name} has {', '.join(found.labels)}"
        return None
    if found.base in (("json",) if is_row_type(declared) else _TYPES.get(declared, ())):
        return None
    return f"is declared {getattr(declared, '__name__', declared)} and is {found.name} in the SQL"


def _columns(
    connection: Connection, declaration: Declared[object], found: Sequence[_ResultColumn], types: Mapping[int, _Type]
) -> Iterator[_Found]:
    declared = declaration.reader.columns
    if declaration.reader.shape is Shape.NOTHING:
        declared = ()
    names = [column.name for column in found]
    wanted = names[:1] if [column.name for column in declared] == [None] else [column.name for column in declared]
    if names != wanted:
        yield from _name_problems(wanted, names)
        return
    if not found:
        return
    origins = _origins(connection, found)
    joined = _filled_by_outer_joins(connection, declaration)
    for index, (column, answer) in enumerate(zip(declared, found, strict=True)):
        if (problem := _type_problem(column.type, types[answer.type], is_open=column.is_open)) is not None:
            yield answer.name, problem
        not_null = origins.get((answer.table, answer.number))
        if not_null is None:
            continue
        if not not_null and column.nested and not declared[index - 1].nested:
            yield answer.name, "shows whether there is a joined row, so it must come from a NOT NULL column"
        # Where no row is joined there is no nested row either: its columns are as NULL as their table lets them be.
        nullable = not not_null or (joined[index] and not column.nested)
        if nullable and not column.optional:
            yield answer.name, "can be NULL and is not declared `| None`"
        elif column.optional and not nullable:
            yield answer.name, "is declared `| None` and can never be NULL"


def _name_problems(wanted: Sequence[str | None], names: Sequence[str]) -> Iterator[_Found]:
    for name in names:
        if name not in wanted:
            yield name, "is in the result and not declared"
    for declared in wanted:
        if declared not in names:
            yield str(declared), "is declared and not in the result"
    if sorted(names) == sorted(str(name) for name in wanted):
        yield names[0], f"and the other columns come in another order than declared: {', '.join(names)}"


def _copied(connection: Connection, declaration: Declared[object]) -> Iterator[_Found]:
    match = _COPIED_TABLE.search(declaration.text)
    table = match[1] if match else ""
    rows = connection.cursor(row_factory=tuple_row).execute(
        "SELECT a.attname::text, a.atttypid::bigint, a.attnotnull FROM pg_attribute AS a"
        " WHERE a.attrelid = to_regclass(%s::text) AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''",
        [table],
    )
    columns = {cast("str", name): (cast("int", oid), bool(not_null)) for name, oid, not_null in rows}
    types = _types(connection, (oid for oid, _ in columns.values()))
    declared = {parameter.name: parameter for parameter in declaration.parameters}
    for name in declaration.order:
        if name not in columns:
            yield name, f"is no column of {table} that can be written"
            continue
        oid, not_null = columns[name]
        parameter = declared.get(name)
        if parameter is None:
            if types[oid].name != "int8":
                yield name, f"is {types[oid].name} in the table"
            continue
        yield from _parameter(parameter, types[oid], checked=True)
        if parameter.optional and not_null:
            yield name, "may be None and its column is NOT NULL"


def _types(connection: Connection, oids: Iterable[int]) -> dict[int, _Type]:
    rows = connection.cursor(row_factory=tuple_row).execute(
        "SELECT t.oid::bigint, t.typname::text, coalesce(b.typname, t.typname)::text, t.typtype = 'd',"
        " ARRAY(SELECT e.enumlabel::text FROM pg_enum AS e WHERE e.enumtypid = t.oid ORDER BY e.enumsortorder)"
        " FROM pg_type AS t LEFT JOIN pg_type AS b ON b.oid = t.typbasetype WHERE t.oid = ANY (%s::oid[])",
        [_array(oids)],
    )
    return {
        cast("int", oid): _Type(cast("str", name), cast("str", base), bool(is_domain), tuple(cast("list[str]", labels)))
        for oid, name, base, is_domain, labels in rows
    }


def _origins(connection: Connection, columns: Sequence[_ResultColumn]) -> dict[tuple[int, int], bool]:
    """Whether the tables' columns that result columns come from are NOT NULL, by the table's oid and the number in it.

    A view's columns are left out: PostgreSQL does not know whether they can be NULL.
    """
    rows = connection.cursor(row_factory=tuple_row).execute(
        "SELECT a.attrelid::bigint, a.attnum::int, a.attnotnull FROM pg_attribute AS a"
        " JOIN pg_class AS c ON c.oid = a.attrelid"
        " WHERE a.attrelid = ANY (%s::oid[]) AND a.attnum > 0 AND c.relkind IN ('r', 'p')",
        [_array(column.table for column in columns)],
    )
    return {(cast("int", table), cast("int", number)): bool(not_null) for table, number, not_null in rows}


def _array(oids: Iterable[int]) -> str:
    return "{" + ",".join(str(oid) for oid in sorted(set(oids))) + "}"


def _filled_by_outer_joins(connection: Connection, declaration: Declared[object]) -> list[bool]:
    """Which result columns an outer join can fill with NULL, read off the plan."""
    # A plan for no parameters in particular: with NULL for one, the planner would drop what NULL can never match.
    connection.execute("SET LOCAL plan_cache_mode = force_generic_plan")
    _checked(connection.pgconn.prepare(_NAME, declaration.sql))
    arguments = "({})".format(", ".join(["NULL"] * len(declaration.order))) if declaration.order else ""
    query = f"EXPLAIN (VERBOSE, FORMAT JSON) EXECUTE {_NAME.decode()} {arguments}"
    try:
        with connection.transaction():
            explained = connection.cursor(row_factory=tuple_row).execute(query.encode()).fetchone()
    finally:
        connection.execute(b"DEALLOCATE " + _NAME)
    plan = cast("tuple[list[dict[str, _Plan]]]", explained)[0][0]["Plan"]
    outer = set(_outer_joined(plan, list(_nodes(plan))))
    return [_is_joined(text, outer) for text in cast("list[str]", plan["Output"])]


_Plan: TypeAlias = Mapping[str, object]


def _children(plan: _Plan) -> list[_Plan]:
    return cast("list[_Plan]", plan.get("Plans", []))


def _nodes(plan: _Plan) -> Iterator[_Plan]:
    yield plan
    for child in _children(plan):
        yield from _nodes(child)


def _outer_joined(plan: _Plan, everything: Sequence[_Plan]) -> Iterator[str]:
    """Names of the tables, subqueries and CTEs whose columns an outer join in the plan can fill with NULL."""
    sides = {"Left": ("Inner",), "Right": ("Outer",), "Full": ("Inner", "Outer")}.get(str(plan.get("Join Type")), ())
    for child in _children(plan):
        if child.get("Parent Relationship") in sides:
            yield from (str(node["Alias"]) for node in _nodes(child) if "Alias" in node)
        yield from _outer_joined(child, everything)
    # What is read from a subquery may come from an outer join within it, under another name.
    if plan.get("Node Type") == "Subquery Scan":
        inside: Iterable[_Plan] = _children(plan)
    elif plan.get("Node Type") == "CTE Scan":
        inside = [node for node in everything if node.get("Subplan Name") == f"CTE {plan.get('CTE Name')}"]
    else:
        return
    if any(node.get("Join Type") in {"Left", "Right", "Full"} for part in inside for node in _nodes(part)):
        yield str(plan["Alias"])


def _is_joined(output: str, outer: set[str]) -> bool:
    qualifier = _QUALIFIER.match(output)
    return qualifier is not None and qualifier[1].strip('"').replace('""', '"') in outer
