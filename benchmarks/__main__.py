"""`python -m benchmarks`: all of it, into docs/benchmarks.md; with --quick a part of everything, into build/."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from time import perf_counter
from typing import NamedTuple, TypeVar

from atb_db.embedded import Server
from benchmarks.bulk import bulks, measure_bulk
from benchmarks.concurrency import measure_tasks, measure_threads
from benchmarks.contenders import CONTENDERS
from benchmarks.counting import Counts, count
from benchmarks.effort import Effort, effort
from benchmarks.evicting import measure_evictions
from benchmarks.failures import EVERYBODY, Failures
from benchmarks.frames import measure_frames
from benchmarks.measuring import WARM, Measured, measure
from benchmarks.operations import FULL, OPERATIONS, QUICK, TOGETHER, Operation, Scale
from benchmarks.others import refuse, watched
from benchmarks.profiling import profile, profile_bulk
from benchmarks.report import write
from benchmarks.results import Results, about, commit, load, moment
from benchmarks.seeding import copy_of, seed
from benchmarks.serving import server_apart
from benchmarks.starting import measure_starts
from benchmarks.world import World

BUILD = Path(__file__).parents[1] / "build"

COUNTED = (
    "log_trade, 0 trades today",
    "create_order",
    "record_fill, an entry",
    "record_fill, a close",
    "open_position",
    "close_position",
    "log_event",
    "active positions, 10 x 3 orders",
)

_SETTINGS = {
    "shared_buffers": "512MB",
    "max_connections": "100",
    # As on our connections; with jit the others' longest statements would take six times as long.
    "jit": "off",
}


def main() -> None:
    """Measure, and write what was measured."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer rounds, fewer rows")
    parser.add_argument("--busy", action="store_true", help="write it also if other processes took part of the machine")
    parser.add_argument("--only", metavar="TEXT", help="what has it in its name, a statement or a load; writes nothing")
    parser.add_argument("--again", metavar="TEXT", help="as --only, and puts them into results.json and the page")
    parser.add_argument("--profile", metavar="TEXT", help="where the time of such operations goes; writes nothing")
    parser.add_argument("--report", action="store_true", help="only write the page again from results.json")
    options = parser.parse_args()
    if options.report:
        write(load())
        return
    scale = QUICK if options.quick else FULL
    with watched() as others, server_apart(_SETTINGS) as server:
        _tell("seeding")
        world = seed(server, scale)
        if options.profile is not None:
            _profile(server, world, options.profile, scale)
            return
        if (text := options.only or options.again) is not None:
            parts = _Parts()
            found, loaded = _singles(parts, server, world, scale, text), _bulks(parts, server, world, scale, text)
            if options.again and (found or loaded):
                if not (options.busy or others.are_few):
                    refuse(others)
                _put(load(), found, loaded, parts)
            return
        results = _everything(server, world, scale, quick=options.quick)
    took = f"{sum(results.seconds.values()) / 60:.1f} minutes"
    _tell(", ".join(f"{part} {seconds:.0f} s" for part, seconds in results.seconds.items()))
    results = results._replace(about=results.about | {"took": took, "other processes": str(others)})
    if not options.quick and (options.busy or others.are_few):
        results.save()
        write(results)
        return
    folder = BUILD / ("benchmarks-quick" if options.quick else "benchmarks-busy")
    folder.mkdir(parents=True, exist_ok=True)
    results.save(folder / "results.json")
    write(results, folder)
    print(folder / "benchmarks.md")
    if not options.quick:
        refuse(others)


Found = TypeVar("Found")


class _Parts:
    """Runs one part after the other; says what each took, and keeps what failed in it."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.failed: dict[str, dict[str, dict[str, str]]] = {}

    def run(self, part: str, work: Callable[[Failures], Found], nothing: Found) -> Found:
        """What it found, or nothing if all of it broke."""
        _tell(part)
        failures, found, began = Failures(), nothing, perf_counter()
        with failures.of(EVERYBODY, EVERYBODY):
            found = work(failures)
        self.seconds[part] = perf_counter() - began
        if failures.found:
            self.failed[part] = failures.found
        for row, reasons in failures.found.items():
            for who, reason in reasons.items():
                print(f"    FAILED {row}, {who}: {reason}", file=sys.stderr)
        return found


def _everything(server: Server, world: World, scale: Scale, *, quick: bool) -> Results:
    parts = _Parts()
    parts.seconds["seeding"] = perf_counter() - _BEGAN
    chosen = [operation for operation in OPERATIONS if operation.name in COUNTED]
    counted = parts.run("counts", lambda f: _counts(server, world, chosen, f), _Counted({}, {}))
    return Results(
        about=about(server.version, quick=quick),
        single=_singles(parts, server, world, scale),
        groups={operation.name: operation.group for operation in OPERATIONS},
        bulk=_bulks(parts, server, world, scale),
        frames=parts.run("frames", lambda f: measure_frames(server, scale.frames, min(scale.rounds, 5), f), {}),
        evictions=parts.run("evictions", lambda f: measure_evictions(server, world, scale, f), {}),
        threads=parts.run(
            "threads",
            lambda f: {
                name: {str(threads): one._asdict() for threads, one in by.items()}
                for name, by in measure_threads(server, world, scale, f).items()
            },
            {},
        ),
        tasks=parts.run(
            "tasks",
            lambda f: {name: one._asdict() for name, one in measure_tasks(server, world, scale, f).items()},
            {},
        ),
        starts=parts.run("starts", lambda f: measure_starts(scale, f), {}),
        counts=counted.counts,
        effort=counted.effort,
        failed=parts.failed,
        seconds=parts.seconds,
    )


def _singles(
    parts: _Parts, server: Server, world: World, scale: Scale, text: str = ""
) -> dict[str, dict[str, Measured]]:
    def work(failures: Failures) -> dict[str, dict[str, Measured]]:
        found: dict[str, dict[str, Measured]] = {}
        for together in TOGETHER:
            if chosen := [operation for operation in together if text in operation.name]:
                with failures.of(chosen[0].name, EVERYBODY):
                    found |= measure(server, world, chosen, CONTENDERS, scale, failures)
                for operation in chosen:
                    _print(operation.name, found.get(operation.name, {}))
        return found

    return parts.run("single", work, {})


def _bulks(parts: _Parts, server: Server, world: World, scale: Scale, text: str = "") -> dict[str, dict[str, Measured]]:
    def work(failures: Failures) -> dict[str, dict[str, Measured]]:
        found = {}
        for bulk in bulks(scale):
            if text in bulk.name:
                with failures.of(bulk.name, EVERYBODY):
                    found[bulk.name] = measure_bulk(server, world, bulk, scale, failures)
                _print(bulk.name, found.get(bulk.name, {}))
        return found

    return parts.run("bulk", work, {})


class _Counted(NamedTuple):
    counts: dict[str, dict[str, Counts]]
    effort: dict[str, dict[str, Effort]]


def _counts(server: Server, world: World, operations: Sequence[Operation], failures: Failures) -> _Counted:
    """What is counted of each operation, by those contenders that answer; one copy of the rows is enough for both."""
    found = _Counted({}, {})
    for operation in operations:
        for contender in CONTENDERS:
            name = contender.name
            with failures.of(operation.name, name):
                if not (contender.answers and contender.can(operation)):
                    continue
                with copy_of(server, operation.database) as url:
                    found.counts.setdefault(operation.name, {})[name] = count(url, world, operation, contender)
                    if not contender.in_loop:
                        one = effort(url, world, operation, contender, after=WARM + 1)
                        found.effort.setdefault(operation.name, {})[name] = one
    return found


def _put(
    results: Results, single: dict[str, dict[str, Measured]], bulk: dict[str, dict[str, Measured]], parts: _Parts
) -> None:
    again = f"{', '.join([*single, *bulk])}: {moment()}, commit {commit()}"
    known = [results.about["measured again"]] if "measured again" in results.about else []
    failed = {part: dict(rows) for part, rows in results.failed.items()}
    for part, measured in (("single", single), ("bulk", bulk)):
        kept = {row: reasons for row, reasons in failed.get(part, {}).items() if row not in measured}
        failed[part] = kept | parts.failed.get(part, {})
    results = results._replace(
        about=results.about | {"measured again": "; ".join([*known, again])},
        single=results.single | single,
        bulk=results.bulk | bulk,
        groups=results.groups | {operation.name: operation.group for operation in OPERATIONS},
        failed=failed,
    )
    results.save()
    write(results)


def _profile(server: Server, world: World, text: str, scale: Scale) -> None:
    for operation in OPERATIONS:
        if text in operation.name:
            _tell(operation.name)
            profile(server, world, operation)
    for bulk in bulks(scale):
        if text in bulk.name:
            _tell(bulk.name)
            profile_bulk(server, world, bulk)


_BEGAN = perf_counter()


def _tell(what: str) -> None:
    print(f"{perf_counter() - _BEGAN:6.0f} s  {what}", file=sys.stderr)


def _print(name: str, found: dict[str, Measured]) -> None:
    _tell(name)
    for contender, one in found.items():
        print(
            f"    {contender:24} {one.median:10.3f} ms  {one.ratio:7.2f}  {one.cpu:10.3f} ms of client", file=sys.stderr
        )


if __name__ == "__main__":
    main()
