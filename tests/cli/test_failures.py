"""What a command that fails prints: a sentence for people and, with --json, one object for programs."""

from __future__ import annotations

import io
import json
import signal
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from atb_db.admin.migrations.yoyo_backend import Backend
from atb_db.cli.exits import ExitCode
from atb_db.cli.failures import wants_json
from atb_db.config import Settings
from tests.cli.conftest import COMMAND, Run, environment
from tests.cli.test_confirming import Terminal
from tests.cli.test_errors import wait_for_connection

NOWHERE = "postgresql://u@127.0.0.1:1/db"


@pytest.mark.parametrize(
    ("words", "kind", "code", "said"),
    [
        ("status", "Unavailable", ExitCode.UNREACHABLE, "Connection refused"),
        ("verify", "Unavailable", ExitCode.UNREACHABLE, "Connection refused"),
        ("backup status", "Usage", ExitCode.USAGE, "--rpo"),
        ("query trades.log_trade", "NotFound", ExitCode.USAGE, "there is no read statement"),
        ("query trades.get_recent_trades", "InvalidInput", ExitCode.USAGE, "needs --session-id"),
        ("query dashboard.dashboard --csv", "Usage", ExitCode.USAGE, "several tables"),
        ("migrate --wait -1", "Usage", ExitCode.USAGE, "--wait"),
        ("migrate --no-such-option", "Usage", ExitCode.USAGE, "No such option"),
        ("no-such-command", "Usage", ExitCode.USAGE, "No such command"),
        ("dashboard", "Usage", ExitCode.USAGE, "Did you mean 'atb-db query dashboard.dashboard'?"),
        ("migrat", "Usage", ExitCode.USAGE, "Did you mean 'migrate'?"),
        ("halt on", "Usage", ExitCode.USAGE, "--reason"),
        ("health --max-silence soon", "Usage", ExitCode.USAGE, "no length of time"),
        ("restore no.dump", "Unusable", ExitCode.USAGE, "no.dump"),
        ("demo --candles no.csv", "CandleFileError", ExitCode.USAGE, "no.csv"),
        ("end-crashed --silent 1h --yes", "Unavailable", ExitCode.UNREACHABLE, "Connection refused"),
        ("journal status no.journal", "JournalUnusable", ExitCode.USAGE, "no.journal"),
    ],
)
def test_a_failure_is_one_object(call: Run, words: str, kind: str, code: ExitCode, said: str) -> None:
    if words == "backup status":
        words = "backup status --rpo soon"
    ended = call(*words.split(), "--json", url=NOWHERE)
    found = json.loads(ended.out)
    assert list(found) == ["error"]
    error = found["error"]
    assert list(error) == ["type", "message", "statement", "sqlstate", "exit_code"]
    assert (error["type"], error["exit_code"], ended.code) == (kind, code, code)
    assert said in error["message"]
    assert said.rsplit(maxsplit=1)[-1] in " ".join(ended.err.split())
    assert call(*words.split(), url=NOWHERE).out == ""


def test_an_unusable_setting_is_an_object_too(call: Run) -> None:
    ended = call("status", "--json", url="")
    error = json.loads(ended.out)["error"]
    assert (error["type"], error["exit_code"]) == ("ConfigurationError", ExitCode.USAGE)
    assert error["message"].startswith("DATABASE_URL ")


def test_the_server_s_code_and_the_statement_are_in_it(call: Run, fresh_url: str) -> None:
    given = ("sessions.get_trading_session", "--session-id", "999999")
    error = json.loads(call("query", *given, "--json", url=fresh_url).out)["error"]
    assert (error["type"], error["statement"], error["sqlstate"]) == ("NotFound", given[0], "AT404")


def test_a_held_lock_is_an_object(call: Run, empty_url: str) -> None:
    with Backend.connect_to(Settings.load(empty_url)) as holder, holder.lock():
        ended = call("migrate", "--wait", "0.2", "--json", url=empty_url)
    assert json.loads(ended.out)["error"]["exit_code"] == ended.code == ExitCode.LOCKED


@pytest.mark.parametrize(
    ("answer", "kind", "code"), [("n\n", "Refused", ExitCode.REFUSED), ("", "Interrupted", ExitCode.INTERRUPTED)]
)
def test_what_was_not_confirmed_is_an_object(
    *, call: Run, migrated_url: str, monkeypatch: pytest.MonkeyPatch, answer: str, kind: str, code: ExitCode
) -> None:
    with psycopg.connect(migrated_url) as connection:
        connection.execute("DROP INDEX positions_open_idx")
    monkeypatch.setattr(sys, "stdin", Terminal(answer))
    ended = call("verify", "--fix", "--json", url=migrated_url)
    assert (json.loads(ended.out)["error"]["type"], ended.code) == (kind, code)
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
    assert json.loads(call("verify", "--fix", "--json", url=migrated_url).out)["error"]["type"] == "Refused"


def test_an_interruption_is_an_object(empty_url: str, tmp_path: Path) -> None:
    with (
        Backend.connect_to(Settings.load(empty_url)) as holder,
        holder.lock(),
        subprocess.Popen(
            (*COMMAND, "migrate", "--json"),
            env=environment(empty_url),
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as waiting,
    ):
        wait_for_connection(empty_url, 3)
        waiting.send_signal(signal.SIGINT)
        out, err = waiting.communicate(timeout=60)
    assert json.loads(out)["error"] == {
        "type": "Interrupted",
        "message": "interrupted",
        "statement": None,
        "sqlstate": None,
        "exit_code": ExitCode.INTERRUPTED,
    }
    assert (waiting.returncode, err) == (ExitCode.INTERRUPTED, "")


def test_words_for_another_program_are_not_ours() -> None:
    assert wants_json(["status", "--json"])
    assert not wants_json(["psql", "--", "--json"])
