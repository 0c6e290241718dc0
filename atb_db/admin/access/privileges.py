"""What each group of atb_db may do: the rules, and the grants that follow from them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import Enum
from typing import Final, NamedTuple

OWNER: Final = "atb_owner"
RUNTIME: Final = "atb_runtime"
READER: Final = "atb_reader"
EVERYBODY: Final = "PUBLIC"

GROUPS: Final = {
    OWNER: "Owns the tables of atb_db: migrates, repairs and removes old sessions.",
    RUNTIME: "The trading engine: records, but neither drops, empties nor rewrites what is on record.",
    READER: "Dashboards and people: reads.",
}
"""What each group is for, by its name."""


class Rows(Enum):
    """What becomes of a table's rows, and so what the engine may do with them."""

    APPEND_ONLY = "are written once"
    KEPT = "are updated and stay"
    REMOVABLE = "are updated and removed"


TABLES: Final = {
    "account_balances": Rows.APPEND_ONLY,
    "account_history": Rows.APPEND_ONLY,
    "correlation_matrix": Rows.KEPT,
    "deployment": Rows.KEPT,
    "dynamic_performance_metrics": Rows.APPEND_ONLY,
    "market_sessions": Rows.KEPT,
    "optimization_cycles": Rows.APPEND_ONLY,
    "order_fills": Rows.APPEND_ONLY,
    "orders": Rows.KEPT,
    "partial_trades": Rows.APPEND_ONLY,
    "performance_metrics": Rows.REMOVABLE,
    "portfolio_exposures": Rows.KEPT,
    "positions": Rows.KEPT,
    "prediction_cache": Rows.REMOVABLE,
    "prediction_performance": Rows.APPEND_ONLY,
    "reconciliation_audit_events": Rows.APPEND_ONLY,
    "risk_adjustments": Rows.APPEND_ONLY,
    "session_holds": Rows.KEPT,
    "strategy_executions": Rows.APPEND_ONLY,
    "strategy_lineage": Rows.KEPT,
    "strategy_performance": Rows.APPEND_ONLY,
    "strategy_registry": Rows.KEPT,
    "strategy_versions": Rows.APPEND_ONLY,
    "system_control_flags": Rows.KEPT,
    "system_events": Rows.APPEND_ONLY,
    "trades": Rows.APPEND_ONLY,
    "trading_sessions": Rows.KEPT,
}
"""Every table of the schema, by its name; a test holds it complete. A table that is not here counts as append-only."""

REPLAYED: Final = {"order_fills": "exchange_fill_id"}
"""The one column of an append-only row that is written again, with its own value, when its command is repeated; that of
every other table is request_id, if it has one."""


class Owned(NamedTuple):
    """Something that has an owner."""

    kind: str
    """database, schema, table, view, sequence, enum, domain or function."""
    name: str
    """As the catalog names it."""
    sql_name: str
    """Qualified, and quoted where it must be."""
    owner: str
    part_of: str | None
    """Of a sequence the table that it numbers."""


class Privilege(NamedTuple):
    """One thing that one group, or everybody, may do with one object."""

    kind: str
    """DATABASE, SCHEMA, TABLE, SEQUENCE, FUNCTION, FUTURE TABLES or FUTURE SEQUENCES."""
    name: str
    column_name: str | None
    """None for the whole object."""
    grantee: str
    privilege: str


def is_bookkeeping(name: str) -> bool:
    """Whether a table records migrations or code."""
    return name.startswith("_yoyo_") or name in {"yoyo_lock", "_atb_migration", "_atb_code"}


def wanted(objects: Iterable[Owned], *, keyed: frozenset[str]) -> Iterator[Privilege]:
    """What the groups must be able to do with the objects; `keyed` are the tables that have a request_id."""
    for one in objects:
        match one.kind:
            case "database":
                yield Privilege("DATABASE", one.sql_name, None, OWNER, "CREATE")
            case "schema":
                yield Privilege("SCHEMA", one.sql_name, None, OWNER, "CREATE")
                yield from _for(GROUPS, "SCHEMA", one, "USAGE")
                # Of what migrations will make; the engine's further rights follow when `atb-db roles` runs again.
                yield from _for((RUNTIME, READER), "FUTURE TABLES", one, "SELECT")
                yield from _for((RUNTIME, READER), "FUTURE SEQUENCES", one, "SELECT")
            case "function":
                yield from _for(GROUPS, "FUNCTION", one, "EXECUTE")
            case "sequence":
                # pg_dump reads it, and so does whoever wants to know how much of it is left.
                yield from _for((RUNTIME, READER), "SEQUENCE", one, "SELECT")
                yield from _for((RUNTIME,), "SEQUENCE", one, "USAGE")
            case "table" | "view":
                yield from _for((RUNTIME, READER), "TABLE", one, "SELECT")
                if one.kind == "table" and not is_bookkeeping(one.name):
                    yield from _written(one, keyed=one.name in keyed)
            case _:
                pass  # types are everybody's


def _for(groups: Iterable[str], kind: str, one: Owned, privilege: str) -> Iterator[Privilege]:
    return (Privilege(kind, one.sql_name, None, group, privilege) for group in groups)


def _written(table: Owned, *, keyed: bool) -> Iterator[Privilege]:
    rows = TABLES.get(table.name, Rows.APPEND_ONLY)
    yield Privilege("TABLE", table.sql_name, None, RUNTIME, "INSERT")
    if rows is not Rows.APPEND_ONLY:
        yield Privilege("TABLE", table.sql_name, None, RUNTIME, "UPDATE")
    elif keyed or table.name in REPLAYED:
        yield Privilege("TABLE", table.sql_name, REPLAYED.get(table.name, "request_id"), RUNTIME, "UPDATE")
    if rows is Rows.REMOVABLE:
        yield Privilege("TABLE", table.sql_name, None, RUNTIME, "DELETE")
