"""What ccxt's `fetchMyTrades` returned, saved as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Final, NamedTuple, cast

from atb_db.importing.errors import Unfit
from atb_db.importing.executions import Execution
from atb_db.importing.formats.keys import key_of
from atb_db.importing.plan import Row, Unit, quarantined
from atb_db.importing.reading import number, number_or_none, text, text_or_none, utc
from atb_db.types import ContractType

_TOO_LARGE: Final = Decimal("1e18")
COLUMNS: Final = frozenset({"symbol", "side", "price", "amount", "timestamp", "takerOrMaker"})


def executions(rows: Sequence[Row]) -> tuple[list[Execution], list[Unit]]:
    """The executions, oldest first, also those that overlapping pages have twice; and what goes into quarantine."""
    found, bad = [], []
    for number_, row in enumerate(rows, 1):
        try:
            found.append(_execution(row))
        except Unfit as why:
            key = key_of(text_or_none(row, "symbol") or "", text_or_none(row, "id") or f"row {number_}")
            bad.append(quarantined("trades", key, row, f"{why}"))
    return sorted(found, key=lambda one: one.at), bad


class Market(NamedTuple):
    """What a unified symbol says."""

    base: str
    quote: str
    settle: str
    """Currency in which P&L falls due; of spot the quote currency."""
    contract: ContractType
    is_contract: bool


def market(symbol: str) -> Market:
    """The market of a symbol such as BTC/USDT, SOL/USDT:USDT or BTC/USD:BTC.

    Raises:
        Unfit: it is not one of ccxt's.
    """
    base, slash, rest = symbol.partition("/")
    quote, _, settle = rest.partition(":")
    settle = settle.partition("-")[0]
    if not slash or not base or not quote:
        raise Unfit(f"the symbol {symbol[:40]!r} is none of ccxt's, such as BTC/USDT")
    kind = ContractType.INVERSE if settle and settle != quote else ContractType.LINEAR
    return Market(base, quote, settle or quote, kind, bool(settle))


def _execution(row: Row) -> Execution:
    symbol, side = text(row, "symbol"), text(row, "side").lower()
    base, quote, settle, contract, is_contract = market(symbol)
    if side not in {"buy", "sell"}:
        raise Unfit(f"side is {side[:20]!r}, not buy or sell")
    quantity, cost = number(row, "amount"), number_or_none(row, "cost")
    price = number_or_none(row, "price")
    if quantity <= 0:
        raise Unfit(f"amount is {quantity}")
    note = None
    if price is None:
        if cost is None:
            raise Unfit("it has neither price nor cost")
        price, note = cost / quantity, "its price is cost / amount"
    size = _contract_size(contract, quantity, price, cost) if is_contract else Decimal(1)
    fees = _fees(row)
    if len(fees) > 1:
        booked = next((currency for currency in (settle, quote, base) if currency in fees), next(iter(fees)))
        listed = ", ".join(f"{fee} {currency}" for currency, fee in fees.items())
        fees_note = f"of its fees {listed}, that in {booked} is booked"
        note = f"{note}; {fees_note}" if note else fees_note
        fees = {booked: fees[booked]}
    currency, fee = next(iter(fees.items()), (None, None))
    return Execution(
        key=key_of(symbol, text(row, "id")),
        row=row,
        book=settle,
        symbol=symbol,
        is_buy=side == "buy",
        quantity=quantity,
        price=price,
        at=utc(row, "timestamp"),
        base=None if is_contract else base,
        order=text_or_none(row, "order"),
        fee=fee,
        fee_currency=currency,
        commission=Decimal(0) if fee == 0 else None,
        contract=contract,
        contract_size=size,
        settlement_currency=settle if is_contract else None,
        note=note,
        extra={"takerOrMaker": row.get("takerOrMaker"), "type": row.get("type")},
    )


def _contract_size(contract: ContractType, quantity: Decimal, price: Decimal, cost: Decimal | None) -> Decimal:
    """What one contract is worth, in units: ccxt's amount is contracts, and its cost is in the settlement currency."""
    if not cost or not price:
        return Decimal(1)
    exact = cost * price / quantity if contract is ContractType.INVERSE else cost / (quantity * price)
    return whole_units(exact) if exact >= 1 else Decimal(f"{exact:.3g}")


def whole_units(size: Decimal) -> Decimal:
    """A contract's size without what rounding of cost and price has left.

    Raises:
        Unfit: no contract is as large.
    """
    if abs(size) >= _TOO_LARGE:
        raise Unfit(f"by its cost, a contract would be worth {size:.3g} units")
    return size.quantize(Decimal(1))


def _fees(row: Row) -> dict[str, Decimal]:
    """By currency; `fee` and `fees` repeat the same one."""
    listed = row.get("fees") or ([row["fee"]] if row.get("fee") else [])
    sums: dict[str, Decimal] = {}
    for fee in cast("list[object]", listed if isinstance(listed, list) else [listed]):
        if not isinstance(fee, Mapping):
            raise Unfit(f"its fee is {str(fee)[:40]!r}, not cost and currency")
        cost, currency = number_or_none(fee, "cost"), text_or_none(fee, "currency")
        if cost is not None and currency is not None:
            sums[currency] = sums.get(currency, Decimal(0)) + cost
    return sums
