"""`python -m benchmarks`: all of it, or with --quick a smaller part of everything."""

from __future__ import annotations

import argparse
import sys
from time import perf_counter

from atb_db.embedded import postgresql
from benchmarks.contenders import CONTENDERS
from benchmarks.measuring import measure
from benchmarks.operations import FULL, OPERATIONS, QUICK
from benchmarks.seeding import seed


def main() -> None:
    """Measure, and write what was measured."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer rounds, fewer rows")
    parser.add_argument("--only", default="", metavar="TEXT", help="operations whose names contain it; writes nothing")
    options = parser.parse_args()
    scale = QUICK if options.quick else FULL
    began = perf_counter()
    with postgresql(durable=True, settings={"shared_buffers": "512MB", "max_connections": "100"}) as server:
        world = seed(server, scale)
        print(f"seeded in {perf_counter() - began:.0f} s", file=sys.stderr)
        for operation in OPERATIONS:
            if options.only not in operation.name:
                continue
            found = measure(server, world, operation, CONTENDERS, scale)
            base = found["psycopg, by hand"].median
            print(operation.name)
            for name, one in found.items():
                print(f"    {name:24} {one.median:10.3f} ms  {one.median / base:7.2f}  cpu {one.cpu:.3f}  {one.calls}")


if __name__ == "__main__":
    main()
