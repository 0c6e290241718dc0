"""Where it must arrive, and whether it did."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final, NamedTuple

from benchmarks.frames import CONNECTORX, DECIMAL, FLOAT, PANDAS
from benchmarks.measuring import HAND, Measured
from benchmarks.results import Results

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
    return found[above].ratio if below == HAND else found[above].median / found[below].median


def _at_most(operation: str, against: str, limit: float, values: Mapping[str, float]) -> Target:
    worst = max(values.values())
    shown = f"{worst:.2f}"
    if len(values) > 1:
        name = max(values, key=values.__getitem__)
        shown = f"{min(values.values()):.2f} to {worst:.2f} ({name})"
    return Target(operation, against, f"≤ {limit:.2f}", shown, worst <= limit)


def _at_least(operation: str, against: str, limit: float, value: float) -> Target:
    return Target(operation, against, f"≥ {limit:g} times as fast", f"{value:,.0f} times", value >= limit)


def targets(results: Results) -> Iterator[Target]:
    """The cells, of operations that were measured."""
    single, bulk, starts = results.single, results.bulk, results.starts

    def ratios(names: tuple[str, ...], above: str, below: str) -> dict[str, float]:
        return {name: _ratio(single[name], above, below) for name in names if name in single}

    yield _at_most("single-row commands", HAND, 1.05, ratios(SINGLE_ALL, OURS, HAND))
    yield _at_most("single-row commands", FLOOR, 1.5, ratios(SINGLE_ALL, OURS, FLOOR))
    for name, limit in (
        ("open_position", 10),
        ("log_trade, 0 trades today", 15),
        ("log_trade, 10,000 trades today", 600),
    ):
        yield _at_least(name, ORM, limit, _ratio(single[name], ORM, OURS))
    growth = single["log_trade, 50,000 trades today"][OURS].median / single["log_trade, 0 trades today"][OURS].median
    yield _at_most("log_trade from 0 to 50 000 trades today", "itself", 1.15, {"": growth})
    for name, hand, floor, orm in (
        ("active positions, 200 x 3 orders", 1.10, 2, 18),
        ("recent trades, 10 000", 1.15, 3, 8),
        ("performance metrics", 1.05, None, 60),
    ):
        yield _at_most(name, HAND, hand, {"": _ratio(single[name], OURS, HAND)})
        if floor:
            yield _at_most(name, FLOOR, floor, {"": _ratio(single[name], OURS, FLOOR)})
        yield _at_least(name, ORM, orm, _ratio(single[name], ORM, OURS))
    kept_by = single["metrics kept by the books"]
    more = (kept_by[OURS].median - kept_by[HAND].median) / kept_by["SELECT 1"].median
    yield Target("metrics kept by the books", HAND, "≤ 0.25 SELECT 1 more", f"{more:+.2f} SELECT 1", more <= 0.25)
    kept = _ratio(kept_by, OURS, "SELECT 1")
    yield _at_most("metrics kept by the books", "SELECT 1 by hand", 1.25, {"": kept})
    for name, found in bulk.items():
        copy = 1.5 if "trades" in name else 1.10
        yield _at_most(name, HAND, 1.10, {"": _ratio(found, OURS, HAND)})
        yield _at_most(name, "COPY of text", copy, {"": _ratio(found, OURS, "COPY of text")})
        if ORM in found:
            yield _at_least(name, ORM, 50, _ratio(found, ORM, OURS))
    for name in (DECIMAL, FLOAT):
        if name in results.frames and CONNECTORX in results.frames:
            yield _at_most(name, CONNECTORX, 1.5, {"": results.frames[name].ratio})
            read_sql = results.frames[PANDAS].median / results.frames[name].median
            yield _at_least(name, PANDAS, 1, read_sql)
    threads = results.threads[OURS]
    share = threads["16"]["per_second"] / threads["4"]["per_second"]
    errors = threads["16"]["errors"]
    reached = f"{share:.2f}, {errors} errors"
    yield Target("16 threads on a pool of 4", "4 threads", "≥ 0.90, 0 errors", reached, share >= 0.9 and not errors)
    nothing = starts["python -c pass"].median
    net: Callable[[str], float] = lambda name: starts[name].median - nothing  # noqa: E731  local and one expression
    driver = "import psycopg, psycopg_pool"
    yield _at_most("import atb_db", driver, 1.15, {"": net("import atb_db") / net(driver)})
    used = "import atb_db with Database and trades"
    yield _at_most(used, driver, 1.15, {"": net(used) / net(driver)})
    hello = "typer's hello world --help"
    yield _at_most("atb-db --help", hello, 1.5, {"": net("atb-db --help") / net(hello)})
