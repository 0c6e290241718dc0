"""The incumbent's tables as plain rows: read-only, in one snapshot."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Final, NamedTuple, cast
from zoneinfo import ZoneInfo

import psycopg
from psycopg import IsolationLevel, sql
from psycopg.abc import Buffer
from psycopg.rows import dict_row
from psycopg.types.datetime import TimestampLoader

from atb_db.config import Settings
from atb_db.database.connecting import connect_arguments
from atb_db.database.translation import translated
from atb_db.importing.errors import UnusableSource
from atb_db.importing.plan import Row

TABLES: Final = (
    *("trading_sessions", "positions", "orders", "partial_trades", "trades", "account_balances", "account_history"),
    *("performance_metrics", "system_events", "strategy_executions", "dynamic_performance_metrics"),
    *("risk_adjustments", "optimization_cycles", "prediction_performance", "prediction_cache", "correlation_matrix"),
    *("portfolio_exposures", "market_sessions", "strategy_registry", "strategy_versions", "strategy_performance"),
    *("strategy_lineage", "system_control_flags", "reconciliation_audit_events"),
)
"""Those that are imported, in the order in which they are."""
_NEEDED: Final = {
    "trading_sessions": {"id", "session_name", "mode", "initial_balance", "start_time", "strategy_name"},
    "positions": {"id", "symbol", "side", "status", "entry_price", "size", "entry_time", "current_size"},
    "trades": {"id", "symbol", "side", "entry_price", "exit_price", "pnl", "entry_time", "exit_time", "session_id"},
    "orders": {"id", "position_id", "order_type", "status", "internal_order_id"},
}
_FETCHED: Final = 2000
_KNOWN: Final = sql.SQL("{} BETWEEN '0001-01-02' AND '9999-12-30'")
"""Times that Python has."""


class _AnyTime(TimestampLoader):
    """A time, or the text of one that Python has not, such as infinity: a row of that goes into quarantine."""

    def load(self, data: Buffer) -> datetime:
        try:
            return super().load(data)
        except psycopg.DataError:
            return cast("datetime", bytes(data).decode())


class Identity(NamedTuple):
    """Which database it is."""

    database: str
    system: str
    """What distinguishes its server from another."""
    server_zone: str


class Incumbent(NamedTuple):
    """An open snapshot of the incumbent's database."""

    connection: psycopg.Connection[dict[str, object]]
    identity: Identity
    columns: dict[str, frozenset[str]]
    """Of the tables that are there."""

    def rows(self, table: str) -> Iterator[Row]:
        """A table's rows by id, as they arrive; none where the table is not there."""
        if table not in self.columns:
            return
        statement = sql.SQL("SELECT * FROM {} ORDER BY id").format(sql.Identifier("public", table))
        with self.connection.cursor(name=f"import_{table}", row_factory=dict_row) as cursor:
            cursor.itersize = _FETCHED
            if self._has_other_times(table):
                cursor.adapters.register_loader("timestamp", _AnyTime)  # takes longer
            cursor.execute(statement)
            yield from cursor

    def _has_other_times(self, table: str) -> bool:
        named = self.connection.execute(
            "SELECT attname FROM pg_attribute"
            " WHERE attrelid = %s::regclass AND atttypid = 'timestamp'::regtype AND NOT attisdropped",
            [f"public.{table}"],
        )
        known = [_KNOWN.format(sql.Identifier(str(row["attname"]))) for row in named]
        if not known:
            return False
        asked = sql.SQL("SELECT EXISTS (SELECT FROM {} WHERE NOT ({})) AS found")
        row = self.connection.execute(asked.format(sql.Identifier("public", table), sql.SQL(" AND ").join(known)))
        return row.fetchall()[0]["found"] is True

    def all_rows(self, table: str) -> list[Row]:
        """A table's rows by id, to be kept: texts that come again, such as symbols, are in memory once."""
        texts: dict[str, str] = {}
        return [
            {name: texts.setdefault(value, value) if isinstance(value, str) else value for name, value in row.items()}
            for row in self.rows(table)
        ]

    def count(self, table: str, outside_of: Collection[object] | None = None) -> int:
        """How many rows a table has; or how many that are of none of these sessions."""
        if table not in self.columns:
            return 0
        statement = sql.SQL("SELECT count(*) AS rows FROM {}").format(sql.Identifier("public", table))
        if outside_of is not None:
            statement += sql.SQL(" WHERE (session_id = ANY(%s)) IS NOT TRUE")
        row = self.connection.execute(statement, None if outside_of is None else [list(outside_of)]).fetchone()
        return int(str(row["rows"])) if row is not None else 0


@contextmanager
def reading_incumbent(settings: Settings) -> Iterator[Incumbent]:
    """Open a snapshot in which the server refuses every write.

    Raises:
        UnusableSource: the database is not the incumbent's, is atb_db's own, or the role may not read its tables.
        Unavailable: the server cannot be reached.
    """
    conninfo = connect_arguments(settings._replace(statement_timeout=0, idle_timeout=0)).conninfo
    with (
        translated(),
        psycopg.Connection[dict[str, object]].connect(conninfo, row_factory=dict_row) as connection,
    ):
        connection.read_only = True
        connection.isolation_level = IsolationLevel.REPEATABLE_READ
        yield Incumbent(connection, _identity(connection), _columns(connection))


def _columns(connection: psycopg.Connection[dict[str, object]]) -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    kept_from_us: set[str] = set()
    # information_schema shows only what the role may use, as if the rest were not there.
    for row in connection.execute(
        "SELECT c.relname, a.attname, has_column_privilege(c.oid, a.attnum, 'SELECT') AS readable"
        " FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped"
        " WHERE c.relnamespace = to_regnamespace('public') AND c.relkind IN ('r', 'p', 'v', 'm', 'f')"
    ):
        found.setdefault(str(row["relname"]), set()).add(str(row["attname"]))
        if not row["readable"]:
            kept_from_us.add(str(row["relname"]))
    if {"order_fills", "account_balances"} <= found.keys():
        raise UnusableSource("the database is atb_db's own, not the incumbent's: restore a backup instead")
    for table, columns in _NEEDED.items():
        if table not in found:
            raise UnusableSource(f"the database is not the incumbent's: it has no table {table}")
        if missing := sorted(columns - found[table]):
            raise UnusableSource(f"the database is not the incumbent's: {table} has no column {missing[0]}")
    if refused := [table for table in TABLES if table in kept_from_us]:
        role = connection.info.user
        raise UnusableSource(f"{role} may not read all of it: GRANT SELECT ON {', '.join(refused)} TO {role}")
    return {table: frozenset(columns) for table, columns in found.items() if table in TABLES}


def _identity(connection: psycopg.Connection[dict[str, object]]) -> Identity:
    row = connection.execute(
        "SELECT current_database() AS database, current_setting('TimeZone') AS zone,"
        " (SELECT oid::text FROM pg_database WHERE datname = current_database()) AS oid"
    ).fetchone()
    assert row is not None  # noqa: S101  it has no FROM
    return Identity(str(row["database"]), str(row["oid"]), str(row["zone"]))


def both_readings(incumbent: Incumbent, zone: str) -> str:
    """One row's time, read in both ways, for an operator who has to say which is right; nothing without any row."""
    for table, column in (("system_events", "timestamp"), ("trades", "exit_time"), ("trading_sessions", "start_time")):
        statement = sql.SQL("SELECT id, {0} AS at FROM {1} WHERE {2} ORDER BY id DESC LIMIT 1").format(
            sql.Identifier(column), sql.Identifier("public", table), _KNOWN.format(sql.Identifier(column))
        )
        row = incumbent.connection.execute(statement).fetchone() if table in incumbent.columns else None
        if row is None or not isinstance(row["at"], datetime):
            continue
        naive = row["at"].replace(tzinfo=None)
        # Where the server's own zone is UTC, another one shows what is meant.
        other = zone if zone not in {"UTC", "Etc/UTC", "GMT"} else "Europe/Berlin"
        there = naive.replace(tzinfo=ZoneInfo(other)).astimezone(UTC)
        return (
            f"{table} {row['id']} says {naive:%Y-%m-%d %H:%M:%S}: that is {naive:%Y-%m-%d %H:%M} UTC with --timezone "
            f"UTC, and {there:%Y-%m-%d %H:%M} UTC with --timezone {other}"
        )
    return ""
