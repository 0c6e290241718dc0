"""The floor: pgbench sends the same statement, prepared, and only counts; it makes no value and reads no row."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import ClassVar

from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from atb_db.embedded import find_binaries
from benchmarks.contenders.base import DECLARED, Contender, Timing, every_argument
from benchmarks.operations import Arguments, Operation


class Pgbench(Contender):
    name = "pgbench"
    answers: ClassVar[bool] = False

    @classmethod
    def can(cls, operation: Operation) -> bool:
        return super().can(operation) and (find_binaries() / "pgbench").exists()

    def prepare(self, operation: Operation, arguments: Arguments) -> object:
        return None

    def call(self, operation: Operation, prepared: object) -> object:
        raise NotImplementedError("it reads no row")

    def timed(self, operation: Operation, numbers: Sequence[int]) -> Timing:
        with tempfile.TemporaryDirectory() as folder:
            script = Path(folder, "script.sql")
            script.write_text(f"\\set n :n + 1\n{self._script(operation)};\n", encoding="utf-8")
            parts = conninfo_to_dict(self.url)
            command = [find_binaries() / "pgbench", "-n", "-M", "prepared", "-f", script, "-t", str(len(numbers)), "-l"]
            command += ["-D", f"n={numbers[0] - 1}", f"--log-prefix={folder}/log"]
            place = ["-h", parts["host"], "-p", parts["port"], "-U", parts["user"], parts["dbname"]]
            environment = {**os.environ, "PGPASSWORD": str(parts["password"])}
            subprocess.run([*command, *place], check=True, capture_output=True, cwd=folder, env=environment)
            (log,) = Path(folder).glob("log.*")
            return Timing([int(line.split()[2]) * 1000 for line in log.read_text().splitlines()], 0)

    def close(self) -> None:
        """Each series of calls is a process of its own."""

    def _script(self, operation: Operation) -> str:
        values = every_argument(operation.statement, operation.arguments(self.world, 0))
        world = self.world
        ids = {
            "first": world.closing[0],
            "last": world.closing[-1],
            "entry": world.entries[0],
            "partial_exit": world.partial_exits[0],
            "full_exit": world.full_exits[0],
        }
        varying = {name: text.format(**ids) for name, text in operation.varying.items()}
        order = DECLARED[operation.statement].order

        def literal(match: re.Match[str]) -> str:
            name = order[int(match[1]) - 1]
            if name == "request_id":
                return "gen_random_uuid()"
            if name in varying:
                return f"({varying[name]})"
            value = values[name]
            # pgbench would take what follows a colon for a variable of its own.
            return f"'{value:%Y%m%dT%H%M%S}Z'" if isinstance(value, datetime) else sql.Literal(value).as_string()

        return re.sub(r"\$(\d+)", literal, DECLARED[operation.statement].text)
