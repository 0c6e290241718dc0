"""Planning the import of a file of trades: which format it has, which sessions it needs, what it says of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from typing import Final, NamedTuple

from atb_db.importing.cutting import begun_since
from atb_db.importing.errors import UnusableSource
from atb_db.importing.executions import Execution, Held, unbookable, units_of
from atb_db.importing.formats import binance, bybit, ccxt, ccxt_orders, kraken, plain
from atb_db.importing.plan import (
    IMPORTED_OTHERWISE,
    Book,
    Figure,
    Ids,
    Origin,
    Plan,
    Row,
    Source,
    Step,
    Unit,
    changed_key,
    quarantined,
    repeated,
)
from atb_db.importing.reading import text
from atb_db.repository import orders
from atb_db.statement import Statement
from atb_db.types import OrderStatus, TradeSource

FORMATS: Final[Mapping[str, frozenset[str]]] = {
    "binance": binance.COLUMNS,
    "kraken": kraken.COLUMNS,
    "bybit": bybit.COLUMNS,
    "ccxt": ccxt.COLUMNS,
    "ccxt-orders": ccxt_orders.COLUMNS,
    "plain": frozenset(plain.NEEDED),
}
"""The columns that a file of each format has."""
ANY_SYMBOL: Final = "ALL"
"""The symbol of a session with several."""
_EXCHANGES: Final = {"binance": "binance", "kraken": "kraken", "bybit": "bybit"}
_READERS: Final[Mapping[str, Callable[[Sequence[Row]], tuple[list[Execution], list[Unit]]]]] = {
    "binance": binance.executions,
    "kraken": kraken.executions,
    "ccxt": ccxt.executions,
    "ccxt-orders": ccxt_orders.executions,
}


class Wishes(NamedTuple):
    """What the operator says of an import."""

    account: str | None = None
    """Name of the account; None = the format's name."""
    format: str | None = None
    """None = found by the columns."""
    mapping: Mapping[str, str] = {}
    """The file's columns to those of the plain layout."""
    currency: str = "USDT"
    """Of rows of the plain layout that name none."""
    strategy_name: str = "imported"
    mode: TradeSource = TradeSource.LIVE
    initial_balance: Decimal = Decimal(0)
    since: datetime | None = None


def recognized(rows: Sequence[Row], wishes: Wishes) -> str:
    """The format of a file.

    Raises:
        UnusableSource: it is none that we know.
    """
    if not rows:
        raise UnusableSource("the file has no rows")
    if wishes.mapping and wishes.format not in {None, "plain"}:
        raise UnusableSource(f"--map is for the plain layout; the columns of {wishes.format} files are known")
    if wishes.format is not None:
        if wishes.format not in FORMATS:
            raise UnusableSource(f"there is no format {wishes.format}; the formats are {', '.join(FORMATS)}")
        needed = FORMATS[wishes.format]
        if wishes.format != "plain" and not needed <= rows[0].keys():
            raise UnusableSource(
                f"the file has no column {min(needed - rows[0].keys())}, as {wishes.format} files have"
            )
        return wishes.format
    if wishes.mapping:
        return "plain"
    columns = rows[0].keys()
    for name, needed in FORMATS.items():
        if needed <= columns:
            return name
    raise UnusableSource(
        f"the columns {', '.join(sorted(columns))[:200]} are of no format that is known; name those of the plain "
        f"layout with --map COLUMN=FIELD, the fields are {', '.join((*plain.NEEDED, *plain.OPTIONAL))}"
    )


def source_of(rows: Sequence[Row], wishes: Wishes) -> Source:
    """What the files of one account have in common."""
    kind = recognized(rows, wishes)
    return Source(kind, wishes.account or kind, "account")


class Before(NamedTuple):
    """What earlier imports of the account have left in the books."""

    known: Mapping[tuple[str, str], int] = {}
    """The hash of each row's content, by table and key."""
    refused: Collection[tuple[str, str]] = ()
    """Those of them that are in quarantine."""
    held: Mapping[tuple[str, str], Held] = {}
    """Open positions, by session and symbol."""
    newest: Mapping[tuple[str, str], datetime] = {}
    """When the newest fill of each symbol happened, by session and symbol."""


def plan_trades(rows: Sequence[Row], wishes: Wishes, before: Before = Before()) -> Plan:  # noqa: B008  immutable
    """Plan an import of a file of trades.

    Raises:
        UnusableSource: the format is not known, or its columns are not all there.
    """
    source, kind = source_of(rows, wishes), recognized(rows, wishes)
    if kind == "bybit":
        return _closed_plan(rows, wishes, source)
    if kind == "plain":
        found, apart = plain.executions(rows, mapping=wishes.mapping, currency=wishes.currency)
    else:
        found, apart = _READERS[kind](rows)
    found, refused = _bookable(found)
    found, apart = _once(found, [*apart, *refused])
    wanted = begun_since(found, wishes.since, before.known)
    fresh, aside = [], []
    for one in wanted:
        content_hash = before.known.get((one.table, one.key))
        if content_hash is not None and not _is_corrected(one, content_hash, before):
            aside.append(_repeated(one, content_hash))
        elif one.at < before.newest.get((one.book, one.symbol), one.at):
            why = (
                f"newer trades of {one.symbol} are in the books: import files oldest first; or purge the session, "
                "and import all of it again"
            )
            aside.append(quarantined(one.table, one.key, one.row, why, book=one.book))
        else:
            fresh.append(one)
    units = units_of(fresh, before.held, strategy_name=wishes.strategy_name, exchange=_EXCHANGES.get(kind))
    starts: dict[str, datetime | None] = {}
    for one in wanted:
        starts[one.book] = min(one.at, starts.get(one.book) or one.at)
    earliest = min((at for at in starts.values() if at is not None), default=datetime.now(UTC))
    for unit in apart:
        if unit.book is not None:
            starts.setdefault(unit.book, earliest)
    books = [
        _book(key, at or earliest, {one.symbol for one in wanted if one.book == key}, wishes, source)
        for key, at in starts.items()
    ]
    left_out = len(found) - len(wanted)
    return Plan(source, tuple(books), [*aside, *units, *apart], left_out=left_out, expected=len(rows) - left_out)


def _bookable(found: Sequence[Execution]) -> tuple[list[Execution], list[Unit]]:
    bookable, refused = [], []
    now = datetime.now(UTC)
    for one in found:
        why = unbookable(one, now)
        if why is None:
            bookable.append(one)
        else:
            refused.append(quarantined(one.table, one.key, one.row, why))
    return bookable, refused


def _once(found: Sequence[Execution], apart: Sequence[Unit]) -> tuple[list[Execution], list[Unit]]:
    """Of rows with the same id the first, as overlapping pages have the same trade twice; and a fate for the others."""
    first: dict[tuple[str, str], Execution] = {}
    times: Counter[tuple[str, str]] = Counter()
    once, others = [], []
    for one in found:
        place = (one.table, one.key)
        times[place] += 1
        if first.setdefault(place, one) is one:
            once.append(one)
        else:
            key = f"{one.key} (again, {times[place]})"
            if _figures(one) == _figures(first[place]):
                why = "another row of the file has the same id and figures: it is recorded once"
                others.append(repeated(one.table, key, one.row, why))
            else:
                why = "another row of the file has the same id, and other figures: the first are in the books"
                others.append(quarantined(one.table, key, one.row, why))
    for unit in apart:
        (origin, *more) = unit.origins
        place = (origin.table, origin.key)
        times[place] += 1
        if times[place] > 1:
            origin = origin._replace(key=f"{origin.key} (again, {times[place]})")
        others.append(unit._replace(origins=(origin, *more)))
    return once, others


def _figures(execution: Execution) -> Execution:
    """What goes into the books, without what stands beside it."""
    return execution._replace(row={}, extra=None, note=None)


def _is_corrected(execution: Execution, content_hash: int, before: Before) -> bool:
    """Whether it is a row in quarantine that says something else now: nothing of it is in the books yet."""
    origin = Origin(execution.table, execution.key, execution.row)
    return (execution.table, execution.key) in before.refused and origin.content_hash != content_hash


def _repeated(execution: Execution, content_hash: int) -> Unit:
    """A row that was imported before: nothing is done, unless it says something else now."""
    origin = Origin(execution.table, execution.key, execution.row)
    if origin.content_hash == content_hash:
        return Unit(execution.book, (), (origin,))
    if execution.table == "orders":
        return Unit(execution.book, (Step(partial(_totals, one=execution)),), (origin,))
    key = changed_key(execution.key)
    return quarantined(execution.table, key, execution.row, IMPORTED_OTHERWISE, book=execution.book)


def _totals(ids: Ids, *, one: Execution) -> Statement[object]:
    """What is reported of a known order now; the books take up what is new in it."""
    return orders.update_order_status(
        order_id=ids.order(one.order or one.key),
        status=one.status or OrderStatus.FILLED,
        filled_quantity=one.quantity,
        filled_price=one.price,
        timestamp=one.at,
    )


def _closed_plan(rows: Sequence[Row], wishes: Wishes, source: Source) -> Plan:
    units, closed = bybit.units(rows, strategy_name=wishes.strategy_name)
    wanted = [one for one in closed if wishes.since is None or one.at >= wishes.since]
    keys = {one.key for one in wanted}
    coins = dict.fromkeys(one.settle for one in wanted)
    books = [
        _book(
            coin,
            min(one.at for one in wanted if one.settle == coin),
            {text(one.row, "Contracts") for one in wanted if one.settle == coin},
            wishes,
            source,
        )
        for coin in coins
    ]
    figures = [
        Figure(coin, "net_pnl", sum((one.net for one in wanted if one.settle == coin), Decimal(0))) for coin in coins
    ]
    kept = [unit for unit in units if unit.book is None or unit.origins[0].key in keys]
    left_out = len(closed) - len(wanted)
    return Plan(source, tuple(books), kept, tuple(figures), left_out=left_out, expected=len(rows) - left_out)


def _book(key: str, start: datetime, symbols: AbstractSet[str], wishes: Wishes, source: Source) -> Book:
    return Book(
        key=key,
        name=f"{source.name} {key}",
        strategy_name=wishes.strategy_name,
        symbol=min(symbols) if len(symbols) == 1 else ANY_SYMBOL,
        timeframe="none",
        mode=wishes.mode,
        initial_balance=wishes.initial_balance,
        base_currency=key.partition(" ")[0],
        start_time=start,
        exchange=_EXCHANGES.get(source.kind),
    )
