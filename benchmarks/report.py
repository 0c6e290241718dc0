"""Writes what was measured into docs/benchmarks.md, and the plots beside it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from benchmarks.evicting import Evictions
from benchmarks.measuring import HAND, Measured
from benchmarks.plots import bars, lines, short
from benchmarks.results import Results
from benchmarks.targets import OURS, targets

DOCS: Final = Path(__file__).parents[1] / "docs"
PAGE: Final = DOCS / "benchmarks.md"

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
    yield "\n### Targets\n"
    rows = [
        (one.operation, one.against, one.wanted, one.reached, "yes" if one.met else "**no**")
        for one in targets(results)
    ]
    yield from _table(("operation", "against", "wanted", "reached", "met"), rows)
    for group, title in (("commands", "Single-row commands"), ("reads", "Reads")):
        found = {name: one for name, one in results.single.items() if results.groups[name] == group}
        yield f"\n### {title}\n\nMilliseconds a call, and in brackets against {HAND}.\n"
        yield from _timings(found)
        yield f"\n![{title}](benchmarks/{group}.svg)"
    yield "\n### log_trade as the day grows\n\n![Growth](benchmarks/growth.svg)"
    yield "\n### Bulk\n\nMilliseconds for all rows; a contender that would take minutes loads a part, and counts as if"
    yield "it had gone on at that pace.\n"
    yield from _timings(results.bulk)
    if results.frames:
        yield "\n### Frames\n\nMilliseconds until trades, with all their columns, are a frame or a list in memory,"
        yield "those of the client's processor, and the time against connectorx.\n"
        rows = [
            (name, f"{one.median:,.0f}", f"{one.cpu:,.0f}", short(one.ratio)) for name, one in results.frames.items()
        ]
        yield from _table(("", "time", "processor", "ratio"), rows)
    yield "\n### A full cache\n\nMilliseconds of set_prediction with a new key when the cache is at its bound: the"
    yield "mean, which has its share of making room, and in brackets the longest call.\n"
    yield from _evictions(results.evictions)
    yield "\n### Threads and tasks\n\nCalls of log_strategy_execution a second on a pool of four connections: the"
    yield "median of the rounds, and in brackets the lowest and the highest.\n"
    threads = list(next(iter(results.threads.values())))
    rows = [
        (name, *(_rate(by[count]) for count in threads), sum(one["errors"] for one in by.values()))
        for name, by in results.threads.items()
    ]
    yield from _table(("", *(f"{count} threads" for count in threads), "errors"), rows)
    yield ""
    rows = [(name, _rate(one), one["errors"]) for name, one in results.tasks.items()]
    yield from _table(("", "64 tasks", "errors"), rows)
    yield "\n![Threads](benchmarks/threads.svg)"
    yield "\n### Starting\n\nMilliseconds of a new process.\n"
    yield from _table(
        ("", "median", "lowest"), [(n, f"{o.median:.0f}", f"{o.lowest:.0f}") for n, o in results.starts.items()]
    )
    yield "\n### Over the wire\n\nStatements, round trips and transactions of one warm call.\n"
    yield from _counts(results.counts)
    yield "\n### In the client\n\nFunctions called by the interpreter, and bytes at the peak, of one warm call.\n"
    yield from _counts(results.effort)
    yield f"\nMicroseconds of the client's processor a call, and in brackets against {HAND}.\n"
    commands = {name: one for name, one in results.single.items() if results.groups[name] == "commands"}
    yield from _cpu(commands)


def _counts(counts: Mapping[str, Mapping[str, Sequence[int]]]) -> Iterator[str]:
    names = _names(counts.values())
    rows = [
        (operation, *(" / ".join(f"{one:,}" for one in found[name]) if name in found else "" for name in names))
        for operation, found in counts.items()
    ]
    return _table(("", *names), rows)


def _cpu(found: Mapping[str, Mapping[str, Measured]]) -> Iterator[str]:
    names = [name for name in _names(found.values()) if name != "pgbench"]
    rows = [
        (
            operation,
            *(
                f"{by[name].cpu * 1000:,.0f} ({short(by[name].cpu / by[HAND].cpu)})" if name in by else ""
                for name in names
            ),
        )
        for operation, by in found.items()
    ]
    return _table(("", *names), rows)


def _timings(found: Mapping[str, Mapping[str, Measured]]) -> Iterator[str]:
    names = _names(found.values())
    rows = []
    for operation, by in found.items():
        cells = (f"{short(by[name].median)} ({short(by[name].ratio)})" if name in by else "" for name in names)
        rows.append((operation, *cells))
    return _table(("", *names), rows)


def _rate(found: Mapping[str, float]) -> str:
    return f"{found['per_second']:,.0f} ({found['lowest']:,.0f} to {found['highest']:,.0f})"


def _evictions(found: Mapping[str, Mapping[str, Evictions]]) -> Iterator[str]:
    names = _names(found.values())
    rows = [
        (entries, *(f"{by[name].mean:.2f} ({by[name].longest:.0f})" for name in names)) for entries, by in found.items()
    ]
    return _table(("", *names), rows)


def _plots(results: Results) -> dict[str, str]:
    plots = {}
    for group in ("commands", "reads"):
        ratios = {
            name: {one: found[one].ratio for one in found if one != HAND}
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
