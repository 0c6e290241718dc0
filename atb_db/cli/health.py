"""`atb-db health`: whether all is well, in one line."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Final

import typer

from atb_db.cli.durations import Duration, parse_duration
from atb_db.cli.exits import ExitCode
from atb_db.cli.options import JsonOption, UrlOption, settings_of
from atb_db.cli.output import print_json

MAX_SILENCE: Final = Duration(minutes=10)


def health_command(
    *,
    max_silence: Annotated[
        timedelta,
        typer.Option(
            parser=parse_duration, metavar="LENGTH", help="How long a LIVE or PAPER session may give no sign of life."
        ),
    ] = MAX_SILENCE,
    rpo: Annotated[
        timedelta | None,
        typer.Option(
            parser=parse_duration, metavar="LENGTH", help="How old the newest backup may be; not checked if not given."
        ),
    ] = None,
    journal: Annotated[
        list[Path] | None, typer.Option(metavar="PATH", help="Also this engine's journal; may be repeated.")
    ] = None,
    allow_halt: Annotated[bool, typer.Option("--allow-halt", help="An active kill switch is no problem.")] = False,
    url: UrlOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say in one line whether all is well; for health checks of containers, cron jobs and heartbeats.

    Looks at whether the database answers and takes writes, its migrations, the silence of each active LIVE or PAPER
    session and who holds it, active control flags such as the kill switch, the replica, the last backup, and journals.
    It answers within seconds also when the server does not.

    \b
    Examples:
      atb-db health
      atb-db health --rpo 15m || curl -d "$(atb-db health)" https://ntfy.sh/my-bot
      atb-db health --max-silence 10m --journal engine.journal --allow-halt
      atb-db health && curl -fsS https://hc-ping.com/UUID

    \b
    Exit codes: 0 healthy, 1 failed, 2 wrong usage, 3 something is wrong,
    4 cannot connect.
    """  # noqa: D301  \b keeps the lines apart in --help
    from atb_db.admin.health import Demand, check_health

    demand = Demand(max_silence, rpo, halt_is_fine=allow_halt, journals=tuple(journal or ()))
    found = check_health(settings_of(url), demand)
    if as_json:
        print_json(found)
    else:
        typer.echo(str(found))
    if not found.reachable:
        raise typer.Exit(ExitCode.UNREACHABLE)
    if not found.healthy:
        raise typer.Exit(ExitCode.FOUND)
