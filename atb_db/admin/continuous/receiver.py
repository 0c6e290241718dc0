"""pg_receivewal as long as it runs: started, watched, and ended with this process, however that ends."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Final

from atb_db.admin.programs import Tool, connection_environment
from atb_db.config import Settings

_STOP_SECONDS: Final = 5
# It ends when its standard input does, which this process holds: also one that was killed leaves no receiver.
_LEASH: Final = """
exec 3<&0
"$@" &
child=$!
(cat <&3 >/dev/null; kill "$child" 2>/dev/null) &
wait "$child"
"""


class Receiver:
    """A running pg_receivewal."""

    def __init__(self, tool: Tool, settings: Settings, *, wal: Path, slot: str) -> None:
        environment, rest = connection_environment(settings)
        arguments = [
            *(str(tool.path), f"--directory={wal}", f"--slot={slot}", "--synchronous", "--no-loop", "--no-password"),
            *("--status-interval=1", *([f"--dbname={rest}"] if rest else [])),
        ]
        self._said: IO[bytes] = TemporaryFile()  # noqa: SIM115  read as long as it runs
        self._child = subprocess.Popen(
            ["/bin/sh", "-c", _LEASH, "sh", *arguments],
            # Its name at the server is the slot's: synchronous_standby_names can name it.
            env={**os.environ, **environment, "PGAPPNAME": slot, "LC_ALL": "C"},
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=self._said,
            start_new_session=True,  # Ctrl-C is for us
        )

    def is_running(self) -> bool:
        """Whether it is."""
        return self._child.poll() is None

    @property
    def reason(self) -> str:
        """The last thing that it said."""
        self._said.seek(0)
        lines = [line.strip() for line in self._said.read().decode(errors="replace").splitlines() if line.strip()]
        errors = [line for line in lines if "error:" in line] or lines
        return errors[-1].removeprefix("pg_receivewal: error: ") if errors else "pg_receivewal ended"

    def stop(self) -> None:
        """End it, and wait until it has ended."""
        if self._child.stdin is not None:
            self._child.stdin.close()
        try:
            self._child.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(self._child.pid, 9)
            self._child.wait()
        self._said.close()
