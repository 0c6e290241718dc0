"""The options that the commands share, and what they lead to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from atb_db.cli.exits import ExitCode
from atb_db.cli.failures import CommandError
from atb_db.cli.output import print_message

if TYPE_CHECKING:
    from atb_db.config import Settings
    from atb_db.database import ServerInfo
    from atb_db.types import Environment

UrlOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--url",
        metavar="URL",
        help="The database, instead of DATABASE_URL; every local user can see a password in it.",
    ),
]
EnvironmentOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--env",
        metavar="ENV",
        help="development, staging or production: use RAILWAY_<ENV>_DATABASE_URL, if it is set.",
    ),
]
RetentionOption: TypeAlias = Annotated[
    int,
    typer.Option(
        "--retention",
        metavar="DAYS",
        min=1,
        max=36500,
        envvar="BACKUP_RETENTION_DAYS",
        help="Keep every one of the last so many days.",
    ),
]
DailyOption: TypeAlias = Annotated[
    int, typer.Option("--keep-daily", metavar="N", min=0, help="Also one of each of the last N days.")
]
WeeklyOption: TypeAlias = Annotated[
    int, typer.Option("--keep-weekly", metavar="N", min=0, help="Also one of each of the last N weeks.")
]
MonthlyOption: TypeAlias = Annotated[
    int, typer.Option("--keep-monthly", metavar="N", min=0, help="Also one of each of the last N months.")
]
JsonOption: TypeAlias = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def settings_of(url: str | None) -> Settings:
    """The settings; an unusable one ends the command."""
    import logging

    from atb_db.config import Settings
    from atb_db.errors import ConfigurationError

    # What the driver's log says, such as of a pipeline that a refused row has aborted, our errors say in a sentence.
    logging.getLogger("psycopg").addHandler(logging.NullHandler())
    try:
        return Settings.load(url)
    except ConfigurationError as error:
        raise CommandError(error, ExitCode.USAGE) from None


def settings_for(url: str | None, env: str | None) -> Settings:
    """The settings for --url, else for --env, else for DATABASE_URL; unusable ones end the command."""
    return settings_of(url_of(url, env))


def url_of(url: str | None, env: str | None) -> str | None:
    """What --url says, else --env; None where DATABASE_URL counts."""
    from atb_db.config import read_variables

    if env is None:
        return url
    name = f"RAILWAY_{environment_of(env)}_DATABASE_URL"
    return url or read_variables().get(name)


def environment_of(text: str) -> Environment:
    """The environment that an option or argument names; another word ends the command."""
    from atb_db.types import Environment

    try:
        return Environment(text.upper())
    except ValueError:
        names = "development, staging or production"
        raise typer.BadParameter(f"an environment is {names}, not {text[:20]!r}") from None


def print_server(server: ServerInfo) -> None:
    """Where the command works, as a message."""
    encrypted = "encrypted" if server.ssl else "not encrypted"
    print_message(f"{server.database} on PostgreSQL {server.version} as {server.user}, {encrypted}")
