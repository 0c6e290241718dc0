"""An import that is killed at any moment and run again ends as one that nobody disturbed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from random import Random
from time import monotonic, sleep

import psycopg
import pytest

from tests.cli.conftest import environment
from tests.importing.conftest import Sample, books_are_clean
from tests.importing.freqtrade_files import EXIT, ORDER, TRADE, write_freqtrade

KILLS = 5
RUNS = 4
_BOOKS = """
SELECT 'trade', t.symbol, t.entry_time::text, t.exit_time::text, t.pnl::text, t.commission::text, t.exit_reason
  FROM trades AS t
 UNION ALL
SELECT 'position', symbol, status::text, current_quantity::text, cost_basis::text, commission::text, funding::text
  FROM positions
 UNION ALL
SELECT 'order', internal_order_id, status::text, order_type::text, filled_quantity::text, commission::text, NULL
  FROM orders
 UNION ALL
SELECT 'ledger', entry_type::text, entry_number::text, delta::text, total_balance::text, last_updated::text, NULL
  FROM account_balances
 UNION ALL
SELECT 'row', source_table, source_key, outcome::text, content_hash::text, reason, content::text FROM imported_rows
 UNION ALL
SELECT 'event', event_type::text, message, timestamp::text, NULL, NULL, NULL FROM system_events
 ORDER BY 1, 2, 3, 4, 5, 6, 7
"""


def books(url: str) -> list[tuple[object, ...]]:
    with psycopg.connect(url) as connection:
        return connection.execute(_BOOKS.encode()).fetchall()


def start(url: str, path: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "atb_db", "import", "freqtrade", str(path)],
        env=environment(url),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def small(folder: Path) -> Path:
    """Many trades, so that there is something to interrupt."""
    trades, orders = [], []
    for number in range(1, 151):
        trades.append({**TRADE, "id": number, "is_open": 0, "close_profit_abs": 84.51, "exit_reason": "roi"})
        orders.append({**ORDER, "id": 2 * number, "ft_trade_id": number, "order_id": f"e{number}"})
        orders.append({**EXIT, "id": 2 * number + 1, "ft_trade_id": number, "order_id": f"x{number}"})
    return write_freqtrade(folder / "bot.sqlite", trades, orders)


@pytest.mark.slow
@pytest.mark.parametrize("run", range(RUNS))
def test_killed_at_random_moments(fresh_url: str, empty_url: str, tmp_path: Path, chance: Random, run: int) -> None:
    """Each run kills at other moments."""
    assert run < RUNS
    from atb_db.testing import migrate

    path = small(tmp_path)
    begun = monotonic()
    with start(fresh_url, path) as undisturbed:
        assert undisturbed.wait() == 0
    takes = monotonic() - begun
    migrate(empty_url)
    killed = 0
    for number in range(KILLS):
        with start(empty_url, path) as process:
            if number:
                sleep(chance.uniform(0.2, 0.8) * takes)
            else:  # there is something, and not yet everything
                while process.poll() is None and not books(empty_url):
                    sleep(0.005)
            killed += process.poll() is None
            process.kill()
    assert killed
    with start(empty_url, path) as last:
        _, said = last.communicate()
    assert last.returncode == 0, said
    assert books(empty_url) == books(fresh_url)
    assert books_are_clean(empty_url)


@pytest.mark.slow
def test_the_sample_killed_once_in_the_middle(sample: Sample, fresh_url: str, empty_url: str) -> None:
    from atb_db.testing import migrate

    path = sample("freqtrade-spot-futures.sqlite")
    with start(fresh_url, path) as undisturbed:
        assert undisturbed.wait() == 0
    migrate(empty_url)
    with start(empty_url, path) as process:
        while not books(empty_url):
            sleep(0.01)
        process.kill()
    with start(empty_url, path) as last:
        assert last.wait() == 0
    assert books(empty_url) == books(fresh_url)
