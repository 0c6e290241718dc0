"""Correlations and exposures: the newest of each."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from atb_db import Database
from atb_db.errors import InvalidInput
from atb_db.repository import portfolio
from atb_db.statement import Statement
from atb_db.types import TradeSource, TradeSourceLabel

START = datetime(2024, 3, 1, tzinfo=UTC)


def at(minutes: int) -> datetime:
    return START + timedelta(minutes=minutes)


def correlation(symbol: str, other_symbol: str, value: str, minutes: int = 0, window_days: int = 30) -> Statement[None]:
    return portfolio.upsert_correlation(
        symbol=symbol,
        other_symbol=other_symbol,
        correlation_value=value,
        window_days=window_days,
        last_updated=at(minutes),
    )


def matrix(db: Database, window_days: int = 30) -> dict[str, Decimal]:
    found = db.run(portfolio.get_correlation_matrix(window_days=window_days))
    return {row.symbol_pair: row.correlation_value for row in found}


def test_a_pair_has_one_row_whatever_its_order(fresh_db: Database) -> None:
    fresh_db.run(correlation("ETHUSDT", "BTCUSDT", "0.8"))
    fresh_db.run(correlation("BTCUSDT", "ETHUSDT", "0.7", minutes=1))
    fresh_db.run(correlation("BTCUSDT", "ETHUSDT", "0.6", window_days=90))
    assert matrix(fresh_db) == {"BTCUSDT-ETHUSDT": Decimal("0.7")}
    assert matrix(fresh_db, 90) == {"BTCUSDT-ETHUSDT": Decimal("0.6")}
    assert matrix(fresh_db, 7) == {}


def test_pairs_are_sorted_by_their_bytes_whatever_the_collation(fresh_db: Database) -> None:
    for symbol, other in (("a", "B"), ("B", "a"), ("1INCH", "_X"), ("ß", "z")):
        fresh_db.run(correlation(symbol, other, "0.1"))
    assert list(matrix(fresh_db)) == ["1INCH-_X", "B-a", "z-ß"]


def test_symbols_with_hyphens_are_not_mixed_up(fresh_db: Database) -> None:
    fresh_db.run(correlation("A-B", "C", "0.1"))
    fresh_db.run(correlation("A", "B-C", "0.2"))
    assert len(fresh_db.run(portfolio.get_correlation_matrix(window_days=30))) == 2


def test_what_was_stored_before_is_a_history(fresh_db: Database) -> None:
    for minutes, value in ((2, "0.6"), (1, "0.7"), (3, "0.4"), (3, "0.5")):  # an older one later, and one twice
        fresh_db.run(correlation("ETHUSDT", "BTCUSDT", value, minutes=minutes))
        fresh_db.run(
            portfolio.set_portfolio_exposure(
                mode="LIVE",
                correlation_group="majors",
                total_exposure=value,
                position_count=minutes,
                symbols=["BTCUSDT"],
                last_updated=at(minutes),
            )
        )
    fresh_db.run(correlation("ETHUSDT", "BTCUSDT", "0.9", window_days=90))
    history = portfolio.get_correlation_history(symbol="BTCUSDT", other_symbol="ETHUSDT", window_days=30)
    found = fresh_db.run(history)
    assert [(one.timestamp, one.correlation_value) for one in found] == [
        (at(3), Decimal("0.5")),
        (at(2), Decimal("0.6")),
        (at(1), Decimal("0.7")),
    ]
    assert matrix(fresh_db) == {"BTCUSDT-ETHUSDT": Decimal("0.5")}
    page = portfolio.get_correlation_history(
        symbol="ETHUSDT", other_symbol="BTCUSDT", window_days=30, start=at(1), before=at(3), limit=1
    )
    assert fresh_db.run(page) == found[1:2]
    exposures = fresh_db.run(portfolio.get_exposure_history(mode="LIVE", correlation_group="majors", before=at(3)))
    assert [(one.timestamp, one.total_exposure) for one in exposures] == [
        (at(2), Decimal("0.6")),
        (at(1), Decimal("0.7")),
    ]
    assert fresh_db.run(portfolio.get_exposure_history(mode="PAPER", correlation_group="majors")) == []


def test_an_older_correlation_replaces_nothing(fresh_db: Database) -> None:
    fresh_db.run(correlation("A", "B", "0.5", minutes=5))
    fresh_db.run(correlation("B", "A", "0.1", minutes=4))
    assert matrix(fresh_db) == {"A-B": Decimal("0.5")}


@pytest.mark.parametrize(
    ("statement", "field"),
    [
        (correlation("A", "A", "0.5"), "other_symbol"),
        (correlation("A", "B", "1.01"), "correlation_value"),
        (correlation("A", "B", "1", window_days=0), "window_days"),
        (correlation(" A", "B", "1"), "symbol"),
        (correlation("A", "", "1"), "other_symbol"),
    ],
)
def test_what_is_no_correlation(fresh_db: Database, statement: Statement[None], field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        fresh_db.run(statement)
    assert caught.value.field == field
    assert matrix(fresh_db) == {}


def exposure(mode: TradeSourceLabel, group: str, value: str, minutes: int = 0) -> Statement[None]:
    return portfolio.set_portfolio_exposure(
        mode=mode,
        correlation_group=group,
        total_exposure=value,
        position_count=2,
        symbols=["BTCUSDT", "ETHUSDT"],
        last_updated=at(minutes),
    )


def test_exposures_of_a_mode_largest_first(fresh_db: Database) -> None:
    for statement in (
        exposure("LIVE", "majors", "0.2"),
        exposure("LIVE", "memes", "0.4"),
        exposure("BACKTEST", "majors", "9"),
        exposure("LIVE", "majors", "0.5", minutes=2),
        exposure("LIVE", "majors", "0.1", minutes=1),
    ):
        fresh_db.run(statement)
    found = fresh_db.run(portfolio.get_portfolio_exposures(mode="LIVE"))
    assert found == [
        portfolio.PortfolioExposure(TradeSource.LIVE, "majors", Decimal("0.5"), 2, ["BTCUSDT", "ETHUSDT"], at(2)),
        portfolio.PortfolioExposure(TradeSource.LIVE, "memes", Decimal("0.4"), 2, ["BTCUSDT", "ETHUSDT"], at(0)),
    ]
    assert fresh_db.run(portfolio.get_portfolio_exposures(mode="PAPER")) == []


def test_symbols_are_a_list(fresh_db: Database) -> None:
    with pytest.raises(InvalidInput) as caught:
        fresh_db.run(
            portfolio.set_portfolio_exposure(
                mode="LIVE", correlation_group="g", total_exposure=0, position_count=0, symbols={"BTCUSDT": 1}
            )
        )
    assert caught.value.field == "symbols"


def test_eight_write_the_same_pair_and_group(fresh_db: Database) -> None:
    with ThreadPoolExecutor(8) as threads:
        statements = [
            one
            for minutes in range(20)
            for one in (
                correlation(*(("A", "B") if minutes % 2 else ("B", "A")), value=f"0.{minutes:02}", minutes=minutes),
                exposure("LIVE", "majors", str(minutes), minutes),
            )
        ]
        assert list(threads.map(fresh_db.run, statements)) == [None] * 40
    assert matrix(fresh_db) == {"A-B": Decimal("0.19")}
    assert [row.total_exposure for row in fresh_db.run(portfolio.get_portfolio_exposures(mode="LIVE"))] == [19]
