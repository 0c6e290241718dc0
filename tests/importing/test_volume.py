"""What an import of many rows costs: round trips do not grow with the rows of a transaction."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from atb_db import Database
from atb_db.database.retry import RetryEvent
from atb_db.errors import AtbDbError
from atb_db.importing.executing import carry_out
from atb_db.importing.plan import Row
from atb_db.importing.trade_files import Wishes, plan_trades
from atb_db.testing import settings_of
from tests.importing.conftest import adds_up, books_are_clean

START = datetime(2025, 11, 5, tzinfo=UTC)


class Trips:
    """Counts round trips."""

    def __init__(self) -> None:
        self.number = 0

    def ran(self, _name: str, *, seconds: float, error: AtbDbError | None, together: int) -> None:
        assert seconds >= 0
        assert together > 0
        assert error is None
        self.number += 1

    def retried(self, event: RetryEvent) -> None:
        raise AssertionError(event)


def round_trips(url: str, symbol: str, trades: int) -> int:
    """Those of an import of so many trades, each with an entry, a scale-in and two exits."""
    rows: list[Row] = [
        {
            "time": f"{START + timedelta(minutes=number):%Y-%m-%d %H:%M}",
            "symbol": symbol,
            "side": "buy" if number % 4 < 2 else "sell",
            "quantity": "1",
            "price": str(100 + number % 7),
        }
        for number in range(4 * trades)
    ]
    trips = Trips()
    shown: list[tuple[int, int | None]] = []
    with Database(settings_of(url), observer=trips) as db:
        done = carry_out(
            db,
            plan_trades(rows, Wishes(account=symbol)),
            dry_run=False,
            progress=lambda _what, so_far, total: shown.append((so_far, total)),
        )
    assert shown[-1] == (len(rows), len(rows))
    assert shown == sorted(shown)
    assert adds_up(done)
    assert [(one.trades, one.open_positions) for one in done.books] == [(trades, 0)]
    return trips.number


def test_ten_times_the_trades_are_the_same_round_trips(fresh_url: str) -> None:
    assert round_trips(fresh_url, "FEW", 4) == round_trips(fresh_url, "MANY", 40)
    assert books_are_clean(fresh_url)
