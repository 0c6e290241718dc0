"""`atb-db demo`: a trading session recorded in a throwaway PostgreSQL."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from atb_db.admin.readable import counted, shown_size
from atb_db.cli.output import print_json
from atb_db.cli.sparkline import blocks_for, sparkline

if TYPE_CHECKING:
    from rich.console import Console

    from atb_db.demo.report import DemoReport

LONGEST_LIST: Final = 20


def demo_command(
    candles: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="CSV of candles, plain or .gz; built-in ones without it.", show_default=False
        ),
    ] = None,
    keep: Annotated[
        bool, typer.Option("--keep", help="Leave the server running; says how to look inside and how to stop it.")
    ] = False,
    page: Annotated[
        Path, typer.Option("--report", metavar="FILE", help="Where its page is written, as by `atb-db report`.")
    ] = Path("demo-report.html"),
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Record a trading session in a throwaway PostgreSQL.

    A small engine replays candles through the public functions as a live engine would, then the books are audited.
    It neither needs nor touches a database of yours. FILE has the columns timestamp, open, high, low, close,
    volume; its name begins with the symbol; times are ISO 8601 with Z.

    \b
    Examples:
      atb-db demo
      atb-db demo --candles BTCUSDT-1h.csv.gz
      atb-db demo --keep
      atb-db demo --json | jq .session.total_pnl

    \b
    Exit codes: 0 done, 1 failed, 2 the candles or the page's place are unusable,
    3 the books do not balance, 7 there is no PostgreSQL on this machine,
    130 interrupted.
    """  # noqa: D301  \b keeps the lines apart in --help
    from atb_db.admin.demo import run_demo
    from atb_db.cli.exits import ExitCode
    from atb_db.cli.failures import CommandError
    from atb_db.demo.candles import CandleFileError
    from atb_db.errors import ConfigurationError

    try:
        with _progress() as progress:
            report = run_demo(candles=candles, page=page, keep=keep, progress=progress)
    except (CandleFileError, ConfigurationError) as error:
        code = ExitCode.USAGE if isinstance(error, CandleFileError) else ExitCode.NO_TOOL
        raise CommandError(error, code) from None
    if as_json:
        print_json(report)
    else:
        _print_report(report)
    if report.findings:
        raise typer.Exit(ExitCode.FOUND)


@contextmanager
def _progress() -> Iterator[Callable[[int, int], None] | None]:
    """A progress bar on a terminal; None elsewhere."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("Starting PostgreSQL", total=None)
        yield lambda done, total: bar.update(task, description="Replaying candles", completed=done, total=total)


def _print_report(report: DemoReport) -> None:
    from rich.console import Console

    console = Console(highlight=False)
    _print_session(console, report)
    _print_exits(console, report)
    _print_tables(console, report)
    _print_audit(console, report)
    _print_page(console, report)
    _print_server(console, report)


def _print_session(console: Console, report: DemoReport) -> None:
    from rich.table import Table

    session, metrics = report.session, report.metrics
    end = session.end_time or session.start_time
    console.print(
        f"[bold]{session.session_name} {session.timeframe}[/], {session.start_time:%Y-%m-%d} to {end:%Y-%m-%d}, "
        f"in PostgreSQL {report.server_version}\n"
    )
    facts = Table.grid(padding=(0, 2))
    facts.add_row(
        "Balance",
        f"{_money(session.initial_balance)} to {_money(session.current_balance)} {session.base_currency}",
    )
    moved = session.current_balance - session.initial_balance - metrics.net_pnl
    without = f", not counting {_money(-moved)} {session.base_currency} withdrawn" if moved < 0 else ""
    facts.add_row("Return", f"{_percent(metrics.total_return_percent, signed=True)}{without}")
    facts.add_row(
        "Trades",
        f"{metrics.total_trades:,}, of which {metrics.winning_trades:,} won "
        f"({_percent(metrics.win_rate and metrics.win_rate * 100)})",
    )
    if metrics.profit_factor is not None:
        facts.add_row("Profit factor", f"{metrics.profit_factor:.2f}")
    facts.add_row("Max drawdown", _percent(metrics.max_drawdown * 100))
    facts.add_row("Costs", f"{_money(metrics.commission)} commission, {_money(metrics.margin_interest_cost)} interest")
    if curve := [point.equity for point in report.equity]:
        colour = "green" if session.current_balance >= session.initial_balance else "red"
        facts.add_row("Equity", f"[{colour}]{sparkline(curve, blocks_for(console.encoding))}[/]")
        facts.add_row("", f"{_money(min(curve))} to {_money(max(curve))}")
    console.print(facts)


def _print_exits(console: Console, report: DemoReport) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table("P&L by exit reason", box=SIMPLE_HEAD, show_footer=True)
    table.columns[0].footer = "All"
    metrics = report.metrics
    table.add_column("Trades", f"{metrics.total_trades:,}", justify="right")
    table.add_column("Won", _percent(metrics.win_rate and metrics.win_rate * 100), justify="right")
    table.add_column("Gross", _money(metrics.gross_pnl), justify="right")
    table.add_column("Costs", _money(metrics.commission + metrics.margin_interest_cost), justify="right")
    table.add_column("Funding", _money(metrics.funding), justify="right")
    table.add_column("Net", _money(metrics.net_pnl), justify="right")
    for row in report.exits:
        net = f"[{'green' if row.net_pnl > 0 else 'red'}]{_money(row.net_pnl)}[/]"
        won = _percent(row.win_rate * 100)
        funding = _money(row.net_pnl - row.gross_pnl + row.costs)
        gross, costs = _money(row.gross_pnl), _money(row.costs)
        table.add_row(row.exit_reason, f"{row.total_trades:,}", won, gross, costs, funding, net)
    console.print(table)


def _print_tables(console: Console, report: DemoReport) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    replay = report.replay
    table = Table("Tables", box=SIMPLE_HEAD, show_footer=True)
    table.columns[0].footer = "All"
    table.add_column("Rows", f"{replay.rows:,}", justify="right")
    table.add_column("Size", shown_size(sum(row.total_bytes for row in report.tables)), justify="right")
    for row in report.tables:
        table.add_row(row.table_name, f"{row.row_count:,}", shown_size(row.total_bytes))
    console.print(table)
    console.print(
        f"{replay.candles:,} candles in {replay.seconds:.1f} s: "
        f"{replay.candles_per_second:,.0f} candles/s, [bold]{replay.rows_per_second:,.0f} rows/s[/]"
    )


def _print_audit(console: Console, report: DemoReport) -> None:
    if not report.findings:
        console.print("[green]The books balance[/]: ledger, positions, orders, trades and metrics agree.")
        return
    console.print(f"[red]The books do not balance[/]: {counted(len(report.findings), 'contradiction')}.")
    for finding in report.findings[:LONGEST_LIST]:
        console.print(f"  {finding.identity}: {finding.subject} is {finding.actual}, due is {finding.expected}")


def _print_page(console: Console, report: DemoReport) -> None:
    if report.page is None:
        console.print("For a page of it with charts: pip install 'atb-db[report]'", markup=False)
    else:
        console.print(f"A page of it with charts: {report.page}", soft_wrap=True, markup=False)


def _print_server(console: Console, report: DemoReport) -> None:
    if report.kept is None:
        console.print(
            "The server is gone; `atb-db demo --keep` (make demo ARGS=--keep) leaves it running, to look inside."
        )
        return
    console.print("\nThe server is still running, for trying only: without fsync, and gone with a reboot.")
    for what, command in (
        ("look inside", report.kept.psql),
        ("use it", f"export DATABASE_URL={report.kept.url}"),
        ("stop it", report.kept.stop),
    ):
        console.print(f"  {what + ':':<13}{command}", soft_wrap=True, markup=False)


def _money(amount: Decimal) -> str:
    return f"{amount:,.2f}"


def _percent(percent: Decimal | None, *, signed: bool = False) -> str:
    if percent is None:
        return "-"
    return f"{percent:+.1f} %" if signed else f"{percent:.1f} %"
