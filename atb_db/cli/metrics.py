"""`atb-db metrics`: how everything stands, for Prometheus."""

from __future__ import annotations

import re
from typing import Annotated, Final

import typer

from atb_db.cli.options import JsonOption, UrlOption, settings_of
from atb_db.cli.output import print_json, print_message

_ADDRESS: Final = re.compile(r"(?:\[(?P<six>[0-9a-fA-F:]+)\]|(?P<host>[^:\[\]]*)):(?P<port>\d{1,5})")

_LAST_PORT: Final = 65535


def metrics_command(
    *,
    listen: Annotated[
        str | None,
        typer.Option(
            "--listen", metavar="HOST:PORT", help="Answer scrapes there until it is stopped, instead of printing once."
        ),
    ] = None,
    url: UrlOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print metrics in Prometheus' text format, or serve them with --listen.

    Whether the database answers and is healthy, silence, hold, balance, equity, P&L, drawdown, open positions and
    errors of each active LIVE and PAPER session, control flags, the age of the newest backup, the archive, connections,
    the longest transaction, followers; with pg_stat_statements calls and seconds of each statement. Pool, retries and
    latencies are an engine's own. Each scrape asks the database. Needs the extra atb-db[metrics].

    \b
    Examples:
      atb-db metrics
      atb-db metrics --listen 127.0.0.1:9187
      atb-db metrics > /var/lib/node_exporter/atb.prom

    \b
    Exit codes: 0 printed, also that the database cannot be reached: atb_up 0,
    1 failed, 2 wrong usage, 7 the extra is missing.
    """  # noqa: D301  \b keeps the lines apart in --help
    address = None if listen is None else _ADDRESS.fullmatch(listen)
    if listen is not None and (address is None or int(address["port"]) > _LAST_PORT):
        raise typer.BadParameter(f"{listen[:40]!r} is no address such as 127.0.0.1:9187")
    from atb_db.admin.metrics import exposition, serve

    settings = settings_of(url)
    if address is None:
        text = exposition(settings)
        if as_json:
            print_json([_sample(line) for line in text.splitlines() if line and not line.startswith("#")])
        else:
            typer.echo(text, nl=False)
        return
    server, thread = serve(settings, host=address["six"] or address["host"] or "127.0.0.1", port=int(address["port"]))
    print_message(
        f"Metrics are at http://{address.string.rpartition(':')[0] or '127.0.0.1'}:{server.server_port}/metrics"
    )
    try:
        thread.join()
    finally:
        server.shutdown()


def _sample(line: str) -> dict[str, object]:
    name, _, value = line.rpartition(" ")
    return {"metric": name, "value": float(value)}
