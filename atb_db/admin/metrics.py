"""Metrics in Prometheus' text format: how the database, its sessions and its protection stand."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from threading import Thread
from time import perf_counter
from typing import TYPE_CHECKING, Final, NamedTuple

from psycopg.errors import ObjectNotInPrerequisiteState, UndefinedColumn, UndefinedFunction

from atb_db.admin.connection import as_login, ask, changing
from atb_db.admin.errors import ToolMissing
from atb_db.admin.health import Demand, Health, check_health
from atb_db.admin.vital_signs import Follower, VitalSigns
from atb_db.config import Settings
from atb_db.errors import AtbDbError, SchemaMismatch

try:
    from prometheus_client import CollectorRegistry, generate_latest, start_http_server
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
    from prometheus_client.metrics_core import Metric
    from prometheus_client.registry import Collector
except ImportError as error:
    raise ToolMissing("metrics need an extra: pip install 'atb-db[metrics]'") from error

if TYPE_CHECKING:
    from collections.abc import Sequence
    from wsgiref.simple_server import WSGIServer

_SESSION: Final = ("session", "name", "mode", "strategy", "symbol", "currency")


class SessionFigures(NamedTuple):
    """Of an active LIVE or PAPER session; amounts are in its currency."""

    id: int
    name: str
    mode: str
    strategy: str
    symbol: str
    currency: str
    balance: Decimal
    equity: Decimal | None
    net_pnl: Decimal
    unrealized_pnl: Decimal
    open_positions: int
    total_trades: int
    drawdown: Decimal | None
    """Below the highest equity so far, as a fraction."""
    errors: int
    """In the last hour."""

    @property
    def labels(self) -> list[str]:
        """Its values of `_SESSION`."""
        return [str(self.id), self.name, self.mode, self.strategy, self.symbol, self.currency]


class StatementTime(NamedTuple):
    """What a statement of ours took on the server since its statistics were reset, without the network and the pool."""

    name: str
    calls: int
    seconds: float


class _Database(Collector):
    """Asks the database at every scrape."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def collect(self) -> Iterator[Metric]:
        """What is scraped; a database that is away is a scrape, too: `atb_up` is 0 then."""
        began = perf_counter()
        health = check_health(self._settings, Demand())
        yield _gauge("atb_up", "Whether the database answers.", float(health.reachable))
        yield _gauge("atb_healthy", "Whether `atb-db health` finds nothing.", float(health.healthy))
        yield _gauge("atb_health_seconds", "How long the health check took.", perf_counter() - began)
        if not health.reachable:
            return
        yield from _protection(health)
        yield from _sessions(health, self._figures())
        yield from _server(*self._vital_signs())
        yield from _statements(self._statement_times())

    def _figures(self) -> list[SessionFigures]:
        try:
            with changing(self._settings) as (connection, _):
                return ask(connection, "metrics_sessions", SessionFigures)
        except SchemaMismatch:
            # Nothing to measure, and no zero instead: `atb_healthy`, which comes first, is 0 for this reason.
            return []

    def _vital_signs(self) -> tuple[VitalSigns, list[Follower]]:
        with changing(self._settings) as (connection, _), as_login(connection):
            (signs,) = ask(connection, "vital_signs", VitalSigns)
            return signs, ask(connection, "replication", Follower)

    def _statement_times(self) -> list[StatementTime]:
        """What pg_stat_statements has of them; nothing where it is not there, not loaded, or too old."""
        with changing(self._settings) as (connection, _):
            try:
                with as_login(connection):
                    if ask(connection, "statements_schema"):
                        return ask(connection, "statement_times", StatementTime)
            except (ObjectNotInPrerequisiteState, UndefinedColumn, UndefinedFunction):
                pass
        return []


def _gauge(name: str, meaning: str, value: float | None) -> GaugeMetricFamily:
    gauge = GaugeMetricFamily(name, meaning)
    if value is not None:
        gauge.add_metric([], value)
    return gauge


def _protection(health: Health) -> Iterator[GaugeMetricFamily]:
    found = health.protection
    if found is not None:
        yield _gauge("atb_backup_age_seconds", "Age of the newest backup that is on record.", found.seconds)
        yield _gauge("atb_archive_following", "Whether an archiver has the log.", float(found.is_archived))
    flags = GaugeMetricFamily("atb_control_flag_active", "The control flags that are active.", labels=["flag"])
    for flag in health.flags:
        flags.add_metric([flag.name], 1.0)
    yield flags


def _sessions(health: Health, figures: Sequence[SessionFigures]) -> Iterator[GaugeMetricFamily]:
    silence = GaugeMetricFamily(
        "atb_session_silence_seconds", "Since the engine's last sign of life.", labels=["session", "name", "mode"]
    )
    held = GaugeMetricFamily("atb_session_held", "Whether an engine holds it.", labels=["session", "name", "mode"])
    for sign in health.sessions:
        if sign.awaits_engine:  # no engine is silent
            continue
        labels = [str(sign.id), sign.name, sign.mode]
        silence.add_metric(labels, sign.silent_seconds)
        held.add_metric(labels, float(sign.held_by is not None))
    yield silence
    yield held
    for field, meaning in (
        ("balance", "The sum of the ledger, in currency."),
        ("equity", "Of the newest snapshot, in currency."),
        ("net_pnl", "Net P&L of all completed trades, in currency."),
        ("unrealized_pnl", "Of the open positions, in currency."),
        ("open_positions", "How many positions are open."),
        ("total_trades", "How many trades are completed."),
        ("drawdown", "Below the highest equity so far, as a fraction."),
        ("errors", "Errors in the last hour."),
    ):
        gauge = GaugeMetricFamily(f"atb_session_{field}", meaning, labels=list(_SESSION))
        for one in figures:
            value: object = getattr(one, field)
            if isinstance(value, (int, Decimal)):
                gauge.add_metric(one.labels, float(value))
        yield gauge


def _server(signs: VitalSigns, followers: Sequence[Follower]) -> Iterator[GaugeMetricFamily]:
    yield _gauge("atb_connections", "Connections in use.", float(signs.connections))
    yield _gauge("atb_connections_free", "Connections that this role could still make.", float(signs.free))
    yield _gauge("atb_longest_transaction_seconds", "Age of the oldest transaction.", signs.oldest_seconds)
    yield _gauge("atb_database_bytes", "Size of the database.", float(signs.bytes))
    yield _gauge("atb_standby_seconds", "How far this standby is behind.", signs.standby_seconds)
    behind = GaugeMetricFamily("atb_follower_behind_bytes", "How far a follower of the log is.", labels=["follower"])
    for one in followers:
        if one.bytes_behind is not None:
            behind.add_metric([one.follower], float(one.bytes_behind))
    yield behind


def _statements(times: Sequence[StatementTime]) -> Iterator[Metric]:
    if not times:
        return
    calls = CounterMetricFamily("atb_server_statement_calls", "How often the server ran it.", labels=["statement"])
    seconds = CounterMetricFamily(
        "atb_server_statement_seconds", "What it took on the server, without the network.", labels=["statement"]
    )
    for one in times:
        calls.add_metric([one.name], float(one.calls))
        seconds.add_metric([one.name], one.seconds)
    yield calls
    yield seconds


def exposition(settings: Settings) -> str:
    """Everything, as a scrape would have it."""
    return generate_latest(_registry(settings)).decode()


def serve(settings: Settings, *, host: str, port: int) -> tuple[WSGIServer, Thread]:
    """Answer scrapes on this address, in a thread; port 0 takes any that is free.

    Raises:
        AtbDbError: the address cannot be had.
    """
    try:
        return start_http_server(port, host, registry=_registry(settings))
    except OSError as error:
        raise AtbDbError(f"{host}:{port} cannot be listened on: {error.strerror}") from None


def _registry(settings: Settings) -> CollectorRegistry:
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Database(settings))
    return registry
