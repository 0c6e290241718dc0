"""`atb-db journal` on a journal that an engine left: its effect and its exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from atb_db import Database, Journal
from atb_db.cli.exits import ExitCode
from atb_db.journal import Queued
from atb_db.repository import account, events, sessions
from tests.cli.conftest import Run

NOWHERE = "postgresql://postgres@127.0.0.1:1/nowhere"


@pytest.fixture
def path(tmp_path: Path, db: Database, session_id: int) -> Path:
    """An engine's journal with an event that waits, and money that will be refused: its session has ended."""
    file = tmp_path / "engine.journal"
    away = Database(NOWHERE)
    with Journal(file, away, patience=0.05) as journal:
        for statement in (
            account.adjust_balance(session_id=session_id, delta="-5.50", reason="late"),
            events.log_event(session_id=session_id, event_type="TEST", message="waited"),
        ):
            assert isinstance(journal.record(statement), Queued)
    away.close()
    db.run(sessions.end_trading_session(session_id=session_id))
    return file


def test_status_and_inspect_read_the_file_alone(call: Run, path: Path) -> None:
    code, out, _ = call("journal", "status", str(path), "--json")
    assert code == ExitCode.FOUND
    found = json.loads(out)
    assert (found["waiting"], found["set_aside"], found["bytes"]) == (2, 0, path.stat().st_size)
    assert "Waiting" in call("journal", "status", str(path)).out
    code, out, _ = call("journal", "inspect", str(path), "--json")
    assert code == ExitCode.OK
    money, event = json.loads(out)
    assert (money["statement"], money["values"]["delta"]) == ("account.adjust_balance", "-5.50")
    assert (event["number"], event["values"]["message"], event["problem"]) == (2, "waited", None)
    assert "message=waited" in call("journal", "inspect", str(path)).out


def test_replay_applies_what_can_be_and_keeps_the_rest(
    call: Run, path: Path, url: str, db: Database, session_id: int
) -> None:
    code, out, _ = call("journal", "replay", str(path), "--json", url=url)
    assert code == ExitCode.FOUND
    assert json.loads(out) == {"applied": 1, "set_aside": 1, "waiting": 0, "error": None, "left_aside": 1}
    assert "waited" in [event.message for event in db.run(events.get_recent_events(session_id=session_id))]
    assert call("journal", "status", str(path)).code == ExitCode.FOUND
    assert "SessionClosed" in call("journal", "inspect", str(path)).out
    assert call("journal", "replay", str(path), "--set-aside", url=url).code == ExitCode.FOUND
    assert call("journal", "discard", str(path), "1", "7").code == ExitCode.FOUND
    assert call("journal", "status", str(path)).code == ExitCode.OK
    assert call("journal", "replay", str(path), url=url).code == ExitCode.OK


def test_replay_without_the_database(call: Run, path: Path) -> None:
    assert call("journal", "replay", str(path), url=NOWHERE).code == ExitCode.UNREACHABLE
    assert call("journal", "status", str(path)).code == ExitCode.FOUND


def test_an_engine_that_has_it_open(call: Run, path: Path, url: str, db: Database) -> None:
    with Journal(path, db):
        assert call("journal", "replay", str(path), url=url).code == ExitCode.LOCKED
        assert call("journal", "discard", str(path), "1").code == ExitCode.LOCKED
        assert call("journal", "status", str(path)).code == ExitCode.FOUND


def test_a_file_that_is_missing_or_something_else(call: Run, tmp_path: Path, url: str) -> None:
    assert call("journal", "replay", "missing", url=url).code == ExitCode.USAGE
    assert call("journal", "discard", "missing", "1").code == ExitCode.USAGE
    for command in ("status", "inspect"):
        ended = call("journal", command, "missing")
        assert (ended.code, ended.out) == (ExitCode.USAGE, "")
        assert "missing" in ended.err
    (tmp_path / "other").write_text("something else\n")
    assert call("journal", "replay", "other", url=url).code == ExitCode.USAGE
    assert (tmp_path / "other").read_text() == "something else\n"
