"""Predictions: a cache of models' predictions, and how accurate they were."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

from atb_db.statement import command, query
from atb_db.types import NEW, NOW, Number, Span


class CachedPrediction(NamedTuple):
    """A prediction that has not expired; direction is -1 (down), 0 or 1 (up), confidence from 0 to 1.

    predicted_at is the time on the client that predicted; created_at and expires_at are the server's.
    """

    cache_key: str
    """Hash of model, features and configuration: atb_db.cachekey makes it."""
    model_name: str
    """Model that predicted."""
    features_hash: str
    """Hash of the features' dtype, shape and bytes."""
    config_hash: str
    """Hash of the model's configuration as canonical JSON."""
    predicted_price: Decimal
    """Predicted price, in quote currency."""
    confidence: Decimal
    """Confidence from 0 to 1."""
    direction: int
    """Predicted move: -1 = down, 0 = none, 1 = up."""
    predicted_at: datetime
    """When it was predicted, by the client's clock; the same moment again is the same prediction again."""
    created_at: datetime
    """When the prediction was stored, by the server's clock."""
    expires_at: datetime
    """From when on the entry is no longer answered, by the server's clock."""


class PredictionStatistics(NamedTuple):
    """The cached predictions of a model; entries include expired ones.

    hits is a lower bound: for each entry the first hit since it was stored counts, then at most one a minute.
    """

    model_name: str
    """Model that predicted."""
    entries: int
    """Number of entries, the expired ones included."""
    expired_entries: int
    """Number of entries that are no longer answered."""
    unused_entries: int
    """Number of entries that were never hit."""
    hits: int
    """Lower bound of the hits since the entries were stored."""
    oldest: datetime
    """When the oldest entry was stored."""
    newest: datetime
    """When the newest entry was stored."""
    last_accessed: datetime
    """When an entry was last hit, or stored; to the minute."""


class PredictionPerformance(NamedTuple):
    """How accurate predictions were; mae, rmse, means and deviations are in the unit of the prediction.

    mape is a fraction (0.05 = 5 %), ic a correlation from -1 to 1, horizon a number of candles.
    """

    id: int
    """Identifier."""
    timestamp: datetime
    """When it was measured."""
    model_name: str
    """Model that predicted."""
    horizon: int
    """How far ahead it predicted, in candles."""
    mae: Decimal | None
    """Mean absolute error, in the unit of the predicted value."""
    rmse: Decimal | None
    """Root of the mean squared error, in the unit of the predicted value."""
    mape: Decimal | None
    """Mean absolute error as a fraction of the real value (0.05 = 5 %)."""
    ic: Decimal | None
    """Information coefficient: correlation of predicted and real values, from -1 to 1."""
    mean_pred: Decimal | None
    """Mean of the predicted values, in their unit."""
    std_pred: Decimal | None
    """Standard deviation of the predicted values, in their unit."""
    mean_real: Decimal | None
    """Mean of the real values, in their unit."""
    std_real: Decimal | None
    """Standard deviation of the real values, in their unit."""
    strategy_name: str | None
    """Strategy that used the predictions, if any."""
    symbol: str | None
    """Instrument; NULL over several."""
    timeframe: str | None
    """Length of one candle, such as 1h; NULL over several."""


@command
def get_prediction(*, cache_key: str) -> CachedPrediction | None:
    """The cached prediction, unless it has expired; None is a miss.

    A hit writes only if it is the first since the prediction was stored, or a minute after the last counted one.
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
    """Cache a prediction for a time; beyond the limit, the least recently used entries are removed.

    `atb_db.cachekey` makes the key and the hashes. The time to live (a timedelta or seconds) counts from now on the
    server's clock; running the same value again does not extend it. There are at most max_entries entries, plus two for
    each caller that uses the cache at the same moment: every n-th new entry makes room for n, with n = max_entries /
    16. The order of use is exact to the minute.
    """
    ...


@command
def invalidate_predictions(*, model_name: str | None = None, config_hash: str | None = None) -> None:
    """Remove from the cache all predictions, or those of a model or a configuration."""
    ...


@query
def get_prediction_statistics() -> list[PredictionStatistics]:
    """The contents of the prediction cache, by model."""
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
    """Record how accurate a model's predictions were; the record's id.

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
    """The measured accuracy of a model's predictions since a moment, newest first."""
    ...
