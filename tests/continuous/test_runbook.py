"""The runbook's page for a session that somebody deleted at 03:00, executed from its text."""

from __future__ import annotations

import re
import shlex
import subprocess
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import psycopg
import pytest
from psycopg import sql

from atb_db import Database, Settings
from atb_db.admin.purge import SESSION_TABLES
from atb_db.cli.exits import ExitCode
from atb_db.repository import events, sessions
from tests.continuous.conftest import Scene, numbers
from tests.continuous.test_put_back import COUNTED_AGAIN
from tests.statements.books import contents
from tests.statements.examples import at, prepare, trade

pytestmark = pytest.mark.slow
TITLE = "## Somebody deleted a session at 03:00\n"
MOMENT = "2026-11-29 02:59:59+00"


def commands() -> list[str]:
    """What the page runs, in order; its time, session, URL, UUID and FILE are to be filled in."""
    page = (Path(__file__).parents[2] / "docs" / "operations.md").read_text(encoding="utf-8")
    section = page.partition(TITLE)[2].partition("\n## ")[0]
    return [" ".join(found.split()) for found in re.findall(r"`((?:atb-db|restore) [^`]+)`", section)]


class Page(NamedTuple):
    """The page's commands on a scene."""

    scene: Scene
    moment: datetime

    def do(self, command: str, **values: str) -> str:
        for text, value in values.items():
            command = command.replace(text, value)
        words = shlex.split(command.removeprefix("atb-db ").replace(MOMENT, self.moment.isoformat(sep=" ")))
        from_archive = words[0] == "archive" or bool({"--at", "--before-request"} & set(words))
        ended = self.scene.cli(*words, *(["--archive-dir", str(self.scene.archive)] if from_archive else []))
        assert ended.code == ExitCode.OK, (command, ended)
        return ended.out.strip() + "\n" + ended.err


def delete_session(url: str, session_id: int) -> None:
    """Past every guard, as only an owner with a wrong statement can."""
    with psycopg.connect(url) as connection:
        connection.execute("SET session_replication_role = replica")
        for table, belongs in SESSION_TABLES.items():
            delete = sql.SQL("DELETE FROM {} WHERE {}").format(sql.Identifier(table), belongs)
            connection.execute(delete, {"session": session_id})


def test_the_page_puts_the_session_back(scene: Scene) -> None:
    status, back, audited, *_ = commands()
    with Database(scene.settings) as db:
        world = prepare(db, unbooked=False)
    assert scene.cli("archive", "start", "--archive-dir", str(scene.archive)).code == ExitCode.OK
    page = Page(scene, scene.record(1))
    scene.protects(page.moment)
    was = contents(scene.url)
    delete_session(scene.url, world.session_id)
    left = contents(scene.url)
    with Database(scene.settings) as db:
        assert world.session_id not in {one.id for one in db.run(sessions.get_active_sessions())}
        db.run(trade(world.other_session_id, exit_time=at(50), pnl=7))
    others = contents(scene.url)
    page.do(status)
    said = page.do(back.replace("--session 7", f"--session {world.session_id}"))
    assert re.search(rf"Session {world.session_id} \(.*\) is back with \d+ rows. Its books are consistent.", said)
    now = contents(scene.url)
    for table in sorted(set(SESSION_TABLES) - COUNTED_AGAIN):
        assert set(now[table]) == set(others[table]) | (set(was[table]) - set(left[table])), table
    assert set(was["system_events"]) <= set(now["system_events"])
    page.do(audited)
    assert not list(scene.archive.parent.glob("**/postmaster.pid"))


def test_the_page_finds_the_moment_looks_and_goes_back_with_everything(scene: Scene) -> None:
    *_, before, restored, looked, dumped, again = commands()
    assert scene.cli("archive", "start", "--archive-dir", str(scene.archive)).code == ExitCode.OK
    page = Page(scene, scene.record(1, 2))
    request = events.log_event(event_type="TEST", message="number 3")
    with Database(scene.settings) as db:
        db.run(request)
    scene.forget()
    scene.protects(scene.now())
    for command in (before.replace("UUID", str(request.request_id)), restored):
        said = page.do(command)
        url = said.splitlines()[0]
        try:
            assert numbers(Settings.load(url, environ={})) == [1, 2]
            page.do(looked, URL=url)
        finally:
            found = re.search(r"(kill -INT .+)$", said, re.MULTILINE)
            assert found is not None
            subprocess.run(["/bin/sh", "-c", found[1]], check=True)
        assert not Path(found[1].split()[-1]).exists()
    dump = page.do(dumped).splitlines()[0]
    target = scene.server.create_database("brought_back")
    page.do(again, FILE=dump, URL=target)
    assert numbers(Settings.load(target, environ={})) == [1, 2]
