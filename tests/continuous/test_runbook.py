"""The runbook's page for a session that somebody deleted at 03:00, executed from its text."""

from __future__ import annotations

import re
import shlex
import subprocess
import time
from pathlib import Path

import psycopg
import pytest

from atb_db import Database, Settings
from atb_db.cli.exits import ExitCode
from atb_db.repository import sessions
from tests.continuous.conftest import Scene, numbers

pytestmark = pytest.mark.slow
TITLE = "## Somebody deleted a session at 03:00\n"
MOMENT = "2026-11-29 02:59:59+00"


def commands() -> list[str]:
    """What the page runs, in order; its time, URL and FILE are to be filled in."""
    page = (Path(__file__).parents[2] / "docs" / "operations.md").read_text(encoding="utf-8")
    section = page.partition(TITLE)[2].partition("\n## ")[0]
    return [" ".join(found.split()) for found in re.findall(r"`((?:atb-db|restore) [^`]+)`", section)]


def test_the_page_brings_the_session_back(scene: Scene) -> None:
    halted, status, restored, looked, dumped, again, audited, resumed = commands()
    where = ["--archive-dir", str(scene.archive)]
    assert scene.cli("archive", "start", *where).code == ExitCode.OK
    moment = scene.record(1, 2, 3)
    scene.protects(moment)
    time.sleep(0.01)
    with psycopg.connect(scene.url) as connection:
        # Past every guard, as only an owner with a wrong statement can.
        connection.execute("SET session_replication_role = replica")
        for table in ("system_events", "account_balances", "performance_metrics", "trading_sessions"):
            connection.execute(f"DELETE FROM {table}".encode())
    with Database(scene.settings) as db:
        assert db.run(sessions.get_active_sessions()) == []

    def do(command: str, **values: str) -> str:
        for text, value in values.items():
            command = command.replace(text, value)
        words = shlex.split(command.removeprefix("atb-db ").replace(MOMENT, moment.isoformat(sep=" ")))
        more = where if words[0] == "archive" or "--at" in words else []
        ended = scene.cli(*words, *more)
        assert ended.code == ExitCode.OK, (command, ended)
        return ended.out.strip() + "\n" + ended.err

    do(halted)
    do(status)
    said = do(restored)
    url = said.splitlines()[0]
    try:
        assert numbers(Settings.load(url, environ={})) == [1, 2, 3]
        do(looked, URL=url)
        dump = do(dumped).splitlines()[0]
        target = scene.server.create_database("brought_back")
        do(again, FILE=dump, URL=target)
        with Database(Settings.load(target, environ={})) as db:
            assert [one.strategy_name for one in db.run(sessions.get_active_sessions())] == ["trend"]
        do(f"{audited} --url {target}")
        do(resumed)
    finally:
        found = re.search(r"(kill -INT .+)$", said, re.MULTILINE)
        assert found is not None
        subprocess.run(["/bin/sh", "-c", found[1]], check=True)
    assert not Path(found[1].split()[-1]).exists()
