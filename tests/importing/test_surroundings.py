"""What the incumbent keeps beside its trades: histories, strategies, audit events, flags, and what is wrong in them."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Final

import psycopg
import pytest

from atb_db import Database
from atb_db.embedded import Server
from atb_db.importing.importing import import_incumbent
from atb_db.importing.incumbent.planning import Choice
from atb_db.importing.results import Imported
from atb_db.repository import control, imports, portfolio, reconciliation
from atb_db.testing import settings_of
from tests.importing.conftest import adds_up, books_are_clean, silent
from tests.importing.incumbents import ROWS, SCHEMA

TABLES: Final = """
CREATE TABLE correlation_matrix (
    id integer PRIMARY KEY, symbol_pair text, correlation_value numeric, p_value numeric, sample_size integer,
    last_updated timestamp, window_days integer
);
CREATE TABLE portfolio_exposures (
    id integer PRIMARY KEY, correlation_group text, total_exposure numeric, position_count integer, symbols jsonb,
    last_updated timestamp
);
CREATE TABLE dynamic_performance_metrics (
    id integer PRIMARY KEY, timestamp timestamp, current_drawdown numeric, risk_adjustment_factor numeric,
    session_id integer
);
CREATE TABLE risk_adjustments (
    id integer PRIMARY KEY, timestamp timestamp, adjustment_type text, trigger_reason text, parameter_name text,
    original_value numeric, adjusted_value numeric, adjustment_factor numeric, current_drawdown numeric,
    session_id integer
);
CREATE TABLE reconciliation_audit_events (
    id integer PRIMARY KEY, timestamp timestamp, entity_type text, entity_id integer, field text, old_value text,
    new_value text, reason text, severity text, session_id integer
);
CREATE TABLE strategy_performance (
    id integer PRIMARY KEY, strategy_id text, version text, period_start timestamp, period_end timestamp,
    period_type text, win_rate numeric
);
CREATE TABLE system_control_flags (
    id integer PRIMARY KEY, name text, active boolean, reason text, source text, created_at timestamp,
    updated_at timestamp
);
CREATE TABLE prediction_cache (id integer PRIMARY KEY, cache_key text, created_at timestamp, expires_at timestamp);
CREATE TABLE performance_metrics (id integer PRIMARY KEY, session_id integer, current_drawdown numeric);
INSERT INTO correlation_matrix VALUES
(1, 'BTCUSDT-ETHUSDT', 0.5, 0.01, 30, '2026-01-01', 30),
(2, 'ETHUSDT-BTCUSDT', 1.00000001, NULL, NULL, '2026-01-02', 30),
(3, 'BTCUSDT-ETHUSDT', 0.4, 0.01, 30, '2026-01-03', 30), (4, 'BTCUSDT-ETHUSDT', 0.6, 0.01, 30, '2026-01-03', 30),
(5, 'BTCUSDT-SOLUSDT', 1.5, NULL, NULL, '2026-01-03', 30), (6, 'BTCUSDT', 0.5, NULL, NULL, '2026-01-03', 30);
INSERT INTO portfolio_exposures VALUES
(1, 'majors', 0.2, 1, '["BTCUSDT"]', '2026-01-01'), (2, 'majors', 0.3, 2, '["BTCUSDT", "ETHUSDT"]', '2026-01-02');
INSERT INTO dynamic_performance_metrics VALUES (1, '2026-01-02', NULL, 1, 1), (2, '2026-01-02', 0.1, 1, 1);
INSERT INTO risk_adjustments VALUES
(1, '2026-01-02', 'drawdown', NULL, 'size', 1, 0.5, 0.5, NULL, 1), (2, '2026-01-02', 'x', 'x', 'x', 'NaN', 1, 1, 0, 1);
INSERT INTO reconciliation_audit_events VALUES
(1, '2026-01-02', 'order', NULL, 'status', 'OPEN', 'FILLED', repeat('why ', 100), 'HIGH', 1),
(2, '2026-01-02', 'order', 7, 'status', NULL, NULL, NULL, 'LOW', 1),
(3, '2026-01-02', 'o', 1, 'f', '', '', '', 'HIGH', 9);
INSERT INTO strategy_performance VALUES (1, 'ml', '1', '2026-01-01', '2026-01-02', 'live', 55.5);
INSERT INTO system_control_flags VALUES (1, 'kill_switch', TRUE, NULL, NULL, '2026-01-01', '2026-01-02');
INSERT INTO prediction_cache VALUES (1, 'k', '2026-01-01', '2026-01-02');
INSERT INTO performance_metrics VALUES (1, 1, 0.2);
"""
QUARANTINED: Final = {
    ("correlation_matrix", "5"): "its value is 1.5, which is no correlation",
    ("correlation_matrix", "6"): "symbol_pair is 'BTCUSDT', not two symbols",
    ("dynamic_performance_metrics", "1"): "current_drawdown is missing",
    ("reconciliation_audit_events", "3"): "its session 9 is not in the books",
    ("risk_adjustments", "2"): "original_value is NaN",
    ("strategy_performance", "1"): "its win_rate is 55.5, which is no fraction",
}
ADJUSTED: Final = {
    ("correlation_matrix", "2"): "its value 1.00000001 is rounded to 1",
    ("correlation_matrix", "3"): "a later row of the same moment",
    ("performance_metrics", "1"): "it follows from the trades",
    ("prediction_cache", "1"): "it had expired",
    ("reconciliation_audit_events", "1"): "it named no entity; its reason was longer",
    ("risk_adjustments", "1"): "it had no trigger_reason",
    ("system_control_flags", "1"): "it had no reason; it had no source",
}


@pytest.fixture
def source(server: Server) -> Iterator[str]:
    url = server.create_database("incumbent_surroundings", template="template0")
    with psycopg.connect(url) as connection:
        connection.execute((SCHEMA + ROWS + TABLES).encode())
    yield url
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute("DROP DATABASE incumbent_surroundings WITH (FORCE)")


def imported(url: str, source: str) -> Imported:
    return import_incumbent(settings_of(url), settings_of(source), Choice("UTC"), dry_run=False, progress=silent)


def test_every_row_has_a_home_or_a_sentence_and_histories_are_whole(
    source: str, fresh_url: str, fresh_db: Database
) -> None:
    done = imported(fresh_url, source)
    assert adds_up(done)
    said = {(one.table, one.key): (str(one.outcome), one.reason) for one in done.fates}
    for outcome, due in (("QUARANTINED", QUARANTINED), ("ADJUSTED", ADJUSTED)):
        for place, why in due.items():
            assert said[place][0] == outcome, (place, said[place])
            assert why in said[place][1]
    assert done.quarantined == len(QUARANTINED)
    kept = fresh_db.run(imports.get_quarantine(source_id=done.source_id))
    assert {(one.source_table, one.source_key) for one in kept if one.content} == set(QUARANTINED)

    of_pair = portfolio.get_correlation_history(symbol="ETHUSDT", other_symbol="BTCUSDT", window_days=30)
    history = fresh_db.run(of_pair)
    assert [one.correlation_value for one in history] == [Decimal("0.6"), Decimal(1), Decimal("0.5")]
    [newest] = fresh_db.run(portfolio.get_correlation_matrix(window_days=30))
    assert newest.correlation_value == Decimal("0.6")
    exposures = fresh_db.run(portfolio.get_exposure_history(mode="LIVE", correlation_group="majors"))
    assert [(one.total_exposure, one.position_count) for one in exposures] == [(Decimal("0.3"), 2), (Decimal("0.2"), 1)]

    events = fresh_db.run(reconciliation.get_reconciliation_events(session_id=done.books[0].session_id))
    assert {str(one.severity) for one in events} == {"CRITICAL", "INFO"}
    assert fresh_db.run(control.is_flag_active(name="kill_switch"))
    assert books_are_clean(fresh_url)

    again = imported(fresh_url, source)
    assert all(one.known == one.rows for one in again.counts)
    assert fresh_db.run(of_pair) == history
