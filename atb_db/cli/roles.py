"""Who may do what."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Annotated, Final

import typer

from atb_db.cli.exits import ExitCode
from atb_db.cli.options import JsonOption, UrlOption, print_server, settings_of
from atb_db.cli.output import print_json, print_message, print_table

_FEW: Final = 12

if TYPE_CHECKING:
    from collections.abc import Sequence

    from atb_db.admin.access.changes import RoleChange


def roles_command(
    *,
    check: Annotated[bool, typer.Option("--check", help="Only show what would change; writes nothing.")] = False,
    every: Annotated[bool, typer.Option("--sql", help="Print every statement, however many they are.")] = False,
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
      atb-db roles --check --sql
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
            _print_changes(changes, every=every)
        raise typer.Exit(ExitCode.FOUND if changes else ExitCode.OK)
    done = set_roles(settings, members)
    if as_json:
        print_json(done)
    else:
        print_server(done.server)
        if done.done or not done.undone:
            _print_changes(done.done, every=every)
        for change, reason in done.undone:
            print_message(f"Could not: {change.sql}: {reason}")
    if any(change.what == "role" for change, _ in done.undone):
        print_message("Run it once as a superuser, or as the database's owner with CREATEROLE.")
    if done.undone:
        raise typer.Exit(ExitCode.FAILED)


def _print_changes(changes: Sequence[RoleChange], *, every: bool) -> None:
    if not changes:
        print_message("The roles are as they should be.")
    elif every or len(changes) <= _FEW:
        print_table(("What", "Where", "SQL"), [(one.what, one.where, one.sql) for one in changes])
    else:
        counts = Counter(map(_kind, changes))
        print_table(("What", "Where", "Changes"), [(*kind, number) for kind, number in counts.items()])
        print_message("--sql prints each statement.")


def _kind(change: RoleChange) -> tuple[str, str]:
    """What changes of owners and grants, which there are hundreds of, are counted by; each other one by itself."""
    if change.what not in {"owner", "grant"}:
        return change.what, change.where
    first, _, rest = change.where.partition(" ")
    if change.what == "owner":
        return "owner", f"of {'indexes' if first == 'index' else f'{first}s'}"
    return "grant", f"{'from' if change.expected is None else 'to'} {first}{' on columns' if 'column' in rest else ''}"
