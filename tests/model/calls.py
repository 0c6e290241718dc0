"""Acts as calls of the repository, with the ids that the database has given to what a script names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import cast
from uuid import UUID, uuid5

from atb_db.repository import account, orders, positions, sessions
from atb_db.statement import Statement
from tests.model.acts import MOVED, Act
from tests.model.records import Contract


class Names:
    """What the labels of a script are called in the database."""

    def __init__(self, sessions: list[int], namespace: UUID) -> None:
        self.sessions = sessions
        self.orders: dict[str, int] = {}
        self.positions: dict[str, int] = {}
        self._namespace = namespace

    def knows(self, act: Act) -> bool:
        """Whether all that the act refers to is there."""
        needs = act.name in ("fill", "report", "link", "amend")
        return (
            (not needs or act.label in self.orders)
            and self._known("adopted", self.orders, act)
            and self._known("position", self.positions, act)
            and (act.name not in ("move", "link") or act.given["position"] is not None)
        )

    @staticmethod
    def _known(name: str, among: Mapping[str, int], act: Act) -> bool:
        value = act.given.get(name)
        return value is None or value in among

    def key(self, act: Act) -> UUID:
        """The same act has the same request_id."""
        return uuid5(self._namespace, f"{self.sessions[0]}:{act.label}")

    def statement(self, act: Act) -> Statement[int]:
        """The act as a call of the repository."""
        given, label = dict(act.given), act.label
        at, contract = given.pop("at"), given.pop("contract", None)
        ids = self._ids(label, cast("tuple[int, str] | None", given.pop("known_as", None)))
        if "session" in given:
            given["session_id"] = self.sessions[cast("int", given.pop("session"))]
        if act.name == "end":
            return _call(sessions.end_trading_session, end_time=at, **given)
        if act.name == "amend":
            return _call(
                orders.update_order_status, order_id=self.orders[label], exchange_order_id=given["name"], timestamp=at
            )
        if act.name == "fill":
            given = {"exchange_fill_id": given.pop("name"), "fee_currency": given.pop("currency"), **_renamed(given)}
            return _call(orders.record_fill, filled_at=at, **ids, **given)
        if act.name == "report":
            given = {"filled_quantity": given.pop("total"), "filled_price": given.pop("average"), **_renamed(given)}
            return _call(orders.update_order_status, timestamp=at, **ids, **given)
        position = given.pop("position", None)
        held = {"position_id": None if position is None else self.positions[str(position)]}
        if act.name == "link":
            return _call(orders.link_order_to_position, timestamp=at, **ids, **held)
        return self._keyed(act, given, contract, held)

    def _ids(self, label: str, known_as: tuple[int, str] | None) -> dict[str, object]:
        """Our id, or the client id, or one that the exchange has given the order, now or before it was amended."""
        if known_as is None:
            return {"order_id": self.orders.get(label)}
        number, name = known_as
        return {
            "session_id": self.sessions[number],
            "internal_order_id" if name.startswith("client-") else "exchange_order_id": name,
        }

    def _keyed(
        self, act: Act, given: dict[str, object], contract: object, held: dict[str, int | None]
    ) -> Statement[int]:
        """What makes rows, and makes them once for its request_id."""
        at = act.given["at"]
        own: dict[str, object] = {"request_id": self.key(act)}
        traded = _traded(contract) if isinstance(contract, Contract) else {}
        if act.name == "move_to":
            return _call(positions.move_position_to_session, timestamp=at, reason=MOVED, **held, **own, **given)
        if act.name in ("carry", "transfer", "correct_quantity", "correct_price"):
            return self._money(act.name, given, at=at, own=own | held)
        if act.name == "journal":
            amount = 100 if given.pop("by_amount") else None
            given = {"order_type": given.pop("kind"), "quote_quantity": amount, **given}
            named: dict[str, object] = {"symbol": "BTCUSDT", "internal_order_id": f"client-{act.label}"}
            return _call(orders.create_order, created_at=at, **named, **held, **given, **traded, **own)
        adopted = given.pop("adopted")
        own["order_id"] = None if adopted is None else self.orders[str(adopted)]
        fee, price = given.pop("fee"), given.pop("price")
        if act.name == "open":
            named = {"symbol": "BTCUSDT", "strategy_name": "model", "entry_time": at}
            return _call(
                positions.open_position, entry_price=price, entry_commission=fee, **named, **given, **traded, **own
            )
        own["commission"] = fee
        return self._moving(given, own | held, price=price, at=at)

    def _money(self, name: str, given: dict[str, object], *, at: object, own: dict[str, object]) -> Statement[int]:
        """What is no trade: its balance is not what is compared."""
        if name == "correct_quantity":
            return _call(positions.correct_position_quantity, timestamp=at, reason="found", **given, **own)
        if name == "correct_price":
            return _call(positions.correct_entry_price, timestamp=at, reason="found", entry_price=given["price"], **own)
        change, kind = given["change"], given["kind"]
        if name == "carry":
            if kind == "FUNDING":
                return _call(positions.record_funding, amount=change, timestamp=at, **own)
            return _call(positions.record_margin_interest, cost=-change, timestamp=at, **own)  # type: ignore[operator]
        own = {"request_id": own["request_id"], "amount": change, "timestamp": at, "session_id": given["session_id"]}
        if kind == "INTEREST":
            return _call(account.record_interest, **own)
        return _call(account.record_transfer, reason="transfer", **own)

    @staticmethod
    def _moving(given: dict[str, object], own: dict[str, object], *, price: object, at: object) -> Statement[int]:
        kind, interest = given.pop("kind"), given.pop("interest")
        if kind == "SCALE_IN":
            part = {"size": given["size"], "quantity": given["quantity"]}
            return _call(positions.apply_scale_in, price=price, timestamp=at, **part, **own)
        given = _renamed(given)
        if kind == "PARTIAL_EXIT":
            return _call(positions.apply_partial_exit, price=price, timestamp=at, **given, **own)
        own["margin_interest_cost"] = interest
        whole = {"exit_reason": given["reason"], "pnl": given["pnl"], "settlement_rate": given["settlement_rate"]}
        return _call(positions.close_position, exit_price=price, exit_time=at, **whole, **own)


def _call(
    declaration: Callable[..., Statement[int]] | Callable[..., Statement[Decimal]], **arguments: object
) -> Statement[int]:
    """The statement's value; the server, not a type checker, is asked what it says to these arguments.

    Nobody looks at a balance that it answers.
    """
    return cast("Statement[int]", declaration(**arguments))


def _renamed(given: dict[str, object]) -> dict[str, object]:
    return {"settlement_rate": given.pop("rate"), **given}


def _traded(contract: Contract) -> dict[str, object]:
    return {
        "contract": contract.kind, "contract_size": contract.size, "base_asset": contract.base_asset,
        "settlement_currency": None if contract.currency == "USDT" else contract.currency,
        "settlement_rate": contract.rate,
    }  # fmt: skip
