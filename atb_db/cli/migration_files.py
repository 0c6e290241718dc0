"""The commands on the files of migrations, which connect to nothing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from atb_db.cli.exits import ExitCode
from atb_db.cli.options import JsonOption
from atb_db.cli.output import print_json, print_message

if TYPE_CHECKING:
    from atb_db.admin.migrations import Release

FolderOption: TypeAlias = Annotated[
    Path | None,
    typer.Option("--sql", metavar="FOLDER", help="The folder with migrations/, instead of this release's sql."),
]


def new_command(
    name: Annotated[str, typer.Argument(help="What it does, such as 'trades remember their venue'.")],
    folder: FolderOption = None,
    as_json: JsonOption = False,
) -> None:
    """Create the files of a new migration, with the next number: itself and its rollback.

    Connects to nothing.

    \b
    Examples:
      atb-db new "trades remember their venue"
      $EDITOR $(atb-db new add-venue)

    \b
    Exit codes: 0 written, 1 failed, 2 wrong usage.
    """  # noqa: D301  \b keeps the lines apart in --help
    from atb_db.admin.migrations import new_migration
    from atb_db.errors import InvalidInput

    try:
        made = new_migration(name, release=_release(folder))
    except InvalidInput as error:
        raise typer.BadParameter(error.message) from None
    if as_json:
        print_json({"files": [str(path) for path in made]})
    else:
        for path in made:
            typer.echo(path)


def lint_command(folder: FolderOption = None, as_json: JsonOption = False) -> None:
    """Check the migrations' files against the rules of atb-db and squawk.

    By rules of our own and, where it is installed, by squawk's. Connects to nothing.

    \b
    Examples:
      atb-db lint
      atb-db lint --json | jq -r '.findings[].rule'

    \b
    Exit codes: 0 clean or only warnings, 1 squawk failed, 2 wrong usage,
    3 something must be fixed.
    """  # noqa: D301  \b keeps the lines apart in --help
    from atb_db.admin.migrations import lint

    found = lint(_release(folder))
    if as_json:
        print_json({"clean": found.clean, **found._asdict()})
    else:
        for file, line, rule, severity, message in found.findings:
            typer.echo(f"{file}:{line}: {severity}: {message} [{rule}]")
        if not found.squawk:
            print_message("squawk is not installed, and its rules were not checked: pip install squawk-cli")
        print_message("Nothing must be fixed." if found.clean else "Fix the errors, or see CONTRIBUTING.")
    if not found.clean:
        raise typer.Exit(ExitCode.FOUND)


def _release(folder: Path | None) -> Release | None:
    from atb_db.admin.migrations import Release

    if folder is None:
        return None
    if not (folder / "migrations").is_dir():
        raise typer.BadParameter(f"{folder} has no folder migrations")
    return Release(folder)
