"""The commands on the configured database."""

from __future__ import annotations

import sys
from contextlib import redirect_stdout
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from atb_db.cli.excerpts import excerpts
from atb_db.cli.exits import ExitCode
from atb_db.cli.output import print_json, print_message, print_table

if TYPE_CHECKING:
    from atb_db.admin.verification import Verification
    from atb_db.config import Settings
    from atb_db.database import ServerInfo

UrlOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--url",
        metavar="URL",
        help="The database, instead of DATABASE_URL; a password in it is seen by every local user.",
    ),
]
JsonOption: TypeAlias = Annotated[bool, typer.Option("--json", help="Print JSON.")]


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

    settings = _settings(url)
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

    found = migrations.status(_settings(url))
    if as_json:
        print_json(found)
        return
    _print_server(found.server)
    unknown = " by another version of atb-db"
    applied = [
        (one.id, f"applied {one.applied_at:%Y-%m-%d %H:%M:%S} UTC{unknown if one.id in found.unknown else ''}")
        for one in found.applied
    ]
    print_table(("Migration", "State"), [*applied, *((name, "pending") for name in found.pending)])


def verify_command(url: UrlOption = None, as_json: JsonOption = False) -> None:
    """Compare the database with what it should be; writes nothing.

    Compares tables, columns, constraints, indexes, triggers, enums, domains, views, functions and comments with
    sql/schema, tells which migrations are pending, and counts rows. Owners, grants, storage, extensions and sequences
    are not compared.

    \b
    Examples:
      atb-db verify
      atb-db verify --json | jq '.findings[].where'

    \b
    Exit codes: 0 as it should be, 1 failed, 2 wrong usage,
    3 differences or pending migrations, 4 cannot connect.
    """  # noqa: D301  \b keeps the lines apart in --help
    from atb_db.admin.verification import verify

    found = verify(_settings(url))
    if as_json:
        print_json({"clean": found.clean, **found._asdict()})
    else:
        _print_verification(found)
    if not found.clean:
        raise typer.Exit(ExitCode.FOUND)


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

    psql(_settings(url), write=write, arguments=arguments or [])


def _settings(url: str | None) -> Settings:
    from atb_db.config import Settings
    from atb_db.errors import ConfigurationError

    try:
        return Settings.load(url)
    except ConfigurationError as error:
        print_message(f"atb-db: {error}")
        raise typer.Exit(ExitCode.USAGE) from None


def _print_server(server: ServerInfo) -> None:
    encrypted = "encrypted" if server.ssl else "not encrypted"
    print_message(f"{server.database} on PostgreSQL {server.version} as {server.user}, {encrypted}")


def _print_migrations(*states: tuple[str, tuple[str, ...]]) -> None:
    rows = [(name, state) for state, names in states for name in names]
    if rows:
        print_table(("Migration", "State"), rows)
    else:
        print_message("Up to date.")


def _print_verification(found: Verification) -> None:
    _print_server(found.server)
    if found.rows:
        print_table(("Table", "Rows"), found.rows)
        typer.echo()
    if found.findings:
        rows = [(one.problem, one.what, one.where, *excerpts(one.expected, one.actual)) for one in found.findings]
        print_table(("Problem", "What", "Where", "Expected", "Actual"), rows)
    for name in found.pending:
        print_message(f"Migration {name} is pending: atb-db migrate applies it.")
    for name in found.unknown:
        print_message(f"Migration {name} was made by another version of atb-db.")
    count = len(found.findings)
    print_message(f"Differences from the schema: {count}." if count else "The schema is as it should be.")
