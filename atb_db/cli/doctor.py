"""`atb-db doctor`: everything about an installation on one page."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from atb_db.cli.exits import ExitCode
from atb_db.cli.options import EnvironmentOption, JsonOption, UrlOption, print_server, settings_of, url_of
from atb_db.cli.output import print_json, print_message, print_table

if TYPE_CHECKING:
    from atb_db.admin.doctor import Diagnosis


def doctor_command(*, env: EnvironmentOption = None, url: UrlOption = None, as_json: JsonOption = False) -> None:
    """Show the installation on one page: configuration, server, programs, migrations, backups, load.

    Shows each setting with its source: --url, --env, environment, .env, the URL, or default. Findings that do not
    matter for a database marked DEVELOPMENT or STAGING, such as missing backups, are only listed. `atb-db verify`
    checks the schema.

    \b
    Examples:
      atb-db doctor
      atb-db doctor --env production
      atb-db doctor --json | jq '.findings[] | .what, .where, .repair'

    \b
    Exit codes: 0 healthy, 1 failed, 2 wrong usage, 3 something is to be done,
    4 cannot connect.
    """  # noqa: D301  \b keeps the lines apart in --help
    from atb_db.admin.doctor import diagnose
    from atb_db.config import Source

    target = url_of(url, env)
    found = diagnose(settings_of(target), url=target, source=Source.ARGUMENT if url is not None else Source.NAMED)
    if as_json:
        print_json({"healthy": found.healthy, **found._asdict()})
    else:
        _print(found)
    if found.unreachable is not None:
        print_message(f"atb-db: {found.unreachable}")
        raise typer.Exit(ExitCode.UNREACHABLE)
    if not found.healthy:
        raise typer.Exit(ExitCode.FOUND)


def _print(found: Diagnosis) -> None:
    print_table(("Setting", "Value", "Source"), [(one.name, one.value, str(one.source)) for one in found.settings])
    if found.server is None:
        return
    print_server(found.server)
    typer.echo()
    print_table(("Server", "Value"), found.facts)
    if found.findings:
        typer.echo()
        rows = [(one.level, one.problem, one.what, one.where, one.expected, one.actual) for one in found.findings]
        print_table(("Level", "Problem", "What", "Where", "Expected", "Actual"), rows)
    for one in found.findings:
        if one.repair is not None:
            print_message(f"{one.what} {one.where}: {one.repair}")
    print_message("Healthy." if found.healthy else "Something is to be done.")
