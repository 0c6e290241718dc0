"""`atb-db import`: what other programs recorded becomes sessions of its own."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from atb_db.cli.durations import parse_moment
from atb_db.cli.grouping import WholeSentences
from atb_db.cli.import_result import finish, progress_with_estimate
from atb_db.cli.options import EnvironmentOption, JsonOption, UrlOption, settings_for, settings_of
from atb_db.types import TradeSource

if TYPE_CHECKING:
    pass

import_app = typer.Typer(cls=WholeSentences, no_args_is_help=True, rich_markup_mode=None)


@import_app.callback()
def import_command() -> None:
    """Import what other programs recorded: an exchange's file of trades, a freqtrade or the incumbent's database.

    What is imported goes into sessions of its own. Every row of the source becomes a record, an adjusted record with
    the reason, or goes into quarantine; nothing is imported twice, and an interrupted import is gone on with.

    \b
    Examples:
      atb-db import trades binance.csv --dry-run
      atb-db import freqtrade tradesv3.sqlite
      atb-db import incumbent --from URL --timezone UTC

    \b
    Exit codes: those of the command; 2 wrong usage.
    """  # noqa: D301  \b keeps the lines apart in --help


def _amount(text: str | Decimal) -> Decimal:
    try:
        found = Decimal(text)
    except InvalidOperation:
        raise typer.BadParameter(f"{text!r} is no amount") from None
    if not found.is_finite() or found < 0:
        raise typer.BadParameter(f"{text!r} is no amount of zero or more")
    return found


IncumbentOption: TypeAlias = Annotated[
    str,
    typer.Option(
        "--from",
        metavar="URL",
        envvar="INCUMBENT_DATABASE_URL",
        show_envvar=False,
        help="Its database, instead of INCUMBENT_DATABASE_URL; every local user can see a password in it.",
    ),
]
AccountOption: TypeAlias = Annotated[
    str | None, typer.Option("--account", metavar="NAME", help="Its name here; the database's name if not given.")
]
DryRunOption: TypeAlias = Annotated[bool, typer.Option("--dry-run", help="Report all of it, and keep nothing.")]
SinceOption: TypeAlias = Annotated[
    datetime | None,
    typer.Option(
        parser=parse_moment, metavar="TIME", help="Only from a day, a time or so long ago on: 2024-03-01, 90d."
    ),
]
ModeOption: TypeAlias = Annotated[
    TradeSource,
    typer.Option(
        metavar="MODE",
        case_sensitive=False,
        help="Whose money it was: live, paper or backtest.",
        show_default="live",
    ),
]
BalanceOption: TypeAlias = Annotated[
    Decimal | None, typer.Option(parser=_amount, metavar="AMOUNT", help="Each session's initial balance.")
]


@import_app.command("trades")
def import_trades_command(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="CSV, JSON or Parquet.")],
    *,
    file_format: Annotated[
        str | None,
        typer.Option(
            "--format",
            metavar="NAME",
            help="binance, kraken, bybit, ccxt, ccxt-orders or plain; found by the columns if not given.",
        ),
    ] = None,
    columns: Annotated[
        list[str] | None,
        typer.Option("--map", metavar="COLUMN=FIELD", help="Which column is which field of the plain layout."),
    ] = None,
    account: Annotated[
        str | None, typer.Option(metavar="NAME", help="Whose trades they are; the format's name if not given.")
    ] = None,
    currency: Annotated[
        str, typer.Option(metavar="CODE", help="Currency of rows of the plain layout that name none.")
    ] = "USDT",
    strategy: Annotated[str, typer.Option(metavar="NAME", help="The sessions' strategy.")] = "imported",
    mode: ModeOption = TradeSource.LIVE,
    initial_balance: BalanceOption = None,
    since: SinceOption = None,
    dry_run: DryRunOption = False,
    url: UrlOption = None,
    env: EnvironmentOption = None,
    as_json: JsonOption = False,
) -> None:
    """Import an exchange's file of trades: Binance, Kraken, Bybit, ccxt, or columns of your own.

    One session for each currency. A trade opens, grows, reduces or closes the position of its symbol. Files of one
    account continue each other: import the oldest first. What was imported before is not imported again.

    \b
    Fields of the plain layout, for --map:
      time, symbol, side (buy or sell), quantity, price
      and if known: currency, base, trade_id, order_id, fee, fee_currency, reason

    \b
    Examples:
      atb-db import trades binance-2025.csv --dry-run
      atb-db import trades kraken.csv --account main
      atb-db import trades mine.csv --map when=time --map amount=quantity

    \b
    Exit codes: 0 everything is in the books, 2 wrong usage or an unusable file,
    3 rows are in quarantine, 4 cannot connect, 5 the login may only read.
    """  # noqa: D301  \b keeps the lines apart in --help
    from atb_db.importing.importing import import_trades
    from atb_db.importing.trade_files import Wishes

    mapping = dict(_assignment(one) for one in columns or ())
    wishes = Wishes(account, file_format, mapping, currency, strategy, mode, initial_balance or Decimal(0), since)
    with progress_with_estimate() as progress:
        done = import_trades(settings_for(url, env), file, wishes, dry_run=dry_run, progress=progress)
    finish(done, as_json=as_json)


@import_app.command("freqtrade")
def import_freqtrade_command(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The bot's sqlite file, such as tradesv3.sqlite.")],
    *,
    account: Annotated[
        str | None, typer.Option(metavar="NAME", help="The bot's name; the file's name if not given.")
    ] = None,
    mode: ModeOption = TradeSource.LIVE,
    initial_balance: BalanceOption = None,
    since: SinceOption = None,
    dry_run: DryRunOption = False,
    url: UrlOption = None,
    env: EnvironmentOption = None,
    as_json: JsonOption = False,
) -> None:
    """Import a freqtrade database: trades with their orders, funding, pair locks and wallets.

    The file is only read, and may be in use. Run it again to import what is new; trades that were open are continued.
    One session for each exchange and stake currency; the first wallet is its initial balance.

    \b
    Examples:
      atb-db import freqtrade tradesv3.sqlite --dry-run
      atb-db import freqtrade tradesv3.dryrun.sqlite --mode PAPER --account bot-1

    \b
    Exit codes: 0 everything is in the books, 2 wrong usage or an unusable file,
    3 rows are in quarantine, 4 cannot connect, 5 the login may only read.
    """  # noqa: D301  \b keeps the lines apart in --help
    from atb_db.importing.freqtrade.choice import Choice
    from atb_db.importing.importing import import_freqtrade

    with progress_with_estimate() as progress:
        done = import_freqtrade(
            settings_for(url, env),
            file,
            Choice(account, mode, initial_balance, since),
            dry_run=dry_run,
            progress=progress,
        )
    finish(done, as_json=as_json)


@import_app.command("incumbent")
def import_incumbent_command(
    *,
    source: IncumbentOption,
    timezone: Annotated[
        str | None,
        typer.Option("--timezone", metavar="ZONE", help="Zone of its times, such as UTC or Europe/Berlin; see below."),
    ] = None,
    base_currency: Annotated[str, typer.Option(metavar="CODE", help="Currency of its balances.")] = "USD",
    account: AccountOption = None,
    since: SinceOption = None,
    dry_run: DryRunOption = False,
    url: UrlOption = None,
    env: EnvironmentOption = None,
    as_json: JsonOption = False,
) -> None:
    """Import the incumbent's PostgreSQL database, of either generation; it is only read, in one snapshot.

    Its times have no zone. Without --timezone one of them is shown in both readings, and nothing is imported: the later
    generation stored wall time of the server's zone, most of the older one UTC. Compare with an event that you know.

    \b
    Examples:
      atb-db import incumbent --from postgresql://bot@localhost/ai_trading_bot
      atb-db import incumbent --timezone UTC --dry-run
      atb-db import incumbent --timezone Europe/Berlin --base-currency USDT

    \b
    Exit codes: 0 everything is in the books, 2 wrong usage or not the incumbent's
    database, 3 rows are in quarantine, 4 cannot connect, 5 the login may only
    read.
    """  # noqa: D301  \b keeps the lines apart in --help
    from atb_db.importing.importing import import_incumbent, time_in_both_readings
    from atb_db.importing.incumbent.planning import Choice

    there = settings_of(source)
    if timezone is None:
        raise typer.BadParameter(time_in_both_readings(there), param_hint="--timezone")
    choice = Choice(_zone(timezone), account, base_currency, since)
    with progress_with_estimate() as progress:
        done = import_incumbent(settings_for(url, env), there, choice, dry_run=dry_run, progress=progress)
    finish(done, as_json=as_json)


def _zone(text: str) -> str:
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    try:
        return ZoneInfo(text).key
    except (ZoneInfoNotFoundError, ValueError):
        raise typer.BadParameter(f"{text[:40]!r} is no time zone such as Europe/Berlin") from None


def _assignment(text: str) -> tuple[str, str]:
    column, equals, field = text.partition("=")
    if not equals or not column or not field:
        raise typer.BadParameter(f"{text[:40]!r} is not COLUMN=FIELD", param_hint="--map")
    return column, field
