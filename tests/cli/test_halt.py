"""The kill switch from the shell: set, looked at and cleared, for all sessions or for one."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import psycopg
import pytest

from atb_db import Database
from atb_db.cli.exits import ExitCode
from atb_db.errors import Halted
from atb_db.repository import control, events, orders, sessions
from tests.cli.conftest import Run


def session(db: Database, strategy: str = "trend") -> int:
    return db.run(
        sessions.create_trading_session(
            strategy_name=strategy, symbol="BTCUSDT", timeframe="1h", mode="PAPER", initial_balance=1000
        )
    )


def entry(db: Database, session_id: int) -> int:
    """An order that asks for the kill switch."""
    return db.run(
        orders.create_order(
            session_id=session_id,
            order_type="ENTRY",
            symbol="BTCUSDT",
            side="LONG",
            quantity=1,
            internal_order_id=str(uuid4()),
            unless_flag="kill_switch",
        )
    )


def test_it_is_set_shown_and_cleared(fresh_db: Database, fresh_url: str, run: Run, call: Run) -> None:
    first = session(fresh_db)
    assert call("halt", "status", url=fresh_url).code == ExitCode.OK
    ended = run("halt", "on", "--reason", "exchange down", "--source", "ops", url=fresh_url)
    assert (ended.code, ended.err) == (
        ExitCode.OK,
        (
            "Halted in every session: kill_switch is on; 1 session not ended. "
            'Refused are orders of engines that ask for it, with unless_flag="kill_switch".\n'
        ),
    )
    with pytest.raises(Halted, match=r"kill_switch is active since .*, set by ops: exchange down"):
        entry(fresh_db, first)
    ended = call("halt", "status", url=fresh_url)
    assert (ended.code, ended.out.splitlines()[1].split()[0], "exchange down" in ended.out) == (
        ExitCode.FOUND,
        "kill_switch",
        True,
    )
    ended = call("halt", "off", "--reason", "exchange is back", url=fresh_url)
    assert (ended.code, ended.err) == (ExitCode.OK, "Not halted in every session: kill_switch is off.\n")
    entry(fresh_db, first)
    seen = fresh_db.run(events.get_operational_events(event_type="ALERT"))
    assert [(one.severity, one.message) for one in seen] == [
        ("WARNING", "Control flag kill_switch cleared: exchange is back"),
        ("CRITICAL", "Control flag kill_switch set: exchange down"),
    ]


def test_who_set_it_is_the_account_and_the_machine(fresh_db: Database, fresh_url: str, call: Run) -> None:
    call("halt", "on", "--reason", "test", url=fresh_url)
    account, _, machine = fresh_db.run(control.get_control_flag(name="kill_switch")).source.partition("@")
    assert account
    assert machine


def test_set_again_it_has_been_on_since_it_was_set_first(fresh_db: Database, fresh_url: str, call: Run) -> None:
    hours = [datetime.now(UTC) - timedelta(hours=ago, minutes=1) for ago in (9, 8, 5, 3)]
    changes = (control.set_control_flag, control.clear_control_flag, control.set_control_flag, control.set_control_flag)
    for change, at in zip(changes, hours, strict=True):
        fresh_db.run(change(name="kill_switch", reason="drawdown", source="risk", timestamp=at))
    call("halt", "on", "--reason", "exchange down", url=fresh_url)
    for arguments, unit in ((("halt", "status"), "5h 1m"), (("health",), "on for 5h 1m")):
        assert unit in call(*arguments, url=fresh_url).out
    # Where the events are gone, since it was set last.
    with psycopg.connect(fresh_url) as owner:
        owner.execute("DELETE FROM system_events")
    assert "5h 1m" not in call("halt", "status", url=fresh_url).out


def test_one_session_alone_is_halted(fresh_db: Database, fresh_url: str, call: Run) -> None:
    first, second = session(fresh_db), session(fresh_db, "other")
    assert call("halt", "on", "--session", str(first), "--reason", "runs wild", url=fresh_url).code == ExitCode.OK
    with pytest.raises(Halted):
        entry(fresh_db, first)
    entry(fresh_db, second)
    codes = [call("halt", "status", "--session", str(one), url=fresh_url).code for one in (first, second)]
    assert codes == [ExitCode.FOUND, ExitCode.OK]
    assert call("halt", "status", url=fresh_url).code == ExitCode.FOUND
    call("halt", "on", "--reason", "all of them", url=fresh_url)
    ended = call("halt", "off", "--session", str(first), "--reason", "fixed", "--json", url=fresh_url)
    found = json.loads(ended.out)
    assert (ended.code, found["active"], [one["name"] for one in found["flags"]]) == (
        ExitCode.FOUND,
        True,
        ["kill_switch"],
    )


def test_clearing_needs_no_reason_and_setting_does(fresh_db: Database, fresh_url: str, call: Run) -> None:
    assert call("halt", "on", url=fresh_url).code == ExitCode.USAGE
    assert call("halt", "on", "--reason", "exchange down", url=fresh_url).code == ExitCode.OK
    assert call("halt", "off", "--source", "ops", url=fresh_url).code == ExitCode.OK
    [cleared, _] = fresh_db.run(events.get_operational_events(event_type="ALERT"))
    assert "cleared by an operator" in cleared.message


def test_another_flag_is_named(fresh_db: Database, fresh_url: str, call: Run) -> None:
    call("halt", "on", "--flag", "no_entries", "--reason", "weekend", url=fresh_url)
    assert [one.name for one in fresh_db.run(control.get_active_control_flags())] == ["no_entries"]
    assert call("halt", "status", url=fresh_url).code == ExitCode.OK
    assert call("halt", "status", "--flag", "no_entries", url=fresh_url).code == ExitCode.FOUND


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        (("on",), (ExitCode.USAGE, "--reason")),
        (("on", "--reason", ""), (ExitCode.FAILED, "reason")),
        (("on", "--reason", "x" * 256), (ExitCode.FAILED, "reason")),
        (("on", "--reason", "x", "--session", "999"), (ExitCode.FAILED, "session")),
        (("status", "--session", "999"), (ExitCode.FAILED, "session")),
    ],
)
def test_what_cannot_be_is_refused_and_sets_nothing(
    arguments: tuple[str, ...], found: tuple[ExitCode, str], fresh_db: Database, fresh_url: str, call: Run
) -> None:
    ended = call("halt", *arguments, url=fresh_url)
    code, says = found
    assert (ended.code, says in ended.err) == (code, True)
    assert fresh_db.run(control.get_active_control_flags()) == []
