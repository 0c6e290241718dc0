"""What each group of atb_db may do: the rules, and the grants that follow from them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

OWNER: Final = "atb_owner"
RUNTIME: Final = "atb_runtime"
READER: Final = "atb_reader"
EVERYBODY: Final = "PUBLIC"

GROUPS: Final = {
    OWNER: "Owns the tables of atb_db: migrates, repairs and removes old sessions.",
    RUNTIME: "The trading engine: records by the commands of atb_db, and can do nothing else.",
    READER: "Dashboards and people: reads.",
}
"""What each group is for, by its name."""


class Writes(NamedTuple):
    """What the engine's login itself may write in a table; what commands write as the owner is not in it."""

    inserts: bool = True
    updates: frozenset[str] = frozenset()
    """Columns, besides request_id: a repeated command writes a row's own again, and a trigger refuses another."""
    deletes: bool = False


BY_COMMANDS: Final = Writes(inserts=False)
"""Of the books: written by functions that run as the owner of the tables."""
APPENDED: Final = Writes()
"""Rows are added, and never change."""


def _updated(columns: str) -> Writes:
    return Writes(updates=frozenset(columns.split()))


TABLES: Final = {
    "account_balances": BY_COMMANDS,
    "account_history": APPENDED,
    "correlation_history": _updated("correlation_value p_value sample_size"),
    "correlation_matrix": _updated("correlation_value p_value sample_size last_updated"),
    "decision_chunks": BY_COMMANDS,
    "deployment": _updated("environment set_at set_by collation_version collation_seen_at"),
    "dynamic_performance_metrics": APPENDED,
    "equity_rolls": BY_COMMANDS,
    "equity_spans": BY_COMMANDS,
    "exposure_history": _updated("total_exposure position_count symbols"),
    "import_sources": _updated("kind"),
    "imported_rows": _updated(
        "outcome content_hash session_id target_table target_id target_request_id reason content imported_at"
    ),
    "market_sessions": _updated("timezone open_time close_time days_of_week is_24h"),
    "optimization_cycles": APPENDED,
    "order_day_parts": BY_COMMANDS,
    "order_days": BY_COMMANDS,
    "order_fills": BY_COMMANDS,
    "orders": BY_COMMANDS,
    "partial_trades": BY_COMMANDS,
    "performance_metrics": BY_COMMANDS,
    "portfolio_exposures": _updated("total_exposure position_count symbols last_updated"),
    "positions": Writes(
        inserts=False,
        updates=frozenset(
            {
                *("stop_loss", "take_profit", "trailing_stop", "trailing_stop_activated", "trailing_stop_price"),
                *("breakeven_triggered", "current_price", "unrealized_pnl", "unrealized_pnl_percent"),
                *("mfe", "mfe_price", "mfe_time", "mae", "mae_price", "mae_time", "max_holding_until", "last_update"),
                *("leverage", "liquidation_price"),
            }
        ),
    ),
    "prediction_cache": Writes(
        updates=frozenset(
            {
                *("model_name", "features_hash", "config_hash", "predicted_price", "confidence", "direction"),
                *("predicted_at", "created_at", "expires_at", "access_count", "last_accessed"),
            }
        ),
        deletes=True,
    ),
    "prediction_performance": APPENDED,
    "reconciliation_audit_events": APPENDED,
    "risk_adjustments": APPENDED,
    "session_holds": Writes(inserts=False, updates=frozenset({"asked_at", "renewed_at", "expires_at"})),
    "strategy_executions": APPENDED,
    "strategy_lineage": _updated(
        "relationship_type generation_distance evolution_reason change_impact performance_improvement risk_change"
    ),
    "strategy_performance": APPENDED,
    "strategy_registry": _updated("version status updated_at"),
    "strategy_versions": APPENDED,
    "system_control_flags": _updated("active reason source updated_at"),
    "system_events": APPENDED,
    "trade_day_parts": BY_COMMANDS,
    "trade_days": BY_COMMANDS,
    "trade_month_parts": BY_COMMANDS,
    "trade_months": BY_COMMANDS,
    "trades": APPENDED,
    "trading_sessions": BY_COMMANDS,
}
"""Every table of the schema, by its name; a test holds it complete, and compares it with the statements. A table that
is not here counts as appended to."""

COUNTERS: Final = frozenset({"prediction_cache_insertions"})
"""Sequences that a statement of the engine draws from by itself; those of identity columns need no right."""


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
    """One thing that a role, or everybody, may do with one object."""

    kind: str
    """DATABASE, SCHEMA, TABLE, SEQUENCE, FUNCTION, FUTURE TABLES, FUTURE SEQUENCES, LARGE OBJECTS or PARAMETER."""
    name: str
    """Empty for what will be made in any schema."""
    column_name: str | None
    """None for the whole object."""
    grantee: str
    privilege: str
    may_grant: bool = False
    """Whether it is the right to grant it to others."""


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
                # pg_dump reads it, and so do checks of how much of it is left.
                yield from _for((RUNTIME, READER), "SEQUENCE", one, "SELECT")
                if one.name in COUNTERS:
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
    writes = TABLES.get(table.name, APPENDED)
    if writes.inserts:
        yield Privilege("TABLE", table.sql_name, None, RUNTIME, "INSERT")
    for column in sorted(writes.updates | ({"request_id"} if keyed and writes.inserts else frozenset())):
        yield Privilege("TABLE", table.sql_name, column, RUNTIME, "UPDATE")
    if writes.deletes:
        yield Privilege("TABLE", table.sql_name, None, RUNTIME, "DELETE")
