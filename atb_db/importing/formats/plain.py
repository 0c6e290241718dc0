"""The plain layout, for trades of any other origin: time, symbol, side, quantity, price, and what else is known."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Final

from atb_db.importing.errors import Unfit, UnusableSource
from atb_db.importing.executions import Execution
from atb_db.importing.formats.keys import Keys, key_of
from atb_db.importing.plan import Row, Unit, quarantined
from atb_db.importing.reading import number, number_or_none, text, text_or_none, utc

NEEDED: Final = ("time", "symbol", "side", "quantity", "price")
OPTIONAL: Final = ("currency", "base", "trade_id", "order_id", "fee", "fee_currency", "reason")
_CODE: Final = re.compile(r"[\w.$-]{1,32}")
_SIDES: Final = {"buy": True, "b": True, "bid": True, "sell": False, "s": False, "ask": False}


def executions(rows: Sequence[Row], *, mapping: Mapping[str, str], currency: str) -> tuple[list[Execution], list[Unit]]:
    """The executions, oldest first, and what goes into quarantine.

    `mapping` is from the file's columns to the layout's; `currency` is that of rows which name none.

    Raises:
        UnusableSource: a column that is needed is missing, or is mapped from one that is not there; or the currency is
            none.
    """
    if not _CODE.fullmatch(currency):
        raise UnusableSource(f"--currency {currency[:20]!r} is no currency's code, such as USDT")
    columns = dict.fromkeys(column for row in rows for column in row)
    if absent := sorted(set(mapping) - set(columns)):
        raise UnusableSource(f"the file has no column {absent[0]}; it has {', '.join(sorted(columns))}")
    if unknown := sorted(set(mapping.values()) - {*NEEDED, *OPTIONAL}):
        raise UnusableSource(f"there is no field {unknown[0]}; the fields are {', '.join((*NEEDED, *OPTIONAL))}")
    if twice := [field for field, times in Counter(mapping.values()).items() if times > 1]:
        raise UnusableSource(f"--map gives the field {twice[0]} to more than one column")
    # A column of the field's own name makes room for the one that is mapped to it, and is kept beside the record.
    fields = {column: mapping.get(column, column) for column in columns}
    fields = {column: field for column, field in fields.items() if column in mapping or field not in mapping.values()}
    there = set(fields.values())
    if rows and (missing := [field for field in NEEDED if field not in there]):
        raise UnusableSource(
            f"no column is {missing[0]}: name one with --map COLUMN={missing[0]}; it has {', '.join(sorted(columns))}"
        )
    keys = Keys((*NEEDED, *OPTIONAL))
    found, bad = [], []
    for row in rows:
        named = {fields[column]: value for column, value in row.items() if column in fields}
        trade_id = text_or_none(named, "trade_id")
        key = keys.next(named) if trade_id is None else key_of(text_or_none(named, "symbol") or "", trade_id)
        try:
            extra = {name: row[name] for name in row if fields.get(name) not in {*NEEDED, *OPTIONAL}}
            found.append(_execution(key, row, named, currency, extra))
        except Unfit as why:
            bad.append(quarantined("trades", key, row, f"{why}"))
    return sorted(found, key=lambda one: one.at), bad


def _execution(key: str, row: Row, named: Row, currency: str, extra: Row) -> Execution:
    side = _SIDES.get(text(named, "side").lower())
    if side is None:
        raise Unfit(f"side is {text(named, 'side')[:20]!r}, not buy or sell")
    quantity, price = number(named, "quantity"), number(named, "price")
    if quantity <= 0:
        raise Unfit(f"quantity is {quantity}")
    fee, fee_currency = number_or_none(named, "fee"), _upper(named, "fee_currency")
    book = (text_or_none(named, "currency") or currency).upper()
    if not _CODE.fullmatch(book):
        raise Unfit(f"currency is {book[:20]!r}, which is no currency's code, such as USDT")
    return Execution(
        key=key,
        row=row,
        book=book,
        symbol=text(named, "symbol"),
        is_buy=side,
        quantity=quantity,
        price=price,
        at=utc(named, "time"),
        base=_upper(named, "base") or _base_of(text(named, "symbol"), book),
        order=text_or_none(named, "order_id"),
        fee=fee,
        fee_currency=(fee_currency or book) if fee is not None else None,
        commission=Decimal(0) if fee == 0 else None,
        reason=text_or_none(named, "reason"),
        extra=extra or None,
    )


def _base_of(symbol: str, book: str) -> str | None:
    """What a symbol such as BTCUSDT or BTC/USDT is of, where it is named after its currency."""
    pair = symbol.upper()
    base = pair.removesuffix(book).rstrip("/-_")
    return base if pair.endswith(book) and _CODE.fullmatch(base) else None


def _upper(row: Row, name: str) -> str | None:
    code = text_or_none(row, name)
    return None if code is None else code.upper()
