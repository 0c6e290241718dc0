"""Predictions: a cache of what models said, and how good it was."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

from atb_db.statement import command, query
from atb_db.types import NEW, NOW, Number, Span


class CachedPrediction(NamedTuple):
    """A prediction that has not expired; direction is -1 (down), 0 or 1 (up), confidence from 0 to 1.

    predicted_at is by the client's clock that predicted, created_at and expires_at by the server's.
    """

    cache_key: str
    model_name: str
    features_hash: str
    config_hash: str
    predicted_price: Decimal
    confidence: Decimal
    direction: int
    predicted_at: datetime
    created_at: datetime
    expires_at: datetime


class PredictionStatistics(NamedTuple):
    """What a model has in the cache; entries include the expired ones.

    hits is a lower bound: of each entry the first hit since it was stored, then at most one a minute, is counted.
    """

    model_name: str
    entries: int
    expired_entries: int
    unused_entries: int
    hits: int
    oldest: datetime
    newest: datetime
    last_accessed: datetime


class PredictionPerformance(NamedTuple):
    """How predictions compared with what happened; mae, rmse, means and deviations are in the unit predicted.

    mape is a fraction (0.05 = 5 %), ic a correlation from -1 to 1, horizon a number of candles.
    """

    id: int
    timestamp: datetime
    model_name: str
    horizon: int
    mae: Decimal | None
    rmse: Decimal | None
    mape: Decimal | None
    ic: Decimal | None
    mean_pred: Decimal | None
    std_pred: Decimal | None
    mean_real: Decimal | None
    std_real: Decimal | None
    strategy_name: str | None
    symbol: str | None
    timeframe: str | None


@command
def get_prediction(*, cache_key: str) -> CachedPrediction | None:
    """The cached prediction that has not expired; None is a miss.

    A hit writes only if it is the first since the prediction was stored, or a minute after the last that was counted.
    """
    ...


@command
def set_prediction(
    *,
    cache_key: str,
    model_name: str,
    features_hash: str,
    config_hash: str,
    predicted_price: Number,
    confidence: Number,
    direction: int,
    ttl_seconds: Span,
    max_entries: int = 10_000,
    predicted_at: datetime = NOW,
) -> None:
    """Cache a prediction for a time; beyond the bound, entries least recently used are removed.

    `atb_db.cachekey` makes the key and the hashes. The time to live, a timedelta or seconds, counts from now by the
    server's clock; the same
    value again does not lengthen it. There are never more than max_entries entries, plus two for each caller that uses
    the cache at the same moment: every n-th new entry makes room for n, n = max_entries / 16. The order of use is
    known to the minute.
    """
    ...


@command
def invalidate_predictions(*, model_name: str | None = None, config_hash: str | None = None) -> None:
    """Remove a model's, a configuration's, or all predictions from the cache."""
    ...


@query
def get_prediction_statistics() -> list[PredictionStatistics]:
    """What is in the prediction cache, by model."""
    ...


@command
def log_prediction_performance(
    *,
    model_name: str,
    horizon: int,
    mae: Number | None = None,
    rmse: Number | None = None,
    mape: Number | None = None,
    ic: Number | None = None,
    mean_pred: Number | None = None,
    std_pred: Number | None = None,
    mean_real: Number | None = None,
    std_real: Number | None = None,
    strategy_name: str | None = None,
    symbol: str | None = None,
    timeframe: str | None = None,
    timestamp: datetime = NOW,
    request_id: UUID = NEW,
) -> int:
    """Record how a model's predictions compared with what happened; the record's id.

    Units are those of PredictionPerformance.
    """
    ...


@query
def get_prediction_performance(
    *,
    model_name: str,
    symbol: str | None = None,
    horizon: int | None = None,
    since: datetime | None = None,
    limit: int = 100,
) -> list[PredictionPerformance]:
    """A model's measured performance since a moment, newest first."""
    ...
