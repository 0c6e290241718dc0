"""An import of the incumbent's shape: minutes and memory. `python -m benchmarks.importing [DECISIONS] [TRADES]`."""

from __future__ import annotations

import resource
import sys
from time import perf_counter
from typing import Final

import psycopg

from atb_db import embedded
from atb_db.importing.importing import import_incumbent
from atb_db.importing.incumbent.planning import Choice
from atb_db.testing import Databases, settings_of
from tests.importing.incumbents import SCHEMA

FILL: Final = """
INSERT INTO trading_sessions VALUES
(1, 'live', '2024-01-01', NULL, TRUE, 'LIVE', 100000, NULL, 'ml', '{{"fast": 10}}', 'BTCUSDT', '1h', 'binance');
CREATE TEMPORARY TABLE made AS
SELECT n, timestamp '2024-01-01' + n * interval '5 minutes' AS entered,
       timestamp '2024-01-01' + n * interval '5 minutes' + interval '4 minutes' AS closed,
       60000 + n %% 977 AS entry, 60000 + n %% 991 AS exit, (n %% 991 - n %% 977) * 0.005 AS pnl
  FROM generate_series(1, {trades}) AS n;
INSERT INTO positions
SELECT n, 'BTCUSDT', 'LONG', 'CLOSED', entry, 0.003, 0.005, 100000, 0.003, 0.003, 50000, 70000, FALSE, entered, closed,
       exit, pnl, 'ml', 0.6, 'binance', 1
  FROM made;
INSERT INTO orders
SELECT 2 * n, n, 'ENTRY', 'FILLED', 'e' || n, 'i' || n, 'c' || n, 'BTCUSDT', 'LONG', 0.005, entry, 0.005, entry, 0.05,
       entered, entered, NULL, entered, 'ml', 1
  FROM made;
INSERT INTO orders
SELECT 2 * n + 1, n, 'FULL_EXIT', 'FILLED', 'x' || n, 'j' || n, 'd' || n, 'BTCUSDT', 'LONG', 0.005, exit, 0.005, exit,
       0.05, closed, closed, NULL, closed, 'ml', 1
  FROM made;
INSERT INTO trades
SELECT n, 'BTCUSDT', 'LONG', 'LIVE', entry, exit, 0.003, 0.005, entered, closed, pnl, 0.1, 0.1, 0, 'target', 'ml', 0.6,
       'x' || n, n, 1
  FROM made;
INSERT INTO account_balances
SELECT n, 100000 + sum(pnl - 0.1) OVER (ORDER BY n), closed, 'engine', 'realized_pnl_BTCUSDT', 1 FROM made;
INSERT INTO account_history
SELECT n, closed, 100000, 100000 + n %% 500, 0.1, 0.02, 1 FROM made;
INSERT INTO strategy_executions
SELECT n, timestamp '2024-01-01' + n * interval '30 seconds', 'ml', 'BTCUSDT', 'hold', 0.5, 'no_action', 60000, 1, NULL
  FROM generate_series(1, {decisions}) AS n;
"""


def main() -> None:
    """Measure and print."""
    decisions, trades = (*(int(text) for text in sys.argv[1:]), *(1_000_000, 100_000)[len(sys.argv) - 1 :])
    with embedded.postgresql() as server, Databases(server).fresh() as url:
        source = server.create_database("incumbent", template="template0")
        with psycopg.connect(source) as connection:
            connection.execute(SCHEMA.encode())
            connection.execute(FILL.replace("%%", "%").format(decisions=decisions, trades=trades).encode())
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        begun = perf_counter()
        done = import_incumbent(
            settings_of(url),
            settings_of(source),
            Choice("UTC"),
            dry_run=False,
            progress=lambda _what, _done, _total: None,
        )
        minutes = (perf_counter() - begun) / 60
        after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    rows = sum(one.rows for one in done.counts)
    print(f"{decisions} decisions, {trades} trades, {rows} rows in all: {minutes:.1f} minutes", flush=True)
    print(f"memory: {before // 1024} MiB before, {after // 1024} MiB at most; {done.quarantined} in quarantine")
    print(*done.differences[:5], sep="\n")


if __name__ == "__main__":
    main()
