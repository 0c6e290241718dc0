"""`atb-db rollback`: taking migrations back, after showing what that loses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from atb_db.cli.guarding import ConfirmOption, confirm, requested
from atb_db.cli.migrations import WAIT, Seconds, WaitOption
from atb_db.cli.options import EnvironmentOption, JsonOption, UrlOption, settings_for
from atb_db.cli.output import print_json, print_message

if TYPE_CHECKING:
    from atb_db.admin.migrations import RollbackPlan
    from atb_db.config import Settings


def rollback_command(
    *,
    steps: Annotated[int, typer.Option("--steps", metavar="N", min=1, help="How many to take back.")] = 1,
    to: Annotated[
        str | None, typer.Option("--to", metavar="ID", help="The last one to keep, or its number; instead of --steps.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would be lost, and print the SQL; writes nothing.")
    ] = False,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Do not ask; production needs --confirm NAME as well.")
    ] = False,
    env: EnvironmentOption = None,
    name: ConfirmOption = None,
    wait: WaitOption = WAIT,
    url: UrlOption = None,
    as_json: JsonOption = False,
) -> None:
    """Revert migrations, the last one first.

    Each is taken back by its .rollback.sql as it is written, in one transaction; one without that file is refused.
    What the tables and columns hold that it drops is lost: it says which, and asks. For a database that counts as
    PRODUCTION, as nuke has it, --env production and the database's name are needed.

    \b
    Examples:
      atb-db rollback
      atb-db rollback --dry-run
      atb-db rollback --to 0003 --yes
      atb-db rollback --env production --confirm atb

    \b
    Exit codes: 0 taken back, 1 failed, 2 wrong usage, 4 cannot connect,
    5 it cannot be taken back, or was not confirmed, 6 another migration or
    a table in use did not end in time.
    """  # noqa: D301  \b keeps the lines apart in --help
    from atb_db.admin import migrations

    settings = settings_for(url, env)
    plan = migrations.rollback_plan(settings, steps=steps, to=to)
    if dry_run:
        _print_plan(plan, as_json=as_json)
        return
    if plan:
        _print_losses(plan)
        _permit(settings, env=env, name=name, yes=yes)
    seconds = Seconds()
    done = migrations.rollback(settings, plan, wait=wait.total_seconds(), progress=seconds.report)
    if as_json:
        print_json({"rolled_back": done, "seconds": seconds.by_id})
    elif done:
        seconds.print_table(dict.fromkeys(done, "taken back"))
    else:
        print_message("Nothing is applied that could be taken back.")


def _permit(settings: Settings, *, env: str | None, name: str | None, yes: bool) -> None:
    from atb_db.admin.destroy.guards import find_target, guard
    from atb_db.types import Environment

    target = find_target(settings)
    if target.counts_as is Environment.PRODUCTION:
        guard(target, requested(settings, env=env, confirm=name, purpose="to take migrations back"))
    else:
        confirm("Go on?", yes=yes)


def _print_plan(plan: tuple[RollbackPlan, ...], *, as_json: bool) -> None:
    if as_json:
        print_json([{"id": one.migration.id, "drops": one.drops, "sql": one.migration.rollback_sql} for one in plan])
        return
    _print_losses(plan)
    for migration, _, _ in plan:
        typer.echo(f"-- Rollback of {migration.id}\n{migration.rollback_sql or ''}")
    if not plan:
        print_message("Nothing is applied that could be taken back.")


def _print_losses(plan: tuple[RollbackPlan, ...]) -> None:
    for migration, drops, code in plan:
        print_message(f"{migration.id} will be taken back.")
        for thing in drops:
            print_message(f"  {thing} will be dropped, with everything in it")
        for name in code:
            print_message(f"  {name} will be dropped, until atb-db migrate makes it again")
