"""The steps of one trade of freqtrade's: orders, what they were filled with, funding, write-offs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from functools import partial
from operator import itemgetter
from typing import Final

from atb_db.importing.errors import Unfit
from atb_db.importing.freqtrade.trade import (
    STATUS,
    ReplayedTrade,
    fee_in_base,
    moment_of,
    order_key,
    stake_currency,
    trade_key,
)
from atb_db.importing.plan import Ids, Origin, Row, Step, Unit
from atb_db.importing.reading import number, number_or_none, text, text_or_none, utc
from atb_db.repository import orders, positions
from atb_db.statement import Statement
from atb_db.types import ImportOutcome, OrderStatus, OrderType, PositionSide

_ZERO: Final = Decimal(0)


_KEPT_BESIDE: Final = (
    *("stake_amount", "max_stake_amount", "amount_requested"),
    *("open_rate_requested", "close_rate_requested", "initial_stop_loss", "stop_loss_pct", "initial_stop_loss_pct"),
    *("max_rate", "min_rate", "interest_rate", "funding_fee_running", "fee_open", "fee_open_cost"),
    *("fee_open_currency", "fee_close", "fee_close_cost", "fee_close_currency", "trading_mode", "exit_order_status"),
)
"""Columns of trades that are kept beside the record, as nothing in the books says them."""


def trade_unit(trade: ReplayedTrade, custom: Sequence[Row]) -> Unit:
    """The unit of a trade: its orders with what they were filled with, in the order of time.

    Raises:
        Unfit: it has no entry order.
    """
    row = trade.row
    entering = "sell" if trade.side is PositionSide.SHORT else "buy"
    entry_orders = [one for one in trade.orders if text(one, "ft_order_side") == entering]
    if not entry_orders:
        raise Unfit("it has no entry order")
    plan_key, first_filled = order_key(entry_orders[0]), trade.entries[0] if trade.entries else entry_orders[-1]
    last_exit = trade.exits[-1] if trade.exits and not row.get("is_open") else None
    moments: list[tuple[datetime, int, Step]] = []
    grown = False
    for place, one in enumerate(trade.orders):
        kind = _kind(one, entering, grown=grown, closes=one is last_exit)
        grown = grown or one is first_filled
        is_plan = order_key(one) == plan_key
        make = partial(_order, trade=trade, row=one, kind=kind, plan_key=None if is_plan else plan_key)
        moments.append((utc(one, "order_date"), place, Step(make, order=order_key(one), plans=is_plan)))
        if one is last_exit and trade.dust:
            moments.append((moment_of(one), place, Step(partial(_write_off, trade=trade, plan_key=plan_key, row=one))))
        moments.append((moment_of(one), place, Step(partial(_report, trade=trade, row=one))))
        if funding := number_or_none(one, "funding_fee"):
            paid = partial(_funding, row=one, plan_key=plan_key, amount=funding, at=moment_of(one))
            moments.append((moment_of(one), place, Step(paid)))
    steps = [step for _, _, step in sorted(moments, key=itemgetter(0, 1))]
    if trade.dust and last_exit is None:
        steps.append(Step(partial(_write_off, trade=trade, plan_key=plan_key, row=trade.orders[-1])))
    if row.get("is_open") and trade.entries and (stop := number_or_none(row, "stop_loss")):
        liquidation = number_or_none(row, "liquidation_price")
        at = moment_of(trade.orders[-1])
        steps.append(Step(partial(_stop, plan_key=plan_key, stop=stop, liquidation=liquidation, at=at)))
    extra = {name: row.get(name) for name in _KEPT_BESIDE if row.get(name) not in (None, "")}
    extra |= {"custom_data": {str(one["cd_key"]): one["cd_value"] for one in custom}} if custom else {}
    origins = [
        Origin(
            *("trades", trade_key(row), row),
            ImportOutcome.ADJUSTED if trade.notes else ImportOutcome.RECORD,
            "; ".join(trade.notes) or None,
            extra,
            "positions",
            plan_key,
            of_position=True,
        ),
        *(
            Origin(
                *("orders", order_key(one), one),
                extra={"stop_price": one["stop_price"]} if one.get("stop_price") else None,
                target_table="orders",
                target=order_key(one),
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


def _order(ids: Ids, *, trade: ReplayedTrade, row: Row, kind: OrderType, plan_key: str | None) -> Statement[object]:
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
        internal_order_id=order_key(row),
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
        settlement_currency=stake_currency(of) if plans else None,
        created_at=utc(row, "order_date"),
        request_id=ids.request(f"order {order_key(row)}"),
    )


def _report(ids: Ids, *, trade: ReplayedTrade, row: Row) -> Statement[object]:
    filled = number_or_none(row, "filled") or _ZERO
    is_entry = row in trade.entries
    commission = _commission(trade, row, filled, is_entry=is_entry) if filled else None
    price = number_or_none(row, "average") or number_or_none(row, "price") or number_or_none(row, "ft_price")
    fee = fee_in_base(row)
    if fee and is_entry:
        # Only a single execution can say that its fee was taken from what it bought.
        return orders.record_fill(
            session_id=ids.session_id,
            internal_order_id=order_key(row),
            exchange_fill_id=text(row, "order_id"),
            quantity=filled,
            price=price or _ZERO,
            fee=fee,
            fee_currency=text_or_none(trade.row, "base_currency") or text(trade.row, "pair").partition("/")[0],
            commission=commission,
            filled_at=moment_of(row),
        )
    return orders.update_order_status(
        session_id=ids.session_id,
        internal_order_id=order_key(row),
        status=STATUS[text(row, "status")],
        filled_quantity=filled or None,
        filled_price=price if filled else None,
        commission=commission,
        failure_reason=text_or_none(row, "ft_cancel_reason"),
        timestamp=moment_of(row),
    )


def _commission(trade: ReplayedTrade, row: Row, filled: Decimal, *, is_entry: bool) -> Decimal:
    """What freqtrade subtracts: its rate of the value, of an entry's usable part only."""
    price = number_or_none(row, "average") or number_or_none(row, "price") or number_or_none(row, "ft_price") or _ZERO
    rate = number_or_none(trade.row, "fee_open" if is_entry else "fee_close") or _ZERO
    usable = filled
    if is_entry:
        usable = (filled - fee_in_base(row)) * (trade.filled - trade.dust) / trade.filled
    return round(usable * price * rate, 18)


def _write_off(ids: Ids, *, trade: ReplayedTrade, plan_key: str, row: Row) -> Statement[object]:
    sold = number(row, "filled") if row in trade.exits and not trade.row.get("is_open") else None
    held = (
        sold if sold is not None else trade.filled - trade.dust - sum((number(x, "filled") for x in trade.exits), _ZERO)
    )
    return positions.correct_position_quantity(
        position_id=ids.position(plan_key),
        quantity=held,
        reason="fees and step size left less than was bought",
        timestamp=moment_of(row),
        request_id=ids.request(f"write-off {trade_key(trade.row)} {held}"),
    )


def _stop(ids: Ids, *, plan_key: str, stop: Decimal, liquidation: Decimal | None, at: datetime) -> Statement[object]:
    return positions.update_position(
        position_id=ids.position(plan_key), stop_loss=stop, liquidation_price=liquidation, last_update=at
    )


def _funding(ids: Ids, *, row: Row, plan_key: str, amount: Decimal, at: datetime) -> Statement[object]:
    return positions.record_funding(
        position_id=ids.position(plan_key),
        amount=amount,
        timestamp=at,
        request_id=ids.request(f"funding {order_key(row)}"),
    )
