"""Spans and metrics of what is run, by OpenTelemetry's conventions for databases.

    db = Database(settings, observer=OpenTelemetry(settings))

https://opentelemetry.io/docs/specs/semconv/database/. The usual instrumentation of psycopg sees nothing: prepared
statements are run by name, without a cursor.
"""

from __future__ import annotations

from time import time_ns
from typing import TYPE_CHECKING, Final, Protocol

from psycopg.conninfo import conninfo_to_dict

from atb_db.database.observing import BATCH
from atb_db.errors import ConfigurationError

try:
    from opentelemetry import metrics, trace
    from opentelemetry.metrics import CallbackOptions, MeterProvider, Observation
    from opentelemetry.trace import SpanKind, StatusCode, TracerProvider
except ImportError as error:
    raise ConfigurationError("OpenTelemetry needs an extra: pip install 'atb-db[otel]'") from error

if TYPE_CHECKING:
    from collections.abc import Iterable

    from atb_db.config import Settings
    from atb_db.database.observing import PoolStatistics
    from atb_db.database.retry import RetryEvent
    from atb_db.errors import AtbDbError

_BOUNDS: Final = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0)
"""Of db.client.operation.duration, in seconds, as the conventions have them."""
_POOL: Final = "atb_db"


class _HasPool(Protocol):
    def statistics(self) -> PoolStatistics:
        """The pool at this moment."""
        ...


class OpenTelemetry:
    """An observer that makes a span of each round trip, within the caller's, and measures how long it took.

    A span is called by its statement, such as positions.open_position, and never has the values that were given to
    it. Without providers it uses the process's own.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        tracer_provider: TracerProvider | None = None,
        meter_provider: MeterProvider | None = None,
    ) -> None:
        self._tracer = trace.get_tracer("atb_db", tracer_provider=tracer_provider)
        self._meter = metrics.get_meter("atb_db", meter_provider=meter_provider)
        self._server = _attributes(settings)
        self._duration = self._meter.create_histogram(
            "db.client.operation.duration",
            unit="s",
            description="Duration of database client operations.",
            explicit_bucket_boundaries_advisory=_BOUNDS,
        )
        self._retries = self._meter.create_counter(
            "atb_db.retries", unit="{retry}", description="Attempts after which there was another."
        )

    def ran(self, name: str, *, seconds: float, error: AtbDbError | None, together: int) -> None:
        """Make its span, and measure it."""
        attributes: dict[str, str | int] = {**self._server, "db.query.summary": name}
        if together > 1:
            attributes["db.operation.batch.size"] = together
            attributes["db.operation.name"] = BATCH.upper()
        if error is not None:
            attributes["error.type"] = error.sqlstate or type(error).__name__
            if error.sqlstate is not None:
                attributes["db.response.status_code"] = error.sqlstate
        self._duration.record(seconds, attributes)
        ended = time_ns()
        began = ended - int(seconds * 1e9)
        span = self._tracer.start_span(name, kind=SpanKind.CLIENT, attributes=attributes, start_time=began)
        if error is not None:
            span.set_status(StatusCode.ERROR, error.message)
        span.end(ended)

    def retried(self, event: RetryEvent) -> None:
        """Count it, and note it in the caller's span."""
        what: dict[str, str | int | float] = {"error.type": event.error.sqlstate or type(event.error).__name__}
        self._retries.add(1, {**self._server, **what})
        noted = {**what, "attempt": event.attempt, "pause": event.pause}
        noted["db.query.summary"] = event.statement or "transaction"
        trace.get_current_span().add_event("retry", noted)

    def watch_pool(self, database: _HasPool) -> None:
        """Measure its pool, too, as often as metrics are read."""
        name = {"db.client.connection.pool.name": _POOL}

        def count(_options: CallbackOptions) -> Iterable[Observation]:
            pool = database.statistics()
            yield Observation(pool.idle, {**name, "db.client.connection.state": "idle"})
            yield Observation(pool.open - pool.idle, {**name, "db.client.connection.state": "used"})

        def pending(_options: CallbackOptions) -> Iterable[Observation]:
            yield Observation(database.statistics().waiting, name)

        def most(_options: CallbackOptions) -> Iterable[Observation]:
            yield Observation(database.statistics().limit, name)

        make = self._meter.create_observable_up_down_counter
        make("db.client.connection.count", [count], unit="{connection}")
        make("db.client.connection.pending_requests", [pending], unit="{request}")
        make("db.client.connection.max", [most], unit="{connection}")


def _attributes(settings: Settings) -> dict[str, str | int]:
    """Where the statements go; with several hosts that is not known beforehand."""
    found = conninfo_to_dict(settings.conninfo)
    attributes: dict[str, str | int] = {"db.system.name": "postgresql"}
    if name := found.get("dbname"):
        attributes["db.namespace"] = str(name)
    host, port = str(found.get("host") or ""), str(found.get("port") or "5432")
    if host and "," not in host:
        attributes["server.address"] = host
        if port.isdecimal() and port != "5432":
            attributes["server.port"] = int(port)
    return attributes
