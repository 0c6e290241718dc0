"""Binance's spot trade history: newest first, without any id, with units glued to the numbers."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from atb_db.importing.errors import Unfit
from atb_db.importing.executions import Execution
from atb_db.importing.formats.keys import Keys
from atb_db.importing.plan import Row, Unit, quarantined
from atb_db.importing.reading import number, text, utc

COLUMNS: Final = frozenset({"Date(UTC)", "Pair", "Side", "Price", "Executed", "Amount", "Fee"})
_QUOTES: Final = (
    *("FDUSD", "TUSD", "USDT", "USDC", "BUSD", "USDP", "DAI", "EUR", "GBP", "TRY", "BRL", "AUD", "JPY", "PLN", "RON"),
    *("UAH", "RUB", "ZAR", "ARS", "MXN", "COP", "CZK", "IDRT", "BIDR", "NGN", "VAI", "BTC", "ETH", "BNB", "XRP", "TRX"),
    *("DOGE", "DOT", "SOL", "PAX", "UST", "USDS", "AEUR", "EURI", "USD1", "USD"),
)


def executions(rows: Sequence[Row]) -> tuple[list[Execution], list[Unit]]:
    """The executions, oldest first, and what goes into quarantine.

    Rows that are equal in every column are all real: they are numbered in the order of the file.
    """
    keys = Keys(sorted(COLUMNS))
    found, bad = [], []
    for row in reversed(rows):
        key = keys.next(row)
        try:
            found.append(_execution(key, row))
        except Unfit as why:
            bad.append(quarantined("trades", key, row, f"{why}"))
    return sorted(found, key=lambda one: one.at), bad


def split_pair(pair: str, amount: str) -> tuple[str, str]:
    """Base asset and quote currency of a pair's name; the unit behind the amount decides where it can.

    Raises:
        Unfit: neither says where the name is to be divided.
    """
    candidates = [quote for quote in _QUOTES if pair.endswith(quote) and len(pair) > len(quote)]
    for quote in candidates:
        if amount.endswith(quote):
            return pair[: -len(quote)], quote
    raise Unfit(f"the pair {pair} has no quote currency that the amount {amount!r} is in")


def unglued(value: str, units: Sequence[str]) -> tuple[Decimal, str]:
    """The number and the unit of a text such as 2,500.50000000001INCH, which is 2500.5 of 1INCH.

    Raises:
        Unfit: it ends with none of the units.
    """
    for unit in sorted(units, key=len, reverse=True):
        if value.endswith(unit) and value != unit:
            return number({"amount": value[: -len(unit)]}, "amount"), unit
    raise Unfit(f"{value[:40]!r} is in none of {', '.join(units)}")


def _execution(key: str, row: Row) -> Execution:
    pair, side = text(row, "Pair"), text(row, "Side").upper()
    base, quote = split_pair(pair, text(row, "Amount"))
    if side not in {"BUY", "SELL"}:
        raise Unfit(f"Side is {side[:20]!r}, not BUY or SELL")
    quantity, _ = unglued(text(row, "Executed"), [base])
    if quantity <= 0:
        raise Unfit(f"Executed is {quantity}")
    fee, currency = _fee(text(row, "Fee"), base, quote)
    return Execution(
        key=key,
        row=row,
        book=quote,
        symbol=pair,
        is_buy=side == "BUY",
        quantity=quantity,
        price=number(row, "Price"),
        at=utc(row, "Date(UTC)"),
        base=base,
        fee=fee,
        fee_currency=currency,
        commission=Decimal(0) if fee == 0 else None,
    )


def _fee(value: str, base: str, quote: str) -> tuple[Decimal, str]:
    try:
        return unglued(value, [base, quote, "BNB"])
    except Unfit:
        digits = value.rstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
        if digits == value or not digits:
            raise
        return number({"Fee": digits}, "Fee"), value[len(digits) :]
