"""An audit that was killed goes on, and passes over what nobody has written since it was found sound."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from atb_db import Database
from atb_db.admin.audit import Audit, read_audit
from atb_db.admin.audit_marks import Marks
from atb_db.admin.errors import Unusable
from atb_db.repository import account, positions, sessions
from tests.admin.corruptions.auditing import connected

CLOSED = 6

KILLED = """
import sys, time
from pathlib import Path
from atb_db.admin.audit import read_audit
from atb_db.admin.audit_marks import Marks
from tests.admin.corruptions.auditing import connected

def progress(what, done, total):
    if done == 3:
        print("three are done", flush=True)
        time.sleep(60)

with connected(sys.argv[1]) as (connection, server):
    marks = Marks(Path(sys.argv[2]), connection, width=1, pause=0)
    read_audit([connection], server, step=1, width=1, marks=marks, progress=progress)
"""


@pytest.fixture
def traded(fresh_db: Database) -> Database:
    """A session with some positions that were closed."""
    session_id = fresh_db.run(
        sessions.create_trading_session(
            strategy_name="test", symbol="BTCUSDT", timeframe="1h", mode="PAPER", initial_balance=1000
        )
    )
    for _ in range(CLOSED):
        opened = positions.open_position(
            session_id=session_id, symbol="BTCUSDT", side="LONG", entry_price=100, size="0.1", quantity=1,
            strategy_name="test",
        )  # fmt: skip
        fresh_db.run(positions.close_position(position_id=fresh_db.run(opened), exit_price=101, exit_reason="target"))
    return fresh_db


def audited(db: Database, path: Path) -> Audit:
    with connected(db.settings.conninfo) as (connection, server):
        marks = Marks(path, connection, width=1, pause=0)
        return read_audit([connection], server, step=1, width=1, marks=marks)


def test_what_nobody_has_written_is_passed_over(traded: Database, tmp_path: Path) -> None:
    path = tmp_path / "marks.json"
    assert [audited(traded, path).passed_over for _ in range(2)] == [0, CLOSED]
    assert audited(traded, path).findings == ()
    traded.run(positions.record_funding(position_id=2, amount="-0.1"))
    assert [audited(traded, path).passed_over for _ in range(2)] == [CLOSED - 1, CLOSED]
    traded.run(account.record_transfer(session_id=1, amount=50, reason="deposit"))
    assert audited(traded, path).passed_over == CLOSED


def test_what_contradicts_itself_is_named_until_it_does_not(traded: Database, tmp_path: Path) -> None:
    path = tmp_path / "marks.json"
    audited(traded, path)
    with connected(traded.settings.conninfo) as (connection, _):
        connection.execute("UPDATE positions SET exit_price = 5 WHERE id = 3")
        for _ in range(2):
            found = audited(traded, path)
            assert {one.finding.subject for one in found.findings} == {"position 3, exit_price", "trade 3, exit_price"}
            assert found.passed_over == CLOSED - 1
        connection.execute("UPDATE positions SET exit_price = 101 WHERE id = 3")
    assert audited(traded, path).findings == ()
    assert audited(traded, path).passed_over == CLOSED


def test_a_killed_audit_goes_on(traded: Database, tmp_path: Path) -> None:
    path = tmp_path / "marks.json"
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, traded.settings.conninfo, str(path)], stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "three are done\n"
        child.send_signal(signal.SIGKILL)
    assert audited(traded, path).passed_over == 3


def test_marks_of_something_else_are_none(traded: Database, tmp_path: Path) -> None:
    path = tmp_path / "marks.json"
    audited(traded, path)
    kept = json.loads(path.read_text(encoding="utf-8"))
    for place in range(len(kept["of"])):
        other = kept["of"].copy()
        other[place] = "another"
        path.write_text(json.dumps(kept | {"of": other}), encoding="utf-8")
        assert audited(traded, path).passed_over == 0
    # Of a transaction that is yet to come: the server was put back.
    ahead = {
        session: {block: [*mark[:2], 10**9] for block, mark in of.items()} for session, of in kept["sound"].items()
    }
    path.write_text(json.dumps(kept | {"sound": ahead}), encoding="utf-8")
    assert audited(traded, path).passed_over == 0


@pytest.mark.parametrize("text", ["", "[]", '{"of": 1}', "\x00"])
def test_another_file_is_left_alone(traded: Database, tmp_path: Path, text: str) -> None:
    path = tmp_path / "other.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(Unusable, match="give another name"):
        audited(traded, path)
    assert path.read_text(encoding="utf-8") == text
