"""`python -m benchmarks`: all of it, into docs/benchmarks.md; with --quick a part of everything, into build/."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter

from atb_db.embedded import Server
from benchmarks.bulk import Bulk, bulks, measure_bulk
from benchmarks.concurrency import measure_tasks, measure_threads
from benchmarks.contenders import CONTENDERS
from benchmarks.counting import count
from benchmarks.effort import effort
from benchmarks.evicting import measure_evictions
from benchmarks.frames import measure_frames
from benchmarks.measuring import Measured, measure
from benchmarks.operations import FULL, OPERATIONS, QUICK, TOGETHER, Operation, Scale
from benchmarks.others import refuse, watched
from benchmarks.profiling import profile, profile_bulk
from benchmarks.report import write
from benchmarks.results import Results, about, commit, load, moment
from benchmarks.seeding import seed
from benchmarks.serving import server_apart
from benchmarks.starting import measure_starts
from benchmarks.world import World

QUICKLY = Path(__file__).parents[1] / "build" / "benchmarks-quick"

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
            found = {}
            for together in TOGETHER:
                if chosen := [operation for operation in together if text in operation.name]:
                    found |= _single(server, world, chosen, scale)
            loaded = {one.name: _bulk(server, world, one, scale) for one in bulks(scale) if text in one.name}
            if options.again and (found or loaded):
                if not options.busy:
                    refuse(others)
                _put(load(), found, loaded)
            return
        results = _everything(server, world, scale, quick=options.quick)
    results = results._replace(about=results.about | {"other processes": str(others)})
    if options.quick:
        QUICKLY.mkdir(parents=True, exist_ok=True)
        results.save(QUICKLY / "results.json")
        write(results, QUICKLY)
        print(QUICKLY / "benchmarks.md")
        return
    if not options.busy:
        refuse(others)
    results.save()
    write(results)


def _everything(server: Server, world: World, scale: Scale, *, quick: bool) -> Results:
    known = about(server.version, quick=quick)
    single = {}
    for together in TOGETHER:
        single |= _single(server, world, together, scale)
    bulk = {one.name: _bulk(server, world, one, scale) for one in bulks(scale)}
    _tell("frames, a full cache, threads, tasks, starts, counts")
    counted = [operation for operation in OPERATIONS if operation.name in COUNTED]
    return Results(
        about=known,
        single=single,
        groups={operation.name: operation.group for operation in OPERATIONS},
        bulk=bulk,
        threads={
            name: {str(threads): one._asdict() for threads, one in by.items()}
            for name, by in measure_threads(server, world, scale).items()
        },
        tasks={name: one._asdict() for name, one in measure_tasks(server, world, scale).items()},
        evictions=measure_evictions(server, world, scale),
        starts=measure_starts(scale),
        frames=measure_frames(server, scale.frames, scale.rounds),
        counts={operation.name: count(server, world, operation, CONTENDERS) for operation in counted},
        effort={operation.name: effort(server, world, operation, CONTENDERS) for operation in counted},
    )


def _put(results: Results, single: dict[str, dict[str, Measured]], bulk: dict[str, dict[str, Measured]]) -> None:
    again = f"{', '.join([*single, *bulk])}: {moment()}, commit {commit()}"
    known = [results.about["measured again"]] if "measured again" in results.about else []
    results = results._replace(
        about=results.about | {"measured again": "; ".join([*known, again])},
        single=results.single | single,
        bulk=results.bulk | bulk,
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


def _single(
    server: Server, world: World, together: Sequence[Operation], scale: Scale
) -> dict[str, dict[str, Measured]]:
    found = measure(server, world, together, CONTENDERS, scale)
    for name, by in found.items():
        _print(name, by)
    return found


def _bulk(server: Server, world: World, bulk: Bulk, scale: Scale) -> dict[str, Measured]:
    found = measure_bulk(server, world, bulk, scale)
    _print(bulk.name, found)
    return found


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
