"""The list of commands in `atb-db --help`: by what one wants to do, a whole sentence each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from typer import TyperException
from typer.core import TyperGroup

if TYPE_CHECKING:
    import typer
    from typer._click.core import Command
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


def _statements_called(name: str) -> list[str]:
    from atb_db.admin.batches import batch_names
    from atb_db.admin.questions import questions

    return [
        one for one in (*batch_names(), *(each.name for each in questions())) if name in {one, one.partition(".")[2]}
    ]


class CommandsByTask(TyperGroup):
    """A program whose commands are listed under the `rich_help_panel` that each names."""

    def resolve_command(  # type: ignore[override]  # the same class
        self, ctx: typer.Context, args: list[str]
    ) -> tuple[str | None, Command | None, list[str]]:
        """Find the command; where there is none, say so of a name that `atb-db query` knows."""
        try:
            return super().resolve_command(ctx, args)
        except TyperException as error:
            for known in _statements_called(args[0]):
                error.message += f" Did you mean 'atb-db query {known}'?"
            raise

    def format_commands(self, ctx: typer.Context, formatter: HelpFormatter) -> None:  # type: ignore[override]  # the same class
        """Write the lists."""
        found = {name: self.get_command(ctx, name) for name in self.list_commands(ctx)}
        width = max(map(len, found))
        for task in TASKS:
            rows = [
                (name.ljust(width), " ".join((command.help or "").split("\n\n")[0].split()))
                for name, command in found.items()
                if command is not None and getattr(command, "rich_help_panel", None) == task
            ]
            with formatter.section(task):
                formatter.write_dl(rows)
