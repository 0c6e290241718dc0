"""`atb-db environment`: what a database says it is used for, and saying it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from atb_db.cli.exits import ExitCode
from atb_db.cli.grouping import WholeSentences
from atb_db.cli.guarding import typed
from atb_db.cli.options import JsonOption, UrlOption, environment_of, print_server, settings_of
from atb_db.cli.output import print_json, print_message

if TYPE_CHECKING:
    from atb_db.admin.destroy.deployment import Marked

environment_app = typer.Typer(cls=WholeSentences, rich_markup_mode=None, invoke_without_command=True)


@environment_app.callback()
def environment_command(context: typer.Context, *, url: UrlOption = None, as_json: JsonOption = False) -> None:
    """Show or set what the database is used for; the guards of destructive commands depend on it.

    \b
    Examples:
      atb-db environment
      atb-db environment set staging

    \b
    Exit codes: 0 shown, 2 wrong usage, 3 it has no mark,
    4 cannot connect.
    """  # noqa: D301  \b keeps the lines apart in --help
    if context.invoked_subcommand is None:
        show_command(url=url, as_json=as_json)


@environment_app.command("show")
def show_command(*, url: UrlOption = None, as_json: JsonOption = False) -> None:
    """Show what the database is marked as, since when and by whom; writes nothing.

    \b
    Examples:
      atb-db environment show
      test "$(atb-db environment show)" = STAGING

    \b
    Exit codes: 0 shown, 2 wrong usage, 3 it has no mark,
    4 cannot connect.
    """  # noqa: D301  \b keeps the lines apart in --help
    from atb_db.admin.destroy.deployment import show_environment

    marked = show_environment(settings_of(url))
    _print(marked, as_json=as_json)
    if marked.deployment is None or marked.deployment.environment is None:
        print_message("It has no mark; set one with atb-db environment set.")
        raise typer.Exit(ExitCode.FOUND)


@environment_app.command("set")
def set_command(
    *,
    environment: Annotated[str, typer.Argument(metavar="ENV", help="development, staging or production.")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Replace another mark.")] = False,
    confirm: Annotated[
        str | None, typer.Option("--confirm", metavar="NAME", help="The database's name, to unmark PRODUCTION.")
    ] = None,
    url: UrlOption = None,
    as_json: JsonOption = False,
) -> None:
    """Mark what the database is used for.

    The same mark again changes nothing. Another mark needs --yes; replacing PRODUCTION also needs the database's name,
    with --confirm or typed in full.

    \b
    Examples:
      atb-db environment set production
      atb-db environment set staging --yes
      atb-db environment set development --yes --confirm atb

    \b
    Exit codes: 0 marked, 1 failed, 2 wrong usage, 4 cannot connect,
    5 it has another mark, and --yes or --confirm is missing, or the login may
    only read.
    """  # noqa: D301  \b keeps the lines apart in --help
    from atb_db.admin.destroy.deployment import mark_environment, show_environment
    from atb_db.admin.errors import Refused
    from atb_db.types import Environment

    wanted, settings = environment_of(environment), settings_of(url)
    server, deployment = show_environment(settings)
    marked = deployment.environment if deployment else None
    if yes and marked is Environment.PRODUCTION and wanted is not marked:
        name = confirm
        if name is None and sys.stdin.isatty():
            name = typed(f"The name of the PRODUCTION database, to mark it {wanted}")
        if name != server.database:
            raise Refused(f"the database is marked PRODUCTION: confirm with --confirm {server.database}")
    elif not yes and marked is not None and wanted is not marked:
        raise Refused(f"the database {server.database} is marked {marked}: --yes marks it {wanted}")
    _print(mark_environment(settings, wanted, replace=yes), as_json=as_json)


def _print(marked: Marked, *, as_json: bool) -> None:
    if as_json:
        print_json(marked)
        return
    print_server(marked.server)
    found = marked.deployment
    if found and found.environment and found.set_at:
        typer.echo(found.environment)
        print_message(f"Set {found.set_at:%Y-%m-%d %H:%M:%S} UTC by {found.set_by}.")
