"""Positions that an import books at once leave the books that the single commands leave."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial

import pytest

from atb_db import Database
from atb_db.importing.at_once import AtOnce
from atb_db.importing.executing import carry_out
from atb_db.importing.files import read_rows
from atb_db.importing.freqtrade.choice import Choice
from atb_db.importing.freqtrade.file import read_freqtrade
from atb_db.importing.freqtrade.planning import plan_freqtrade
from atb_db.importing.plan import Plan, Unit
from atb_db.importing.trade_files import Wishes, plan_trades
from atb_db.testing import migrate, settings_of
from tests.importing.conftest import Sample, books_are_clean, silent
from tests.importing.test_killed import books


def same_books(run: Callable[[str], object], fresh_url: str, empty_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Import twice, once without ever booking at once."""
    migrate(empty_url)
    taken: list[bool] = []
    takes = AtOnce.takes

    def counted(here: AtOnce, unit: Unit, results: dict[str, int | None], *, knows: Callable[[str], bool]) -> bool:
        taken.append(takes(here, unit, results, knows=knows))
        return taken[-1]

    with monkeypatch.context() as patch:
        patch.setattr(AtOnce, "takes", counted)
        run(fresh_url)
    assert any(taken)
    with monkeypatch.context() as patch:
        patch.setattr(AtOnce, "takes", lambda *_args, **_others: False)
        run(empty_url)
    assert _without_ids(fresh_url) == _without_ids(empty_url)
    assert books_are_clean(fresh_url)


def _without_ids(url: str) -> list[tuple[object, ...]]:
    # What the books warn of names positions and orders by their ids, which are others.
    return sorted(
        (kind, re.sub(r"(order|position) \d+", "", f"{rest}", flags=re.IGNORECASE)) for kind, *rest in books(url)
    )


def _carried_out(plan: Callable[[], Plan], url: str) -> None:
    with Database(settings_of(url)) as db:
        carry_out(db, plan(), dry_run=False, progress=silent)


SAMPLES = ["binance-spot-trades.csv", "kraken-trades.csv", "ccxt-my-trades.json", "ccxt-orders.json"]


@pytest.mark.slow
@pytest.mark.parametrize("name", SAMPLES)
def test_files_of_trades(
    sample: Sample, fresh_url: str, empty_url: str, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    plan = partial(plan_trades, read_rows(sample(name)), Wishes())
    same_books(partial(_carried_out, plan), fresh_url, empty_url, monkeypatch)


@pytest.mark.slow
def test_freqtrade(sample: Sample, fresh_url: str, empty_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = partial(plan_freqtrade, read_freqtrade(sample("freqtrade-spot-futures.sqlite")), Choice())
    same_books(partial(_carried_out, plan), fresh_url, empty_url, monkeypatch)
