"""Kraken's trades.csv: with ids of trades and orders; rows with margin are a book of their own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from atb_db.importing.errors import Unfit
from atb_db.importing.executions import Execution
from atb_db.importing.formats.keys import key_of
from atb_db.importing.plan import Row, Unit, quarantined
from atb_db.importing.reading import number, number_or_none, text, text_or_none, utc

COLUMNS: Final = frozenset({"txid", "ordertxid", "pair", "time", "type", "ordertype", "price", "cost", "fee", "vol"})
_NAMES: Final = {"XBT": "BTC", "XDG": "DOGE"}
_FIAT: Final = ("USDT", "USDC", "USD", "EUR", "GBP", "CAD", "AUD", "CHF", "JPY", "DAI", "XBT", "ETH")
_OLD_LENGTH: Final = 8


def executions(rows: Sequence[Row]) -> tuple[list[Execution], list[Unit]]:
    """The executions, oldest first, and what goes into quarantine."""
    found, bad = [], []
    for number_, row in enumerate(rows, 1):
        key = key_of(text_or_none(row, "txid") or f"row {number_}")
        try:
            text(row, "txid")  # or it would not be known again
            found.append(_execution(key, row))
        except Unfit as why:
            bad.append(quarantined("trades", key, row, f"{why}"))
    return sorted(found, key=lambda one: one.at), bad


def split_pair(pair: str) -> tuple[str, str]:
    """Base asset and quote currency, by their usual names: XXBTZUSD is BTC and USD.

    Raises:
        Unfit: the name ends with no quote currency.
    """
    if len(pair) == _OLD_LENGTH and pair[0] in "XZ" and pair[4] in "XZ":
        return _usual(pair[1:4]), _usual(pair[5:])
    for quote in _FIAT:
        if pair.endswith(quote) and len(pair) > len(quote):
            return _usual(pair[: -len(quote)]), _usual(quote)
    raise Unfit(f"the pair {pair} ends with no quote currency of Kraken")


def _usual(asset: str) -> str:
    return _NAMES.get(asset, asset)


def _execution(key: str, row: Row) -> Execution:
    pair, side = text(row, "pair"), text(row, "type").lower()
    base, quote = split_pair(pair)
    if side not in {"buy", "sell"}:
        raise Unfit(f"type is {side[:20]!r}, not buy or sell")
    margin = number_or_none(row, "margin") or 0
    quantity = number(row, "vol")
    if quantity <= 0:
        raise Unfit(f"vol is {quantity}")
    extra = {"cost": row.get("cost"), "ledgers": row.get("ledgers"), "misc": row.get("misc"), "margin": str(margin)}
    return Execution(
        key=key,
        row=row,
        book=f"{quote} margin" if margin else quote,
        symbol=pair,
        is_buy=side == "buy",
        quantity=quantity,
        price=number(row, "price"),
        at=utc(row, "time"),
        base=base,
        order=text(row, "ordertxid"),
        fee=number_or_none(row, "fee") or number({"fee": 0}, "fee"),
        fee_currency=quote,
        reason=text_or_none(row, "ordertype"),
        extra=extra,
    )
