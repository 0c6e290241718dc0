"""One run of an import: what is known of earlier ones, and the ids that steps need of those before."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final
from uuid import UUID

from atb_db.database.sync.transaction import Transaction
from atb_db.errors import NotFound
from atb_db.importing.plan import Ids
from atb_db.repository import imports, orders
from atb_db.repository.imports import ImportedKey
from atb_db.values import request_id_of

BOOKS: Final = "(book)"
"""In the place of a source's table: the sessions that were made."""


class Run(Ids):
    """One run on one connection; `Ids` for the steps of the unit at hand."""

    def __init__(self, source_id: int, known: Iterable[ImportedKey]) -> None:
        self.source_id = source_id
        self.session_id = 0
        self.known = {(row.source_table, row.source_key): row for row in known}
        self.sessions: dict[str, int] = {}
        self._orders: dict[tuple[int, str], int] = {}
        self._positions: dict[tuple[int, str], int] = {}
        self._looked_up: set[int] = set()
        self._transaction: Transaction | None = None

    def within(self, transaction: Transaction, session_id: int | None) -> None:
        """What comes is of this session, whose orders are looked up the first time."""
        self._transaction, self.session_id = transaction, session_id or 0
        if session_id is None or session_id in self._looked_up:
            return
        for one in transaction.run(imports.get_order_keys(session_id=session_id)):
            if one.internal_order_id is not None:
                self._orders[session_id, one.internal_order_id] = one.id
                if one.position_id is not None:
                    self._positions[session_id, one.internal_order_id] = one.position_id
        self._looked_up.add(session_id)

    def forget(self) -> None:
        """What was made in a transaction that was rolled back."""
        self._orders.clear()
        self._positions.clear()
        self._looked_up.clear()

    def made(self, key: str, order_id: int) -> None:
        """An order was made under this key."""
        self._orders[self.session_id, key] = order_id

    def knows(self, key: str) -> bool:
        """Whether an order was made under this key, now or earlier."""
        return (self.session_id, key) in self._orders

    def order(self, key: str) -> int:
        """As `Ids.order`."""
        if not self.knows(key):
            raise NotFound(f"order {key} was not imported")
        return self._orders[self.session_id, key]

    def position(self, key: str) -> int:
        """As `Ids.position`."""
        order_id = self.order(key)
        found = self._positions.get((self.session_id, key))
        if found is None and self._transaction is not None:
            found = self._transaction.run(orders.get_order(order_id=order_id)).position_id
        if found is None:
            raise NotFound(f"order {key} has no position")
        self._positions[self.session_id, key] = found
        return found

    def request(self, key: str) -> UUID:
        """As `Ids.request`."""
        return request_id_of(f"import {self.source_id}: {key}")
