"""`atb-db nuke` and `atb-db reset-railway`: starting over."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from atb_db.admin.readable import counted
from atb_db.cli.backup import FOLDER, FolderOption
from atb_db.cli.guarding import ConfirmOption, NoBackupOption, requested, shown_target
from atb_db.cli.options import EnvironmentOption, JsonOption, UrlOption, settings_for
from atb_db.cli.output import print_json, print_message, print_table

if TYPE_CHECKING:
    from atb_db.admin.destroy.nuke import Contents


def nuke_command(
    *,
    env: EnvironmentOption = None,
    confirm: ConfirmOption = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Also drop objects that are not atb-db's, except extensions.")
    ] = False,
    no_backup: NoBackupOption = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only list every object; writes nothing.")] = False,
    backup_dir: FolderOption = FOLDER,
    url: UrlOption = None,
    as_json: JsonOption = False,
) -> None:
    """Drop everything in the database and create the schema again, in one transaction, after a verified backup.

    Drops tables, views, enums, domains, functions and the records of migrations. The schema public keeps its owner,
    grants and comment, and the new objects get the grants of the old ones. Objects that are not atb-db's stay,
    unless --all. A database needs --env production if it is marked PRODUCTION, or unmarked and not on this machine.

    \b
    Examples:
      atb-db nuke --dry-run
      atb-db nuke
      atb-db nuke --confirm atb --no-backup
      atb-db nuke --env production --confirm atb

    \b
    Exit codes: 0 done, 1 failed, 2 wrong usage, 4 cannot connect,
    5 refused by a guard, or nobody to ask, or objects of others would go,
    6 a lock is held, 7 there is no pg_dump as new as the server,
    130 interrupted.
    """  # noqa: D301  \b keeps the lines apart in --help
    from atb_db.admin.destroy.nuke import nuke, survey

    settings = settings_for(url, env)
    if dry_run:
        _print_contents(survey(settings), everything=everything, as_json=as_json)
        return
    request = requested(settings, env=env, confirm=confirm, purpose="to drop everything in it")
    done = nuke(settings, request, backup_folder=None if no_backup else backup_dir, everything=everything)
    for note in done.notes:
        print_message(note)
    if as_json:
        print_json(done)
        return
    if done.backed_up:
        typer.echo(done.backed_up)
    print_message(
        f"Dropped {counted(len(done.dropped), 'object')} of {done.target.database} and made the schema again, with "
        f"{counted(done.granted, 'grant')} as before. Verified: the schema is as it should be."
    )
    if done.kept:
        print_message(f"Not atb-db's, and kept: {', '.join(done.kept)}. --all drops them too.")


def reset_command(
    *,
    environment: Annotated[str, typer.Argument(metavar="staging|production", help="What the database is used for.")],
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Do not ask; production needs --confirm NAME as well.")
    ] = False,
    confirm: ConfirmOption = None,
    no_backup: NoBackupOption = False,
    backup_dir: FolderOption = FOLDER,
    url: UrlOption = None,
    as_json: JsonOption = False,
) -> None:
    """Empty the tables of a deployment in one transaction, after a verified backup.

    Uses RAILWAY_STAGING_DATABASE_URL or RAILWAY_PRODUCTION_DATABASE_URL, else DATABASE_URL; the database must not
    have another mark. Structure, records of migrations, roles and grants stay, and so do control flags: an active
    kill switch stays active. Needs the tables' owner, not a superuser.

    \b
    Examples:
      atb-db reset-railway staging --yes
      atb-db reset-railway staging
      atb-db reset-railway production --yes --confirm railway

    \b
    Exit codes: 0 done, 1 failed, 2 wrong usage, 4 cannot connect,
    5 refused by a guard, or nobody to ask, 6 a lock is held,
    7 there is no pg_dump as new as the server, 130 interrupted.
    """  # noqa: D301  \b keeps the lines apart in --help
    from atb_db.admin.destroy.guards import find_target
    from atb_db.admin.destroy.nuke import reset

    if environment.lower() not in {"staging", "production"}:
        raise typer.BadParameter(f"must be staging or production, not {environment[:20]!r}")
    settings = settings_for(url, environment)
    if yes and confirm is None and environment.lower() == "staging":
        confirm = find_target(settings).database
    request = requested(settings, env=environment, confirm=confirm, purpose="to empty its tables")
    done = reset(settings, request, backup_folder=None if no_backup else backup_dir)
    if as_json:
        print_json(done)
        return
    if done.backed_up:
        typer.echo(done.backed_up)
    print_message(
        f"Emptied {counted(len(done.tables), 'table')} of {done.target.database}: {counted(done.rows, 'row')}."
    )


def _print_contents(found: Contents, *, everything: bool, as_json: bool) -> None:
    kept = () if everything else found.objects.foreign
    dropped = [one for one in (*found.objects.ours, *found.objects.foreign) if one not in kept]
    if as_json:
        print_json({"target": found.target, "dropped": list(map(str, dropped)), "kept": list(map(str, kept))})
        return
    print_message(shown_target(found.target))
    rows = [("drop", one.kind, one.name) for one in dropped] + [("keep", one.kind, one.name) for one in kept]
    print_table(("What", "Kind", "Name"), rows)
