"""An upgrade never stops a running engine: the previous release goes on working on what this release has migrated."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import NamedTuple

import psycopg
import pytest

from atb_db.admin.audit import SessionFinding, audit
from atb_db.admin.migrations import migrate
from atb_db.config import Settings
from atb_db.embedded import Server
from tests.upgrades.conftest import LastRelease
from tests.upgrades.history import PIN, NoHistoryError, extract
from tests.upgrades.next_release import LABEL, MIGRATIONS, make_next_release

ALL_WELL = {"bot": None, "threads": None, "tasks": None, "reader": None}
"""The errors of the previous release's engines."""


class Upgraded(NamedTuple):
    """What the previous release says when this one has migrated its database."""

    examples_end: int
    """The newest session of the examples, whose books need not balance."""
    examples_before: object
    """What failed of its examples on its own schema."""
    engines: object
    described: object
    examples: object
    findings: object


@pytest.fixture(scope="module")
def upgraded(last_release: LastRelease) -> Upgraded:
    """The database of the previous release, whose engines go on trading, migrated."""
    examples_end = last_release.ask("prepare")
    assert isinstance(examples_end, int)
    examples = last_release.ask("run")  # so that all statements are prepared
    assert last_release.ask("start") == ALL_WELL
    migrate(Settings.load(last_release.url, environ={}))
    engines, described, again, _ = map(last_release.ask, ("go_on", "describe", "run", "demo"))
    return Upgraded(examples_end, examples, engines, described, again, last_release.ask("audit"))


def findings(last_release: LastRelease, upgraded: Upgraded) -> list[SessionFinding]:
    """What this release finds in the books of the previous one's engines."""
    found = audit(Settings.load(last_release.url, environ={})).findings
    return [one for one in found if one.session_id is None or one.session_id > upgraded.examples_end]


def test_its_engines_trade_through_the_migration(upgraded: Upgraded) -> None:
    assert upgraded.engines == ALL_WELL


def test_the_server_agrees_with_its_statements(upgraded: Upgraded) -> None:
    assert upgraded.described == []


def test_each_of_its_statements_runs(upgraded: Upgraded) -> None:
    assert (upgraded.examples_before, upgraded.examples) == ({}, {})


def test_its_demo_trades_and_the_books_balance(upgraded: Upgraded, last_release: LastRelease) -> None:
    assert upgraded.findings == []
    assert findings(last_release, upgraded) == []


def test_its_engines_trade_through_changes_of_every_kind(
    server: Server, upgraded: Upgraded, last_release: LastRelease, tmp_path: Path
) -> None:
    assert upgraded.engines == ALL_WELL
    release = make_next_release(tmp_path / "sql", server.create_database("next_release", template="template0"))
    done = migrate(Settings.load(last_release.url, environ={}), release=release)
    assert done.applied == tuple(MIGRATIONS)
    assert {"view reporting.trades", "function book_fill"} <= set(done.code)
    with psycopg.connect(last_release.url) as connection:
        connection.execute(
            "INSERT INTO system_events (session_id, event_type, severity, message, timestamp)"
            f" SELECT id, '{LABEL}', 'INFO', 'new', now() FROM trading_sessions"
        )
    assert last_release.ask("go_on") == ALL_WELL
    assert last_release.ask("stop") == ALL_WELL
    assert findings(last_release, upgraded) == []


def test_without_a_history_it_is_said_why(tmp_path: Path) -> None:
    with pytest.raises(NoHistoryError, match="repository"):
        extract(PIN.read_text(encoding="utf-8").strip(), tmp_path / "release", root=tmp_path)


@pytest.mark.usefixtures("last_release")  # so there is a history
def test_a_commit_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(subprocess.CalledProcessError):
        extract("0" * 40, tmp_path)
