"""Years of decisions: as rows, as rows in monthly partitions, as Parquet, and in chunks; bytes and times of each.

`python -m benchmarks.compacting [ROWS]`: a session with twenty symbols every 30 s, each decision with nine figures.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Final, cast

import psycopg

from atb_db import Settings, embedded
from atb_db.admin import compacting
from atb_db.admin.connection import perform
from atb_db.admin.exporting.manifest import FileFormat
from atb_db.admin.exporting.writing import ExportChoice, export
from atb_db.database.connecting import Adapters
from atb_db.repository import history
from atb_db.sqlfile import schema_sql

SESSION: Final = """
INSERT INTO trading_sessions (
    session_name, mode, strategy_name, symbol, timeframe, start_time, initial_balance, current_balance, ledger_entries,
    base_currency
) VALUES ('s', 'PAPER', 'ml', 'BTCUSDT', '1h', '2024-01-01Z', 1000, 1000, 1, 'USDT')
"""
DECISIONS: Final = """
INSERT INTO strategy_executions (
    session_id, timestamp, strategy_name, symbol, timeframe, signal_type, signal_strength, confidence_score,
    action_taken, price, volume, volatility, indicators, ml_predictions, reasons, request_id, request_hash
)
SELECT 1, '2024-01-01Z'::timestamptz + i / 20 * interval '30 seconds' + i % 20 * interval '97 milliseconds', 'ml_basic',
       'SYM' || i % 20 || 'USDT', '1h', CASE WHEN random() < 0.02 THEN 'entry' ELSE 'hold' END,
       round(random()::numeric, 4), round(random()::numeric, 4),
       CASE WHEN random() < 0.01 THEN 'opened_long' ELSE 'no_action' END, round((60000 + random() * 500)::numeric, 2),
       round((random() * 1e4)::numeric, 3), round((0.01 + random() * 0.02)::numeric, 5),
       jsonb_build_object(
           'rsi', round((random() * 100)::numeric, 2), 'macd', round((random() * 10 - 5)::numeric, 4),
           'atr', round((random() * 100)::numeric, 2), 'ema_fast', round((60000 + random() * 100)::numeric, 2),
           'ema_slow', round((60000 + random() * 100)::numeric, 2)
       ),
       jsonb_build_object(
           'model', 'basic_v3', 'prediction', round((60000 + random() * 100)::numeric, 2),
           'confidence', round(random()::numeric, 4)
       ),
       '["no_signal", "confidence_below_threshold"]', gen_random_uuid(), (random() * 9e18)::bigint
  FROM generate_series(0, %s - 1) AS i
"""
SNAPSHOTS: Final = """
INSERT INTO account_history (session_id, timestamp, balance, equity, request_id, request_hash)
SELECT 1, '2024-01-01Z'::timestamptz + i * interval '1 minute', 100000 + round((random() * 1000)::numeric, 2),
       100000 + round((random() * 1000)::numeric, 2), gen_random_uuid(), (random() * 9e18)::bigint
  FROM generate_series(1, %s) AS i
"""
PACKED_SNAPSHOTS: Final = """
CREATE TABLE packed_snapshots AS
SELECT array_agg(r.id) AS ids, array_agg(r.timestamp::timestamptz) AS times, array_agg(r.balance::numeric) AS balances,
       array_agg(r.equity::numeric) AS equities, array_agg(r.request_id) AS requests,
       array_agg(r.request_hash) AS hashes
  FROM (SELECT h.*, row_number() OVER (ORDER BY h.id) / 1000 AS part FROM account_history AS h) AS r
 GROUP BY r.part
"""
PARTITIONS: Final = """
CREATE TABLE by_month (LIKE strategy_executions) PARTITION BY RANGE (timestamp);
DO $$ BEGIN FOR m IN 0..23 LOOP
    EXECUTE format(
        'CREATE TABLE by_month_%s PARTITION OF by_month FOR VALUES FROM (%L) TO (%L)', m,
        '2024-01-01Z'::timestamptz + m * interval '1 month', '2024-01-01Z'::timestamptz + (m + 1) * interval '1 month'
    );
END LOOP; END $$;
INSERT INTO by_month SELECT * FROM strategy_executions;
CREATE UNIQUE INDEX ON by_month (id, timestamp);
CREATE UNIQUE INDEX ON by_month (request_id, timestamp);
CREATE INDEX ON by_month (session_id, timestamp);
"""


def main() -> None:
    """Measure and print."""
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with embedded.postgresql(settings={"jit": "off", "shared_buffers": "512MB"}) as server:
        url = server.create_database("compacting", template="template0")
        settings = Settings.load(url, environ={})
        with psycopg.connect(url, autocommit=True, context=Adapters()) as connection:
            connection.execute(schema_sql().encode())
            connection.execute("SET session_replication_role = replica")
            connection.execute(SESSION.encode())
            connection.execute(DECISIONS.replace("%s", str(rows)).encode())
            connection.execute("VACUUM ANALYZE strategy_executions")
            _show("rows", _bytes(connection, "strategy_executions") / rows)
            _reads(connection, "rows")
            with tempfile.TemporaryDirectory() as folder:
                manifest = export(settings, ExportChoice(), Path(folder) / "out", file_format=FileFormat.PARQUET)
                [one] = [table for table in manifest.tables if table.table == "strategy_executions"]
                _show("Parquet", (Path(folder) / "out" / one.file).stat().st_size / rows)
            connection.execute(PARTITIONS.encode())
            parts = (
                "SELECT sum(pg_total_relation_size(inhrelid)) FROM pg_inherits WHERE inhparent = 'by_month'::regclass"
            )
            [(size,)] = connection.execute(parts).fetchall()
            _show("partitions", float(cast("int", size)) / rows)
            connection.execute("DROP TABLE by_month")
            begun = perf_counter()
            moved = compacting.compact(settings, before=datetime(2026, 1, 1, tzinfo=UTC))
            taken = perf_counter() - begun
            packed = sum(one.decisions for one in moved)
            connection.execute("VACUUM ANALYZE")
            _show("chunks", _bytes(connection, "decision_chunks") / packed)
            print(
                f"compacting: {taken / packed * 1e6:.1f} us a decision, {taken / (packed / 1000) * 1e3:.1f} ms a chunk"
            )
            _reads(connection, "chunks")
            begun = perf_counter()
            compacting.unpack(settings)
            print(f"undoing: {(perf_counter() - begun) / packed * 1e6:.1f} us a decision")
            connection.execute("SET session_replication_role = replica")
            connection.execute(SNAPSHOTS.replace("%s", str(rows // 4)).encode())
            connection.execute("VACUUM ANALYZE account_history")
            connection.execute(PACKED_SNAPSHOTS.encode())
            print(
                f"snapshots: {_bytes(connection, 'account_history') / (rows // 4):.0f} bytes a row, "
                f"{_bytes(connection, 'packed_snapshots') / (rows // 4):.0f} in chunks"
            )


def _reads(connection: psycopg.Connection[tuple[object, ...]], kept_as: str) -> None:
    [(middle,)] = connection.execute(
        "SELECT '2024-01-01Z'::timestamptz + (max(timestamp) - '2024-01-01Z') / 2 FROM every_decision()"
    ).fetchall()
    moment = cast("datetime", middle)
    asked: dict[str, Callable[[], object]] = {
        "newest 50": lambda: perform(connection, history.get_decisions(session_id=1)),
        "newest 50 of an old span": lambda: perform(connection, history.get_decisions(session_id=1, end=moment)),
        "newest 50 of an old span, one symbol": lambda: perform(
            connection, history.get_decisions(session_id=1, end=moment, symbol="SYM7USDT")
        ),
        "5 minutes by every_decision()": lambda: connection.execute(
            "SELECT * FROM every_decision(%(at)s::timestamptz, %(at)s::timestamptz + interval '5 minutes')"
            " WHERE session_id = 1",
            {"at": moment},
        ).fetchall(),
        "5 minutes by reporting.decisions": lambda: connection.execute(
            "SELECT * FROM reporting.decisions WHERE session_id = 1 AND time >= %(at)s::timestamptz"
            " AND time < %(at)s::timestamptz + interval '5 minutes'",
            {"at": moment},
        ).fetchall(),
        "count of all": lambda: connection.execute("SELECT count(*) FROM every_decision()").fetchall(),
    }
    for name, ask in asked.items():
        times = []
        for _ in range(5):
            begun = perf_counter()
            ask()
            times.append((perf_counter() - begun) * 1e3)
        print(f"{kept_as}: {name}: {median(times):.1f} ms")


def _bytes(connection: psycopg.Connection[tuple[object, ...]], table: str) -> int:
    [(size,)] = connection.execute("SELECT pg_total_relation_size(%s::regclass)", [table]).fetchall()
    return cast("int", size)


def _show(kept_as: str, size: float) -> None:
    print(f"{kept_as}: {size:.1f} bytes a decision")


if __name__ == "__main__":
    main()
