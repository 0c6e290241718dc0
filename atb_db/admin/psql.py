"""psql on the configured database."""

from __future__ import annotations

import os
import re
import signal
import sys
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Final, NoReturn

from atb_db.admin.programs import Invocation, connection_environment, find_tool
from atb_db.admin.readable import either
from atb_db.config import Settings
from atb_db.sqlfile import sql_root

_QUESTION: Final = re.compile(r"\s*:\w+;?\s*")
_KNOWN: Final = re.compile(r"^\\set (\w+) 'SELECT", re.MULTILINE)
_COMMAND: Final = re.compile(rf"(?:-c|--command=)({_QUESTION.pattern})")


def psql(settings: Settings, *, write: bool = False, arguments: Sequence[str] = ()) -> NoReturn:
    """Become psql, on the settings' database; its transactions are read-only unless `write`.

    It loads sql/psqlrc with its handy questions, and the user's own psqlrc behind them. Read-only is a default
    against accidents: anybody who types SQL can switch it off again.

    Raises:
        ToolMissing: there is no psql on this machine.
    """
    found = psql_invocation(settings, write=write, arguments=arguments)
    # Python ignores it, and psql would inherit that.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    os.execve(found.program, found.arguments, {**os.environ, **found.environment})  # noqa: S606


def psql_invocation(settings: Settings, *, write: bool = False, arguments: Sequence[str] = ()) -> Invocation:
    """How psql is to be run: the connection travels in the environment, which other users cannot read."""
    options = ["-c timezone=UTC"] if write else ["-c timezone=UTC", "-c default_transaction_read_only=on"]
    environment, rest = connection_environment(settings, *options)
    program = find_tool("psql")
    connection = ["--dbname", rest] if rest else []
    arguments = _asked(arguments)
    environment, settled = {**environment, "PSQLRC": str(sql_root() / "psqlrc")}, _settled(interactive=not arguments)
    return Invocation(program, (str(program), *settled, *connection, *arguments), environment)


def _asked(arguments: Sequence[str]) -> list[str]:
    """The arguments, with each `-c :question` as a file: psql puts no variables into what -c has."""
    found = list[str]()
    for word in arguments:
        glued = _COMMAND.fullmatch(word)
        if glued is not None:
            found += ["--file", _readable(_question(glued[1]))]
        elif found and found[-1] in {"-c", "--command"} and _QUESTION.fullmatch(word):
            found[-1:] = ["--file", _readable(_question(word))]
        else:
            found.append(word)
    return found


def _question(word: str) -> str:
    """What asks the question and ends psql where it fails; one that no psqlrc has is an error in words of its own.

    Only psql knows what the user's own and the machine's psqlrc define.
    """
    name = word.strip().strip(":;")
    known = _KNOWN.findall((sql_root() / "psqlrc").read_text(encoding="utf-8"))
    alike = get_close_matches(name, known, n=3)
    hint = f"did you mean {either([f':{one}' for one in alike])}?" if alike else f"there are {', '.join(known)}"
    return f"""\\set ATB_DB_STOP :ON_ERROR_STOP
\\set ON_ERROR_STOP 1
\\if :{{?{name}}}
{word}
\\else
\\set VERBOSITY terse
DO $$ BEGIN RAISE EXCEPTION '%', 'there is no question {name}; {hint}'; END $$;
\\endif
\\set ON_ERROR_STOP :ATB_DB_STOP
\\unset ATB_DB_STOP
"""


def _readable(text: str) -> str:
    """A file with this in it, which the program that takes this process's place inherits and can read."""
    read, write = os.pipe()
    os.write(write, text.encode())
    os.close(write)
    os.set_inheritable(read, True)  # noqa: FBT003  positional only
    return f"/dev/fd/{read}"


def _settled(*, interactive: bool) -> list[str]:
    """Variables for our psqlrc: the user's own, which it replaces, and whether to say what it has."""
    own = Path(os.environ.get("PSQLRC") or "~/.psqlrc").expanduser()
    options = [f"--set=ATB_DB_USER_PSQLRC={own}"] if own.is_file() else []
    return [*options, "--set=ATB_DB_BANNER=1"] if interactive and sys.stdin.isatty() else options
