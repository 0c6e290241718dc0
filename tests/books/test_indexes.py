"""Reads of what grows use their index, however large the tables are."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest

from atb_db.embedded import Server
from atb_db.repository import optimization, portfolio, predictions, reconciliation, risk, strategies
from atb_db.statement import Statement

START = datetime(2024, 1, 1, tzinfo=UTC)

FILL = """
INSERT INTO trading_sessions (
    session_name, mode, strategy_name, symbol, timeframe, base_currency, start_time, initial_balance, current_balance,
    ledger_entries
)
SELECT 'old', 'BACKTEST', 'old', 'X', '1h', 'USDT', '2020-01-01Z', 0, 0, 1 FROM generate_series(1, 100);

INSERT INTO account_balances (
    session_id, entry_number, entry_type, previous_balance, delta, total_balance, base_currency, update_reason,
    updated_by, last_updated
)
SELECT id, 1, 'INITIAL', 0, 0, 0, 'USDT', 'x', 'x', start_time FROM trading_sessions;

INSERT INTO dynamic_performance_metrics (
    session_id, timestamp, current_drawdown, consecutive_losses, consecutive_wins, risk_adjustment_factor
)
SELECT 1 + i % 100, '2024-01-01Z'::timestamptz + i * interval '1 minute', 0, 0, 0, 1
  FROM generate_series(1, 20000) AS i;

INSERT INTO risk_adjustments (
    session_id, timestamp, adjustment_type, trigger_reason, parameter_name, original_value, adjusted_value,
    adjustment_factor
)
SELECT 1 + i % 100, '2024-01-01Z'::timestamptz + i * interval '1 minute', 'x', 'x', 'x', 1, 1, 1
  FROM generate_series(1, 20000) AS i;

INSERT INTO optimization_cycles (timestamp, strategy_name, symbol, timeframe, baseline_metrics, decision)
SELECT '2024-01-01Z'::timestamptz + i * interval '1 minute', 'x', 'X', '1h', '{}', 'x'
  FROM generate_series(1, 20000) AS i;

INSERT INTO prediction_performance (timestamp, model_name, horizon)
SELECT '2024-01-01Z'::timestamptz + i * interval '1 minute', 'model-' || i % 20, 1
  FROM generate_series(1, 20000) AS i;

INSERT INTO prediction_cache
SELECT 'key-' || i, 'model', 'f', 'c', 1, 1, 0, now(), now(), now() + interval '1 day', 1, now()
  FROM generate_series(1, 20000) AS i;

INSERT INTO reconciliation_audit_events (session_id, timestamp, entity_type, entity_id, field, reason, severity)
SELECT 1 + i % 100, '2024-01-01Z'::timestamptz + i * interval '1 minute', 'x', 'x', 'x', 'x', 'INFO'
  FROM generate_series(1, 20000) AS i;

INSERT INTO correlation_matrix (window_days, first_symbol, second_symbol, correlation_value, last_updated)
SELECT 1 + i % 100, 'A', 'B' || i, 0, '2024-01-01Z' FROM generate_series(1, 20000) AS i;

INSERT INTO strategy_registry (
    strategy_id, name, version, status, lineage_path, created_by, signal_generator_config, risk_manager_config,
    position_sizer_config, created_at, updated_at
)
SELECT 's' || i, 's' || i, '1', 'RETIRED', 's', 'x', '{}', '{}', '{}', '2024-01-01Z', '2024-01-01Z'
  FROM generate_series(1, 2000) AS i;

INSERT INTO strategy_versions (strategy_id, version, changes, is_major, created_at)
SELECT 's' || i, v, '[]', FALSE, '2024-01-01Z' FROM generate_series(1, 2000) AS i, generate_series(1, 5) AS v;

INSERT INTO strategy_performance (
    strategy_id, version, period_start, period_end, period_type, total_return, total_return_pct, max_drawdown,
    total_trades, winning_trades, losing_trades
)
SELECT 's' || i, '1', '2024-01-01Z', '2024-01-01Z'::timestamptz + p * interval '1 day', 'x', 0, 0, 0, 0, 0, 0
  FROM generate_series(1, 2000) AS i, generate_series(1, 5) AS p;
"""

READS: dict[str, tuple[Statement[object], set[str]]] = {
    "judgement": (
        risk.get_latest_dynamic_performance(session_id=1),
        {"dynamic_performance_metrics_session_id_timestamp_idx"},
    ),
    "risk factor": (risk.get_risk_factor(session_id=1), {"risk_adjustments_session_id_timestamp_idx"}),
    "first page": (optimization.fetch_optimization_cycles(limit=10), {"optimization_cycles_timestamp_idx"}),
    "later page": (
        optimization.fetch_optimization_cycles(before=START, before_cycle=100, limit=10),
        {"optimization_cycles_timestamp_idx"},
    ),
    "performance of predictions": (
        predictions.get_prediction_performance(model_name="model-1", limit=10),
        {"prediction_performance_model_name_timestamp_idx"},
    ),
    "cached prediction": (predictions.get_prediction(cache_key="key-7"), {"prediction_cache_pkey"}),
    "reconciliation": (
        reconciliation.get_reconciliation_events(session_id=1, limit=10),
        {"reconciliation_audit_events_session_id_timestamp_idx"},
    ),
    "correlations": (portfolio.get_correlation_matrix(window_days=7), {"correlation_matrix_pkey"}),
    "one strategy": (strategies.get_strategy(strategy_id="s7"), {"strategy_registry_strategy_id_key"}),
    "versions": (strategies.get_strategy_versions(strategy_id="s7"), {"strategy_versions_version_key"}),
    "comparison": (
        strategies.compare_strategy_performance(strategy_ids=["s7", "s8"]),
        {"strategy_registry_strategy_id_key", "strategy_performance_strategy_id_period_end_idx"},
    ),
}


@pytest.fixture(scope="module")
def connection(server: Server) -> Iterator[psycopg.Connection]:
    """A database with large tables."""
    url = server.create_database("surroundings", template="atb_template")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(FILL)
        connection.execute("VACUUM ANALYZE")
        yield connection


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", ()):
        yield from nodes(child)


@pytest.mark.parametrize("mode", ["force_custom_plan", "force_generic_plan"])
@pytest.mark.parametrize("read", READS)
def test_it_uses_its_index(connection: psycopg.Connection, read: str, mode: str) -> None:
    statement, indexes = READS[read]
    connection.execute(f"SET plan_cache_mode = {mode}")
    connection.execute(b"PREPARE hot AS " + statement.sql.encode())
    try:
        values = ", ".join(f"'{value}'" if value is not None else "NULL" for value in statement.server_values())
        found = connection.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE hot ({values})".encode()).fetchone()
    finally:
        connection.execute("DEALLOCATE hot")
    assert found is not None
    plan = list(nodes(found[0][0]["Plan"]))
    assert [node["Relation Name"] for node in plan if node["Node Type"] == "Seq Scan"] == []
    assert {node["Index Name"] for node in plan if "Index Name" in node} == indexes
    # Nothing but what is asked for, and at most a few rows more, is read.
    assert all(node.get("Rows Removed by Filter", 0) <= 10 for node in plan)
