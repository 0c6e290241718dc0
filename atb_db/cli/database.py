"""The commands on the configured database."""

from __future__ import annotations

import sys
from contextlib import redirect_stdout
from typing import Annotated

import typer

from atb_db.cli.exits import ExitCode
from atb_db.cli.options import JsonOption, UrlOption, print_server, settings_of
from atb_db.cli.output import print_json, print_message, print_table


def migrate_command(
    check: Annotated[bool, typer.Option("--check", help="Only tell what is pending; writes nothing.")] = False,
    wait: Annotated[
        float, typer.Option(metavar="SECONDS", min=0, help="How long to wait for another migration.")
    ] = 60.0,
    url: UrlOption = None,
    as_json: JsonOption = False,
) -> None:
    """Bring the database up to date.

    Applies each migration that the database has not got, in a transaction of its own. Several at once do no harm:
    one works, the others wait.

    \b
    Examples:
      atb-db migrate
      atb-db migrate --check || echo "behind"
      DATABASE_URL=postgresql://localhost/bot atb-db migrate --json

    \b
    Exit codes: 0 up to date, 1 a migration failed, 2 wrong usage,
    3 behind (--check), 4 cannot connect, 5 there are tables that no
    migration made, 6 another migration did not finish in time.
    """  # noqa: D301  \b keeps the lines apart in --help
    from atb_db.admin import migrations

    settings = settings_of(url)
    if check:
        pending = migrations.pending(settings)
        if as_json:
            print_json({"pending": pending})
        else:
            _print_migrations(("pending", pending))
        if pending:
            raise typer.Exit(ExitCode.FOUND)
        return
    # Rows that a migration's SELECT returns are printed by yoyo.
    with redirect_stdout(sys.stderr):
        done = migrations.migrate(settings, wait=wait)
    if as_json:
        print_json(done)
    else:
        _print_migrations(("applied", done.applied), ("recorded, the schema was there already", done.adopted))


def status_command(url: UrlOption = None, as_json: JsonOption = False) -> None:
    """Show the server and which migrations the database has; writes nothing.

    \b
    Examples:
      atb-db status
      atb-db status --json | jq .pending

    \b
    Exit codes: 0 shown, 2 wrong usage, 4 cannot connect.
    """  # noqa: D301  \b keeps the lines apart in --help
    from atb_db.admin import migrations

    found = migrations.status(settings_of(url))
    if as_json:
        print_json(found)
        return
    print_server(found.server)
    unknown = " by another version of atb-db"
    applied = [
        (one.id, f"applied {one.applied_at:%Y-%m-%d %H:%M:%S} UTC{unknown if one.id in found.unknown else ''}")
        for one in found.applied
    ]
    print_table(("Migration", "State"), [*applied, *((name, "pending") for name in found.pending)])


def psql_command(
    arguments: Annotated[list[str] | None, typer.Argument(help="Arguments for psql, after --.")] = None,
    write: Annotated[bool, typer.Option("--write", help="Let SQL write.")] = False,
    url: UrlOption = None,
) -> None:
    """Open psql on the database, read-only unless --write.

    Times are shown in UTC. The password is handed over in the environment, never on psql's command line.

    \b
    Examples:
      atb-db psql
      atb-db psql -- -c 'SELECT * FROM trading_sessions'
      atb-db psql -- -v session_id=1 -f sql/queries/sessions/get_trading_session.sql
      atb-db psql --write

    \b
    Exit codes: 2 wrong usage, 7 psql is not installed, else psql's own.
    """  # noqa: D301  \b keeps the lines apart in --help
    from atb_db.admin.shell import psql

    psql(settings_of(url), write=write, arguments=arguments or [])


def _print_migrations(*states: tuple[str, tuple[str, ...]]) -> None:
    rows = [(name, state) for state, names in states for name in names]
    if rows:
        print_table(("Migration", "State"), rows)
    else:
        print_message("Up to date.")
