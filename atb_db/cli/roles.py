"""Who may do what."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from atb_db.cli.exits import ExitCode
from atb_db.cli.options import JsonOption, UrlOption, print_server, settings_of
from atb_db.cli.output import print_json, print_message, print_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from atb_db.admin.access.roles import RoleChange


def roles_command(
    *,
    check: Annotated[bool, typer.Option("--check", help="Only show what would change; writes nothing.")] = False,
    owner: Annotated[
        list[str] | None, typer.Option(metavar="LOGIN", help="A login that migrates; may be repeated.")
    ] = None,
    runtime: Annotated[
        list[str] | None, typer.Option(metavar="LOGIN", help="A login of the trading engine; may be repeated.")
    ] = None,
    reader: Annotated[
        list[str] | None, typer.Option(metavar="LOGIN", help="A login of dashboards and people; may be repeated.")
    ] = None,
    url: UrlOption = None,
    as_json: JsonOption = False,
) -> None:
    """Create the groups atb_owner, atb_runtime and atb_reader, or bring them up to date.

    atb_owner owns the tables and migrates. atb_runtime writes records, but cannot drop, empty or rewrite them.
    atb_reader reads, with a statement timeout. Existing logins are made members of the groups. Running it again
    changes nothing. Run it after a migration that creates a table.

    \b
    Examples:
      atb-db roles
      atb-db roles --runtime engine --reader grafana --reader alice
      atb-db roles --check || echo "not as they should be"

    \b
    Exit codes: 0 as they should be, 1 something could not be done, 2 wrong usage,
    3 something would change (--check), 4 cannot connect.
    """  # noqa: D301  \b keeps the lines apart in --help
    from atb_db.admin.access.roles import Members, check_roles, set_roles

    members = Members(tuple(owner or ()), tuple(runtime or ()), tuple(reader or ()))
    settings = settings_of(url)
    if check:
        changes = check_roles(settings, members)
        if as_json:
            print_json({"changes": changes})
        else:
            _print_changes(changes)
        raise typer.Exit(ExitCode.FOUND if changes else ExitCode.OK)
    done = set_roles(settings, members)
    if as_json:
        print_json(done)
    else:
        print_server(done.server)
        if done.done or not done.undone:
            _print_changes(done.done)
        for change, reason in done.undone:
            print_message(f"Could not: {change.sql}: {reason}")
    if any(change.what == "role" for change, _ in done.undone):
        print_message("Run it once as a superuser, or as the database's owner with CREATEROLE.")
    if done.undone:
        raise typer.Exit(ExitCode.FAILED)


def _print_changes(changes: Sequence[RoleChange]) -> None:
    if changes:
        print_table(("What", "Where", "SQL"), [(one.what, one.where, one.sql) for one in changes])
    else:
        print_message("The roles are as they should be.")
