"""`atb-db`: the commands, and how each of them ends."""

from __future__ import annotations

import signal
import sys
from copy import copy
from typing import Annotated

import typer

from atb_db.cli.archive import archive_app
from atb_db.cli.backup import backup_app
from atb_db.cli.backup_schedule import schedule_command
from atb_db.cli.collation import check_collation_command, fix_collation_command
from atb_db.cli.compact import compact_command
from atb_db.cli.comparing import compare_command
from atb_db.cli.database import psql_command
from atb_db.cli.demo import demo_command
from atb_db.cli.doctor import doctor_command
from atb_db.cli.drill import drill_command
from atb_db.cli.environment import environment_app
from atb_db.cli.exits import ExitCode
from atb_db.cli.exporting import export_command, import_export_command
from atb_db.cli.failures import CommandError, ended_by, interrupted, unwritten
from atb_db.cli.grouping import CLEAN_UP, DEVELOP, LOOK, PROTECT, SET_UP, STEP_IN, TRY, WATCH, CommandsByTask
from atb_db.cli.halt import halt_app
from atb_db.cli.health import health_command
from atb_db.cli.importing import import_app
from atb_db.cli.journal import journal_app
from atb_db.cli.metrics import metrics_command
from atb_db.cli.migration_files import lint_command, new_command
from atb_db.cli.migrations import migrate_command, status_command
from atb_db.cli.nuke import nuke_command, reset_command
from atb_db.cli.purge import end_crashed_command, purge_command, purge_logs_command
from atb_db.cli.questions import TAKES_PARAMETERS, queries_command, query_command
from atb_db.cli.railway import setup_railway_command
from atb_db.cli.rebuild import rebuild_command
from atb_db.cli.report import report_command
from atb_db.cli.restore import restore_command
from atb_db.cli.roles import roles_command
from atb_db.cli.rollback import rollback_command
from atb_db.cli.verify import audit_command, verify_command
from atb_db.cli.watch import watch_command
from atb_db.errors import AtbDbError


def _as_it_is_called(name: str) -> str:
    """The name of an option for the one that was given: statements and columns say session_id."""
    return "session" if name == "session-id" else name


# Help without rich starts twice as fast; tracebacks without rich show no values, and so no password.
app = typer.Typer(
    cls=CommandsByTask,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "token_normalize_func": _as_it_is_called},
)
app.command("demo", rich_help_panel=TRY)(demo_command)
app.command("migrate", rich_help_panel=SET_UP)(migrate_command)
app.command("rollback", rich_help_panel=SET_UP)(rollback_command)
app.command("status", rich_help_panel=SET_UP)(status_command)
app.command("roles", rich_help_panel=SET_UP)(roles_command)
app.command("verify", rich_help_panel=SET_UP)(verify_command)
app.add_typer(environment_app, name="environment", rich_help_panel=SET_UP)
app.command("setup-railway", rich_help_panel=SET_UP)(setup_railway_command)
import_app.command("export")(import_export_command)
app.add_typer(import_app, name="import", rich_help_panel=SET_UP)
app.command("compare", rich_help_panel=SET_UP)(compare_command)
app.command("check-collation", rich_help_panel=SET_UP)(check_collation_command)
app.command("fix-collation", rich_help_panel=SET_UP)(fix_collation_command)
app.command("query", rich_help_panel=LOOK, context_settings=TAKES_PARAMETERS)(query_command)
app.command("queries", rich_help_panel=LOOK)(queries_command)
app.command("psql", rich_help_panel=LOOK)(psql_command)
app.command("export", rich_help_panel=LOOK)(export_command)
app.command("report", rich_help_panel=LOOK)(report_command)
app.command("watch", rich_help_panel=LOOK)(watch_command)
app.command("audit", rich_help_panel=LOOK)(audit_command)
app.command("health", rich_help_panel=WATCH)(health_command)
app.command("metrics", rich_help_panel=WATCH)(metrics_command)
app.command("doctor", rich_help_panel=WATCH)(doctor_command)
app.add_typer(halt_app, name="halt", rich_help_panel=STEP_IN)
app.command("end-crashed", rich_help_panel=STEP_IN)(end_crashed_command)
app.add_typer(journal_app, name="journal", rich_help_panel=STEP_IN)
backup_app.command("schedule")(schedule_command)
app.add_typer(backup_app, name="backup", rich_help_panel=PROTECT)
app.add_typer(archive_app, name="archive", rich_help_panel=PROTECT)
app.command("restore", rich_help_panel=PROTECT)(restore_command)
app.command("drill", rich_help_panel=PROTECT)(drill_command)
app.command("compact", rich_help_panel=CLEAN_UP)(compact_command)
app.command("rebuild", rich_help_panel=CLEAN_UP)(rebuild_command)
app.command("purge", rich_help_panel=CLEAN_UP)(purge_command)
app.command("purge-logs", rich_help_panel=CLEAN_UP)(purge_logs_command)
app.command("nuke", rich_help_panel=CLEAN_UP)(nuke_command)
app.command("reset-railway", rich_help_panel=CLEAN_UP)(reset_command)
app.command("new", rich_help_panel=DEVELOP)(new_command)
app.command("lint", rich_help_panel=DEVELOP)(lint_command)


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

    A session is chosen by --session ID; --session-id is the same.

    With --json, stdout has one JSON document: the result, or what went wrong as {"error": {"type", "message",
    "statement", "sqlstate", "exit_code"}}.

    \b
    Exit codes:
      0    done
      1    failed
      2    the command line or a setting is wrong
      3    a check found something
      4    the database cannot be reached
      5    refused by a guard, or by a server that only reads
      6    another process holds a lock
      7    a required program is missing
      130  interrupted
    """  # noqa: D301  \b keeps the lines apart in --help


def _leave(number: int, _frame: object) -> None:
    """End as the signal would, but with what was begun cleaned up: pg_dump would go on without us."""
    sys.exit(128 + number)


def app_for(arguments: list[str]) -> typer.Typer:
    """The app with nothing but the command that is named.

    typer reads the signature of every command that it has, which takes as long as most commands. Help, and a name that
    there is not, are about all of them.
    """
    named = arguments[0] if arguments else None
    commands = [command for command in app.registered_commands if command.name == named]
    groups = [group for group in app.registered_groups if group.name == named]
    if not commands and not groups:
        return app
    chosen = copy(app)
    chosen.registered_commands, chosen.registered_groups = commands, groups
    return chosen


def main() -> None:
    """Run the command line of this process, and exit."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_DFL:  # not under nohup
            signal.signal(number, _leave)
    try:
        code: int | None = app_for(sys.argv[1:])(prog_name="atb-db", standalone_mode=False)
        sys.stdout.flush()
    except (AtbDbError, CommandError, typer.TyperException) as error:
        sys.exit(ended_by(error))
    except (typer.Abort, KeyboardInterrupt):  # typer turns one into the other only while a command runs
        sys.exit(interrupted())
    except OSError as error:
        sys.exit(unwritten(error))
    sys.exit(interrupted() if code == ExitCode.INTERRUPTED else code or ExitCode.OK)
