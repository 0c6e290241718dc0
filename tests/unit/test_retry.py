"""What is tried again, and what the caller is told at the end."""

from __future__ import annotations

from math import inf
from time import monotonic

import pytest

from atb_db.config import Settings
from atb_db.database.retry import CALLS, COLLISIONS, JOURNAL, MIGRATIONS, Attempts, pause_after
from atb_db.errors import (
    AtbDbError,
    ConfigurationError,
    Conflict,
    NotFound,
    NotRepeatable,
    OutcomeUnknown,
    PoolExhausted,
    ResourceFull,
    SerializationRetry,
    Timeout,
    Unavailable,
)


@pytest.mark.parametrize(
    "error", [PoolExhausted(), NotRepeatable(), Timeout(), ResourceFull(), Conflict(), NotFound(), ConfigurationError()]
)
def test_what_is_final(error: AtbDbError) -> None:
    assert pause_after(error, attempt=1, left=inf, jitter=0.5) is None


def test_pauses_double_up_to_a_bound_and_end_with_the_time() -> None:
    pauses = [pause_after(Unavailable(), attempt=attempt, left=inf, jitter=1.0) for attempt in range(1, 8)]
    assert pauses == [0.02, 0.04, 0.08, 0.16, 0.32, CALLS.longest, CALLS.longest]
    assert pause_after(OutcomeUnknown(), attempt=10**6, left=inf, jitter=0.5) == CALLS.longest / 2
    assert pause_after(Unavailable(), attempt=1, left=0.02, jitter=1.0) is None


def test_the_pauses_of_a_journal_and_of_migrations() -> None:
    assert [JOURNAL.after(failures) for failures in (1, 2, 3, 4, 5, 6, 10**6)] == [0.5, 1, 2, 4, 8, 8, 8]
    assert [MIGRATIONS.after(failures) for failures in (1, 2, 3, 4, 5, 10**6)] == [0.5, 1, 2, 4, 5, 5]


def test_collisions_are_tried_five_times_more() -> None:
    assert pause_after(SerializationRetry(), attempt=COLLISIONS, left=inf, jitter=0.0) == 0
    assert pause_after(SerializationRetry(), attempt=COLLISIONS + 1, left=inf, jitter=0.0) is None


def test_an_unknown_outcome_stays_unknown() -> None:
    attempts = Attempts(monotonic() + 100)
    first = OutcomeUnknown("lost")
    attempts.again(first)
    with pytest.raises(OutcomeUnknown) as caught:
        attempts.again(ResourceFull())
    assert caught.value is first
    assert caught.value.attempts == 2
    attempts = Attempts(monotonic() + 100)
    attempts.again(OutcomeUnknown())
    with pytest.raises(Conflict):
        attempts.again(Conflict())


def test_settings_of_waiting() -> None:
    url = "postgresql://bot@a,b/books?target_session_attrs=read-write"
    environ = {"DATABASE_DEADLINE": "2.5", "DATABASE_PGBOUNCER": "1", "DATABASE_REPLICA_URL": "host=r password=s3cret"}
    found = Settings.load(url, environ=environ)
    assert (found.deadline, found.query_deadline, found.pgbouncer) == (2.5, 30.0, True)
    assert "connect_timeout=2" in found.conninfo
    assert "s3cret" not in repr(found)
    with pytest.raises(ConfigurationError, match="DATABASE_PGBOUNCER must be 1 or 0"):
        Settings.load(url, environ={"DATABASE_PGBOUNCER": "perhaps"})


def test_running_out_of_time_does_not_hide_the_reason() -> None:
    attempts = Attempts(monotonic() + 100)
    reason = Unavailable("read-only", sqlstate="25006")
    attempts.again(reason)
    with pytest.raises(Unavailable) as caught:
        attempts.again(PoolExhausted())
    assert caught.value is reason
    assert caught.value.attempts == 2
    with pytest.raises(Timeout):
        attempts.again(Timeout(sqlstate="55P03"))
