"""What a session with a long history costs to read, to resume and to end, with and without what is kept of its equity.

    python -m benchmarks.history                    sessions of 1 000 and 100 000 snapshots, one a minute
    python -m benchmarks.history --rows 1000000

A throwaway PostgreSQL; milliseconds of server CPU of a call, the least of some, as Markdown on stdout. Linux only: the
server's CPU is read from /proc.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

import psycopg

from atb_db import embedded
from atb_db.repository import reports
from atb_db.sqlfile import schema_sql
from atb_db.statement import Statement

CALLS: Final = 5

SESSION: Final = """
WITH session AS (
    INSERT INTO trading_sessions (
        session_name, mode, strategy_name, symbol, timeframe, base_currency, start_time, initial_balance,
        current_balance, ledger_entries
    ) VALUES ('history', 'PAPER', 'history', 'X', '1h', 'USDT', '2024-01-01Z', 10000, 10000, 1)
    RETURNING id
), ledger AS (
    INSERT INTO account_balances (
        session_id, entry_number, entry_type, previous_balance, amount, delta, total_balance, base_currency,
        update_reason, updated_by, last_updated
    )
    SELECT id, 1, 'INITIAL', 0, 10000, 10000, 10000, 'USDT', 'start', 'engine', '2024-01-01Z' FROM session
)
SELECT id FROM session
"""
# As an earlier release leaves them: nothing keeps spans. Equity wanders, with a fall of half of it.
SNAPSHOTS: Final = """
INSERT INTO account_history (session_id, timestamp, balance, equity)
SELECT %s, '2024-01-01Z'::timestamptz + i * interval '1 minute', 10000,
       round((10000 * exp(0.3 * sin(i / 100000.0)) + i * 7919 %% 401 + 50 * sin(i / 700.0))::numeric, 2)
  FROM generate_series(1, %s::bigint) AS i
"""
PARTS: Final[dict[str, Callable[[int], tuple[str, tuple[object, ...]]]]] = {
    "daily equity, behind every figure of performance": lambda session_id: (
        "SELECT * FROM daily_equity($1, NULL, NULL, NULL, NULL, NULL)", (session_id,)
    ),
    "get_equity_curve, 500 points": lambda session_id: asked(
        reports.get_equity_curve(session_id=session_id, points=500)
    ),
    "get_drawdowns, 10": lambda session_id: asked(reports.get_drawdowns(session_id=session_id)),
    "get_current_drawdown": lambda session_id: asked(reports.get_current_drawdown(session_id=session_id)),
    "the drawdown that ending computes": lambda session_id: ("SELECT session_drawdown($1)", (session_id,)),
    "the peak that resuming answers": lambda session_id: ("SELECT equity_peak($1)", (session_id,)),
}  # fmt: skip


def asked(statement: Statement[object]) -> tuple[str, tuple[object, ...]]:
    """Its SQL and its values."""
    return statement.sql, statement.server_values()


def cpu(connection: psycopg.Connection) -> float:
    """Milliseconds of CPU that the connection's server process has used."""
    return int(Path(f"/proc/{connection.info.backend_pid}/schedstat").read_text(encoding="ascii").split()[0]) / 1e6


def costs(connection: psycopg.Connection, session_id: int) -> dict[str, float]:
    """The least of some calls of each, after as many as make a plan stay."""
    found: dict[str, float] = {}
    for name, part in PARTS.items():
        query, values = part(session_id)
        with psycopg.RawCursor(connection) as cursor:
            times = []
            for _ in range(CALLS + 6):
                before = cpu(connection)
                cursor.execute(query.encode(), values, prepare=True).fetchall()
                times.append(cpu(connection) - before)
        found[name] = min(times[6:])
    return found


def main() -> int:
    """Fill, measure, roll up, measure again."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000, 100_000])
    sizes: list[int] = parser.parse_args().rows
    columns: list[tuple[str, dict[str, float]]] = []
    with embedded.postgresql() as server, psycopg.connect(server.create_database("history"), autocommit=True) as own:
        own.execute(schema_sql().encode())
        own.execute("SET jit = off")
        for rows in sizes:
            [(session_id,)] = own.execute(SESSION).fetchall()
            own.execute("SET session_replication_role = replica")
            own.execute(SNAPSHOTS, [session_id, rows])
            own.execute("SET session_replication_role = DEFAULT")
            own.execute("VACUUM ANALYZE account_history")
            columns.append((f"{rows}, snapshots", costs(own, session_id)))
            own.execute("SELECT rebuild_equity(%s)", [session_id])
            own.execute("VACUUM ANALYZE equity_spans")
            columns.append((f"{rows}, spans", costs(own, session_id)))
    lines = ["| | " + " | ".join(name for name, _ in columns) + " |", "|---|" + "---|" * len(columns)]
    lines += [f"| {part} | " + " | ".join(f"{found[part]:.1f}" for _, found in columns) + " |" for part in PARTS]
    print("\n".join(lines))
    return 0


if __name__ == "__main__":
    sys.exit(main())
