"""`atb-db`: the commands, and how each of them ends."""

from __future__ import annotations

import signal
import sys
from typing import Annotated

import typer

from atb_db.cli.archive import archive_app
from atb_db.cli.backup import backup_app
from atb_db.cli.collation import check_collation_command, fix_collation_command
from atb_db.cli.database import psql_command
from atb_db.cli.demo import demo_command
from atb_db.cli.doctor import doctor_command
from atb_db.cli.drill import drill_command
from atb_db.cli.environment import environment_app
from atb_db.cli.exits import exit_code
from atb_db.cli.halt import halt_app
from atb_db.cli.health import health_command
from atb_db.cli.importing import import_app
from atb_db.cli.journal import journal_app
from atb_db.cli.metrics import metrics_command
from atb_db.cli.migration_files import lint_command, new_command
from atb_db.cli.migrations import migrate_command, rollback_command, status_command
from atb_db.cli.nuke import nuke_command, reset_command
from atb_db.cli.output import print_message
from atb_db.cli.purge import end_crashed_command, purge_command, purge_logs_command
from atb_db.cli.questions import TAKES_PARAMETERS, queries_command, query_command
from atb_db.cli.railway import setup_railway_command
from atb_db.cli.report import report_command
from atb_db.cli.restore import restore_command
from atb_db.cli.roles import roles_command
from atb_db.cli.verify import audit_command, verify_command
from atb_db.cli.watch import watch_command
from atb_db.errors import AtbDbError

# Help without rich starts twice as fast; tracebacks without rich show no values, and so no password.
app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("migrate")(migrate_command)
app.command("rollback")(rollback_command)
app.command("status")(status_command)
app.command("new")(new_command)
app.command("lint")(lint_command)
app.command("verify")(verify_command)
app.command("audit")(audit_command)
app.command("roles")(roles_command)
app.command("psql")(psql_command)
app.add_typer(backup_app, name="backup")
app.add_typer(archive_app, name="archive")
app.command("restore")(restore_command)
app.command("drill")(drill_command)
app.command("setup-railway")(setup_railway_command)
app.add_typer(environment_app, name="environment")
app.command("query", context_settings=TAKES_PARAMETERS)(query_command)
app.command("queries")(queries_command)
app.command("health")(health_command)
app.command("metrics")(metrics_command)
app.add_typer(halt_app, name="halt")
app.command("report")(report_command)
app.command("watch")(watch_command)
app.command("end-crashed")(end_crashed_command)
app.command("purge")(purge_command)
app.command("purge-logs")(purge_logs_command)
app.command("nuke")(nuke_command)
app.command("reset-railway")(reset_command)
app.command("doctor")(doctor_command)
app.command("check-collation")(check_collation_command)
app.command("fix-collation")(fix_collation_command)
app.add_typer(import_app, name="import")
app.add_typer(journal_app, name="journal")
app.command("demo")(demo_command)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"atb-db {version('atb-db')}")
        raise typer.Exit


@app.callback()
def atb_db(
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Manage the database of a trading bot.

    DATABASE_URL, in the environment or in a .env file, names the database: a PostgreSQL URL or a key=value connection
    string.

    \b
    Examples:
      atb-db demo       see a trading session recorded in a throwaway PostgreSQL
      atb-db migrate    bring the database up to date
      atb-db verify     compare it with what this version needs
      atb-db backup     back it up
      atb-db health     say in one line whether all is well

    \b
    Exit codes:
      0    done
      1    failed
      2    the command line or a setting is wrong
      3    a check found something
      4    the database cannot be reached
      5    refused by a guard
      6    another process holds a lock
      7    a required program is missing
      130  interrupted
    """  # noqa: D301  \b keeps the lines apart in --help


def _leave(number: int, _frame: object) -> None:
    """End as the signal would, but with what was begun cleaned up: pg_dump would go on without us."""
    sys.exit(128 + number)


def main() -> None:
    """Run the command line of this process, and exit."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_DFL:  # not under nohup
            signal.signal(number, _leave)
    try:
        app(prog_name="atb-db")
    except AtbDbError as error:
        print_message(f"atb-db: {error}")
        sys.exit(exit_code(error))
