"""A shell beside the server that ends it when the process that made it is gone, however that went."""

import subprocess
from pathlib import Path
from typing import Final

# Its standard input ends when this process does, SIGKILL included; a line that comes before says that nothing is left
# to do.
_SCRIPT: Final = """
read -r _ && exit
pid_file="$1/data/postmaster.pid"
if pid=$(head -n 1 "$pid_file"); then
  kill -INT "$pid"
  while [ -e "$pid_file" ] && kill -0 "$pid"; do sleep 0.1; done
fi
[ "$2" = keep ] || rm -rf "$1"
"""


class Watchdog:
    """Watches over the server in `base`; with `keep` its files stay."""

    def __init__(self, base: Path, *, keep: bool) -> None:
        self._shell = subprocess.Popen(
            ["/bin/sh", "-c", _SCRIPT, "sh", base, "keep" if keep else ""],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            cwd="/",
        )

    def dismiss(self) -> None:
        """Nothing is left to watch."""
        if self._shell.returncode is None:
            self._shell.communicate(b"done\n")
