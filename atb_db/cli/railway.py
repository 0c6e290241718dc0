"""`atb-db setup-railway`: what is done of a database's set-up, and whether it records."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from atb_db.admin.readable import counted
from atb_db.cli.exits import ExitCode
from atb_db.cli.options import EnvironmentOption, JsonOption, UrlOption, environment_of, settings_of
from atb_db.cli.output import print_json, print_message

if TYPE_CHECKING:
    from collections.abc import Sequence

    from atb_db.admin.railway import Step


def setup_railway_command(
    *,
    verify: Annotated[
        bool, typer.Option("--verify", help="Write a verification trade, read it back, and mark the database as --env.")
    ] = False,
    check_local: Annotated[
        bool, typer.Option("--check-local", help="Check a database for development, on this machine.")
    ] = False,
    remove_verification: Annotated[
        bool, typer.Option("--remove-verification", help="Only remove the verification trades, with their sessions.")
    ] = False,
    env: EnvironmentOption = None,
    url: UrlOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the steps of setting up a database on Railway and their state; --verify writes a test trade.

    Checks the URL, the server, encryption, migrations, roles, the environment mark, and which of the bot's own
    variables are set. Shows no secrets. The test trade is in a separate PAPER session, which reports leave out; it
    is only written if everything that it needs is in order.

    \b
    Examples:
      atb-db setup-railway
      atb-db setup-railway --env production --verify
      atb-db setup-railway --check-local
      atb-db setup-railway --remove-verification
      railway run atb-db setup-railway --json

    \b
    Exit codes: 0 nothing is wrong, 2 wrong usage or an unusable URL,
    3 something is wrong, 4 cannot connect.
    """  # noqa: D301  \b keeps the lines apart in --help
    from atb_db.admin.railway import Wanted, choose_url, set_up
    from atb_db.config import read_variables

    if remove_verification and (verify or check_local):
        raise typer.BadParameter("--remove-verification stands alone")
    variables, environment = read_variables(), environment_of(env) if env else None
    if remove_verification:
        _remove(choose_url(variables, environment, url)[1], as_json=as_json)
        return
    steps = set_up(variables, Wanted(environment, local=check_local, verify=verify), url=url)
    if as_json:
        print_json(steps)
    else:
        _print_steps(steps)
    if code := _exit_code(steps):
        raise typer.Exit(code)


def _exit_code(steps: Sequence[Step]) -> ExitCode:
    from atb_db.admin.railway import Outcome, Topic

    failed = {step.topic for step in steps if step.state is Outcome.FAILED}
    if Topic.URL in failed:
        return ExitCode.USAGE
    if Topic.CONNECTION in failed:
        return ExitCode.UNREACHABLE
    return ExitCode.FOUND if failed else ExitCode.OK


def _print_steps(steps: Sequence[Step]) -> None:
    from atb_db.admin.railway import Outcome

    boxes = {Outcome.DONE: "[x]", Outcome.TODO: "[ ]", Outcome.FAILED: "[!]"}
    for step in steps:
        typer.echo(f"{boxes[step.state]} {step.topic}: {step.detail}")
        if step.remedy:
            typer.echo(f"    {step.remedy}")


def _remove(url: str, *, as_json: bool) -> None:
    from atb_db.admin.verification_trade import remove_trials

    removed = remove_trials(settings_of(url))
    rows = sum(part.rows for one in removed for part in one.removed)
    if as_json:
        print_json({"rows": rows, "sessions": removed})
    else:
        print_message(f"Removed {counted(len(removed), 'verification session')} with {counted(rows, 'row')}.")
