"""What the server says about the repository: types of parameters, and the comments of result columns."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType
from typing import Final, NamedTuple, get_args, get_origin, get_type_hints

import psycopg
from psycopg.pq.abc import PGresult

from atb_db import repository
from atb_db.rows import is_row_type, without_none
from atb_db.statement import Declared, Kind

Connection = psycopg.Connection[tuple[object, ...]]

# Where a result column is an expression, the row's field means what this table's or view's column of that name does.
LIKE: Final = {
    "metrics.DailyMetrics": "performance_metrics",
    "metrics.TotalMetrics": "performance_metrics",
    "metrics.PerformanceMetrics": "reporting.performance",
    "monitoring.AccountSummary": "reporting.account_summary",
    "monitoring.DataFreshness": "reporting.freshness",
    "monitoring.HourlyErrors": "reporting.errors_by_hour",
    "execution.OrderQuality": "reporting.order_quality",
    "reports.Drawdown": "reporting.drawdown",
    "reports.EquityPoint": "reporting.equity",
    "reports.ExitReasonPnl": "reporting.pnl_by_exit_reason",
    "reports.Outcome": "reporting.recent_outcomes",
    "reports.PeriodPnl": "reporting.daily_pnl",
    "reports.SessionSummary": "reporting.sessions",
    "reports.StrategyPnl": "reporting.pnl_by_strategy",
    "reports.SymbolPnl": "reporting.pnl_by_symbol",
    "trades.NewTrade": "trades",
}


class Column(NamedTuple):
    """A column of a table or view."""

    table: str
    name: str
    domain: str
    comment: str


def modules() -> list[ModuleType]:
    """The subjects of the repository, by name."""
    names = sorted(found.name for found in iter_modules(repository.__path__))
    return [import_module(f"{repository.__name__}.{name}") for name in names]


def row_types(module: ModuleType) -> list[type]:
    """The NamedTuples that the module defines, in its order."""
    return [found for found in vars(module).values() if is_row_type(found) and found.__module__ == module.__name__]


def row_name(row: type) -> str:
    """Module and class, such as positions.Position."""
    return f"{row.__module__.rpartition('.')[2]}.{row.__name__}"


def row_of(declaration: Declared[object]) -> type | None:
    """The NamedTuple that a statement returns one or many of."""
    annotation = get_type_hints(declaration)["return"]
    inner, _ = without_none(get_args(annotation)[0] if get_origin(annotation) is list else annotation)
    return inner if is_row_type(inner) else None


class Described:
    """The repository as a server with the schema describes it."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        rows = connection.execute(
            "SELECT a.attrelid::bigint, a.attnum::integer, (CASE n.nspname WHEN 'public' THEN '' ELSE n.nspname || '.'"
            " END || c.relname)::text, a.attname::text, format_type(a.atttypid, NULL),"
            " coalesce(col_description(a.attrelid, a.attnum), '')"
            " FROM pg_attribute AS a JOIN pg_class AS c ON c.oid = a.attrelid"
            " JOIN pg_namespace AS n ON n.oid = c.relnamespace"
            " WHERE n.nspname IN ('public', 'reporting') AND a.attnum > 0 AND c.relkind IN ('r', 'v')"
        ).fetchall()
        self._columns = {(row[0], row[1]): Column(*map(str, row[2:])) for row in rows}
        self._by_name = {(column.table, column.name): column for column in self._columns.values()}
        types = connection.execute("SELECT oid::bigint, format_type(oid, NULL) FROM pg_type").fetchall()
        domains = connection.execute(
            "SELECT typname::text, obj_description(oid, 'pg_type') FROM pg_type"
            " WHERE typtype = 'd' AND typnamespace = 'public'::regnamespace ORDER BY typname"
        ).fetchall()
        self.domains: Mapping[str, str] = {str(name): str(comment) for name, comment in domains}
        self._types: Mapping[object, str] = {oid: str(name) for oid, name in types}

    def column(self, table: str, name: str) -> Column | None:
        """The column of this name."""
        return self._by_name.get((table, name))

    def parameter_types(self, declaration: Declared[object]) -> Mapping[str, str]:
        """The server's type or domain of each parameter, by name."""
        if declaration.kind is Kind.COPY:
            table = str(re.findall(r"COPY\s+(\w+)", declaration.text)[0])
            return {name: self._by_name[table, name].domain for name in declaration.order}
        result = self._describe(declaration)
        return {name: self._types[result.param_type(place)] for place, name in enumerate(declaration.order)}

    def comments(self, declarations: list[Declared[object]]) -> Mapping[tuple[str, str], str]:
        """The comment that each field of a row type has on the server, by `row_name` and field."""
        found: dict[tuple[str, str], str] = {}
        for declaration in declarations:
            for row, field, column in self._fields(declaration):
                if column is not None and column.comment:
                    found.setdefault((row_name(row), field), column.comment)
        for row in (row for module in modules() for row in row_types(module) if row_name(row) in LIKE):
            for field in get_type_hints(row):
                like = self._by_name.get((LIKE[row_name(row)], field))
                if like is not None and like.comment:
                    found.setdefault((row_name(row), field), like.comment)
        return found

    def _fields(self, declaration: Declared[object]) -> Iterator[tuple[type, str, Column | None]]:
        row = row_of(declaration)
        if row is None or declaration.kind is Kind.COPY:
            return
        result = self._describe(declaration)
        for place, declared in enumerate(declaration.reader.columns):
            prefix, _, name = str(declared.name).rpartition(".")
            owner = get_args(get_type_hints(row)[prefix])[0] if prefix else row
            yield owner, name, self._columns.get((result.ftable(place), result.ftablecol(place)))

    def _describe(self, declaration: Declared[object]) -> PGresult:
        self._connection.pgconn.prepare(b"", declaration.sql)
        return self._connection.pgconn.describe_prepared(b"")
