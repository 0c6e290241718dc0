"""The same counters for Prometheus and OpenTelemetry, and logs in JSON."""

from __future__ import annotations

import json
import logging
import subprocess
import sys

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import HistogramDataPoint, InMemoryMetricReader, NumberDataPoint
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode
from prometheus_client import CollectorRegistry, generate_latest

from atb_db import Database, Settings
from atb_db.errors import NotFound, Unavailable
from atb_db.monitoring.logs import JsonFormatter
from atb_db.monitoring.opentelemetry import OpenTelemetry
from atb_db.monitoring.prometheus import EngineMetrics
from atb_db.repository import control, events, sessions


def test_prometheus_has_the_engine_s_counters(fresh_url: str) -> None:
    with Database(Settings.load(fresh_url, environ={"DATABASE_METRICS": "1"})) as db:
        for _ in range(3):
            db.run(sessions.get_active_sessions())
        with pytest.raises(NotFound):
            db.run(events.log_event(session_id=99, event_type="WARNING", message="x"))
        registry = CollectorRegistry()
        registry.register(EngineMetrics(db))
        lines = generate_latest(registry).decode().splitlines()
    assert 'atb_statement_seconds_count{statement="sessions.get_active_sessions"} 3.0' in lines
    assert 'atb_statement_seconds_bucket{le="+Inf",statement="sessions.get_active_sessions"} 3.0' in lines
    assert 'atb_statement_errors_total{statement="events.log_event"} 1.0' in lines
    assert 'atb_errors_total{error="NotFound"} 1.0' in lines
    assert "atb_pool_limit 10.0" in lines


class Telemetry:
    """What OpenTelemetry's SDK collects in memory."""

    def __init__(self, settings: Settings) -> None:
        self.spans = InMemorySpanExporter()
        self.tracers = TracerProvider()
        self.tracers.add_span_processor(SimpleSpanProcessor(self.spans))
        self.reader = InMemoryMetricReader()
        meters = MeterProvider([self.reader])
        self.observer = OpenTelemetry(settings, tracer_provider=self.tracers, meter_provider=meters)

    def points(self, name: str) -> list[HistogramDataPoint | NumberDataPoint]:
        data = self.reader.get_metrics_data()
        assert data is not None
        return [
            point
            for resource in data.resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
            if metric.name == name
            for point in metric.data.data_points
            if isinstance(point, (HistogramDataPoint, NumberDataPoint))
        ]


def test_each_round_trip_is_a_span_within_the_caller_s(fresh_url: str) -> None:
    settings = Settings.load(fresh_url, environ={})
    found = Telemetry(settings)
    with Database(settings, observer=found.observer) as db:
        with found.tracers.get_tracer("engine").start_as_current_span("tick") as tick:
            db.run(sessions.get_active_sessions())
            db.run_many([sessions.get_active_sessions(), control.get_active_control_flags()])
            with pytest.raises(NotFound):
                db.run(events.log_event(session_id=99, event_type="WARNING", message="the secret"))
        found.observer.watch_pool(db)
        counts = {
            dict(one.attributes or {})["db.client.connection.state"]: one
            for one in found.points("db.client.connection.count")
        }
        [most] = found.points("db.client.connection.max")
    spans = {span.name: span for span in found.spans.get_finished_spans()}
    assert list(spans) == ["sessions.get_active_sessions", "batch", "events.log_event", "tick"]
    single, batch, failed = (spans[name] for name in list(spans)[:3])
    assert all(
        span.parent is not None and span.parent.span_id == tick.get_span_context().span_id
        for span in (single, batch, failed)
    )
    assert {single.kind, batch.kind, failed.kind} == {SpanKind.CLIENT}
    described = dict(single.attributes or {})
    assert described["db.system.name"] == "postgresql"
    assert described["db.namespace"] == fresh_url.rpartition("/")[2]
    assert described["db.query.summary"] == "sessions.get_active_sessions"
    assert dict(batch.attributes or {})["db.operation.batch.size"] == 2
    assert dict(failed.attributes or {})["db.response.status_code"] == "23503"
    assert failed.status.status_code is StatusCode.ERROR
    assert "the secret" not in "".join(span.to_json() for span in found.spans.get_finished_spans())
    assert (single.end_time or 0) > (single.start_time or 0)
    durations = found.points("db.client.operation.duration")
    assert {dict(one.attributes or {})["db.query.summary"] for one in durations} == set(list(spans)[:3])
    assert {one.explicit_bounds[0] for one in durations if isinstance(one, HistogramDataPoint)} == {0.001}
    assert set(counts) == {"idle", "used"}
    assert isinstance(most, NumberDataPoint)
    assert most.value == 10


def test_retries_are_counted_and_noted_in_the_caller_s_span(fresh_url: str) -> None:
    settings = Settings.load(fresh_url, environ={})
    found = Telemetry(settings)
    failures = iter([Unavailable("gone", sqlstate="57P01")])

    def use(_: object) -> None:
        for failure in failures:
            raise failure

    with (
        Database(settings, observer=found.observer) as db,
        found.tracers.get_tracer("engine").start_as_current_span("tick"),
    ):
        db._tried(db._until(None, None), None, use)
    [span] = found.spans.get_finished_spans()
    assert [(event.name, dict(event.attributes or {})["error.type"]) for event in span.events] == [("retry", "57P01")]
    [retries] = found.points("atb_db.retries")
    assert isinstance(retries, NumberDataPoint)
    assert retries.value == 1


def test_nothing_of_it_is_loaded_when_off(fresh_url: str) -> None:
    code = """
import sys
from atb_db import Database
from atb_db.repository import sessions
with Database(sys.argv[1]) as db:
    db.run(sessions.get_active_sessions())
print(*(name for name in sys.modules if "opentelemetry" in name or "prometheus" in name or "atb_db.monitoring" in name))
"""
    done = subprocess.run([sys.executable, "-c", code, fresh_url], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_a_log_line_is_one_json_object(caplog: pytest.LogCaptureFixture) -> None:
    caplog.handler.setFormatter(JsonFormatter())
    log = logging.getLogger("atb_db")
    try:
        raise Unavailable("it is gone\nfor good", statement="trades.log_trade", sqlstate="57P01")
    except Unavailable:
        log.exception("attempt %d failed", 2, extra={"engine": "a-1"})
    log.warning("plain")
    first, second = caplog.text.splitlines()
    found = json.loads(first)
    assert found.pop("time").endswith("+00:00")
    assert found.pop("traceback").startswith("Traceback")
    assert found == {
        "level": "ERROR",
        "logger": "atb_db",
        "message": "attempt 2 failed",
        "engine": "a-1",
        "error": "Unavailable",
        "statement": "trades.log_trade",
        "sqlstate": "57P01",
    }
    assert set(json.loads(second)) == {"time", "level", "logger", "message"}
