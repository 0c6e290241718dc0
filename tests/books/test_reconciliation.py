"""The reconciliation audit: append-only, also for its owner."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from atb_db import Database
from atb_db.errors import NotFound
from atb_db.repository import reconciliation
from atb_db.statement import Statement
from atb_db.types import Severity

START = datetime(2024, 3, 1, tzinfo=UTC)


def difference(session_id: int, minutes: int = 0, **changes: object) -> Statement[int]:
    return reconciliation.log_reconciliation.value(
        {
            "session_id": session_id,
            "entity_type": "order",
            "entity_id": "exchange-7",
            "field": "filled_quantity",
            "old_value": "0",
            "new_value": "0.5",
            "reason": "filled while offline",
            "severity": "warning",
            "timestamp": START + timedelta(minutes=minutes),
            **changes,
        }
    )


def test_differences_are_read_back_newest_first(db: Database, session_id: int) -> None:
    ids = [db.run(difference(session_id, minutes)) for minutes in (1, 3, 2, 2)]
    found = db.run(reconciliation.get_reconciliation_events(session_id=session_id, limit=3))
    assert [event.id for event in found] == [ids[1], ids[3], ids[2]]
    assert found[0] == reconciliation.ReconciliationEvent(
        id=ids[1],
        session_id=session_id,
        timestamp=START + timedelta(minutes=3),
        entity_type="order",
        entity_id="exchange-7",
        field="filled_quantity",
        old_value="0",
        new_value="0.5",
        reason="filled while offline",
        severity=Severity.WARNING,
    )


def test_a_repeated_request_is_the_same_record(db: Database, session_id: int) -> None:
    statement = difference(session_id, old_value=None)
    assert db.run(statement) == db.run(statement)
    assert len(db.run(reconciliation.get_reconciliation_events(session_id=session_id))) == 1


def test_no_record_can_be_changed(db: Database, url: str, session_id: int) -> None:
    db.run(difference(session_id))
    with psycopg.connect(url, autocommit=True) as owner:
        for change in ("reason = 'other'", "new_value = NULL", "severity = 'INFO'", "request_hash = request_hash + 1"):
            with pytest.raises(psycopg.Error, match="reconciliation_audit_events is append-only") as caught:
                owner.execute(f"UPDATE reconciliation_audit_events SET {change}".encode())
            assert caught.value.sqlstate == "AT409"


def test_a_session_that_does_not_exist(db: Database) -> None:
    for statement in (difference(10**9), reconciliation.get_reconciliation_events(session_id=10**9)):
        with pytest.raises(NotFound) as caught:
            db.run(statement)
        assert caught.value.field == "session_id"
