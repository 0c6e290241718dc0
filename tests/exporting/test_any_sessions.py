"""Whatever a session has recorded is exported and taken back equal, in either format."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from atb_db import Database
from atb_db.admin.exporting.loading import take_back
from atb_db.admin.exporting.manifest import FileFormat
from atb_db.admin.exporting.tables import EXPORTED
from atb_db.admin.exporting.writing import ExportChoice, export
from atb_db.embedded import Server
from atb_db.repository import account, events, positions, sessions, trades
from atb_db.statement import Statement
from atb_db.testing import settings_of
from tests.conftest import TEMPLATE

START: Final = datetime(2024, 1, 1, tzinfo=UTC)
OWN: Final = [table for table in EXPORTED if table.owner == ("session_id", "trading_sessions") and table.has_ids]

texts = st.text(min_size=1, max_size=40).filter(lambda text: "\0" not in text and bool(text.strip()))
amounts = st.decimals(min_value=Decimal("-1e12"), max_value=Decimal("1e12"), places=12)
prices = st.decimals(min_value=Decimal("1e-12"), max_value=Decimal("1e9"), places=12)
documents = st.dictionaries(
    st.text(max_size=5).filter(lambda text: "\0" not in text), texts | st.none() | st.booleans()
)
moments = st.integers(min_value=0, max_value=10**9).map(lambda n: START + timedelta(microseconds=n * 1000 + n % 7))


@st.composite
def records(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    """What is recorded, without its session."""
    kind = draw(st.sampled_from(["trade", "event", "snapshot", "position"]))
    at = draw(moments)
    if kind == "trade":
        return kind, {
            "entry_price": draw(prices), "exit_price": draw(prices), "pnl": draw(amounts), "commission": draw(amounts),
            "entry_time": at, "exit_time": at + timedelta(hours=1), "strategy_config": draw(documents),
        }  # fmt: skip
    if kind == "event":
        return kind, {"message": draw(texts), "details": draw(st.none() | documents), "timestamp": at}
    if kind == "snapshot":
        return kind, {"balance": draw(amounts), "equity": draw(amounts), "timestamp": at, "details": draw(documents)}
    return kind, {"entry_price": draw(prices), "quantity": draw(prices), "entry_time": at}


def statement(session_id: int, kind: str, given: dict[str, Any]) -> Statement[int]:
    if kind == "trade":
        return trades.log_trade(
            session_id=session_id, symbol="A", side="SHORT", size="0.1", exit_reason="x", strategy_name="x", **given
        )
    if kind == "event":
        return events.log_event(session_id=session_id, event_type="TEST", **given)
    if kind == "snapshot":
        return account.log_account_snapshot(session_id=session_id, **given)
    return positions.open_position(session_id=session_id, symbol="A", side="LONG", strategy_name="x", **given)


def rows(url: str, session_id: int, columns: dict[str, list[str]]) -> dict[str, list[tuple[object, ...]]]:
    """The session's rows of each table, in order, but for ids."""
    with psycopg.connect(url) as connection:
        return {
            table: connection.execute(f"{selected} WHERE session_id = {session_id} ORDER BY id".encode()).fetchall()
            for table, selected in ((one.name, f"SELECT {', '.join(columns[one.name])} FROM {one.name}") for one in OWN)
        }


@pytest.fixture(scope="module")
def places(server: Server) -> tuple[str, dict[FileFormat, str]]:
    """A database that records, and one for each format that takes back, for all examples."""
    others = {one: server.create_database(f"any_{one}", template=TEMPLATE) for one in FileFormat}
    return server.create_database("any_source", template=TEMPLATE), others


@pytest.mark.slow
@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(recorded=st.lists(records(), max_size=8))
def test_it_is_taken_back_as_it_was(
    places: tuple[str, dict[FileFormat, str]], recorded: list[tuple[str, dict[str, Any]]]
) -> None:
    source, others = places
    with Database(source) as db:
        session_id = db.run(
            sessions.create_trading_session(
                strategy_name="x", symbol="A", timeframe="1h", mode="BACKTEST", initial_balance=1, start_time=START
            )
        )
        for kind, given_ in recorded:
            db.run(statement(session_id, kind, given_))
    for file_format, other in others.items():
        with TemporaryDirectory() as folder:
            out = Path(folder) / "out"
            manifest = export(settings_of(source), ExportChoice(session_id), out, file_format=file_format)
            [taken] = take_back(settings_of(other), out).sessions
        columns = {
            file.table: [name for name in file.columns if name == "request_id" or not name.endswith("id")]
            for file in manifest.tables
        }
        assert rows(source, session_id, columns) == rows(other, taken.session_id, columns)
