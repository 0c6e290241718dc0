"""Control flags: durable, idempotent, and never "off" by mistake."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from atb_db import Database
from atb_db.errors import Conflict, IdempotencyConflict, InvalidInput, NotFound, SchemaMismatch, Unavailable
from atb_db.repository import control
from atb_db.statement import Statement
from atb_db.values import new_request_id

START = datetime(2024, 3, 1, tzinfo=UTC)


def at(minutes: int) -> datetime:
    return START + timedelta(minutes=minutes)


def set_flag(minutes: int = 0, **changes: object) -> Statement[None]:
    return control.set_control_flag.value(
        {"name": "kill_switch", "reason": "test", "source": "operator", "timestamp": at(minutes), **changes}
    )


def clear_flag(minutes: int = 0, **changes: object) -> Statement[None]:
    return control.clear_control_flag.value(
        {"name": "kill_switch", "reason": "all is well", "source": "operator", "timestamp": at(minutes), **changes}
    )


FLAG = control.get_control_flag(name="kill_switch")


def test_it_is_set_and_cleared_for_every_engine(fresh_db: Database, fresh_url: str) -> None:
    fresh_db.run(set_flag(1, reason="drawdown above 20 %", source="risk engine"))
    with Database(fresh_url) as another_engine:
        assert another_engine.run(FLAG) == control.ControlFlag(
            "kill_switch", active=True, reason="drawdown above 20 %", source="risk engine", updated_at=at(1)
        )
        assert another_engine.run(control.get_active_control_flags()) == [another_engine.run(FLAG)]
        another_engine.run(clear_flag(2))
    assert fresh_db.run(FLAG) == control.ControlFlag(
        "kill_switch", active=False, reason="all is well", source="operator", updated_at=at(2)
    )
    assert fresh_db.run(control.get_active_control_flags()) == []


def test_an_unknown_flag_is_an_error_and_not_off(fresh_db: Database) -> None:
    for name in ("kill_switch", "kil_switch", ""):
        with pytest.raises(NotFound, match="was never set nor cleared") as caught:
            fresh_db.run(control.get_control_flag(name=name))
        assert (caught.value.statement, caught.value.field) == ("control.get_control_flag", "name")
    # Clearing defines it.
    fresh_db.run(clear_flag())
    assert not fresh_db.run(FLAG).active
    with pytest.raises(NotFound):
        fresh_db.run(control.get_control_flag(name="kil_switch"))


def test_an_error_is_never_off(fresh_db: Database, fresh_url: str) -> None:
    fresh_db.run(clear_flag())
    with psycopg.connect(fresh_url, autocommit=True) as owner:
        owner.execute("ALTER TABLE system_control_flags RENAME TO hidden")
    for read in (FLAG, control.get_active_control_flags()):
        with pytest.raises(SchemaMismatch):
            fresh_db.run(read)
    unreachable = "postgresql://nobody@127.0.0.1:1/nothing?connect_timeout=1"
    for read in (FLAG, control.get_active_control_flags()):
        with pytest.raises(Unavailable), Database(unreachable) as db:
            db.run(read)


def test_a_repeated_set_does_not_undo_a_clear(fresh_db: Database, fresh_url: str) -> None:
    """A lost answer and a retry, long after somebody else acted."""
    first = set_flag(1)
    fresh_db.run(first)
    fresh_db.run(clear_flag(2))
    fresh_db.run(first)
    assert not fresh_db.run(FLAG).active
    with psycopg.connect(fresh_url) as owner:
        assert owner.execute("SELECT count(*) FROM system_events").fetchone() == (2,)


def test_a_repeated_clear_does_not_undo_a_set(fresh_db: Database) -> None:
    first = clear_flag(1)
    fresh_db.run(first)
    fresh_db.run(set_flag(2))
    fresh_db.run(first)
    assert fresh_db.run(FLAG).active


def test_a_clear_that_arrives_late_is_refused_when_the_flag_was_set_meanwhile(
    fresh_db: Database, fresh_url: str
) -> None:
    fresh_db.run(set_flag(5, source="watchdog"))
    with pytest.raises(Conflict, match=r"was set at .* by watchdog, after this request to clear it") as caught:
        fresh_db.run(clear_flag(4))
    assert type(caught.value) is Conflict
    assert (caught.value.statement, caught.value.field) == ("control.clear_control_flag", "timestamp")
    assert fresh_db.run(FLAG).active
    with psycopg.connect(fresh_url) as owner:
        assert owner.execute("SELECT count(*) FROM system_events").fetchone() == (1,)
    fresh_db.run(clear_flag(5))
    assert not fresh_db.run(FLAG).active


def test_a_set_that_arrives_late_sets(fresh_db: Database) -> None:
    fresh_db.run(clear_flag(5))
    fresh_db.run(set_flag(4))
    found = fresh_db.run(FLAG)
    assert found.active
    # So that a clear from before the set was known is still refused.
    assert found.updated_at == at(5)


def test_every_change_is_an_event(fresh_db: Database, fresh_url: str) -> None:
    fresh_db.run(set_flag(1, reason="exchange is down", source="watchdog"))
    fresh_db.run(clear_flag(2))
    with psycopg.connect(fresh_url) as owner:
        found = owner.execute(
            "SELECT event_type::text, severity::text, message, details ->> 'source', session_id"
            " FROM system_events ORDER BY timestamp"
        ).fetchall()
    assert found == [
        ("ALERT", "CRITICAL", "Control flag kill_switch set: exchange is down", "watchdog", None),
        ("ALERT", "WARNING", "Control flag kill_switch cleared: all is well", "operator", None),
    ]


def test_a_request_id_stands_for_one_change(fresh_db: Database) -> None:
    request_id = new_request_id()
    fresh_db.run(set_flag(1, request_id=request_id))
    for other in (set_flag(1, request_id=request_id, name="other"), clear_flag(9, request_id=request_id)):
        with pytest.raises(IdempotencyConflict):
            fresh_db.run(other)
    assert [flag.name for flag in fresh_db.run(control.get_active_control_flags())] == ["kill_switch"]


def test_a_reason_and_a_source_are_needed(fresh_db: Database) -> None:
    for name in ("reason", "source", "name"):
        with pytest.raises(InvalidInput) as caught:
            fresh_db.run(set_flag(1, **{name: " "}))
        assert caught.value.field == name
    with pytest.raises(NotFound):
        fresh_db.run(FLAG)


def test_eight_set_it_at_once(fresh_db: Database, fresh_url: str) -> None:
    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(fresh_db.run, [set_flag(minutes) for minutes in range(8)])) == [None] * 8
    found = fresh_db.run(FLAG)
    assert (found.active, found.updated_at) == (True, at(7))
    with psycopg.connect(fresh_url) as owner:
        assert owner.execute("SELECT count(*) FROM system_events").fetchone() == (8,)
