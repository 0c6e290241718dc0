"""What freqtrade recorded, as orders and fills of positions; pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from functools import partial
from itertools import groupby
from operator import itemgetter
from typing import Final, NamedTuple

from atb_db.importing.errors import Unfit
from atb_db.importing.freqtrade_file import Contents
from atb_db.importing.plan import Book, Difference, Figure, Ids, Origin, Plan, Row, Source, Step, Unit, quarantined
from atb_db.importing.reading import number, number_or_none, text, text_or_none, utc
from atb_db.repository import account, events, orders, positions
from atb_db.statement import Statement
from atb_db.types import ImportOutcome, OrderStatus, OrderType, PositionSide, TradeSource

_ZERO: Final = Decimal(0)
_CENT: Final = Decimal("0.000001")
_STATUS: Final = {
    "open": OrderStatus.OPEN,
    "closed": OrderStatus.FILLED,
    "canceled": OrderStatus.CANCELLED,
    "cancelled": OrderStatus.CANCELLED,
    "expired": OrderStatus.EXPIRED,
    "rejected": OrderStatus.FAILED,
}
_HOMELESS: Final = (
    *("stake_amount", "max_stake_amount", "amount_requested"),
    *("open_rate_requested", "close_rate_requested", "initial_stop_loss", "stop_loss_pct", "initial_stop_loss_pct"),
    *("max_rate", "min_rate", "interest_rate", "funding_fee_running", "fee_open", "fee_open_cost"),
    *("fee_open_currency", "fee_close", "fee_close_cost", "fee_close_currency", "trading_mode", "exit_order_status"),
)
"""Columns of trades that are kept beside the record, as nothing in the books says them."""


class Choice(NamedTuple):
    """What the operator says of an import."""

    account: str | None = None
    mode: TradeSource = TradeSource.LIVE
    initial_balance: Decimal | None = None
    since: datetime | None = None


def plan_freqtrade(contents: Contents, choice: Choice) -> Plan:
    """Plan an import: a session for each exchange and stake currency, a position for each trade."""
    tables = contents.tables
    rows = tables["trades"]
    wanted = [row for row in rows if choice.since is None or utc(row, "open_date") >= choice.since]
    left = len(rows) - len(wanted)
    by_trade = _grouped(tables["orders"], "ft_trade_id")
    custom = _grouped(tables.get("trade_custom_data", []), "ft_trade_id")
    units: list[Unit] = []
    figures: dict[str, _Sums] = {}
    differences: list[Difference] = []
    there = {row["id"] for row in rows}
    for row in wanted:
        own, notes = by_trade.get(row["id"], []), custom.get(row["id"], [])
        try:
            trade = _trade(row, own)
            units.append(_unit(trade, notes))
        except Unfit as unfit:
            sentence = f"trade {row['id']}: {unfit}"
            units += [quarantined("trades", _key(row), row, sentence)]
            units += [quarantined("orders", _order_key(one), one, sentence) for one in own]
            units += [quarantined("trade_custom_data", str(one["id"]), one, sentence) for one in notes]
            continue
        figures.setdefault(trade.book, _Sums()).add(trade)
        differences += trade.differences
    for trade_id, orphans in by_trade.items():
        if trade_id not in there:
            why = f"its trade {trade_id} was deleted"
            units += [quarantined("orders", _order_key(one), one, why) for one in orphans]
    books = _books(contents, choice, wanted)
    first = books[0].key if books else None
    units += _surroundings(tables, first, choice)
    if choice.since is not None:
        taken = {row["id"] for row in wanted}
        left += sum(len(by_trade.get(row["id"], ())) for row in rows if row["id"] not in taken)
        left += sum(utc(row, "timestamp") < choice.since for row in tables.get("wallet_history", ()))
    return Plan(
        Source("freqtrade", choice.account or contents.name, _fingerprint(contents)),
        tuple(books),
        units,
        tuple(figure for key, sums in figures.items() for figure in sums.figures(key)),
        tuple(differences),
        left,
    )


class _Trade(NamedTuple):
    """A trade with what its orders did."""

    row: Row
    orders: Sequence[Row]
    book: str
    side: PositionSide
    entries: tuple[Row, ...]
    """Filled entry orders."""
    exits: tuple[Row, ...]
    filled: Decimal
    """Usable quantity of all entries: without what fees took of it."""
    dust: Decimal
    """What the exchange's step size left of it, which freqtrade counts as gone."""
    notes: tuple[str, ...]
    differences: tuple[Difference, ...]


class _Sums:
    """What the source says of a session."""

    def __init__(self) -> None:
        self.net = _ZERO
        self.trades = self.open = 0

    def add(self, trade: _Trade) -> None:
        if trade.row.get("is_open"):
            self.open += bool(trade.entries)
        else:
            self.net += number_or_none(trade.row, "close_profit_abs") or _ZERO
            self.trades += 1

    def figures(self, book: str) -> Iterator[Figure]:
        yield Figure(book, "net_pnl", self.net)
        yield Figure(book, "trades", Decimal(self.trades))
        yield Figure(book, "open_positions", Decimal(self.open))


def _trade(row: Row, own: Sequence[Row]) -> _Trade:
    short, is_open = bool(row.get("is_short")), bool(row.get("is_open"))
    entering = "sell" if short else "buy"
    for one in own:
        if text(one, "status") not in _STATUS:
            raise Unfit(f"order {one['order_id']} is {text(one, 'status')[:20]!r}, which is no state of ccxt's")
    filled = [one for one in own if number_or_none(one, "filled")]
    entries = tuple(one for one in filled if text(one, "ft_order_side") == entering)
    exits = tuple(one for one in filled if text(one, "ft_order_side") != entering)
    bought = sum((number(one, "filled") - _fee_base(one) for one in entries), _ZERO)
    sold = sum((number(one, "filled") for one in exits), _ZERO)
    if not is_open and not exits:
        raise Unfit("it is closed, and none of its exit orders was filled")
    if not is_open and sold > bought:
        raise Unfit(f"its exits sold {sold}, and its entries bought {bought}")
    notes: list[str] = []
    if is_open:
        dust, differences = _left_open(row, entries, exits, bought - sold)
    else:
        dust, differences = bought - sold, []
        if dust > _tolerable(row, entries, bought):
            raise Unfit(f"its entries bought {bought}, its exits sold {sold}, and it is closed")
    if dust:
        notes.append(f"{dust:f} {row.get('base_currency') or ''} that fees and step size left are written off".strip())
    running = number_or_none(row, "funding_fee_running") or _ZERO
    if running and not is_open:
        notes.append(f"funding of {running} was paid after its last order, and is in no profit of freqtrade's")
        differences.append(Difference(f"trade {row['id']} of {row['pair']}: funding", str(running), "not booked"))
    return _Trade(
        row,
        own,
        _book_of(row),
        PositionSide.SHORT if short else PositionSide.LONG,
        entries,
        exits,
        bought,
        dust,
        tuple(notes),
        tuple(differences),
    )


def _tolerable(row: Row, entries: Sequence[Row], bought: Decimal) -> Decimal:
    """What fees and the exchange's step size may leave."""
    steps = (number_or_none(row, "amount_precision") or _ZERO) * len(entries)
    return max(steps, bought * Decimal("0.002"))


def _left_open(
    row: Row, entries: Sequence[Row], exits: Sequence[Row], held: Decimal
) -> tuple[Decimal, list[Difference]]:
    """What is to be written off of an open trade, and where its quantity is not what freqtrade says."""
    if not entries:
        return _ZERO, []
    said = number_or_none(row, "amount") or _ZERO
    leaving = sum((number(one, "filled") for one in exits if text(one, "status") == "open"), _ZERO)
    entering = sum((number(one, "filled") for one in entries if text(one, "status") == "open"), _ZERO)
    dust = held - (said - leaving + entering)
    subject = f"trade {row['id']} of {row['pair']}: open quantity"
    if not 0 <= dust <= _tolerable(row, entries, held):
        return _ZERO, [Difference(subject, f"{said:f}", f"{held:f}")]
    if leaving or entering:
        so_far = f"{held - dust:f}, with what its open orders were filled with so far"
        return dust, [Difference(subject, f"{said:f}", so_far)]
    return dust, []


def _unit(trade: _Trade, custom: Sequence[Row]) -> Unit:
    row = trade.row
    entering = "sell" if trade.side is PositionSide.SHORT else "buy"
    entry_orders = [one for one in trade.orders if text(one, "ft_order_side") == entering]
    if not entry_orders:
        raise Unfit("it has no entry order")
    plan_key, first_filled = _order_key(entry_orders[0]), trade.entries[0] if trade.entries else entry_orders[-1]
    last_exit = trade.exits[-1] if trade.exits and not row.get("is_open") else None
    moments: list[tuple[datetime, int, Step]] = []
    grown = False
    for place, one in enumerate(trade.orders):
        kind = _kind(one, entering, grown=grown, closes=one is last_exit)
        grown = grown or one is first_filled
        is_plan = _order_key(one) == plan_key
        make = partial(_order, trade=trade, row=one, kind=kind, plan_key=None if is_plan else plan_key)
        moments.append((utc(one, "order_date"), place, Step(make, order=_order_key(one))))
        if one is last_exit and trade.dust:
            moments.append((_moment(one), place, Step(partial(_write_off, trade=trade, plan_key=plan_key, row=one))))
        moments.append((_moment(one), place, Step(partial(_report, trade=trade, row=one))))
        if funding := number_or_none(one, "funding_fee"):
            paid = partial(_funding, row=one, plan_key=plan_key, amount=funding, at=_moment(one))
            moments.append((_moment(one), place, Step(paid)))
    steps = [step for _, _, step in sorted(moments, key=itemgetter(0, 1))]
    if trade.dust and last_exit is None:
        steps.append(Step(partial(_write_off, trade=trade, plan_key=plan_key, row=trade.orders[-1])))
    if row.get("is_open") and trade.entries and (stop := number_or_none(row, "stop_loss")):
        steps.append(Step(partial(_stop, plan_key=plan_key, stop=stop, at=_moment(trade.orders[-1]))))
    extra = {name: row.get(name) for name in _HOMELESS if row.get(name) not in (None, "")}
    extra |= {"custom_data": {str(one["cd_key"]): one["cd_value"] for one in custom}} if custom else {}
    origins = [
        Origin(
            *("trades", _key(row), row),
            ImportOutcome.ADJUSTED if trade.notes else ImportOutcome.RECORD,
            "; ".join(trade.notes) or None,
            extra,
            "positions",
            plan_key,
            of_position=True,
        ),
        *(
            Origin(
                *("orders", _order_key(one), one),
                extra={"stop_price": one["stop_price"]} if one.get("stop_price") else None,
                target_table="orders",
                target=_order_key(one),
            )
            for one in trade.orders
        ),
        *(
            Origin(
                *("trade_custom_data", str(one["id"]), one),
                target_table="positions",
                target=plan_key,
                of_position=True,
            )
            for one in custom
        ),
    ]
    return Unit(trade.book, tuple(steps), tuple(origins))


def _kind(row: Row, entering: str, *, grown: bool, closes: bool) -> OrderType:
    side = text(row, "ft_order_side")
    if side == entering:
        return OrderType.SCALE_IN if grown else OrderType.ENTRY
    if side == "stoploss":
        return OrderType.STOP_LOSS
    return OrderType.FULL_EXIT if closes else OrderType.PARTIAL_EXIT


def _order(ids: Ids, *, trade: _Trade, row: Row, kind: OrderType, plan_key: str | None) -> Statement[object]:
    of = trade.row
    tag = text_or_none(row, "ft_order_tag")
    ends = kind in {OrderType.FULL_EXIT, OrderType.STOP_LOSS} and not of.get("is_open")
    reason = (text_or_none(of, "exit_reason") if ends else None) or tag
    plans = plan_key is None
    return orders.create_order(
        session_id=ids.session_id,
        order_type=kind,
        symbol=text(of, "pair"),
        side=trade.side,
        quantity=number_or_none(row, "amount") or number(row, "ft_amount"),
        internal_order_id=_order_key(row),
        price=number_or_none(row, "price") or number_or_none(row, "stop_price"),
        position_id=None if plan_key is None else ids.position(plan_key),
        status=OrderStatus.OPEN,
        exchange_order_id=text(row, "order_id"),
        strategy_name=text_or_none(of, "strategy"),
        reason=reason,
        stop_loss=(number_or_none(of, "initial_stop_loss") or number_or_none(of, "stop_loss")) if plans else None,
        trailing_stop=plans and bool(of.get("is_stop_loss_trailing")),
        exchange=text_or_none(of, "exchange") if plans else None,
        leverage=number_or_none(of, "leverage") or None if plans else None,
        liquidation_price=number_or_none(of, "liquidation_price") if plans else None,
        entry_tag=text_or_none(of, "enter_tag") if plans else None,
        base_asset=(text_or_none(of, "base_currency") or text(of, "pair").partition("/")[0]) if plans else None,
        # Whatever the pair says: freqtrade counts every profit in the stake currency.
        settlement_currency=_stake_currency(of) if plans else None,
        created_at=utc(row, "order_date"),
        request_id=ids.request(f"order {_order_key(row)}"),
    )


def _report(ids: Ids, *, trade: _Trade, row: Row) -> Statement[object]:
    filled = number_or_none(row, "filled") or _ZERO
    is_entry = row in trade.entries
    commission = _commission(trade, row, filled, is_entry=is_entry) if filled else None
    price = number_or_none(row, "average") or number_or_none(row, "price") or number_or_none(row, "ft_price")
    fee = _fee_base(row)
    if fee and is_entry:
        # Only a single execution can say that its fee was taken from what it bought.
        return orders.record_fill(
            order_id=ids.order(_order_key(row)),
            exchange_fill_id=text(row, "order_id"),
            quantity=filled,
            price=price or _ZERO,
            fee=fee,
            fee_currency=text_or_none(trade.row, "base_currency") or text(trade.row, "pair").partition("/")[0],
            commission=commission,
            filled_at=_moment(row),
        )
    return orders.update_order_status(
        order_id=ids.order(_order_key(row)),
        status=_STATUS[text(row, "status")],
        filled_quantity=filled or None,
        filled_price=price if filled else None,
        commission=commission,
        failure_reason=text_or_none(row, "ft_cancel_reason"),
        timestamp=_moment(row),
    )


def _commission(trade: _Trade, row: Row, filled: Decimal, *, is_entry: bool) -> Decimal:
    """What freqtrade subtracts: its rate of the value, of an entry's usable part only."""
    price = number_or_none(row, "average") or number_or_none(row, "price") or number_or_none(row, "ft_price") or _ZERO
    rate = number_or_none(trade.row, "fee_open" if is_entry else "fee_close") or _ZERO
    usable = filled
    if is_entry:
        usable = (filled - _fee_base(row)) * (trade.filled - trade.dust) / trade.filled
    return round(usable * price * rate, 18)


def _write_off(ids: Ids, *, trade: _Trade, plan_key: str, row: Row) -> Statement[object]:
    sold = number(row, "filled") if row in trade.exits and not trade.row.get("is_open") else None
    held = (
        sold if sold is not None else trade.filled - trade.dust - sum((number(x, "filled") for x in trade.exits), _ZERO)
    )
    return positions.correct_position_quantity(
        position_id=ids.position(plan_key),
        quantity=held,
        reason="fees and step size left less than was bought",
        timestamp=_moment(row),
        request_id=ids.request(f"write-off {_key(trade.row)} {held}"),
    )


def _stop(ids: Ids, *, plan_key: str, stop: Decimal, at: datetime) -> Statement[object]:
    return positions.update_position(position_id=ids.position(plan_key), stop_loss=stop, last_update=at)


def _funding(ids: Ids, *, row: Row, plan_key: str, amount: Decimal, at: datetime) -> Statement[object]:
    return positions.record_funding(
        position_id=ids.position(plan_key),
        amount=amount,
        timestamp=at,
        request_id=ids.request(f"funding {_order_key(row)}"),
    )


def _surroundings(tables: Mapping[str, Sequence[Row]], book: str | None, choice: Choice) -> Iterator[Unit]:
    """Pair locks as events, wallets as snapshots; what is the bot's own business is kept as it is."""
    for row in tables.get("pairlocks", ()):
        origin = Origin("pairlocks", str(row["id"]), row, target_table="system_events", target="event")
        yield Unit(book, (Step(partial(_lock, row=row), target="event"),), (origin,))
    for row in tables.get("wallet_history", ()):
        if choice.since is not None and utc(row, "timestamp") < choice.since:
            continue
        origin = Origin("wallet_history", str(row["id"]), row, target_table="account_history", target="snapshot")
        if book is None or not book.endswith(f" {row.get('currency')}"):
            why = "a wallet in another currency than the session's, kept as it was"
            kept = origin._replace(outcome=ImportOutcome.ADJUSTED, reason=why, extra=row, target=None)
            yield Unit(None, (), (kept._replace(target_table=None),))
            continue
        yield Unit(book, (Step(partial(_snapshot, row=row), target="snapshot"),), (origin,))
    for row in tables.get("KeyValueStore", ()):
        why = "freqtrade's own business, kept as it was"
        yield Unit(None, (), (Origin("KeyValueStore", str(row["key"]), row, ImportOutcome.ADJUSTED, why, extra=row),))


def _lock(ids: Ids, *, row: Row) -> Statement[object]:
    until = f"{utc(row, 'lock_end_time'):%Y-%m-%d %H:%M:%S} UTC"
    return events.log_event(
        event_type="WARNING",
        severity="INFO",
        message=f"{row['pair']} is locked until {until}: {row.get('reason') or 'no reason given'}",
        session_id=ids.session_id,
        timestamp=utc(row, "lock_time"),
        details={name: row.get(name) for name in ("pair", "side", "reason", "lock_end_time", "active")},
        component="freqtrade pairlocks",
        request_id=ids.request(f"pair lock {row['id']}"),
    )


def _snapshot(ids: Ids, *, row: Row) -> Statement[object]:
    return account.log_account_snapshot(
        session_id=ids.session_id,
        balance=number(row, "balance"),
        equity=number_or_none(row, "total_quote") or number(row, "balance"),
        timestamp=utc(row, "timestamp"),
        request_id=ids.request(f"wallet {row['id']}"),
    )


def _books(contents: Contents, choice: Choice, wanted: Sequence[Row]) -> list[Book]:
    found = []
    for key in dict.fromkeys(_book_of(row) for row in wanted):
        own = [row for row in wanted if _book_of(row) == key]
        strategies = [text_or_none(row, "strategy") or "unknown" for row in own]
        currency = key.rpartition(" ")[2]
        wallets = [row for row in contents.tables.get("wallet_history", []) if row.get("currency") == currency]
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


def _timeframe(minutes: int) -> str:
    for unit, length in (("w", 10080), ("d", 1440), ("h", 60)):
        if minutes and minutes % length == 0:
            return f"{minutes // length}{unit}"
    return f"{minutes}m" if minutes else "none"


def _stake_currency(row: Row) -> str:
    return text_or_none(row, "stake_currency") or text(row, "pair").partition("/")[2].partition(":")[0]


def _book_of(row: Row) -> str:
    return f"{text_or_none(row, 'exchange') or 'unknown'} {_stake_currency(row)}"


def _key(row: Row) -> str:
    """Freqtrade uses the ids of deleted trades again: with the time of opening it is one trade."""
    return f"{row['id']} {row['open_date']}"


def _order_key(row: Row) -> str:
    return f"{row['id']}:{row['order_id']}"


def _fee_base(row: Row) -> Decimal:
    return number_or_none(row, "ft_fee_base") or _ZERO


def _moment(row: Row) -> datetime:
    for name in ("order_filled_date", "order_update_date", "order_date"):
        if row.get(name):
            return utc(row, name)
    raise Unfit(f"order {row['order_id']} has no time")


def _grouped(rows: Sequence[Row], column: str) -> dict[object, list[Row]]:
    def key(row: Row) -> int:
        return int(str(row[column]))

    return {found: list(group) for found, group in groupby(sorted(rows, key=key), key=key)}


def _fingerprint(contents: Contents) -> str:
    """What does not change in a bot's file while it trades on."""
    kept = {row["key"]: row for row in contents.tables.get("KeyValueStore", [])}
    started = kept.get("bot_start_time", {}).get("datetime_value")
    first = contents.tables["orders"][0]["order_id"] if contents.tables["orders"] else None
    return f"{started or ''} {first or ''}".strip() or "empty"
