"""A primary that was paused while its standby was promoted wakes up and believes that it leads."""

from __future__ import annotations

import signal

import psycopg
import pytest

from atb_db.database.lineage import Lineage
from atb_db.errors import OutcomeUnknown, Unavailable
from atb_db.repository import events, sessions
from tests.faults.breaking import processes, signal_all
from tests.faults.client import clients
from tests.faults.conftest import FULL, Record
from tests.faults.results import Line
from tests.faults.scene import begin_sessions
from tests.faults.standby import pair


@pytest.mark.slow
def test_it_is_not_asked_again(is_async: bool, record: Record) -> None:  # noqa: FBT001
    if is_async and not FULL:
        pytest.skip("part of make faults")
    with pair() as servers, clients(is_async=is_async) as connect:
        client = connect(servers.url, deadline=10.0, query_deadline=10.0)
        [before] = begin_sessions(servers.url, 1)
        client.run(events.log_event(session_id=before, event_type="TEST", message="before"))
        paused = processes(servers.primary)
        signal_all(paused, signal.SIGSTOP)
        try:
            servers.promote()
            after = events.log_event(session_id=before, event_type="TEST", message="after")
            with pytest.raises(OutcomeUnknown):
                client.run(after, timeout=0.5)
            client.run(after)
            [later] = begin_sessions(servers.standby.url(), 1)
        finally:
            signal_all(paused, signal.SIGCONT)
        with psycopg.connect(servers.standby.url(), autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'atb_db'"
            )
        with pytest.raises(Unavailable, match="was replaced: it is on timeline 1, and another leads on 2"):
            client.run(sessions.get_trading_session(session_id=later), timeout=1.0)
        servers.kill_primary()
        found = client.run(sessions.get_trading_session(session_id=later))
        assert found is not None
        assert found.id == later
    kind = "async" if is_async else "sync"
    record(
        Line("replaced primary wakes up", kind, 1, 2, 0, 0, errors="1 Unavailable", promised="refused by its timeline")
    )


def test_the_newest_timeline_of_a_cluster_counts() -> None:
    lineage = Lineage("host=a,b")
    for accepted in ((7, 1), (7, 3), (7, None), None, (7, 3)):
        lineage.check(accepted)
    with pytest.raises(Unavailable, match="timeline 2"):
        lineage.check((7, 2))
    lineage.check((8, 1))  # another cluster, restored from a dump


@pytest.mark.parametrize(
    ("conninfo", "expected"), [("host=a", False), ("host=a,b", True), ("hostaddr=1,2", True), ("port=1", False)]
)
def test_one_server_is_not_asked(conninfo: str, expected: bool) -> None:  # noqa: FBT001
    assert Lineage(conninfo).matters is expected
