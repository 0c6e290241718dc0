"""Metrics for Prometheus: printed, served, and also there when the database is not."""

from __future__ import annotations

import subprocess
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from prometheus_client.parser import text_string_to_metric_families

from atb_db import Database, Settings, embedded
from atb_db.admin.migrations import migrate
from atb_db.cli.exits import ExitCode
from atb_db.embedded import Server
from atb_db.repository import account, control, events, positions, sessions
from tests.cli.conftest import COMMAND, PASSWORD, Run, environment


def samples(text: str) -> dict[str, dict[str, float]]:
    """Each metric's values by the session, or by all that they are labelled with."""
    return {
        family.name: {
            sample.labels.get("session", ",".join(sample.labels.values())): sample.value for sample in family.samples
        }
        for family in text_string_to_metric_families(text)
    }


@pytest.fixture
def session_id(fresh_db: Database) -> int:
    began = datetime.now(UTC) - timedelta(hours=2)
    session = fresh_db.run(
        sessions.create_trading_session(
            session_name='odd "name"\\',
            strategy_name="trend",
            symbol="BTCUSDT",
            timeframe="1h",
            mode="PAPER",
            initial_balance=1000,
            start_time=began,
        )
    )
    for minutes, equity in ((10, 1200), (20, 900)):
        at = began + timedelta(minutes=minutes)
        fresh_db.run(
            account.log_account_snapshot(
                session_id=session, balance=1000, equity=equity, open_positions=0, total_exposure=0, timestamp=at
            )
        )
    fresh_db.run(
        positions.open_position(
            session_id=session,
            symbol="BTCUSDT",
            side="LONG",
            entry_price=100,
            size="0.1",
            quantity=1,
            strategy_name="trend",
            entry_order_id="e-1",
        )
    )
    fresh_db.run(events.log_event(session_id=session, event_type="ERROR", severity="ERROR", message="it failed"))
    return session


def test_everything_is_printed(fresh_db: Database, fresh_url: str, session_id: int, call: Run) -> None:
    fresh_db.run(control.set_control_flag(name="kill_switch", reason="test", source="test"))
    fresh_db.run(
        events.log_event(event_type="BACKUP", message="made", timestamp=datetime.now(UTC) - timedelta(minutes=5))
    )
    with psycopg.connect(fresh_url, autocommit=True) as owner:
        if owner.execute(AVAILABLE).fetchone() is not None:
            owner.execute("CREATE EXTENSION pg_stat_statements")  # this server has not loaded what it needs
    ended = call("metrics", url=fresh_url)
    assert ended.code == ExitCode.OK, ended.err
    found = samples(ended.out)
    own = str(session_id)
    [labels] = [
        sample.labels
        for family in text_string_to_metric_families(ended.out)
        for sample in family.samples
        if family.name == "atb_session_balance"
    ]
    assert labels == {
        "session": own,
        "name": 'odd "name"\\',
        "mode": "PAPER",
        "strategy": "trend",
        "symbol": "BTCUSDT",
        "currency": "USDT",
    }
    assert found["atb_up"] == {"": 1.0}
    assert found["atb_control_flag_active"] == {"kill_switch": 1.0}
    assert 300 <= found["atb_backup_age_seconds"][""] < 400
    assert found["atb_archive_following"] == {"": 0.0}
    figures = {name: values[own] for name, values in found.items() if own in values}
    assert figures["atb_session_balance"] == 1000
    assert figures["atb_session_equity"] == 900
    assert figures["atb_session_open_positions"] == 1
    assert figures["atb_session_errors"] == 1
    assert figures["atb_session_drawdown"] == pytest.approx(0.25)
    assert figures["atb_session_silence_seconds"] < 60
    assert found["atb_connections"][""] >= 1
    assert "atb_server_statement_calls" not in found


def test_a_database_that_is_away_is_a_scrape_too(call: Run) -> None:
    ended = call("metrics", "--url", f"postgresql://postgres:{PASSWORD}@127.0.0.1:1/nowhere?sslmode=disable")
    assert (ended.code, samples(ended.out)["atb_up"], "atb_connections" in ended.out) == (0, {"": 0.0}, False)


AVAILABLE = "SELECT FROM pg_available_extensions WHERE name = 'pg_stat_statements'"


@pytest.fixture
def measuring(server: Server) -> Iterator[str]:
    """A database on a server that has pg_stat_statements."""
    with psycopg.connect(server.url()) as connection:
        if connection.execute(AVAILABLE).fetchone() is None:
            pytest.skip("this PostgreSQL has no pg_stat_statements")
    wants = {"shared_preload_libraries": "pg_stat_statements"}
    with embedded.postgresql(bin_dir=server.bin_dir, settings=wants) as loaded:
        url = loaded.create_database("measured")
        migrate(Settings.load(url, environ={}))
        yield url


@pytest.mark.slow
def test_the_server_says_what_statements_took(measuring: str, call: Run) -> None:
    with psycopg.connect(measuring, autocommit=True) as owner:
        owner.execute("CREATE SCHEMA elsewhere")
        owner.execute("CREATE EXTENSION pg_stat_statements SCHEMA elsewhere")
    with Database(measuring) as db:
        for _ in range(3):
            db.run(sessions.get_active_sessions())
        db.run_many([events.log_event(event_type="WARNING", message=f"{number}") for number in range(2)])
    ended = call("metrics", url=measuring)
    assert ended.code == ExitCode.OK, ended.err
    found = samples(ended.out)
    calls, seconds = (found[f"atb_server_statement_{name}"] for name in ("calls", "seconds"))
    assert (calls["sessions.get_active_sessions"], calls["events.log_event"]) == (3, 2)
    assert calls.keys() == seconds.keys()
    assert all(0 < one < 60 for one in seconds.values())


def test_they_are_served_until_it_is_stopped(fresh_url: str, session_id: int, tmp_path: Path) -> None:
    with subprocess.Popen(
        (*COMMAND, "metrics", "--listen", "127.0.0.1:0"),
        env=environment(fresh_url),
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
    ) as served:
        try:
            assert served.stderr is not None
            address = served.stderr.readline().split()[-1]
            for _ in range(2):
                with urllib.request.urlopen(address, timeout=30) as answer:  # noqa: S310  it is ours
                    assert len(samples(answer.read().decode())["atb_session_balance"]) == 1
        finally:
            served.terminate()
        assert served.wait(30) == 128 + 15
    assert session_id


@pytest.mark.parametrize("address", ["9187", "127.0.0.1", "127.0.0.1:99999", "a:b"])
def test_what_is_no_address_is_refused(address: str, call: Run) -> None:
    assert call("metrics", "--listen", address).code == ExitCode.USAGE
