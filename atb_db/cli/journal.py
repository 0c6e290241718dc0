"""`atb-db journal`: what an engine's journal still has, and applying it by hand."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from atb_db.cli.exits import ExitCode, exit_code
from atb_db.cli.grouping import WholeSentences
from atb_db.cli.options import JsonOption, UrlOption, settings_of
from atb_db.cli.output import plain_text, print_json, print_message, print_table

if TYPE_CHECKING:
    from atb_db.journal import JournalEntry

PathArgument: TypeAlias = Annotated[Path, typer.Argument(metavar="PATH", help="The journal's file.")]

journal_app = typer.Typer(cls=WholeSentences, rich_markup_mode=None, no_args_is_help=True)


@journal_app.callback()
def journal_command() -> None:
    """Inspect the journal of an engine that writes through outages, and apply its waiting entries.

    \b
    Examples:
      atb-db journal status engine.journal
      atb-db journal replay engine.journal

    \b
    Exit codes: those of the command; 2 wrong usage.
    """  # noqa: D301  \b keeps the lines apart in --help


@journal_app.command("status")
def status_command(*, path: PathArgument, as_json: JsonOption = False) -> None:
    """Show how many entries wait to be applied, since when, and how many are set aside.

    It reads the file alone, also while an engine has it open.

    \b
    Examples:
      atb-db journal status engine.journal
      atb-db journal status engine.journal --json

    \b
    Exit codes: 0 nothing is left, 2 wrong usage or no journal,
    3 entries wait or are set aside.
    """  # noqa: D301  \b keeps the lines apart in --help
    from atb_db.journal import read_status

    found = read_status(path)
    if as_json:
        print_json(found)
    else:
        since = f"{found.oldest_waiting:%Y-%m-%d %H:%M:%S}" if found.oldest_waiting else None
        print_table(
            ("Waiting", "Since (UTC)", "Set aside", "Bytes"), [(found.waiting, since, found.set_aside, found.bytes)]
        )
    if found.waiting or found.set_aside:
        raise typer.Exit(ExitCode.FOUND)


@journal_app.command("inspect")
def inspect_command(*, path: PathArgument, as_json: JsonOption = False) -> None:
    """Show every entry that waits or is set aside, with its values and its error.

    It reads the file alone, also while an engine has it open.

    \b
    Examples:
      atb-db journal inspect engine.journal
      atb-db journal inspect engine.journal --json | jq '.[] | select(.problem)'

    \b
    Exit codes: 0 shown, 2 wrong usage or no journal.
    """  # noqa: D301  \b keeps the lines apart in --help
    from atb_db.journal import read_entries

    found = read_entries(path)
    if as_json:
        print_json(found)
    else:
        print_table(("Entry", "Recorded (UTC)", "Statement", "Values", "Problem"), map(_row, found))


@journal_app.command("replay")
def replay_command(
    *,
    path: PathArgument,
    set_aside: Annotated[
        bool, typer.Option("--set-aside", help="Try also what was refused, its reason being gone.")
    ] = False,
    url: UrlOption = None,
    as_json: JsonOption = False,
) -> None:
    """Apply the waiting entries in order; nothing is stored twice. The engine must have stopped.

    \b
    Examples:
      atb-db journal replay engine.journal
      atb-db journal replay engine.journal --set-aside

    \b
    Exit codes: 0 nothing is left, 1 failed, 2 wrong usage or no journal,
    3 entries are left, 4 cannot connect, 6 an engine has the journal open.
    """  # noqa: D301  \b keeps the lines apart in --help
    from atb_db.admin.journal import replay_journal
    from atb_db.journal import read_status

    done = replay_journal(settings_of(url), path, set_aside=set_aside)
    left = read_status(path)
    if as_json:
        error = str(done.error) if done.error is not None else None
        print_json({**done._asdict(), "error": error, "left_aside": left.set_aside})
    else:
        print_table(
            ("Applied", "Waiting", "Refused now", "Set aside"),
            [(done.applied, done.waiting, done.set_aside, left.set_aside)],
        )
    if done.error is not None:
        print_message(f"atb-db: {done.error}")
        raise typer.Exit(exit_code(done.error))
    if left.waiting or left.set_aside:
        raise typer.Exit(ExitCode.FOUND)


@journal_app.command("discard")
def discard_command(
    *,
    path: PathArgument,
    numbers: Annotated[list[int], typer.Argument(metavar="NUMBER...", help="Entries that are set aside.")],
    as_json: JsonOption = False,
) -> None:
    """Drop entries that are set aside, by their numbers; their contents are lost. The engine must have stopped.

    \b
    Examples:
      atb-db journal discard engine.journal 17
      atb-db journal discard engine.journal 17 18

    \b
    Exit codes: 0 given up, 2 wrong usage or no journal, 3 not all of them were
    set aside, 6 an engine has the journal open.
    """  # noqa: D301  \b keeps the lines apart in --help
    from atb_db.admin.journal import discard_entries

    wanted = sorted(set(numbers))
    count = discard_entries(path, wanted)
    if as_json:
        print_json({"discarded": count})
    else:
        print_message(f"Gave up {count} of {len(wanted)} entries.")
    if count < len(wanted):
        raise typer.Exit(ExitCode.FOUND)


def _row(entry: JournalEntry) -> tuple[object, ...]:
    problem = f"{entry.problem.error}: {entry.problem.message}" if entry.problem else "waits"
    values = " ".join(f"{name}={plain_text(value)}" for name, value in entry.values.items() if value is not None)
    return entry.number, f"{entry.recorded_at:%Y-%m-%d %H:%M:%S}", entry.statement, values, problem
