"""Frames beside others: the same trades, all of their columns, by the same query. Part of `make bench`.

`python -m benchmarks.frames [ROWS] [ROUNDS]` measures it alone, in the environment that `make bench` makes.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.util import find_spec
from statistics import median
from time import perf_counter, process_time

import psycopg

from atb_db import Database
from atb_db.embedded import Server
from atb_db.repository import sessions, trades
from atb_db.testing import Databases, settings_of
from benchmarks.failures import Failures
from benchmarks.measuring import Measured
from benchmarks.serving import server_apart

START = datetime(2024, 1, 1, tzinfo=UTC)
FILL = """
INSERT INTO trades (session_id, symbol, side, source, entry_price, exit_price, quantity, entry_time, exit_time, pnl,
    pnl_percent, commission, margin_interest_cost, exit_reason, strategy_name)
SELECT 1, 'BTCUSDT', 'LONG', 'PAPER', 60000 + n %% 977 / 100.0, 60010 + n %% 991 / 100.0, 0.005, t, t + interval '30 s',
       n %% 23 - 11.25, 0.1, 0.01, 0, 'target', 'bench'
  FROM generate_series(1, %s) AS n, LATERAL (SELECT timestamptz '2024-01-01' + n * interval '1 minute') AS m (t)
"""


DECIMAL, FLOAT = "db.frame, decimal128", "db.frame, float64"
CONNECTORX, PANDAS = "connectorx (numbers as float64)", "pandas.read_sql"


def measure_frames(server: Server, rows: int, rounds: int, failures: Failures) -> dict[str, Measured]:
    """Milliseconds until so many trades, with all their columns, are a frame in memory, by contender."""
    with Databases(server).fresh() as url, Database(settings_of(url)) as db:
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
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(FILL, [rows])
            connection.execute("VACUUM ANALYZE trades")
        query = trades.get_trades_since(session_id=1, since=START)
        text = query.sql.replace("$1", "1").replace("$2", f"'{START}'")
        contenders: dict[str, Callable[[], object]] = {
            DECIMAL: lambda: db.frame(query),
            FLOAT: lambda: db.frame(query, money="float64"),
            "db.run, a list of NamedTuples": lambda: db.run(query, timeout=600),
            **others(server.tcp_url(database=url.rpartition("/")[2]), text),
        }
        taken: dict[str, list[tuple[float, float]]] = {name: [] for name in contenders}
        for _ in range(rounds):
            for name, run in contenders.items():
                if failures.has(name, name):
                    continue
                with failures.of(name, name):
                    begun, cpu = perf_counter(), process_time()
                    run()
                    taken[name].append(((perf_counter() - begun) * 1000, (process_time() - cpu) * 1000))
    taken = {name: found for name, found in taken.items() if not failures.has(name, name)}
    base = [wall for wall, _ in taken[CONNECTORX if CONNECTORX in taken else DECIMAL]]
    return {
        name: Measured(
            *_spread([wall for wall, _ in found]),
            calls=len(found),
            cpu=median(cpu for _, cpu in found),
            ratio=median(wall / other for (wall, _), other in zip(found, base, strict=True)),
        )
        for name, found in taken.items()
    }


def _spread(found: list[float]) -> tuple[float, float, float]:
    return median(found), min(found), max(found)


def main() -> None:
    """Measure and print a table."""
    given = [int(text) for text in sys.argv[1:]]
    rows, rounds = (*given, *(200_000, 9)[len(given) :])
    with server_apart({"jit": "off"}) as server:
        failures = Failures()
        found = measure_frames(server, rows, rounds, failures)
    print("| | ms | lowest | of the client's processor | ratio |\n|---|---|---|---|---|")
    for name, one in found.items():
        print(f"| {name} | {one.median:,.0f} | {one.lowest:,.0f} | {one.cpu:,.0f} | {one.ratio:.2f} |")
    for name, reasons in failures.found.items():
        print(f"| {name} | failed: {reasons[name]} | | | |")


def others(url: str, text: str) -> dict[str, Callable[[], object]]:
    """What else is installed."""
    found: dict[str, Callable[[], object]] = {}
    if find_spec("connectorx"):
        import connectorx

        found[CONNECTORX] = lambda: connectorx.read_sql(url, text, return_type="arrow")
    if find_spec("adbc_driver_postgresql"):
        import adbc_driver_postgresql.dbapi as adbc

        def by_adbc() -> object:
            with adbc.connect(url) as connection, connection.cursor() as cursor:
                cursor.execute(text)
                return cursor.fetch_arrow_table()

        found["ADBC (numbers as text)"] = by_adbc
    if find_spec("sqlalchemy") and find_spec("pandas"):
        import pandas
        import sqlalchemy

        engine = sqlalchemy.create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
        found[PANDAS] = lambda: pandas.read_sql(sqlalchemy.text(text), engine)
    return found


if __name__ == "__main__":
    main()
