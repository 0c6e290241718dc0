"""The audit of compacted decisions: what is lost is named and ends nothing, and contents are read when asked for."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from atb_db import Database
from atb_db.admin import audit
from atb_db.admin.connection import Connection
from atb_db.cli.exits import ExitCode
from atb_db.database.connecting import accept
from atb_db.repository import sessions
from tests.admin.corruptions.auditing import connected, undone
from tests.cli.conftest import Run, call

__all__ = ["call"]

START = datetime(2024, 3, 1, tzinfo=UTC)
DECIDED = """
INSERT INTO strategy_executions (
    session_id, timestamp, strategy_name, symbol, signal_type, action_taken, price, reasons
)
SELECT 1, %s + i * interval '1 second', 'ml', 'X', 'hold', 'none', 1, jsonb_build_array(gen_random_uuid(), random())
  FROM generate_series(1, 501) AS i
"""
# Its index has the file of another one, which is empty.
LOST = """
WITH toasted AS (
    SELECT c.relname, x.indexrelid
      FROM pg_class AS c
      JOIN pg_index AS x ON x.indrelid = c.reltoastrelid
     WHERE c.relname IN ('decision_chunks', 'reconciliation_audit_events')
)
UPDATE pg_class
   SET relfilenode = (SELECT indexrelid FROM toasted WHERE relname <> 'decision_chunks')
 WHERE oid = (SELECT indexrelid FROM toasted WHERE relname = 'decision_chunks')
"""
WRONG = "UPDATE decision_chunks SET packed[2].price = -1"


@pytest.fixture
def compacted(fresh_db: Database, fresh_url: str) -> Iterator[Connection]:
    """A session whose decisions are in two chunks, each of several pages."""
    new = sessions.create_trading_session(
        strategy_name="ml", symbol="X", timeframe="1h", mode="PAPER", initial_balance=1, start_time=START
    )
    assert fresh_db.run(new) == 1
    with connected(fresh_url) as (connection, _):
        connection.execute(DECIDED, [START])
        for _ in range(2):
            connection.execute("SELECT compact_decisions(1, %s, 250, '-infinity')", [START + timedelta(days=1)])
        yield connection


def found(connection: Connection, *, contents: bool) -> list[tuple[str, str]]:
    books = audit.read_audit([connection], accept(connection), session_id=1, contents=contents)
    return [(one.finding.identity, one.finding.subject) for one in books.findings]


@pytest.mark.parametrize("contents", [False, True])
def test_what_cannot_be_read_is_named_and_the_rest_is_audited(
    compacted: Connection, monkeypatch: pytest.MonkeyPatch, *, contents: bool
) -> None:
    monkeypatch.setattr(audit, "CHUNKS", 1)
    assert found(compacted, contents=contents) == []
    with undone(compacted):
        compacted.execute("UPDATE trading_sessions SET current_balance = 5")
        compacted.execute(LOST)
        named = found(compacted, contents=contents)
    assert {identity for identity, _ in named} >= {"ledger sum", "balance"}
    assert named[-2:] == [("decision chunk", f"decision chunk {chunk}, contents") for chunk in (1, 2)]
    assert found(compacted, contents=contents) == []


def test_contents_are_compared_when_asked_for(compacted: Connection, fresh_url: str, call: Run) -> None:
    compacted.execute(WRONG)
    assert call("audit", url=fresh_url).code == ExitCode.OK
    asked = call("audit", "--contents", url=fresh_url)
    assert asked.code == ExitCode.FOUND
    assert "price_nonnegative" in asked.out
