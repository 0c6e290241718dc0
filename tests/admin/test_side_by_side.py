"""Tasks on several connections: their order, and what becomes of the rest when one fails."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing

import psycopg
import pytest

from atb_db.admin.connection import Connection, reading, reading_beside
from atb_db.admin.side_by_side import side_by_side
from atb_db.config import Settings

EVENTS = "SELECT count(*) FROM system_events"
LOG_EVENT = "INSERT INTO system_events (timestamp, event_type, severity, message) VALUES (now(), 'TEST', 'INFO', 'x')"


@pytest.fixture
def connections(fresh_url: str) -> Iterator[Sequence[Connection]]:
    settings = Settings.load(fresh_url, environ={})
    with reading(settings) as (first, _), reading_beside(first, settings, more=2) as found:
        yield found


def answered(connection: Connection, question: str) -> object:
    [(answer,)] = connection.execute(question.encode()).fetchall()
    return answer


def test_results_come_in_the_order_of_the_tasks(connections: Sequence[Connection]) -> None:
    """Also where the first takes longest, and with many more of them than connections."""
    tasks = ["SELECT 0 FROM pg_sleep(0.2)", *(f"SELECT {number}" for number in range(1, 50))]
    for several in (connections, connections[:1]):
        assert list(side_by_side(several, tasks, answered)) == [(task, number) for number, task in enumerate(tasks)]


def test_several_are_under_way_at_once(connections: Sequence[Connection]) -> None:
    """Each waits until all three hold a lock of theirs."""
    together = (
        "DO $$ BEGIN PERFORM pg_advisory_xact_lock_shared(7); WHILE (SELECT count(*) FROM pg_locks"
        " WHERE locktype = 'advisory' AND objid = 7) < 3 LOOP PERFORM pg_sleep(0.01); END LOOP; END $$"
    )
    done = side_by_side(connections, [together] * 3, lambda one, task: one.execute(task).statusmessage)
    assert [message for _, message in done] == ["DO"] * 3


def test_all_see_what_the_first_sees(connections: Sequence[Connection], fresh_url: str) -> None:
    with psycopg.connect(fresh_url) as other:
        other.execute(LOG_EVENT)
    assert [answer for _, answer in side_by_side(connections, [EVENTS] * 6, answered)] == [0] * 6


@pytest.mark.parametrize("tasks", [["SELECT 1/0", "SELECT 1 FROM pg_sleep(3600)"] * 3])
def test_an_error_cancels_the_rest(connections: Sequence[Connection], tasks: list[str]) -> None:
    with pytest.raises(psycopg.errors.DivisionByZero):
        list(side_by_side(connections, tasks, answered))


def test_who_stops_early_cancels_the_rest(connections: Sequence[Connection]) -> None:
    with closing(side_by_side(connections, ["SELECT 1", *["SELECT 1 FROM pg_sleep(3600)"] * 9], answered)) as done:
        assert next(done) == ("SELECT 1", 1)
