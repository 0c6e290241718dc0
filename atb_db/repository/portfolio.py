"""The portfolio: correlations of symbols, and the exposure of groups of them."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from atb_db.statement import command, query
from atb_db.types import NOW, Json, Number, TradeSource, TradeSourceLabel


class Correlation(NamedTuple):
    """Correlation of two symbols' returns over a window; the symbols are sorted."""

    first_symbol: str
    """Symbol of the pair that sorts first by its bytes."""
    second_symbol: str
    """The other symbol."""
    symbol_pair: str
    """Both, such as BTCUSDT-ETHUSDT."""
    correlation_value: Decimal
    """Coefficient of correlation, from -1 to 1."""
    p_value: Decimal | None
    """Probability of so much correlation by chance, from 0 to 1."""
    sample_size: int | None
    """Number of returns that were compared."""
    window_days: int
    """Length of the window that was looked at, in days."""
    last_updated: datetime
    """When it was computed."""


class PortfolioExposure(NamedTuple):
    """The exposure of a group; total_exposure is a fraction of the balance (0.05 = 5 %)."""

    mode: TradeSource
    """Where the money is: LIVE, BACKTEST or PAPER."""
    correlation_group: str
    """Name of the group."""
    total_exposure: Decimal
    """Sum of the positions' sizes, as a fraction of the balance; above 1 only with leverage."""
    position_count: int
    """Number of positions."""
    symbols: Json
    """Symbols in the group, a JSON array."""
    last_updated: datetime
    """When it was computed."""


class CorrelationAt(NamedTuple):
    """The correlation of two symbols' returns as it was computed once."""

    timestamp: datetime
    """When it was computed."""
    correlation_value: Decimal
    """Coefficient of correlation, from -1 to 1."""
    p_value: Decimal | None
    """Probability of so much correlation by chance, from 0 to 1."""
    sample_size: int | None
    """Number of returns that were compared."""


class ExposureAt(NamedTuple):
    """The exposure of a group as it was once; total_exposure is a fraction of the balance (0.05 = 5 %)."""

    timestamp: datetime
    """When it was computed."""
    total_exposure: Decimal
    """Sum of the positions' sizes, as a fraction of the balance; above 1 only with leverage."""
    position_count: int
    """Number of positions."""
    symbols: Json
    """Symbols in the group, a JSON array."""


@command
def upsert_correlation(
    *,
    symbol: str,
    other_symbol: str,
    correlation_value: Number,
    window_days: int,
    p_value: Number | None = None,
    sample_size: int | None = None,
    last_updated: datetime = NOW,
) -> None:
    """Store the correlation of two symbols over a window in their history, and as the newest unless a newer is stored.

    The order of the symbols does not matter. Another one of the same moment takes its place.
    """
    ...


@query
def get_correlation_matrix(*, window_days: int) -> list[Correlation]:
    """The newest correlation of every pair of symbols over a window, by pair."""
    ...


@command
def set_portfolio_exposure(
    *,
    mode: TradeSource | TradeSourceLabel,
    correlation_group: str,
    total_exposure: Number,
    position_count: int,
    symbols: Json,
    last_updated: datetime = NOW,
) -> None:
    """Store the exposure of a group of correlated symbols in its history, and as the newest unless a newer is stored.

    total_exposure is the sum of the positions' sizes, a fraction of the balance; symbols is a list. Another one of the
    same moment takes its place.
    """
    ...


@query
def get_portfolio_exposures(*, mode: TradeSource | TradeSourceLabel | None = None) -> list[PortfolioExposure]:
    """The exposure of each group of correlated symbols, largest first.

    Without a mode, those of every mode.
    """
    ...


@query
def get_correlation_history(
    *,
    symbol: str,
    other_symbol: str,
    window_days: int,
    start: datetime | None = None,
    before: datetime | None = None,
    limit: int = 1000,
) -> list[CorrelationAt]:
    """The correlations of two symbols over a window that were stored before a moment, newest first, a page at a time.

    The order of the symbols does not matter. The next page is `before=last.timestamp` with the last row of this one.
    """
    ...


@query
def get_exposure_history(
    *,
    mode: TradeSource | TradeSourceLabel,
    correlation_group: str,
    start: datetime | None = None,
    before: datetime | None = None,
    limit: int = 1000,
) -> list[ExposureAt]:
    """The exposures of a group of symbols that were stored before a moment, newest first, a page at a time.

    The next page is `before=last.timestamp` with the last row of this one.
    """
    ...
