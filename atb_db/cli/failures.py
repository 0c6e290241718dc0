"""How a failure is shown: a sentence on standard error and, with --json, an object on standard output."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Final, Protocol, runtime_checkable

from typer import TyperException

from atb_db.cli.exits import READ_ONLY, ExitCode, exit_code
from atb_db.cli.output import print_json, print_message
from atb_db.cli.streams import give_up_stdout
from atb_db.errors import AtbDbError

_READ_ONLY: Final = ": the login may only read, or the server is a standby"


class CommandError(Exception):
    """An error that ends the command with another exit code than errors of its class do elsewhere."""

    def __init__(self, error: AtbDbError, code: ExitCode) -> None:
        super().__init__(error, code)
        self.error = error
        self.code = code


@runtime_checkable
class _ShowsItself(Protocol):
    def show(self) -> None:
        """Print the usage and the message."""


def ended_by(error: Exception) -> int:
    """Show what ended the command; its exit code."""
    if isinstance(error, CommandError):
        return _failed(error.error, error.code)
    if isinstance(error, AtbDbError):
        return _failed(error, exit_code(error))
    if isinstance(error, TyperException):
        return _misused(error)
    raise error


def unwritten(error: OSError) -> int:
    """Something, standard output most of all, could not be written or read; the exit code.

    A pipe that nobody reads any more is no news: `| head` had enough.
    """
    if not isinstance(error, BrokenPipeError):
        where = f": {error.filename}" if error.filename else ""
        with suppress(OSError):
            print_message(f"atb-db: {error.strerror or error}{where}")
    give_up_stdout()
    return ExitCode.FAILED


def interrupted() -> int:
    """Somebody pressed Ctrl-C, or ended the input that was asked for; the exit code."""
    _print_object(kind="Interrupted", message="interrupted", code=ExitCode.INTERRUPTED)
    return ExitCode.INTERRUPTED


def wants_json(arguments: Sequence[str]) -> bool:
    """Whether --json is among the words of a command line; what is behind -- is for another program."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    return "--json" in arguments[:end]


def _failed(error: AtbDbError, code: ExitCode) -> int:
    hint = _READ_ONLY if error.sqlstate == READ_ONLY else ""
    print_message(f"atb-db: {error}{hint}")
    _print_object(
        kind=type(error).__name__,
        message=(f"{error.field}: {error.message}" if error.field else error.message) + hint,
        statement=error.statement,
        sqlstate=error.sqlstate,
        code=code,
    )
    return code


def _misused(error: TyperException) -> int:
    if isinstance(error, _ShowsItself):
        error.show()
    else:
        print_message(f"atb-db: {error.format_message()}")
    _print_object(kind="Usage", message=error.format_message(), code=error.exit_code)
    return error.exit_code


def _print_object(
    *, kind: str, message: str, code: int, statement: str | None = None, sqlstate: str | None = None
) -> None:
    if wants_json(sys.argv[1:]):
        shown = {"type": kind, "message": message, "statement": statement, "sqlstate": sqlstate, "exit_code": int(code)}
        print_json({"error": shown})
