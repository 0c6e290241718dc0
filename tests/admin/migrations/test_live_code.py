"""An upgrade that widens a table and a view of it, while an engine writes the one and dashboards read the other."""

from __future__ import annotations

import threading
import time

import psycopg
import pytest

from atb_db.admin.migrations import migrate, yoyo_backend
from atb_db.config import Settings
from tests.admin.migrations.editing import Edit

READERS = 3
DEADLOCK = 60.0
"""Seconds after which PostgreSQL looks for a deadlock here, and the migration gives way."""
LONGEST = 20.0
"""Seconds that a write takes at the most, on the busiest machine, if it is in no deadlock."""
WRITE = (
    "INSERT INTO system_events (session_id, timestamp, event_type, severity, message)"
    " SELECT id, now(), 'TEST', 'INFO', 'written' FROM trading_sessions"
)


class Load(threading.Thread):
    """The same statement over and over, each in its own transaction."""

    def __init__(self, url: str, query: str, stop: threading.Event) -> None:
        super().__init__()
        self.url, self.query, self.stop = url, query, stop
        self.seconds: list[float] = []
        self.failures: list[str] = []

    def run(self) -> None:
        with psycopg.connect(self.url, autocommit=True) as connection:
            while not self.stop.is_set():
                begun = time.monotonic()
                try:
                    connection.execute(self.query.encode())
                except psycopg.Error as error:
                    self.failures.append(str(error))
                self.seconds.append(time.monotonic() - begun)


def test_nobody_is_in_a_deadlock_or_waits_for_one(live: str, edit: Edit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yoyo_backend, "LOCK_TIMEOUT", DEADLOCK)
    with psycopg.connect(live, autocommit=True) as owner:
        owner.execute(f"ALTER DATABASE {owner.info.dbname} SET deadlock_timeout = '{DEADLOCK:.0f}s'".encode())
    release = edit(
        ("90_reporting.sql", "e.error_code, e.alert_sent", "e.error_code, e.alert_sent, e.venue"),
        ("50_events.sql", "    alert_method label,\n", "    alert_method label,\n    venue label,\n"),
        m0902_venue="ALTER TABLE system_events ADD COLUMN venue label;",
    )
    stop = threading.Event()
    loads = [
        Load(live, WRITE, stop),
        *(Load(live, "SELECT count(*) FROM reporting.events", stop) for _ in range(READERS)),
    ]
    for load in loads:
        load.start()
    try:
        time.sleep(0.3)
        done = migrate(Settings.load(live), release=release)
        time.sleep(0.3)
    finally:
        stop.set()
        for load in loads:
            load.join()
    assert (done.applied, "view reporting.events" in done.code) == (("0902-venue",), True)
    assert [load.failures for load in loads] == [[]] * len(loads)
    print(f"longest write {max(loads[0].seconds):.3f} s of {len(loads[0].seconds)}")  # noqa: T201  the measure
    assert max(loads[0].seconds) < LONGEST
