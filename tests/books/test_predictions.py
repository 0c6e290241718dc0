"""The prediction cache: time to live, hits, bound, races; and measured performance."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import psycopg
import pytest

from atb_db import Database, Settings
from atb_db.cachekey import prediction_key
from atb_db.errors import InvalidInput
from atb_db.repository import predictions
from atb_db.statement import Statement

THREADS = 8


def prediction(cache_key: str, **changes: object) -> Statement[None]:
    return predictions.set_prediction.value(
        {
            "cache_key": cache_key,
            "model_name": "model",
            "features_hash": "features",
            "config_hash": "config",
            "predicted_price": 100,
            "confidence": "0.7",
            "direction": 1,
            "ttl_seconds": 3600,
            **changes,
        }
    )


def hit(cache_key: str) -> Statement[predictions.CachedPrediction | None]:
    return predictions.get_prediction(cache_key=cache_key)


@pytest.fixture
def pool(fresh_url: str) -> Iterator[Database]:
    """A database of the test's own, with a connection for every thread."""
    settings = Settings.load(fresh_url, environ={})._replace(pool_min=THREADS, pool_max=THREADS)
    with Database(settings) as database:
        yield database


@pytest.fixture
def owner(fresh_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(fresh_url, autocommit=True) as connection:
        yield connection


def keys(owner: psycopg.Connection) -> set[str]:
    return {key for (key,) in owner.execute("SELECT cache_key FROM prediction_cache")}


def one(owner: psycopg.Connection, query: str) -> Any:  # noqa: ANN401  whatever the query says
    """The only column of the only row, or that row."""
    found = owner.execute(query.encode()).fetchone()
    assert found is not None
    return found[0] if len(found) == 1 else found


def pass_by(owner: psycopg.Connection, *, minutes: int) -> None:
    """Make every entry so much older."""
    times = [f"{column} = {column} - %(minutes)s * interval '1 minute'" for column in ("created_at", "expires_at")]
    owner.execute(f"UPDATE prediction_cache SET {', '.join(times)}".encode(), {"minutes": minutes})


def test_a_prediction_is_read_back(fresh_db: Database) -> None:
    key = prediction_key("model", np.array([[1.0, 2.0]]), {"layers": 2})
    moment = datetime(2024, 3, 1, tzinfo=UTC)
    assert fresh_db.run(hit(key.cache_key)) is None
    fresh_db.run(prediction(**key._asdict(), direction=-1, predicted_price="0.000000123456789", predicted_at=moment))
    found = fresh_db.run(hit(key.cache_key))
    assert found is not None
    assert (found.cache_key, found.features_hash, found.config_hash) == key
    assert (found.model_name, found.predicted_price, found.confidence) == (
        "model",
        Decimal("0.000000123456789"),
        Decimal("0.7"),
    )
    assert (found.direction, found.predicted_at) == (-1, moment)
    assert found.expires_at - found.created_at == timedelta(hours=1)


@pytest.mark.parametrize(
    "bad",
    [
        {"direction": 2},
        {"confidence": "1.1"},
        {"ttl_seconds": 0},
        {"ttl_seconds": 315360001},
        {"max_entries": 0},
        {"predicted_price": -1},
    ],
    ids=str,
)
def test_what_cannot_be_cached(fresh_db: Database, owner: psycopg.Connection, bad: dict[str, object]) -> None:
    with pytest.raises(InvalidInput) as caught:
        fresh_db.run(prediction("key", **bad))
    assert caught.value.field == next(iter(bad))
    assert keys(owner) == set()


@pytest.mark.parametrize("year", [pytest.param(1990, marks=pytest.mark.slow), 2100])
def test_an_entry_lives_as_long_as_the_server_s_clock_says(
    fresh_db: Database, owner: psycopg.Connection, year: int
) -> None:
    """However wrong the client's clock is."""
    fresh_db.run(prediction("key", ttl_seconds=3600, predicted_at=datetime(year, 1, 1, tzinfo=UTC)))
    # An hour passes, but for the minutes that a busy machine may take.
    pass_by(owner, minutes=55)
    assert fresh_db.run(hit("key")) is not None
    pass_by(owner, minutes=5)
    assert fresh_db.run(hit("key")) is None
    fresh_db.run(prediction("key", ttl_seconds=3600))
    assert fresh_db.run(hit("key")) is not None


def test_an_entry_expires_within_a_long_transaction(fresh_db: Database, owner: psycopg.Connection) -> None:
    with fresh_db.transaction() as transaction:
        assert transaction.run(hit("key")) is None
        # Stored and expired since the transaction began, whose own time stands still.
        fresh_db.run(prediction("key", ttl_seconds="0.001"))
        time.sleep(0.01)
        assert keys(owner) == {"key"}
        assert transaction.run(hit("key")) is None


def test_a_repeated_value_does_not_live_longer_and_a_new_one_does(
    fresh_db: Database, owner: psycopg.Connection
) -> None:
    statement = prediction("key")
    fresh_db.run(statement)
    before = one(owner, "SELECT prediction_cache::text FROM prediction_cache")
    fresh_db.run(statement)
    assert one(owner, "SELECT prediction_cache::text FROM prediction_cache") == before
    first = fresh_db.run(hit("key"))
    fresh_db.run(prediction("key", predicted_price=101))
    second = fresh_db.run(hit("key"))
    assert first is not None
    assert second is not None
    assert second.expires_at > first.expires_at
    assert second.predicted_price == 101


def test_a_thousand_hits_write_once(fresh_db: Database, owner: psycopg.Connection) -> None:
    fresh_db.run(prediction("key"))
    assert one(owner, "SELECT access_count FROM prediction_cache") == 0
    fresh_db.run(hit("key"))
    written = one(owner, "SELECT xmin::text, ctid::text FROM prediction_cache")
    for _ in range(900):
        assert fresh_db.run(hit("key")) is not None
    with fresh_db.transaction() as transaction:
        for _ in range(100):
            assert transaction.run(hit("key")) is not None
        # Nothing of it had to be written: not even a lock of a row.
        assigned = transaction._connection.execute("SELECT pg_current_xact_id_if_assigned()").fetchone()
    assert assigned == (None,)
    assert one(owner, "SELECT xmin::text, ctid::text FROM prediction_cache") == written
    assert one(owner, "SELECT access_count FROM prediction_cache") == 1


def test_a_hit_counts_again_after_a_minute(fresh_db: Database, owner: psycopg.Connection) -> None:
    fresh_db.run(prediction("key"))
    for minutes in range(5):
        fresh_db.run(hit("key"))
        fresh_db.run(hit("key"))
        assert one(owner, "SELECT access_count FROM prediction_cache") == minutes + 1
        owner.execute("UPDATE prediction_cache SET last_accessed = last_accessed - interval '61 seconds'")
    fresh_db.run(hit("other"))
    assert one(owner, "SELECT access_count FROM prediction_cache") == 5
    fresh_db.run(prediction("key"))
    assert one(owner, "SELECT access_count FROM prediction_cache") == 0


def test_a_hit_does_not_wait_for_who_writes(fresh_db: Database, owner: psycopg.Connection) -> None:
    fresh_db.run(prediction("key"))
    with owner.transaction():
        owner.execute("SELECT FROM prediction_cache FOR UPDATE")
        began = time.monotonic()
        assert fresh_db.run(hit("key")) is not None
        assert time.monotonic() - began < 3


def test_eight_set_and_get_one_key(pool: Database, owner: psycopg.Connection) -> None:
    with ThreadPoolExecutor(THREADS) as threads:
        for number in range(20):
            statements = [prediction(f"key-{number}", predicted_price=price) for price in range(1, THREADS + 1)]
            assert list(threads.map(pool.run, statements)) == [None] * THREADS
            found = list(threads.map(pool.run, [hit(f"key-{number}")] * THREADS))
            assert len(set(found)) == 1
            assert found[0] is not None
            assert one(owner, f"SELECT access_count FROM prediction_cache WHERE cache_key = 'key-{number}'") == 1
    assert len(keys(owner)) == 20


@pytest.mark.parametrize("bound", [1, 2, 15, 16, 40])
def test_there_are_never_more_than_the_bound(fresh_db: Database, owner: psycopg.Connection, bound: int) -> None:
    for number in range(3 * bound + 20):
        fresh_db.run(prediction(f"key-{number}", max_entries=bound))
        found = keys(owner)
        assert f"key-{number}" in found
        assert bound - max(bound // 16, 1) <= len(found) <= bound or number < bound
        # The newest ones are there.
        assert found == {f"key-{left}" for left in range(number + 1 - len(found), number + 1)}


def test_what_was_used_last_stays(fresh_db: Database, owner: psycopg.Connection) -> None:
    for number in range(30):
        fresh_db.run(prediction(f"key-{number}", max_entries=32))
    owner.execute("UPDATE prediction_cache SET last_accessed = last_accessed - interval '1 hour'")
    used = {f"key-{number}" for number in range(0, 30, 10)}
    for key in used:
        fresh_db.run(hit(key))
    for number in range(30, 50):
        fresh_db.run(prediction(f"key-{number}", max_entries=32))
    assert used < keys(owner)
    assert "key-1" not in keys(owner)


def test_replacing_an_entry_removes_none(fresh_db: Database, owner: psycopg.Connection) -> None:
    for number in range(16):
        fresh_db.run(prediction(f"key-{number}", max_entries=16))
    full = keys(owner)
    for _ in range(3):
        for key in sorted(full):
            fresh_db.run(prediction(key, max_entries=16))
    assert keys(owner) == full


def test_the_bound_holds_among_eight(pool: Database, owner: psycopg.Connection) -> None:
    statements = [prediction(f"key-{number % 300}", max_entries=64) for number in range(1200)]
    largest = 0
    with ThreadPoolExecutor(THREADS) as threads:
        for _ in threads.map(pool.run, statements):
            largest = max(largest, len(keys(owner)))
    assert 32 < largest <= 64 + 2 * THREADS  # what is being added, and what is in use and so not removed


def test_a_smaller_bound_is_reached_in_bounded_steps(fresh_db: Database, owner: psycopg.Connection) -> None:
    for number in range(200):
        fresh_db.run(prediction(f"key-{number}"))
    sizes = []
    for number in range(200, 300):
        fresh_db.run(prediction(f"key-{number}", max_entries=32))
        sizes.append(len(keys(owner)))
    assert max(before - after for before, after in zip([200, *sizes], sizes, strict=False)) <= 8
    assert sizes[-1] <= 32


def test_most_sets_look_at_no_other_entry(fresh_db: Database, owner: psycopg.Connection) -> None:
    """And every n-th looks at as many as the bound allows."""
    for number in range(64):
        fresh_db.run(prediction(f"key-{number}", max_entries=160))
    owner.execute("ANALYZE prediction_cache")
    looked_at = []
    statement = prediction("fresh", max_entries=160)
    owner.execute(b"PREPARE stored AS " + statement.sql.encode())
    for number in range(100):
        values = ", ".join(f"'{value}'" for value in prediction(f"fresh-{number}", max_entries=160).server_values())
        found = one(owner, f"EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE stored ({values})")
        looked_at.append(sum(_scanned(found[0]["Plan"])))
    looked_at.sort()
    assert looked_at[89] <= 1
    assert 150 <= looked_at[-1] <= 3 * 170


def _scanned(plan: dict[str, Any]) -> Iterator[int]:
    if plan.get("Relation Name") == "prediction_cache" and "Scan" in plan["Node Type"]:
        yield plan["Actual Rows"] * plan["Actual Loops"]
    for child in plan.get("Plans", ()):
        yield from _scanned(child)


def test_invalidation(fresh_db: Database, owner: psycopg.Connection) -> None:
    for model in "ab":
        for config in "xy":
            fresh_db.run(prediction(f"{model}{config}", model_name=model, config_hash=config))
    fresh_db.run(predictions.invalidate_predictions(model_name="a", config_hash="x"))
    assert keys(owner) == {"ay", "bx", "by"}
    fresh_db.run(predictions.invalidate_predictions(config_hash="y"))
    assert keys(owner) == {"bx"}
    fresh_db.run(predictions.invalidate_predictions(model_name="a"))
    assert keys(owner) == {"bx"}
    fresh_db.run(predictions.invalidate_predictions())
    assert keys(owner) == set()


def test_statistics(fresh_db: Database, owner: psycopg.Connection) -> None:
    assert fresh_db.run(predictions.get_prediction_statistics()) == []
    for number in range(3):
        fresh_db.run(prediction(f"a{number}", model_name="a"))
    fresh_db.run(prediction("b", model_name="b"))
    owner.execute(
        "UPDATE prediction_cache SET created_at = created_at - interval '2 h', expires_at = expires_at - interval '2 h'"
        " WHERE cache_key = 'a0'"
    )
    for key in ("a0", "a1", "b"):
        fresh_db.run(hit(key))
    a, b = fresh_db.run(predictions.get_prediction_statistics())
    assert (a.model_name, a.entries, a.expired_entries, a.unused_entries, a.hits) == ("a", 3, 1, 2, 1)
    assert (b.model_name, b.entries, b.expired_entries, b.unused_entries, b.hits) == ("b", 1, 0, 0, 1)
    assert a.newest - a.oldest > timedelta(hours=1)


def test_performance(fresh_db: Database) -> None:
    start = datetime(2024, 3, 1, tzinfo=UTC)
    for hours in range(4):
        fresh_db.run(
            predictions.log_prediction_performance(
                model_name="model",
                horizon=1 + hours % 2,
                symbol="BTCUSDT" if hours < 3 else None,
                mae=hours,
                timestamp=start + timedelta(hours=hours),
            )
        )
    fresh_db.run(predictions.log_prediction_performance(model_name="other", horizon=1, timestamp=start))

    def found(**filters: object) -> list[Decimal | None]:
        arguments = {"model_name": "model", **filters}
        return [row.mae for row in fresh_db.run(predictions.get_prediction_performance.value(arguments))]

    assert found() == [3, 2, 1, 0]
    assert found(since=start + timedelta(hours=1), limit=2) == [3, 2]
    assert found(symbol="BTCUSDT", horizon=1) == [2, 0]
    assert found(model_name="other") == [None]
    with pytest.raises(InvalidInput, match="correlation") as caught:
        fresh_db.run(predictions.log_prediction_performance(model_name="model", horizon=1, ic="1.5"))
    assert caught.value.field == "ic"
