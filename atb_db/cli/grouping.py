"""The lists of commands in `--help`, a whole sentence each; those of `atb-db` itself by what one wants to do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from typer.core import TyperGroup

if TYPE_CHECKING:
    import typer
    from typer._click.formatting import HelpFormatter

TRY: Final = "Try it"
SET_UP: Final = "Set up and upgrade"
LOOK: Final = "Look at the books"
WATCH: Final = "Watch over it"
STEP_IN: Final = "Step in"
PROTECT: Final = "Back up and restore"
CLEAN_UP: Final = "Remove data"
DEVELOP: Final = "Change the schema"

TASKS: Final = (TRY, SET_UP, LOOK, WATCH, STEP_IN, PROTECT, CLEAN_UP, DEVELOP)


class WholeSentences(TyperGroup):
    """A command with commands of its own, whose first sentences are not cut off."""

    def format_commands(self, ctx: typer.Context, formatter: HelpFormatter) -> None:  # type: ignore[override]  # the same class
        """Write the list."""
        self.write_list(ctx, formatter, "Commands")

    def write_list(self, ctx: typer.Context, formatter: HelpFormatter, heading: str, task: str | None = None) -> None:
        """Write those of a task, or all."""
        found = {name: self.get_command(ctx, name) for name in self.list_commands(ctx)}
        width = max(map(len, found))
        rows = [
            (name.ljust(width), " ".join((command.help or "").split("\n\n")[0].split()))
            for name, command in found.items()
            if command is not None and (task is None or getattr(command, "rich_help_panel", None) == task)
        ]
        with formatter.section(heading):
            formatter.write_dl(rows)


class CommandsByTask(WholeSentences):
    """A program whose commands are listed under the `rich_help_panel` that each names."""

    def format_commands(self, ctx: typer.Context, formatter: HelpFormatter) -> None:  # type: ignore[override]  # the same class
        """Write the lists."""
        for task in TASKS:
            self.write_list(ctx, formatter, task, task)
