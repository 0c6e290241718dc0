"""Writes what was measured into docs/benchmarks.md, and the plots beside it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, TypeVar

from benchmarks.failures import EVERYBODY
from benchmarks.measuring import HAND, Measured
from benchmarks.plots import bars, lines, short
from benchmarks.results import Results
from benchmarks.targets import FLOOR, OURS, targets

DOCS: Final = Path(__file__).parents[1] / "docs"
PAGE: Final = DOCS / "benchmarks.md"
Found = TypeVar("Found")

_MARKS: Final = re.compile(r"(<!-- measured: begin -->\n).*?(<!-- measured: end -->)", re.DOTALL)
_TODAY: Final = re.compile(r"log_trade, ([\d,]+) trades today")


def write(results: Results, folder: Path = DOCS) -> None:
    """The page with its measured part replaced, and the plots; what people have written around it stays."""
    page = PAGE.read_text(encoding="utf-8")
    measured = "\n".join(_measured(results))
    plots = folder / "benchmarks"
    plots.mkdir(parents=True, exist_ok=True)
    (folder / PAGE.name).write_text(
        _MARKS.sub(lambda match: f"{match[1]}{measured}\n{match[2]}", page), encoding="utf-8"
    )
    for name, plot in _plots(results).items():
        (plots / f"{name}.svg").write_text(plot, encoding="utf-8")


def _measured(results: Results) -> Iterator[str]:
    yield "\n".join(f"- {name}: {value}" for name, value in results.about.items())
    if everything := [part for part, rows in results.failed.items() if EVERYBODY in rows]:
        yield f"- nothing could be measured of: {', '.join(everything)}"
    yield "\n### Targets\n"
    rows = [
        (one.operation, one.against, one.wanted, one.reached, "yes" if one.met else "**no**")
        for one in targets(results)
    ]
    yield from _table(("operation", "against", "wanted", "reached", "met"), rows)
    failed = {part: results.failed.get(part, {}) for part in results._fields}
    for group, title in (("commands", "Single-row commands"), ("reads", "Reads")):
        found, broken = (
            {name: one for name, one in every.items() if results.groups.get(name) == group}
            for every in (results.single, failed["single"])
        )
        yield f"\n### {title}\n\nMilliseconds a call, and in brackets against {HAND}.\n"
        yield from _grid(found, _timing, broken)
        yield f"\n![{title}](benchmarks/{group}.svg)"
    yield "\n### log_trade as the day grows\n\n![Growth](benchmarks/growth.svg)"
    yield "\n### Bulk\n\nMilliseconds for all rows; a contender that would take minutes loads a part, and counts as if"
    yield "it had gone on at that pace.\n"
    yield from _grid(results.bulk, _timing, failed["bulk"])
    if results.frames or failed["frames"]:
        yield "\n### Frames\n\nMilliseconds until trades, with all their columns, are a frame or a list in memory,"
        yield "those of the client's processor, and the time against connectorx.\n"
        every = results.frames.items()
        rows = [(name, f"{one.median:,.0f}", f"{one.cpu:,.0f}", short(one.ratio)) for name, one in every]
        yield from _table(("", "time", "processor", "ratio"), rows)
        yield from _reasons(failed["frames"])
    yield "\n### A full cache\n\nMilliseconds of set_prediction with a new key when the cache is at its bound: the"
    yield "mean, which has its share of making room, and in brackets the longest call.\n"
    yield from _grid(results.evictions, lambda one: f"{one.mean:.2f} ({one.longest:.0f})", failed["evictions"])
    yield "\n### Threads and tasks\n\nCalls of log_strategy_execution a second on a pool of four connections: the"
    yield "median of the rounds, and in brackets the lowest and the highest.\n"
    threads = list(dict.fromkeys(count for by in results.threads.values() for count in by))
    rows = [
        (name, *(_rate(by[count]) for count in threads), sum(one["errors"] for one in by.values()))
        for name, by in results.threads.items()
    ]
    yield from _table(("", *(f"{count} threads" for count in threads), "errors"), rows)
    yield from _reasons(failed["threads"])
    yield ""
    rows = [(name, _rate(one), one["errors"]) for name, one in results.tasks.items()]
    yield from _table(("", "64 tasks", "errors"), rows)
    yield from _reasons(failed["tasks"])
    yield "\n![Threads](benchmarks/threads.svg)"
    yield "\n### Starting\n\nMilliseconds of a new process.\n"
    yield from _table(
        ("", "median", "lowest"), [(n, f"{o.median:.0f}", f"{o.lowest:.0f}") for n, o in results.starts.items()]
    )
    yield from _reasons(failed["starts"])
    yield "\n### Over the wire\n\nStatements, round trips and transactions of one warm call.\n"
    yield from _grid(results.counts, _counts, failed["counts"])
    yield "\n### In the client\n\nFunctions called by the interpreter, and bytes at the peak, of one warm call.\n"
    yield from _grid(results.effort, _counts, {})
    yield f"\nMicroseconds of the client's processor a call, and in brackets against {HAND}.\n"
    yield from _grid(_cpu(results), str, {})


def _grid(
    found: Mapping[str, Mapping[str, Found]], cell: Callable[[Found], str], failed: Mapping[str, Mapping[str, str]]
) -> Iterator[str]:
    """A table with a row for each operation and a column for each contender, and why some cells have nothing."""
    names = [name for name in _names([*found.values(), *failed.values()]) if name != EVERYBODY]
    rows = [
        (
            operation,
            *(
                cell(by[name])
                if name in by
                else "failed"
                if failed.get(operation, {}).keys() & {name, EVERYBODY}
                else ""
                for name in names
            ),
        )
        for operation in dict.fromkeys((*found, *failed))
        for by in (found.get(operation, {}),)
        if operation != EVERYBODY
    ]
    yield from _table(("", *names), rows)
    yield from _reasons(failed)


def _reasons(failed: Mapping[str, Mapping[str, str]]) -> Iterator[str]:
    if failed:
        yield "\nWhat failed:\n"
    for row, reasons in failed.items():
        for who, reason in reasons.items():
            yield f"- {row}{'' if who == row else f', {who}'}: `{reason}`"


def _timing(one: Measured) -> str:
    return f"{short(one.median)} ({short(one.ratio)})" if one.ratio else short(one.median)


def _counts(one: Sequence[int]) -> str:
    return " / ".join(f"{number:,}" for number in one)


def _rate(found: Mapping[str, float]) -> str:
    return f"{found['per_second']:,.0f} ({found['lowest']:,.0f} to {found['highest']:,.0f})"


def _cpu(results: Results) -> dict[str, dict[str, str]]:
    found = {}
    for operation, by in results.single.items():
        if results.groups[operation] == "commands" and HAND in by:
            by_hand = by[HAND].cpu
            found[operation] = {
                name: f"{one.cpu * 1000:,.0f} ({short(one.cpu / by_hand)})" for name, one in by.items() if name != FLOOR
            }
    return found


def _plots(results: Results) -> dict[str, str]:
    plots = {}
    for group in ("commands", "reads"):
        ratios = {
            name: {one: found[one].ratio for one in found if one != HAND and found[one].ratio}
            for name, found in results.single.items()
            if results.groups[name] == group
        }
        plots[group] = bars(f"Time of a call against {HAND}", ratios, unit="1 = as fast")
    growth: dict[str, dict[float, float]] = {}
    for name, found in results.single.items():
        if match := _TODAY.fullmatch(name):
            for one, measured in found.items():
                growth.setdefault(one, {})[float(match[1].replace(",", ""))] = measured.median
    plots["growth"] = lines("log_trade by the trades that the day has had", growth, x="trades today", y="ms")
    threads = {
        name: {float(count): one["per_second"] for count, one in by.items()} for name, by in results.threads.items()
    }
    plots["threads"] = lines("log_strategy_execution on a pool of four", threads, x="threads", y="calls a second")
    return plots


def _names(found: Iterable[Mapping[str, object]]) -> list[str]:
    names = list(dict.fromkeys(name for one in found for name in one))
    return [OURS, *(name for name in names if name != OURS)]


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(map(str, row))} |"
