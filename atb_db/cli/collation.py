"""`atb-db check-collation` and `fix-collation`: indexes whose order of texts the library has changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from atb_db.admin.readable import counted
from atb_db.cli.exits import ExitCode
from atb_db.cli.options import EnvironmentOption, JsonOption, UrlOption, print_server, settings_for
from atb_db.cli.output import print_json, print_message, print_table
from atb_db.cli.progress import progress_bar

if TYPE_CHECKING:
    from atb_db.admin.collation import CollationCheck


def check_collation_command(
    *,
    quick: Annotated[bool, typer.Option("--quick", help="Compare versions only; do not read the indexes.")] = False,
    env: EnvironmentOption = None,
    url: UrlOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compare the collations' versions with those that the indexes were built under, and list the indexes to rebuild.

    A new version of the operating system or of ICU can sort text differently. If all is in order, the version in
    use is recorded in the table deployment, so that a later change is noticed even if an image hides it by running
    REFRESH COLLATION VERSION at start-up. Unless --quick, amcheck reads every index that depends on a collation;
    that needs a superuser and a server that has amcheck. It is uninstalled afterwards.

    \b
    Examples:
      atb-db check-collation
      atb-db check-collation --quick || atb-db fix-collation
      atb-db check-collation --json | jq -r '.due[].text_index.name'

    \b
    Exit codes: 0 in order, 1 failed, 2 wrong usage, 3 something is to be rebuilt,
    4 cannot connect.
    """  # noqa: D301  \b keeps the lines apart in --help
    from atb_db.admin.collation import check_collation

    settings = settings_for(url, env)
    with progress_bar() as progress:
        found = check_collation(settings, quick=quick, progress=progress)
    if as_json:
        print_json({"clean": found.clean, **found._asdict()})
    else:
        print_server(found.server)
        _print_check(found)
    if not found.clean:
        raise typer.Exit(ExitCode.FOUND)


def fix_collation_command(
    *,
    everything: Annotated[
        bool, typer.Option("--all", help="Rebuild every index that depends on a collation, changed or not.")
    ] = False,
    env: EnvironmentOption = None,
    url: UrlOption = None,
    as_json: JsonOption = False,
) -> None:
    """Rebuild the indexes that check-collation lists, each beside the old one, then record the versions in use.

    Does not block reads or writes, except on tables with an exclusion constraint on text. After an interruption run
    it again: it first removes half-built indexes. Versions are recorded only when every index is rebuilt.

    \b
    Examples:
      atb-db fix-collation
      atb-db fix-collation --all

    \b
    Exit codes: 0 in order now, 1 something could not be rebuilt, 2 wrong usage,
    4 cannot connect, 6 another fix-collation is at work, 130 interrupted.
    """  # noqa: D301  \b keeps the lines apart in --help
    from atb_db.admin.collation import fix_collation

    settings = settings_for(url, env)
    with progress_bar() as progress:
        done = fix_collation(settings, everything=everything, progress=progress)
    if as_json:
        print_json(done)
    else:
        print_server(done.server)
        for name in done.rebuilt:
            typer.echo(name)
        for what, reason in done.undone:
            print_message(f"Could not {what}: {reason}")
        for note in done.notes:
            print_message(note)
        print_message(
            f"Rebuilt {counted(len(done.rebuilt), 'index')}, removed {len(done.removed)} half-built, "
            f"recorded the versions of {counted(len(done.refreshed), 'collation')}."
        )
    if done.undone:
        raise typer.Exit(ExitCode.FAILED)


def _print_check(found: CollationCheck) -> None:
    print_table(("Collation", "Recorded", "In use", "Last in order"), found.collations)
    if found.due:
        typer.echo()
        rows = [(one.full_name, one.table, one.bytes, reason) for one, reason in found.due]
        print_table(("Index to rebuild", "Table", "Bytes", "Because"), rows)
    for name in found.leftovers:
        print_message(f"Half-built, left by an interrupted REINDEX: {name}")
    for note in found.notes:
        print_message(note)
    print_message(f"Indexes that depend on a collation's version: {len(found.indexes)}; amcheck: {found.amcheck}.")
    print_message("The collations are in order." if found.clean else "atb-db fix-collation fixes this.")
