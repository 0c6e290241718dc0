"""`atb-db halt`: the kill switch from the shell."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from atb_db.admin.readable import counted, shown_duration
from atb_db.cli.choosing import SessionOption
from atb_db.cli.exits import ExitCode
from atb_db.cli.grouping import WholeSentences
from atb_db.cli.options import JsonOption, UrlOption, settings_of
from atb_db.cli.output import print_json, print_message, print_table

if TYPE_CHECKING:
    from atb_db.admin.halt import HaltState

ReasonOption: TypeAlias = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; it is recorded.")]
FlagOption: TypeAlias = Annotated[
    str, typer.Option("--flag", metavar="NAME", help="Another control flag that your engines ask for.")
]
SourceOption: TypeAlias = Annotated[
    str, typer.Option("--source", metavar="NAME", help="Who wants it.", show_default="account@machine")
]
_KILL_SWITCH = "kill_switch"

halt_app = typer.Typer(cls=WholeSentences, rich_markup_mode=None, no_args_is_help=True)


@halt_app.callback()
def halt_command() -> None:
    """Stop engines from sending orders, and let them go on: the kill switch.

    Nothing is asked, as it may be urgent. Positions stay open, and exits that an engine sends without asking for the
    flag go through.

    \b
    Examples:
      atb-db halt on --reason "exchange down"
      atb-db halt status
      atb-db halt off --reason "exchange is back"

    \b
    Exit codes: those of the command; 2 wrong usage.
    """  # noqa: D301  \b keeps the lines apart in --help


@halt_app.command("on")
def on_command(
    *,
    reason: ReasonOption,
    session: SessionOption = None,
    flag: FlagOption = _KILL_SWITCH,
    source: SourceOption = "",
    url: UrlOption = None,
    as_json: JsonOption = False,
) -> None:
    """Set the kill switch: no engine that asks for it journals another order, in all sessions or in one.

    It waits for orders that are being journaled at this moment; afterwards none is. A CRITICAL event records it. Where
    it is on already, it stays on, with the new reason.

    \b
    Examples:
      atb-db halt on --reason "exchange down"
      atb-db halt on --session 17 --reason "strategy runs wild"
      atb-db halt on --flag no_entries --reason "only exits until Monday"

    \b
    Exit codes: 0 set, 1 no such session, or an order is stuck while it is
    journaled: run it again, 2 wrong usage, 4 cannot connect, 5 the login may only
    read.
    """  # noqa: D301  \b keeps the lines apart in --help
    from atb_db.admin.halt import halt

    found = halt(settings_of(url), reason=reason, session_id=session, name=flag, source=source)
    _print(found, as_json=as_json)


@halt_app.command("off")
def off_command(
    *,
    reason: ReasonOption = "cleared by an operator",
    session: SessionOption = None,
    flag: FlagOption = _KILL_SWITCH,
    source: SourceOption = "",
    url: UrlOption = None,
    as_json: JsonOption = False,
) -> None:
    """Clear the kill switch: engines may send orders again.

    A session's own switch stays when the one of all sessions is cleared, and the other way round. A WARNING event
    records it.

    \b
    Examples:
      atb-db halt off
      atb-db halt off --reason "exchange is back"
      atb-db halt off --session 17 --reason "strategy fixed"

    \b
    Exit codes: 0 cleared, 1 no such session, or it was set meanwhile, 2 wrong
    usage, 3 another switch still holds orders off, 4 cannot connect, 5 the login
    may only read.
    """  # noqa: D301  \b keeps the lines apart in --help
    from atb_db.admin.halt import resume

    found = resume(settings_of(url), reason=reason, session_id=session, name=flag, source=source)
    _print(found, as_json=as_json)
    if found.active:
        raise typer.Exit(ExitCode.FOUND)


@halt_app.command("status")
def status_command(
    *,
    session: SessionOption = None,
    flag: FlagOption = _KILL_SWITCH,
    url: UrlOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show whether the kill switch is on: since when, who set it, and why.

    Without --session the switches of single sessions are shown, too.

    \b
    Examples:
      atb-db halt status
      atb-db halt status --session 17 && ./start-engine

    \b
    Exit codes: 0 off, 1 no such session, 2 wrong usage, 3 on, in a session at
    least, 4 cannot connect.
    """  # noqa: D301  \b keeps the lines apart in --help
    from atb_db.admin.halt import halt_state

    found = halt_state(settings_of(url), session_id=session, name=flag)
    _print(found, as_json=as_json)
    if found.flags:
        raise typer.Exit(ExitCode.FOUND)


def _print(found: HaltState, *, as_json: bool) -> None:
    if as_json:
        print_json(found)
        return
    if found.flags:
        rows = [
            (one.name, shown_duration(timedelta(seconds=found.active_seconds[one.name])), one.source, one.reason)
            for one in found.flags
        ]
        print_table(("Flag", "On for", "Set by", "Reason"), rows)
    where = "in every session" if found.session_id is None else f"in session {found.session_id}"
    if found.active:
        print_message(
            f"Halted {where}: {found.name} is on; {counted(found.active_sessions, 'session')} not ended. "
            f'Refused are orders of engines that ask for it, with unless_flag="{found.name.partition(":")[0]}".'
        )
    else:
        print_message(f"Not halted {where}: {found.name} is off.")
