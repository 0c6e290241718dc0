"""An engine's own counters for Prometheus, under the names of `atb-db metrics`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import accumulate
from typing import Protocol

from atb_db.database.observing import BOUNDS, ErrorCount, Metrics, StatementMetrics
from atb_db.errors import ConfigurationError

try:
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
    from prometheus_client.metrics_core import Metric
    from prometheus_client.registry import Collector
except ImportError as error:
    raise ConfigurationError("metrics need an extra: pip install 'atb-db[metrics]'") from error


class _Counts(Protocol):
    def metrics(self) -> Metrics:
        """What was counted so far."""
        ...


class EngineMetrics(Collector):
    """A collector of `Database.metrics` or `AsyncDatabase.metrics`, asked at each scrape; it asks no server.

    prometheus_client.REGISTRY.register(EngineMetrics(db))
    prometheus_client.start_http_server(9188)
    """

    def __init__(self, database: _Counts) -> None:
        self._database = database

    def collect(self) -> Iterator[Metric]:
        """What is scraped."""
        found = self._database.metrics()
        for name, value in found.pool._asdict().items():
            yield _gauge(f"atb_pool_{name}", _POOL[name], float(value))
        yield _seconds(found.statements)
        errors = CounterMetricFamily("atb_statement_errors", "Round trips that failed.", labels=["statement"])
        for one in found.statements:
            errors.add_metric([one.name], one.errors)
        yield errors
        yield _counted("atb_errors", "Round trips that failed, by what was wrong.", found.errors)
        yield _counted("atb_retries", "Attempts after which there was another, by the reason.", found.retries)


_POOL = {
    "open": "Connections that are open or being opened.",
    "idle": "Connections that nobody uses.",
    "waiting": "Callers that wait for a connection.",
    "limit": "Connections that may be open at the most.",
}


def _gauge(name: str, meaning: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, meaning, value=value)


def _seconds(statements: Iterable[StatementMetrics]) -> HistogramMetricFamily:
    family = HistogramMetricFamily("atb_statement_seconds", "What round trips took.", labels=["statement"])
    names = [str(bound) for bound in BOUNDS] + ["+Inf"]
    for one in statements:
        buckets = list(zip(names, map(float, accumulate(one.buckets)), strict=True))
        family.add_metric([one.name], buckets=buckets, sum_value=one.seconds)
    return family


def _counted(name: str, meaning: str, counts: Iterable[ErrorCount]) -> CounterMetricFamily:
    family = CounterMetricFamily(name, meaning, labels=["error"])
    for one in counts:
        family.add_metric([one.error], one.number)
    return family
