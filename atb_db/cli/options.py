"""The options that the commands share, and what they lead to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from atb_db.cli.exits import ExitCode
from atb_db.cli.output import print_message

if TYPE_CHECKING:
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


def settings_of(url: str | None) -> Settings:
    """The settings; an unusable one ends the command."""
    from atb_db.config import Settings
    from atb_db.errors import ConfigurationError

    try:
        return Settings.load(url)
    except ConfigurationError as error:
        print_message(f"atb-db: {error}")
        raise typer.Exit(ExitCode.USAGE) from None


def print_server(server: ServerInfo) -> None:
    """Where the command works, as a message."""
    encrypted = "encrypted" if server.ssl else "not encrypted"
    print_message(f"{server.database} on PostgreSQL {server.version} as {server.user}, {encrypted}")
