"""One run of an import: what is known of earlier ones, and the ids that steps need of those before."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final
from uuid import UUID

from atb_db.database.sync.transaction import Transaction
from atb_db.errors import NotFound
from atb_db.importing.plan import Ids
from atb_db.repository import imports, orders
from atb_db.repository.imports import ImportedKey, PlannedPosition
from atb_db.values import request_id_of

BOOKS: Final = "(book)"
"""In the place of a source's table: the sessions that were made."""


class Awaited(Exception):  # noqa: N818
    """The id of an order that was sent is not known yet."""


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
        self._awaited: set[tuple[int, str]] = set()
        self._fresh: list[tuple[int, str]] = []
        self._requests: dict[str, UUID] = {}
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
        """Forget what was made in a transaction that was rolled back."""
        for key in self._fresh:
            self._orders.pop(key, None)
            self._positions.pop(key, None)
        self.keep()

    def keep(self) -> None:
        """What was made in a transaction is there from now on."""
        self._fresh.clear()
        self._requests.clear()
        self._awaited.clear()

    def awaited(self, key: str) -> None:
        """An order is made under this key, and its id is not known yet."""
        self._awaited.add((self.session_id, key))

    def made(self, session_id: int, key: str, order_id: int, *, position_id: int | None = None) -> None:
        """An order was made under this key, of a position if that is known."""
        self._orders[session_id, key] = order_id
        if position_id is not None:
            self._positions[session_id, key] = position_id
        self._fresh.append((session_id, key))
        self._awaited.discard((session_id, key))

    def planned(self, keys: Iterable[tuple[int, str]], found: Iterable[PlannedPosition]) -> None:
        """The positions that orders have planned, of which the sessions and keys are given."""
        positions = {one.order_id: one.position_id for one in found}
        for key in keys:
            self._positions[key] = positions[self._orders[key]]

    def knows(self, key: str) -> bool:
        """Whether an order is made under this key, now or earlier."""
        return (self.session_id, key) in self._orders or (self.session_id, key) in self._awaited

    def order(self, key: str) -> int:
        """As `Ids.order`.

        Raises:
            NotFound: there is none.
            Awaited: it was sent, and its id is not known yet.
        """
        if (self.session_id, key) in self._awaited:
            raise Awaited
        return self.order_of(self.session_id, key)

    def order_of(self, session_id: int, key: str) -> int:
        """The id of a session's order.

        Raises:
            NotFound: there is none.
        """
        if (session_id, key) not in self._orders:
            raise NotFound(f"order {key} was not imported")
        return self._orders[session_id, key]

    def position(self, key: str) -> int:
        """As `Ids.position`."""
        found = self._positions.get((self.session_id, key))
        if found is not None:
            return found
        order_id = self.order(key)
        if self._transaction is not None:
            found = self._transaction.run(orders.get_order(order_id=order_id)).position_id
        if found is None:
            raise NotFound(f"order {key} has no position")
        self._positions[self.session_id, key] = found
        return found

    def request(self, key: str) -> UUID:
        """As `Ids.request`."""
        found = self._requests.get(key)
        if found is None:
            found = self._requests[key] = request_id_of(f"import {self.source_id}: {key}")
        return found
