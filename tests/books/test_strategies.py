"""Strategies: registration, versions, status, performance, lineage."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from atb_db import Database
from atb_db.errors import AtbDbError, Conflict, InvalidInput, NotFound
from atb_db.repository import strategies
from atb_db.statement import Statement
from atb_db.types import StrategyRelationship, StrategyStatus

START = datetime(2024, 3, 1, tzinfo=UTC)


def at(hours: int) -> datetime:
    return START + timedelta(hours=hours)


def strategy(strategy_id: str, parent_id: str | None = None, /, **changes: object) -> Statement[int]:
    return strategies.register_strategy.value(
        {
            "strategy_id": strategy_id,
            "name": f"Strategy {strategy_id}",
            "version": "1.0",
            "signal_generator_config": {"kind": "sma", "fast": 10},
            "risk_manager_config": {"stop": "0.05"},
            "position_sizer_config": {"size": "0.1"},
            "created_by": "test",
            "parent_id": parent_id,
            "timestamp": START,
            **changes,
        }
    )


def relatives(found: list[strategies.Relative]) -> list[tuple[str, int]]:
    return [(relative.strategy_id, relative.distance) for relative in found]


def ancestors(db: Database, strategy_id: str) -> list[tuple[str, int]]:
    return relatives(db.run(strategies.get_ancestors(strategy_id=strategy_id)))


def descendants(db: Database, strategy_id: str) -> list[tuple[str, int]]:
    return relatives(db.run(strategies.get_descendants(strategy_id=strategy_id)))


def lineage(ancestor_id: str, descendant_id: str, **changes: object) -> Statement[None]:
    return strategies.record_strategy_lineage.value(
        {"ancestor_id": ancestor_id, "descendant_id": descendant_id, "relationship_type": "MERGE", **changes}
    )


@pytest.fixture
def owner(fresh_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(fresh_url, autocommit=True) as connection:
        yield connection


def test_a_registered_strategy_is_read_back(fresh_db: Database) -> None:
    number = fresh_db.run(strategy("a", tags=["trend"], description="Follows\nthe trend"))
    found = fresh_db.run(strategies.get_strategy(strategy_id="a"))
    assert (found.id, found.status, found.version) == (number, StrategyStatus.EXPERIMENTAL, "1.0")
    assert (found.signal_generator_config, found.tags) == ({"kind": "sma", "fast": 10}, ["trend"])
    assert (found.lineage_path, found.parent_id, found.created_at) == ("a", None, START)
    versions = fresh_db.run(strategies.get_strategy_versions(strategy_id="a"))
    assert [(version.version, version.is_major, version.changes) for version in versions] == [("1.0", True, [])]
    assert ancestors(fresh_db, "a") == descendants(fresh_db, "a") == []


@pytest.mark.parametrize(
    ("changes", "error", "field"),
    [
        ({"strategy_id": "a"}, Conflict, "strategy_id"),
        ({"name": "Strategy a"}, Conflict, "version"),
        ({"parent_id": "nobody"}, NotFound, "parent_id"),
        ({"merge_source": "nobody"}, NotFound, "merge_source"),
        ({"parent_id": "b"}, InvalidInput, "parent_id"),
        ({"parent_id": "a", "merge_source": "a"}, InvalidInput, "merge_source"),
        ({"status": "LIVE"}, InvalidInput, "status"),
        ({"created_by": ""}, InvalidInput, "created_by"),
    ],
    ids=str,
)
def test_what_cannot_be_registered(
    fresh_db: Database, changes: dict[str, object], error: type[AtbDbError], field: str
) -> None:
    fresh_db.run(strategy("a"))
    with pytest.raises(error) as caught:
        fresh_db.run(strategy("b", **changes))
    assert (type(caught.value), caught.value.field) == (error, field)
    assert [found.strategy_id for found in fresh_db.run(strategies.list_strategies())] == ["a"]
    assert descendants(fresh_db, "a") == []


def test_a_version_becomes_the_newest_together_with_its_row(fresh_db: Database) -> None:
    fresh_db.run(strategy("a"))
    added = strategies.add_strategy_version(
        strategy_id="a", version="1.1", changes=["wider stop"], is_major=True, timestamp=at(1)
    )
    assert fresh_db.run(added) == fresh_db.run(added)
    found = fresh_db.run(strategies.get_strategy(strategy_id="a"))
    assert (found.version, found.updated_at) == ("1.1", at(1))
    versions = fresh_db.run(strategies.get_strategy_versions(strategy_id="a"))
    assert [version.version for version in versions] == ["1.0", "1.1"]
    for strategy_id, error, field in (("a", Conflict, "version"), ("nobody", NotFound, "strategy_id")):
        with pytest.raises(error) as caught:
            fresh_db.run(strategies.add_strategy_version(strategy_id=strategy_id, version="1.1", changes=[]))
        assert caught.value.field == field


SLOW_SECOND_VERSION = """
CREATE FUNCTION linger() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN PERFORM pg_advisory_xact_lock(1); RETURN new; END $$;
CREATE TRIGGER linger BEFORE INSERT ON strategy_versions
   FOR EACH ROW WHEN (new.version = '2') EXECUTE FUNCTION linger()
"""


def test_of_two_versions_at_once_the_newest_is_the_last_on_record(
    fresh_db: Database, owner: psycopg.Connection
) -> None:
    fresh_db.run(strategy("a"))
    owner.execute(SLOW_SECOND_VERSION)
    waiting = "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    with ThreadPoolExecutor(2) as threads:
        with owner.transaction():
            owner.execute("SELECT pg_advisory_xact_lock(1)")
            adding = []
            for version in ("2", "3"):
                add = strategies.add_strategy_version(strategy_id="a", version=version, changes=[])
                adding.append(threads.submit(fresh_db.run, add))
                with psycopg.connect(fresh_db.settings.conninfo, autocommit=True) as watching:
                    while watching.execute(waiting).rowcount < len(adding) and not adding[-1].done():
                        time.sleep(0.01)
        for one in adding:
            one.result()
    versions = fresh_db.run(strategies.get_strategy_versions(strategy_id="a"))
    assert [one.version for one in versions] == ["1.0", "2", "3"]
    assert fresh_db.run(strategies.get_strategy(strategy_id="a")).version == "3"


def test_a_repeated_change_of_status_does_not_undo_a_later_one(fresh_db: Database, owner: psycopg.Connection) -> None:
    fresh_db.run(strategy("a"))
    first = strategies.set_strategy_status(
        strategy_id="a", status="PRODUCTION", reason="passed its trial", timestamp=at(1)
    )
    fresh_db.run(first)
    fresh_db.run(strategies.set_strategy_status(strategy_id="a", status=StrategyStatus.RETIRED, timestamp=at(2)))
    fresh_db.run(first)
    assert fresh_db.run(strategies.get_strategy(strategy_id="a")).status is StrategyStatus.RETIRED
    events = owner.execute("SELECT event_type::text, message FROM system_events ORDER BY timestamp").fetchall()
    assert events == [
        ("STRATEGY_CHANGE", "Strategy a is now PRODUCTION: passed its trial"),
        ("STRATEGY_CHANGE", "Strategy a is now RETIRED"),
    ]
    with pytest.raises(NotFound) as caught:
        fresh_db.run(strategies.set_strategy_status(strategy_id="nobody", status="RETIRED"))
    assert caught.value.field == "strategy_id"
    assert owner.execute("SELECT count(*) FROM system_events").fetchone() == (2,)


def test_strategies_of_a_status(fresh_db: Database) -> None:
    for strategy_id, status in (("b", "TESTING"), ("a", "TESTING"), ("c", "RETIRED")):
        fresh_db.run(strategy(strategy_id, status=status))

    def found(**filters: object) -> list[str]:
        return [row.strategy_id for row in fresh_db.run(strategies.list_strategies.value(filters))]

    assert found() == ["a", "b", "c"]
    assert found(status="testing") == ["a", "b"]
    assert found(status="DEPRECATED") == []
    assert found(limit=1) == ["a"]


def performance(strategy_id: str, end: int, sharpe: object, /, **changes: object) -> Statement[int]:
    return strategies.record_strategy_performance.value(
        {
            "strategy_id": strategy_id,
            "version": "1.0",
            "period_start": at(end - 24),
            "period_end": at(end),
            "period_type": "backtest",
            "total_return": 10,
            "total_return_pct": 1,
            "max_drawdown": "0.1",
            "total_trades": 3,
            "winning_trades": 2,
            "losing_trades": 1,
            "sharpe_ratio": sharpe,
            **changes,
        }
    )


def test_performance_side_by_side(fresh_db: Database) -> None:
    for strategy_id in "abcd":
        fresh_db.run(strategy(strategy_id))
    for one in (
        performance("a", 1, "9.9"),
        performance("a", 2, "0.5"),
        performance("b", 1, "1.5"),
        performance("b", 9, "3.5", period_type="live"),
        performance("d", 1, "7"),
    ):
        fresh_db.run(one)

    def compared(*strategy_ids: str, period_type: str | None = None) -> list[tuple[str, str | None]]:
        rows = fresh_db.run(strategies.compare_strategy_performance(strategy_ids=strategy_ids, period_type=period_type))
        return [(row.strategy_id, None if row.sharpe_ratio is None else str(row.sharpe_ratio)) for row in rows]

    assert compared("a", "b", "c") == [("b", "3.5"), ("a", "0.5"), ("c", None)]
    assert compared("c", "b", "a", "b", period_type="backtest") == [("b", "1.5"), ("a", "0.5"), ("c", None)]
    assert compared() == []
    with pytest.raises(NotFound, match="strategy nobody does not exist") as caught:
        compared("a", "nobody")
    assert caught.value.field == "strategy_id"


def test_an_unknown_strategy_is_not_found_when_there_is_none_at_all(fresh_db: Database) -> None:
    for read in (
        strategies.get_strategy(strategy_id="a"),
        strategies.get_strategy_versions(strategy_id="a"),
        strategies.get_ancestors(strategy_id="a"),
        strategies.get_descendants(strategy_id="a"),
        strategies.compare_strategy_performance(strategy_ids=["a"]),
    ):
        with pytest.raises(NotFound) as caught:
            fresh_db.run(read)
        assert caught.value.field == "strategy_id"


@pytest.mark.parametrize(
    ("changes", "error", "field"),
    [
        ({"version": "2.0"}, NotFound, "version"),
        ({"strategy_id": "nobody"}, NotFound, "version"),
        ({"period_end": at(-24)}, InvalidInput, "period_end"),
        ({"total_trades": 2}, InvalidInput, "total_trades"),
        ({"win_rate": 55}, InvalidInput, "win_rate"),
    ],
    ids=str,
)
def test_performance_that_cannot_be(
    fresh_db: Database, changes: dict[str, object], error: type[AtbDbError], field: str
) -> None:
    fresh_db.run(strategy("a"))
    with pytest.raises(error) as caught:
        fresh_db.run(performance("a", 0, 1, **changes))
    assert (type(caught.value), caught.value.field) == (error, field)


def test_the_line_over_generations(fresh_db: Database) -> None:
    fresh_db.run(strategy("a"))
    fresh_db.run(
        strategy("b", "a", evolution_reason="slower market", performance_improvement="0.2", risk_change="-0.1")
    )
    fresh_db.run(strategy("c", "b", branch_name="fast"))
    fresh_db.run(strategy("d", "c", merge_source="a"))
    assert fresh_db.run(strategies.get_strategy(strategy_id="d")).lineage_path == "a/b/c/d"
    # The shortest way counts.
    assert ancestors(fresh_db, "d") == [("a", 1), ("c", 1), ("b", 2)]
    assert ancestors(fresh_db, "c") == [("b", 1), ("a", 2)]
    assert descendants(fresh_db, "a") == [("b", 1), ("d", 1), ("c", 2)]
    assert descendants(fresh_db, "d") == ancestors(fresh_db, "a") == []
    related = {row.strategy_id: row for row in fresh_db.run(strategies.get_descendants(strategy_id="a"))}
    assert related["b"].relationship_type is StrategyRelationship.EVOLUTION
    assert (related["b"].evolution_reason, str(related["b"].performance_improvement)) == ("slower market", "0.2")
    assert related["d"].relationship_type is StrategyRelationship.MERGE
    assert related["c"].relationship_type is None
    assert fresh_db.run(strategies.get_ancestors(strategy_id="c"))[0].relationship_type is StrategyRelationship.BRANCH


def test_what_is_known_of_a_relationship_can_be_completed(fresh_db: Database) -> None:
    fresh_db.run(strategy("a"))
    fresh_db.run(strategy("b"))
    for reason in ("first guess", "really"):
        fresh_db.run(lineage("a", "b", generation_distance=3, evolution_reason=reason, timestamp=START))
    found = fresh_db.run(strategies.get_descendants(strategy_id="a"))
    assert [(row.strategy_id, row.distance, row.evolution_reason) for row in found] == [("b", 3, "really")]
    for ancestor_id, descendant_id, error, field in (
        ("nobody", "b", NotFound, "ancestor_id"),
        ("a", "nobody", NotFound, "descendant_id"),
        ("a", "a", InvalidInput, "descendant_id"),
    ):
        with pytest.raises(error) as caught:
            fresh_db.run(lineage(ancestor_id, descendant_id))
        assert caught.value.field == field


def test_nothing_comes_from_its_own_descendant(fresh_db: Database) -> None:
    for strategy_id, parent_id in (("a", None), ("b", "a"), ("c", "b")):
        fresh_db.run(strategy(strategy_id, parent_id))
    for ancestor_id in "bc":
        with pytest.raises(Conflict, match=f"strategy a is an ancestor of {ancestor_id} already") as caught:
            fresh_db.run(lineage(ancestor_id, "a"))
        assert caught.value.field == "descendant_id"
    assert ancestors(fresh_db, "a") == []


def test_of_two_halves_of_a_circle_at_once_one_is_refused(fresh_db: Database) -> None:
    with ThreadPoolExecutor(2) as threads:
        for number in range(20):
            one, other = f"one-{number}", f"other-{number}"
            fresh_db.run(strategy(one))
            fresh_db.run(strategy(other))

            def attempt(statement: Statement[None]) -> type[BaseException] | None:
                try:
                    return fresh_db.run(statement)
                except AtbDbError as error:
                    return type(error)

            results = list(threads.map(attempt, [lineage(one, other), lineage(other, one)]))
            assert sorted(results, key=str) == [Conflict, None]


def test_reading_ends_also_where_there_is_a_circle(fresh_db: Database, owner: psycopg.Connection) -> None:
    """Made by hand, past the trigger."""
    for strategy_id, parent_id in (("a", None), ("b", "a"), ("c", "b"), ("d", "c")):
        fresh_db.run(strategy(strategy_id, parent_id))
    owner.execute("ALTER TABLE strategy_lineage DISABLE TRIGGER strategy_lineage_acyclic")
    for edge in (("c", "a"), ("d", "b")):
        fresh_db.run(lineage(*edge))
    assert ancestors(fresh_db, "a") == [("c", 1), ("b", 2), ("d", 3)]
    assert descendants(fresh_db, "a") == [("b", 1), ("c", 2), ("d", 3)]
    assert ancestors(fresh_db, "d") == [("c", 1), ("b", 2), ("a", 3)]


def test_a_dense_line_is_read_in_reasonable_time(fresh_db: Database) -> None:
    """There are 2^40 ways from the first to the last."""
    fresh_db.run(strategy("s0"))
    fresh_db.run(strategy("s1", "s0"))
    for number in range(2, 42):
        fresh_db.run(strategy(f"s{number}", f"s{number - 1}", merge_source=f"s{number - 2}"))
    found = dict(ancestors(fresh_db, "s41"))
    assert found["s0"] == 21
    assert len(found) == 41
