"""Today's statements against those of another checkout, such as the release before: `python -m benchmarks.before PATH`.

Each side is a process with that checkout's package, on a database of its own with that checkout's schema. They take
turns: in every round both do their calls of an operation, the other one first each time; the table has the medians of
the rounds' medians, and the median of the rounds' ratios. What an operation needs beforehand is not timed. The last
three columns are the same of the mean server CPU of a call, in which what happens now and then has its part (Linux
only).
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import mean, median
from typing import IO, Any, Final

from benchmarks.serving import server_apart

HERE: Final = Path(__file__).parents[1]
SIDE: Final = Path(__file__).with_name("side.py")
SETTINGS: Final = {"shared_buffers": "512MB", "jit": "off"}


class Side:
    """A process that does what it is asked for, one line of JSON after the other."""

    def __init__(self, process: subprocess.Popen[str], requests: IO[str], answers: IO[str]) -> None:
        self._process = process
        self._requests = requests
        self._answers = answers
        self.operations: list[str] = self._answer()

    def run(self, operation: str, calls: int) -> tuple[float, float]:
        """The median milliseconds of so many calls, and the mean ones of the server's CPU."""
        self._requests.write(json.dumps([operation, calls]) + "\n")
        self._requests.flush()
        took, cpu = zip(*self._answer(), strict=True)
        return median(took), mean(cpu)

    def _answer(self) -> list[Any]:
        line = self._answers.readline()
        if not line:
            raise SystemExit(f"a side ended with {self._process.wait()}")
        return json.loads(line)


@contextmanager
def side_of(checkout: Path, url: str) -> Iterator[Side]:
    """The checkout's package at work on an empty database."""
    # -P: of this folder only the script itself, and atb_db from the checkout.
    command = [sys.executable, "-P", str(SIDE), str(checkout), url]
    environment = {**os.environ, "PYTHONPATH": str(checkout)}
    with subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield Side(process, process.stdin, process.stdout)
        process.stdin.close()


def compared(then: Side, now: Side, *, rounds: int, calls: int) -> Mapping[str, tuple[float, ...]]:
    """By operation the milliseconds then, those now, and the ratio; then the same of the server's CPU."""
    found: dict[str, list[tuple[tuple[float, float], tuple[float, float]]]] = {}
    for operation in now.operations:  # warm: statements are prepared after the fifth call
        for side in (then, now):
            side.run(operation, 12)
    for number in range(rounds):
        for operation in now.operations:
            if number % 2:
                after, before = now.run(operation, calls), then.run(operation, calls)
            else:
                before, after = then.run(operation, calls), now.run(operation, calls)
            found.setdefault(operation, []).append((before, after))
    return {
        operation: tuple(
            value
            for number in (0, 1)
            for value in (
                median(before[number] for before, _ in pairs),
                median(after[number] for _, after in pairs),
                median(after[number] / before[number] if before[number] else 1 for before, after in pairs),
            )
        )
        for operation, pairs in found.items()
    }


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkout", type=Path, help="where the other one is: its atb_db and sql are used as they are")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--calls", type=int, default=100, help="of one operation by one side in a round")
    options = parser.parse_args()
    with server_apart(SETTINGS) as server, ExitStack() as stack:
        then, now = (
            stack.enter_context(side_of(path.resolve(), server.create_database(name, template="template0")))
            for name, path in (("then", options.checkout), ("now", HERE))
        )
        found = compared(then, now, rounds=options.rounds, calls=options.calls)
    print("| ms a call | then | now | now / then | CPU then | CPU now | CPU now / then |\n" + "|---" * 7 + "|")
    for operation, figures in found.items():
        cells = " | ".join(f"{one:.2f}" if place % 3 == 2 else f"{one:.3f}" for place, one in enumerate(figures))
        print(f"| {operation} | {cells} |")


if __name__ == "__main__":
    main()
