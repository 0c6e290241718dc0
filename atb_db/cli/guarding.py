"""Asking before something is changed or destroyed."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from atb_db.admin.errors import Refused
from atb_db.cli.exits import ExitCode
from atb_db.cli.options import environment_of
from atb_db.cli.output import print_message

if TYPE_CHECKING:
    from atb_db.admin.destroy.guards import Request, Target
    from atb_db.config import Settings

ConfirmOption: TypeAlias = Annotated[
    str | None,
    typer.Option("--confirm", metavar="NAME", help="The database's name, which is asked for on a terminal."),
]
NoBackupOption: TypeAlias = Annotated[bool, typer.Option("--no-backup", help="Do not back up the database first.")]


def requested(settings: Settings, *, env: str | None, confirm: str | None, purpose: str) -> Request:
    """What was said to the guard, after showing what is about to be hit; on a terminal the name is asked for."""
    from atb_db.admin.destroy.guards import NameNeeded, Request, find_target, judge

    request = Request(environment=environment_of(env) if env else None, name=confirm)
    target = find_target(settings)
    print_message(shown_target(target))
    if isinstance(judge(target, request), NameNeeded) and sys.stdin.isatty():
        request = request._replace(name=typed(f"Its name, {purpose}"))
    return request


def typed(question: str) -> str:
    """What somebody on the terminal answers; the command ends when they interrupt it."""
    try:
        return str(typer.prompt(question, err=True))
    except typer.Abort:
        raise typer.Exit(ExitCode.INTERRUPTED) from None


def confirm(question: str, *, yes: bool) -> None:
    """Go on only if somebody on the terminal says yes, or has said so beforehand; the command ends otherwise.

    Raises:
        Refused: it is no terminal.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        raise Refused("this is no terminal, so nothing can be asked: confirm with --yes")
    try:
        answer = typer.confirm(question, err=True)
    except typer.Abort:
        raise typer.Exit(ExitCode.INTERRUPTED) from None
    if not answer:
        raise Refused("nothing was done: it was not confirmed")


def shown_target(target: Target) -> str:
    """The database, what it is used for, what is in it and who else is there."""
    usage = target.usage
    return (
        f"{target.database} on {target.host} as {target.user}, {target.environment or 'unmarked'}: "
        f"about {usage.rows:,} rows, {usage.connections} other connections"
    )
