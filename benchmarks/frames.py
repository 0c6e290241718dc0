"""Frames beside others: the same million trades as pandas and Arrow. `python -m benchmarks.frames [ROWS] [ROUNDS]`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.util import find_spec
from statistics import median
from time import perf_counter

import psycopg

from atb_db import Database, embedded
from atb_db.repository import sessions, trades
from atb_db.testing import Databases, settings_of

START = datetime(2024, 1, 1, tzinfo=UTC)
FILL = """
INSERT INTO trades (session_id, symbol, side, source, entry_price, exit_price, quantity, entry_time, exit_time, pnl,
    pnl_percent, commission, margin_interest_cost, exit_reason, strategy_name)
SELECT 1, 'BTCUSDT', 'LONG', 'PAPER', 60000 + n %% 977 / 100.0, 60010 + n %% 991 / 100.0, 0.005, t, t + interval '30 s',
       n %% 23 - 11.25, 0.1, 0.01, 0, 'target', 'bench'
  FROM generate_series(1, %s) AS n, LATERAL (SELECT timestamptz '2024-01-01' + n * interval '1 minute') AS m (t)
"""


def main() -> None:
    """Measure and print a table."""
    given = [int(text) for text in sys.argv[1:]]
    rows, rounds = (*given, *(1_000_000, 5)[len(given) :])
    with embedded.postgresql() as server, Databases(server).fresh() as url, Database(settings_of(url)) as db:
        db.run(
            sessions.create_trading_session(
                strategy_name="bench",
                symbol="BTCUSDT",
                timeframe="1m",
                mode="PAPER",
                initial_balance=1,
                start_time=START,
            )
        )
        with psycopg.connect(url) as connection:
            connection.execute(FILL, [rows])
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("VACUUM ANALYZE trades")
        query = trades.get_trades_since(session_id=1, since=START)
        text = query.sql.replace("$1", "1").replace("$2", f"'{START}'")
        contenders: dict[str, Callable[[], object]] = {
            "db.frame, all 32 columns, decimal128": lambda: db.frame(query),
            "db.frame, all 32 columns, float64": lambda: db.frame(query, money="float64"),
            "db.run, a list of NamedTuples": lambda: db.run(query, timeout=600),
        }
        contenders |= others(server.tcp_url(database=url.rpartition("/")[2]), text)
        taken: dict[str, list[float]] = {name: [] for name in contenders}
        for _ in range(rounds):
            for name, run in contenders.items():
                begun = perf_counter()
                run()
                taken[name].append(perf_counter() - begun)
        for name, seconds in taken.items():
            print(f"| {name} | {median(seconds):.2f} | {min(seconds):.2f} |")
        with db.frames(query) as tables:
            print(sum(table.num_rows for table in tables), "rows by db.frames")


def others(url: str, text: str) -> dict[str, Callable[[], object]]:
    """What else is installed."""
    found: dict[str, Callable[[], object]] = {}
    if find_spec("connectorx"):
        import connectorx

        found["connectorx to Arrow, the same query"] = lambda: connectorx.read_sql(url, text, return_type="arrow")
    if find_spec("adbc_driver_postgresql"):
        import adbc_driver_postgresql.dbapi as adbc

        def by_adbc() -> object:
            with adbc.connect(url) as connection, connection.cursor() as cursor:
                cursor.execute(text)
                return cursor.fetch_arrow_table()

        found["ADBC to Arrow, the same query"] = by_adbc
    if find_spec("sqlalchemy") and find_spec("pandas"):
        import pandas
        import sqlalchemy

        engine = sqlalchemy.create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
        found["pandas.read_sql, the same query"] = lambda: pandas.read_sql(sqlalchemy.text(text), engine)
    return found


if __name__ == "__main__":
    main()
