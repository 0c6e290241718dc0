"""Planning the import of a freqtrade file: a session for each exchange and stake currency; pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from itertools import groupby
from typing import Final

from atb_db.importing.errors import Unfit
from atb_db.importing.freqtrade.choice import Choice
from atb_db.importing.freqtrade.file import Contents
from atb_db.importing.freqtrade.steps import trade_unit
from atb_db.importing.freqtrade.surroundings import TIMED, surroundings
from atb_db.importing.freqtrade.trade import ReplayedTrade, book_of, order_key, replayed, trade_key
from atb_db.importing.plan import Book, Difference, Figure, Plan, Row, Source, Unit, quarantined
from atb_db.importing.reading import is_before, number_or_none, text, text_or_none, utc

_ZERO: Final = Decimal(0)


def plan_freqtrade(contents: Contents, choice: Choice) -> Plan:
    """Plan an import: a session for each exchange and stake currency, a position for each trade."""
    tables = contents.tables
    rows = tables["trades"]
    refused = {row["id"]: why for row in rows if (why := _unfit(row)) is not None}
    fit = [row for row in rows if row["id"] not in refused]
    wanted = [row for row in fit if not is_before(row, "open_date", choice.since)]
    left = len(fit) - len(wanted)
    by_trade = _grouped(tables["orders"], "ft_trade_id")
    custom = _grouped(tables.get("trade_custom_data", []), "ft_trade_id")
    units: list[Unit] = []
    figures: dict[str, _Sums] = {}
    differences: list[Difference] = []
    there = {row["id"] for row in rows}
    for row in (*wanted, *(row for row in rows if row["id"] in refused)):
        own, notes = by_trade.get(row["id"], []), custom.get(row["id"], [])
        try:
            if row["id"] in refused:
                raise Unfit(refused[row["id"]])
            trade = replayed(row, own)
            units.append(trade_unit(trade, notes))
        except (Unfit, ArithmeticError) as unfit:
            said = unfit if isinstance(unfit, Unfit) else "its figures are out of all proportion"
            sentence = f"trade {row['id']}: {said}"
            units += [quarantined("trades", trade_key(row), row, sentence)]
            units += [quarantined("orders", order_key(one), one, sentence) for one in own]
            units += [quarantined("trade_custom_data", str(one["id"]), one, sentence) for one in notes]
            continue
        figures.setdefault(trade.book, _Sums()).add(trade)
        differences += trade.differences
    for table, groups in (("orders", by_trade), ("trade_custom_data", custom)):
        for one in (one for trade_id, orphans in groups.items() if trade_id not in there for one in orphans):
            key = order_key(one) if groups is by_trade else str(one["id"])
            units.append(quarantined(table, key, one, f"its trade {one['ft_trade_id']} was deleted"))
    books = _books(contents, choice, wanted)
    first = books[0].key if books else None
    units += surroundings(tables, first, choice)
    if choice.since is not None:
        taken = {row["id"] for row in wanted}
        for groups in (by_trade, custom):
            left += sum(len(groups.get(row["id"], ())) for row in fit if row["id"] not in taken)
        for table, column in TIMED.items():
            left += sum(is_before(row, column, choice.since) for row in tables.get(table, ()))
    return Plan(
        Source("freqtrade", choice.account or contents.name, _fingerprint(contents)),
        tuple(books),
        units,
        tuple(figure for key, sums in figures.items() for figure in sums.figures(key)),
        tuple(differences),
        left,
        sum(len(table) for table in tables.values()) - left,
    )


def _unfit(row: Row) -> str | None:
    """What keeps a trade from having a session, a pair and a start; None where nothing does."""
    try:
        book_of(row)
        text(row, "pair")
        utc(row, "open_date")
        for name in ("close_profit_abs", "timeframe"):
            number_or_none(row, name)
    except Unfit as why:
        return str(why)
    return None


class _Sums:
    """What the source says of a session."""

    def __init__(self) -> None:
        self.net = _ZERO
        self.trades = self.open = 0

    def add(self, trade: ReplayedTrade) -> None:
        if trade.row.get("is_open"):
            self.open += bool(trade.entries)
        else:
            self.net += number_or_none(trade.row, "close_profit_abs") or _ZERO
            self.trades += 1

    def figures(self, book: str) -> Iterator[Figure]:
        yield Figure(book, "net_pnl", self.net)
        yield Figure(book, "trades", Decimal(self.trades))
        yield Figure(book, "open_positions", Decimal(self.open))


def _books(contents: Contents, choice: Choice, wanted: Sequence[Row]) -> list[Book]:
    found = []
    for key in dict.fromkeys(book_of(row) for row in wanted):
        own = [row for row in wanted if book_of(row) == key]
        strategies = [text_or_none(row, "strategy") or "unknown" for row in own]
        currency = key.rpartition(" ")[2]
        wallets = [
            row
            for row in contents.tables.get("wallet_history", [])
            if row.get("currency") == currency and _is_usable(row)
        ]
        start = min(utc(row, "open_date") for row in own)
        balance = choice.initial_balance
        if balance is None and wallets and choice.since is None:
            balance = number_or_none(wallets[0], "total_quote")
            start = min(start, utc(wallets[0], "timestamp"))
        minutes = int(number_or_none(own[0], "timeframe") or 0)
        found.append(
            Book(
                key=key,
                name=f"{choice.account or contents.name} {key}",
                strategy_name=max(strategies, key=strategies.count),
                symbol=text(own[0], "pair") if len({row["pair"] for row in own}) == 1 else "ALL",
                timeframe=_timeframe(minutes),
                mode=choice.mode,
                initial_balance=balance or _ZERO,
                base_currency=currency,
                start_time=start,
                exchange=text_or_none(own[0], "exchange"),
            )
        )
    return found


def _is_usable(wallet: Row) -> bool:
    try:
        utc(wallet, "timestamp")
        number_or_none(wallet, "total_quote")
    except Unfit:
        return False
    return True


def _timeframe(minutes: int) -> str:
    for unit, length in (("w", 10080), ("d", 1440), ("h", 60)):
        if minutes and minutes % length == 0:
            return f"{minutes // length}{unit}"
    return f"{minutes}m" if minutes else "none"


def _grouped(rows: Sequence[Row], column: str) -> dict[object, list[Row]]:
    def key(row: Row) -> int:
        try:
            return int(str(row[column]))
        except ValueError:
            return -1  # of no trade

    return {found: list(group) for found, group in groupby(sorted(rows, key=key), key=key)}


def _fingerprint(contents: Contents) -> str:
    """What does not change in a bot's file while it trades on."""
    kept = {row["key"]: row for row in contents.tables.get("KeyValueStore", [])}
    started = kept.get("bot_start_time", {}).get("datetime_value")
    first = contents.tables["orders"][0]["order_id"] if contents.tables["orders"] else None
    return f"{started or ''} {first or ''}".strip() or "empty"
