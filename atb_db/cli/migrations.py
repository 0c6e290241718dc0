"""The commands that apply migrations and show their states."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Final, TypeAlias

import typer

from atb_db.cli.durations import Duration, parse_wait
from atb_db.cli.exits import ExitCode
from atb_db.cli.options import (
    EnvironmentOption,
    JsonOption,
    UrlOption,
    environment_of,
    print_server,
    settings_for,
)
from atb_db.cli.output import print_json, print_message, print_table

if TYPE_CHECKING:
    from atb_db.admin.migrations import Event, Rehearsal, Status
    from atb_db.config import Settings
    from atb_db.types import Environment

WaitOption: TypeAlias = Annotated[
    timedelta,
    typer.Option(
        "--wait",
        parser=parse_wait,
        metavar="LENGTH",
        help="How long to wait for another migration, or a table in use; 0 for not at all.",
    ),
]
WAIT: Final = Duration(minutes=5)


def migrate_command(
    *,
    check: Annotated[bool, typer.Option("--check", help="Only show the pending migrations; writes nothing.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only print the SQL; writes nothing.")] = False,
    rehearse: Annotated[
        bool, typer.Option("--rehearse", help="Apply it to a scratch copy of the schema, and check the statements.")
    ] = False,
    to: Annotated[str | None, typer.Option("--to", metavar="ID", help="The last one to apply, or its number.")] = None,
    adopt: Annotated[
        str | None, typer.Option("--adopt", metavar="ID", help="Only record this one, as applied and as it is now.")
    ] = None,
    forget: Annotated[
        str | None, typer.Option("--forget", metavar="ID", help="Only remove the record of this one.")
    ] = None,
    older_code: Annotated[
        bool, typer.Option("--older-code", help="Make this release's code where a later release has made its own.")
    ] = False,
    wait: WaitOption = WAIT,
    env: EnvironmentOption = None,
    url: UrlOption = None,
    as_json: JsonOption = False,
) -> None:
    """Bring the database up to date.

    Applies each migration that the database has not got, in a transaction of its own; then makes the functions,
    views, triggers and comments that differ from sql/schema, in one more (with --to it does not). Several at once do
    no harm: one works, the others wait. Killed at any moment, the next run goes on from there. A migration that finds
    a table in use gives way after two seconds and tries again, so that the engine never queues behind it. With --env,
    the database is marked as what it is used for, which the guards of destructive commands go by; one that is marked
    as something else is refused before anything is done.

    \b
    Examples:
      atb-db migrate
      atb-db migrate --check || echo "behind"
      atb-db migrate --rehearse && atb-db migrate
      atb-db migrate --dry-run --to 0004 | less
      atb-db migrate --env production
      DATABASE_URL=postgresql://localhost/bot atb-db migrate --json

    \b
    Exit codes: 0 up to date, 1 a migration failed, 2 wrong usage,
    3 behind (--check), or the copy is not as it should be (--rehearse),
    4 cannot connect, 5 what is recorded is not what it seems (atb-db status
    says), or the database is marked as something else (--env),
    6 another migration or a table in use did not end in time,
    7 pg_dump or psql is missing (--rehearse).
    """  # noqa: D301  \b keeps the lines apart in --help
    from atb_db.admin import migrations

    only = {"--check": check, "--dry-run": dry_run, "--rehearse": rehearse, "--adopt": adopt, "--forget": forget}
    asked = [option for option, given in only.items() if given]
    if len(asked) > 1:
        raise typer.BadParameter(f"{' and '.join(asked)} do not go together")
    settings, seconds = settings_for(url, env), wait.total_seconds()
    if check:
        _check(settings, as_json=as_json)
    elif dry_run:
        _dry_run(settings, to, as_json=as_json)
    elif rehearse:
        _rehearse(settings, to, seconds, as_json=as_json)
    elif adopt:
        done = migrations.adopt(settings, adopt, wait=seconds)
        print_json({"adopted": [done]}) if as_json else print_message(f"{done} is recorded as it is now.")
    elif forget:
        done = migrations.forget(settings, forget, wait=seconds)
        print_json({"forgotten": [done]}) if as_json else print_message(f"{done} is forgotten.")
    else:
        environment = environment_of(env) if env else None
        _migrate(settings, to, seconds, environment, older_code=older_code, as_json=as_json)


def status_command(env: EnvironmentOption = None, url: UrlOption = None, as_json: JsonOption = False) -> None:
    """Show the server and the state of each migration, with its fix; writes nothing.

    \b
    Examples:
      atb-db status
      atb-db status --json | jq -r '.migrations[] | select(.state != "applied")'

    \b
    Exit codes: 0 shown, 2 wrong usage, 4 cannot connect.
    """  # noqa: D301  \b keeps the lines apart in --help
    from atb_db.admin import migrations

    found = migrations.status(settings_for(url, env))
    if as_json:
        print_json(found)
        return
    print_server(found.server)
    _print_status(found)


class Seconds:
    """How long each migration took; shown while they run, on a terminal."""

    def __init__(self) -> None:
        self.by_id: dict[str, float] = {}
        self._terminal = sys.stderr.isatty()

    def report(self, event: Event) -> None:
        """Remember it, and show it on a terminal."""
        from atb_db.admin.migrations import Happened

        what = f"{event.id} ({event.number} of {event.total})"
        match event.happened:
            case Happened.BEGUN:
                self._say(f"{what} …")
            case Happened.WAITING:
                self._say(f"{what} waits: a table is in use, {event.seconds:.1f} s")
            case Happened.DONE:
                self.by_id[event.id] = round(event.seconds, 3)
                self._say(f"{what} took {event.seconds:.2f} s")

    def print_table(self, done: Mapping[str, str]) -> None:
        """What was done to which migration, and how long it took."""
        rows = [(name, state, f"{self.by_id[name]:.3f}") for name, state in done.items()]
        print_table(("Migration", "State", "Seconds"), rows)

    def _say(self, text: str) -> None:
        if self._terminal:
            print_message(text)


def _migrate(
    settings: Settings, to: str | None, wait: float, environment: Environment | None, *, older_code: bool, as_json: bool
) -> None:
    from atb_db.admin import migrations
    from atb_db.admin.destroy.deployment import mark_environment, refuse_others

    seconds = Seconds()
    if environment is not None:
        refuse_others(settings, environment)
    done = migrations.migrate(settings, to=to, wait=wait, progress=seconds.report, older_code=older_code)
    if environment is not None:
        mark_environment(settings, environment)
    if as_json:
        print_json({**done._asdict(), "seconds": seconds.by_id})
        return
    if done.adopted:
        state = "recorded, the schema was there already"
        print_table(("Migration", "State"), [(name, state) for name in done.adopted])
    elif done.applied or done.code:
        code = {"code": f"{len(done.code)} functions, views, triggers and comments made"} if done.code else {}
        seconds.print_table({**dict.fromkeys(done.applied, "applied"), **code})
    else:
        print_message("Up to date.")
    for note in done.notes:
        print_message(note)


def _check(settings: Settings, *, as_json: bool) -> None:
    from atb_db.admin import migrations

    found = migrations.status(settings)
    if as_json:
        print_json({"pending": found.pending, "code": found.code, "problems": found.problems})
    elif found.pending or found.problems or found.code:
        _print_status(found._replace(migrations=tuple(one for one in found.migrations if one.repair)))
    else:
        print_message("Up to date.")
    if found.pending or found.problems or found.code:
        raise typer.Exit(ExitCode.FOUND)


def _dry_run(settings: Settings, to: str | None, *, as_json: bool) -> None:
    from atb_db.admin import migrations

    planned, code = migrations.planned(settings, to=to)
    if as_json:
        print_json({"pending": [{"id": one.id, "sql": one.sql} for one in planned], "code": code.subjects})
        return
    for migration in planned:
        typer.echo(f"-- Migration {migration.id}\n{migration.sql}")
    for kind, name in code.drop:
        typer.echo(f"-- Code: drops the {kind} {name}\n")
    for unit in code.make:
        typer.echo(f"-- Code: {unit}\n{unit.statement};\n")
    for comment in code.comments:
        typer.echo(f"{comment.statement};")
    if not (planned or code.subjects):
        print_message("Up to date.")


def _rehearse(settings: Settings, to: str | None, wait: float, *, as_json: bool) -> None:
    from atb_db.admin import migrations

    seconds = Seconds()
    found = migrations.rehearse(settings, to=to, wait=wait, progress=seconds.report)
    if as_json:
        print_json({"clean": found.clean, **found._asdict(), "seconds": seconds.by_id})
    else:
        _print_rehearsal(found, seconds)
    if not found.clean:
        raise typer.Exit(ExitCode.FOUND)


def _print_rehearsal(found: Rehearsal, seconds: Seconds) -> None:
    seconds.print_table(dict.fromkeys(found.applied, "rehearsed"))
    for name in found.removed:
        print_message(f"Removed {name}, which an interrupted rehearsal had left behind.")
    for difference in found.differences:
        print_message(f"{difference.what} {difference.where} is {difference.problem}, compared with sql/schema.")
    for mismatch in found.mismatches:
        print_message(str(mismatch))
    where = "a database beside the live one" if found.beside else "a throwaway server on this machine"
    result = "All statements fit the schema that this makes" if found.clean else "This does not make what it should"
    print_message(f"{result}; tried without rows in {where}, which is removed again.")


def _print_status(found: Status) -> None:
    rows: list[tuple[str, str, str, str | None]] = [
        (one.id, one.state, f"{one.applied_at:%Y-%m-%d %H:%M:%S} UTC" if one.applied_at else "", one.repair)
        for one in found.migrations
    ]
    if found.code:
        differ = found.code[0] if len(found.code) == 1 else f"{found.code[0]} and {len(found.code) - 1} more"
        rows.append(("code", "different", "", f"{differ}: `atb-db migrate` makes it"))
    elif found.newer_code:
        rows.append(("code", "unknown", "", f"atb-db {found.newer_code} made it, a later release: use that one"))
    print_table(("Migration", "State", "Applied", "What to do"), rows)
