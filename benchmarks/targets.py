"""Where it must arrive, and whether it did."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final, NamedTuple

from benchmarks.frames import CONNECTORX, DECIMAL, FLOAT, PANDAS
from benchmarks.measuring import HAND, Measured
from benchmarks.results import Results
from benchmarks.starting import NOTHING

FLOOR, ORM, OURS = "pgbench", "SQLAlchemy ORM", "atb_db"
SINGLE: Final = (
    *("create_order", "record_fill, an entry", "record_fill, a partial exit", "record_fill, a close"),
    *("open_position", "open_position with its fee", "close_position", "apply_partial_exit"),
    *("log_event", "log_account_snapshot"),
)
SINGLE_ALL: Final = (*SINGLE, "log_strategy_execution", "log_trade, 0 trades today")


class Target(NamedTuple):
    """A cell of the table: what was wanted, and what was reached."""

    operation: str
    against: str
    wanted: str
    reached: str
    met: bool


def _ratio(found: Mapping[str, Measured], above: str, below: str) -> float:
    ours, theirs = found[above], found[below]
    return ours.ratio if below == HAND else ours.median / theirs.median


def _target(operation: str, against: str, wanted: str, reach: Callable[[], tuple[str, bool]]) -> Target:
    try:
        return Target(operation, against, wanted, *reach())
    except KeyError:  # one of them failed
        return Target(operation, against, wanted, "not measured", met=False)


def _at_most(operation: str, against: str, limit: float, values: Callable[[], Mapping[str, float]]) -> Target:
    def reach() -> tuple[str, bool]:
        found = values()
        worst = max(found.values())
        shown = f"{worst:.2f}"
        if len(found) > 1:
            name = max(found, key=found.__getitem__)
            shown = f"{min(found.values()):.2f} to {worst:.2f} ({name})"
        return shown, worst <= limit

    return _target(operation, against, f"≤ {limit:.2f}", reach)


def _at_least(operation: str, against: str, limit: float, value: Callable[[], float]) -> Target:
    def reach() -> tuple[str, bool]:
        times = value()
        return f"{times:,.0f} times", times >= limit

    return _target(operation, against, f"≥ {limit:g} times as fast", reach)


def targets(results: Results) -> Iterator[Target]:
    """The cells."""
    single, starts = results.single, results.starts

    def ratios(names: tuple[str, ...], above: str, below: str) -> Callable[[], dict[str, float]]:
        # What an earlier run did not yet know is not missed; what failed is.
        known = single.keys() | results.failed.get("single", {}).keys()
        return lambda: {name: _ratio(single[name], above, below) for name in names if name in known}

    def ratio(name: str, above: str, below: str) -> Callable[[], float]:
        return lambda: _ratio((single | results.bulk)[name], above, below)

    yield _at_most("single-row commands", HAND, 1.05, ratios(SINGLE_ALL, OURS, HAND))
    yield _at_most("single-row commands", FLOOR, 1.5, ratios(SINGLE_ALL, OURS, FLOOR))
    for name, limit in (
        ("open_position", 10),
        ("log_trade, 0 trades today", 15),
        ("log_trade, 10,000 trades today", 600),
    ):
        yield _at_least(name, ORM, limit, ratio(name, ORM, OURS))
    yield _at_most("log_trade from 0 to 50 000 trades today", "itself", 1.15, lambda: {"": _growth(single)})
    for name, hand, floor, orm in (
        ("active positions, 200 x 3 orders", 1.10, 2, 18),
        ("recent trades, 10 000", 1.15, 3, 8),
        ("performance metrics", 1.05, None, 60),
    ):
        yield _at_most(name, HAND, hand, ratios((name,), OURS, HAND))
        if floor:
            yield _at_most(name, FLOOR, floor, ratios((name,), OURS, FLOOR))
        yield _at_least(name, ORM, orm, ratio(name, ORM, OURS))
    name = "metrics kept by the books"
    yield _target(name, HAND, "≤ 0.25 SELECT 1 more", lambda: _more(single["metrics kept by the books"]))
    yield _at_most(name, "SELECT 1 by hand", 1.25, ratios((name,), OURS, "SELECT 1"))
    for name in results.bulk:
        copy = 1.5 if "trades" in name else 1.10
        for against, limit in ((HAND, 1.10), ("COPY of text", copy)):
            reached = ratio(name, OURS, against)
            yield _at_most(name, against, limit, lambda reached=reached: {"": reached()})
        yield _at_least(name, ORM, 50, ratio(name, ORM, OURS))
    for name in (DECIMAL, FLOAT) if results.frames or "frames" in results.failed else ():
        yield _at_most(name, CONNECTORX, 1.5, lambda name=name: {"": _framed(results, name, CONNECTORX)})
        yield _at_least(name, PANDAS, 1, lambda name=name: 1 / _framed(results, name, PANDAS))
    yield _target("16 threads on a pool of 4", "4 threads", "≥ 0.90, 0 errors", lambda: _shared(results))
    driver = "import psycopg, psycopg_pool"
    for name, against, limit in (
        ("import atb_db", driver, 1.15),
        ("import atb_db with Database and trades", driver, 1.15),
        ("atb-db --help", "typer's hello world --help", 1.5),
    ):
        yield _at_most(
            name, against, limit, lambda name=name, against=against: {"": _net(starts, name) / _net(starts, against)}
        )


def _growth(single: Mapping[str, Mapping[str, Measured]]) -> float:
    return single["log_trade, 50,000 trades today"][OURS].median / single["log_trade, 0 trades today"][OURS].median


def _more(found: Mapping[str, Measured]) -> tuple[str, bool]:
    more = (found[OURS].median - found[HAND].median) / found["SELECT 1"].median
    return f"{more:+.2f} SELECT 1", more <= 0.25


def _framed(results: Results, above: str, below: str) -> float:
    ours, theirs = results.frames[above], results.frames[below]
    return ours.ratio if below == CONNECTORX else ours.median / theirs.median


def _shared(results: Results) -> tuple[str, bool]:
    threads = results.threads[OURS]
    share = threads["16"]["per_second"] / threads["4"]["per_second"]
    errors = threads["16"]["errors"]
    return f"{share:.2f}, {errors} errors", share >= 0.9 and not errors


def _net(starts: Mapping[str, Measured], name: str) -> float:
    """Without Python's own start."""
    return starts[name].median - starts[NOTHING].median
