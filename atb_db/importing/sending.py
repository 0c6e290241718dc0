"""Sending the steps of many units in a few round trips: positions with all their orders at once, the rest singly."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from atb_db.database.sync.transaction import Transaction
from atb_db.importing.at_once import AtOnce
from atb_db.importing.errors import Unfit
from atb_db.importing.plan import Step, Unit
from atb_db.importing.run import Awaited, Run
from atb_db.repository import bookings, imports
from atb_db.statement import Statement

_AT_ONCE: Final = 1000
"""Statements that are sent together: what waits for its answer is in memory."""


class _Sent(NamedTuple):
    """A step whose statement is made."""

    step: Step
    session_id: int
    results: dict[str, int | None]
    """Of its unit."""
    statement: Statement[object]


class Sending:
    """The steps of units, in one transaction; `at_once` is whether positions may be booked with all their orders."""

    def __init__(self, transaction: Transaction, run: Run, *, at_once: bool) -> None:
        self._transaction, self._run, self._may_fit = transaction, run, at_once
        self._waiting: list[_Sent] = []
        self._singly: list[tuple[Unit, dict[str, int | None]]] = []
        self._at_once: dict[int, AtOnce] = {}
        """By session. While something is here, nothing is to be sent singly, and the other way round."""

    def send_all(self, units: Sequence[Unit]) -> list[dict[str, int | None]]:
        """Send all units in their order; the results of each, by the names that its steps give them."""
        results: list[dict[str, int | None]] = [{} for _ in units]
        for unit, found in zip(units, results, strict=True):
            if self._fits(unit, found):
                self._send_singly()
            elif unit.steps or unit.copies:
                self._send_at_once()
                self._singly.append((unit, found))
        self._send_singly()
        self._send_at_once()
        return results

    def _fits(self, unit: Unit, results: dict[str, int | None]) -> bool:
        if not self._may_fit or not unit.steps or unit.book is None:
            return False
        session_id = self.within(unit) or 0
        here = self._at_once.get(session_id) or AtOnce(session_id)
        waiting = {step.order for other, _ in self._singly if other.book == unit.book for step in other.steps}
        if not here.takes(unit, results, knows=lambda key: key in waiting or self._run.knows(key)):
            return False
        self._at_once[session_id] = here
        return True

    def _send_at_once(self) -> None:
        for here in self._at_once.values():
            done = self._transaction.run(
                bookings.log_positions(
                    session_id=here.session_id,
                    orders=here.orders,
                    reports=here.reports,
                    request_id=self._run.request(f"positions from {here.orders[0].internal_order_id}"),
                )
            )
            for (order, found, target), row in zip(here.reported, done, strict=True):
                self._run.made(here.session_id, order, row.order_id, position_id=row.position_id)
                if target is not None:
                    found[target] = row.fill_id
        self._at_once.clear()

    def _send_singly(self) -> None:
        if self._singly:
            self._plan([unit for unit, _ in self._singly])
            for unit, results in self._singly:
                self._send(unit, results)
            self._flush()
            self._singly.clear()

    def _plan(self, units: Sequence[Unit]) -> None:
        """Make the ENTRY orders of all units, whose positions later steps name; nothing is booked by that."""
        made: list[tuple[int, str]] = []
        for step in self._plans(units):
            self._add(step, {})
            made.append((self._run.session_id, str(step.order)))
        self._flush()
        if made:
            ids = [self._run.order_of(*one) for one in made]
            self._run.planned(made, self._transaction.run(imports.get_planned_positions(order_ids=ids)))

    def _plans(self, units: Sequence[Unit]) -> Iterator[Step]:
        seen: set[tuple[str, str]] = set()
        for unit in units:
            if unit.book is None or not any(step.plans for step in unit.steps):
                continue
            self.within(unit)
            for step in unit.steps:
                key = (unit.book, str(step.order))
                if step.plans and key not in seen and not self._run.knows(str(step.order)):
                    seen.add(key)
                    yield step

    def within(self, unit: Unit) -> int | None:
        """What comes is of the unit's session; its id."""
        session_id = None
        if unit.book is not None:
            session_id = self._run.sessions.get(unit.book)
            if session_id is None:
                raise Unfit(f"its session {unit.book} is not in the books")
        self._run.within(self._transaction, session_id)
        return session_id

    def _send(self, unit: Unit, results: dict[str, int | None]) -> None:
        """Send a unit's steps, or its rows of a bulk load."""
        session_id = self.within(unit)
        if unit.copies:
            self._flush()
            rows = [{**copy.row, "request_id": self._run.request(copy.request)} for copy in unit.copies]
            self._transaction.copy_in(unit.copies[0].into.rows(rows, session_id=session_id))
        for step in unit.steps:
            if step.order is None or not self._run.knows(step.order):
                self._add(step, results)

    def _add(self, step: Step, results: dict[str, int | None]) -> None:
        try:
            try:
                statement = step.make(self._run)
            except Awaited:
                self._flush()
                statement = step.make(self._run)
        except ArithmeticError:
            raise Unfit("its figures are out of all proportion: nothing can be computed with them") from None
        if step.order is not None:
            self._run.awaited(step.order)
        self._waiting.append(_Sent(step, self._run.session_id, results, statement))
        if len(self._waiting) == _AT_ONCE:
            self._flush()

    def _flush(self) -> None:
        """Send what waits, and take the answers."""
        sent, self._waiting = self._waiting, []
        if not sent:
            return
        for one, answer in zip(sent, self._transaction.run_many([one.statement for one in sent]), strict=True):
            found = answer if isinstance(answer, int) else None
            if one.step.order is not None and found is not None:
                self._run.made(one.session_id, one.step.order, found)
            if one.step.target is not None:
                one.results[one.step.target] = found
