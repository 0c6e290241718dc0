"""What it takes to begin: importing, and `atb-db --help`."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Final

from benchmarks.failures import Failures
from benchmarks.measuring import Measured
from benchmarks.operations import Scale

_HELLO: Final = """
import typer

app = typer.Typer()


@app.command()
def hello(name: str) -> None:
    typer.echo(f"Hello {name}")


app()
"""

NOTHING: Final = "python -c pass"
IMPORTS: Final = {
    "psycopg, psycopg_pool": "import psycopg, psycopg_pool",
    "atb_db": "import atb_db",
    "atb_db with Database and trades": "from atb_db import Database; from atb_db.repository import trades",
    "asyncpg": "import asyncpg",
    "sqlalchemy.orm": "import sqlalchemy.orm",
}


def measure_starts(scale: Scale, failures: Failures) -> dict[str, Measured]:
    """Milliseconds of a new process, Python's own start included; ours as pip installs it, compiled."""
    with tempfile.TemporaryDirectory() as folder:
        site = Path(folder, "site")
        install = (sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "install", "--no-deps")
        subprocess.run([*install, "--target", site, Path(__file__).parents[1]], check=True)
        environment = {**os.environ, "PYTHONPATH": str(site)}
        hello = Path(folder, "hello.py")
        hello.write_text(_HELLO, encoding="utf-8")
        commands: dict[str, Sequence[str | Path]] = {
            NOTHING: (sys.executable, "-c", "pass"),
            **{f"import {name}": (sys.executable, "-c", code) for name, code in IMPORTS.items()},
            "typer's hello world --help": (sys.executable, hello, "--help"),
            "atb-db --help": (sys.executable, "-m", "atb_db", "--help"),
        }
        taken: dict[str, list[float]] = {name: [] for name in commands}
        for number in range(scale.starts):
            for name, command in commands.items():
                if failures.has(name, name):
                    continue
                with failures.of(name, name):
                    start = perf_counter()
                    subprocess.run(command, check=True, capture_output=True, cwd=folder, env=environment)
                    if number:  # the first one compiles
                        taken[name].append((perf_counter() - start) * 1000)
    return {
        name: Measured(median(found), min(found), max(found), len(found), 0.0, 0.0)
        for name, found in taken.items()
        if not failures.has(name, name)
    }
