"""What an export has: the tables of a session in the order of writing, and what their rows refer to."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from psycopg import sql

from atb_db.admin.connection import Connection, ask
from atb_db.admin.purge import DERIVED_TABLES

_NONE: Final[Mapping[str, str]] = MappingProxyType({})


class ExportedTable(NamedTuple):
    """A table whose rows belong to sessions."""

    name: str
    owner: tuple[str, str] | None = ("session_id", "trading_sessions")
    """The column by which a row belongs to a session, and the table whose ids it has; None for the sessions."""
    refers: Mapping[str, str] = _NONE
    """Its other columns that have ids, and of which table."""
    order: tuple[str, ...] = ("id",)
    rows: str | None = None
    """The function that reads the rows, where others than the table have some; its columns have the table's names."""

    @property
    def has_ids(self) -> bool:
        """Whether each row has an id of its own."""
        return self.order == ("id",)

    @property
    def references(self) -> dict[str, str]:
        """Every column that has ids of another row, and of which table."""
        return dict(self.refers) | (dict([self.owner]) if self.owner is not None else {})


EXPORTED: Final = (
    ExportedTable("trading_sessions", None),
    ExportedTable("positions", refers={"continues_position_id": "positions"}),
    ExportedTable("orders", refers={"position_id": "positions", "replaced_order_id": "orders"}),
    ExportedTable("order_fills", ("order_id", "orders"), {"position_id": "positions"}),
    ExportedTable("partial_trades", ("position_id", "positions"), {"order_id": "orders"}),
    ExportedTable("trades", refers={"position_id": "positions"}),
    ExportedTable("account_balances", refers={"position_id": "positions", "order_fill_id": "order_fills"}),
    ExportedTable("account_history"),
    ExportedTable("performance_metrics", order=("session_id", "period", "period_start")),
    ExportedTable("system_events"),
    ExportedTable("strategy_executions", refers={"trade_id": "trades"}, rows="every_decision"),
    ExportedTable("dynamic_performance_metrics"),
    ExportedTable("risk_adjustments"),
    ExportedTable("optimization_cycles"),
    ExportedTable("reconciliation_audit_events"),
)
"""The tables, parents before children."""

NOT_EXPORTED: Final = {
    **DERIVED_TABLES,
    "decision_chunks": "its decisions are among those of strategy_executions",
    "imported_rows": "of the database that imported them",
    "session_holds": "an engine holds a session in one database",
}
"""What else belongs to sessions and is in no export, and why."""


class Column(NamedTuple):
    """A column of a table."""

    table_name: str
    name: str
    type: str
    """The server's type, that of a domain being what it is made of."""
    is_generated: bool


def columns_of(connection: Connection) -> dict[str, tuple[Column, ...]]:
    """The columns of every table, in order."""
    found: dict[str, list[Column]] = {}
    for column in ask(connection, "exported_columns", Column):
        found.setdefault(column.table_name, []).append(column)
    return {table: tuple(columns) for table, columns in found.items()}


def read_from(table: ExportedTable) -> sql.Composable:
    """What has the rows of the table, for a FROM."""
    if table.rows is None:
        return sql.Identifier(table.name)
    return sql.SQL("{}()").format(sql.Identifier(table.rows))


def chosen_rows(table: ExportedTable) -> sql.Composable:
    """The rows of `t` that belong to the sessions in the one array that is a value."""
    if table.owner is None:
        return sql.SQL("t.id = ANY($1)")
    column, parent = table.owner
    if parent == "trading_sessions":
        return sql.SQL("t.session_id = ANY($1)")
    return sql.SQL("t.{} IN (SELECT p.id FROM {} AS p WHERE p.session_id = ANY($1))").format(
        sql.Identifier(column), sql.Identifier(parent)
    )
