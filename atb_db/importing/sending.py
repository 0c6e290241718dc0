"""Sending the steps of many units in a few round trips, in the order in which they are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from atb_db.database.sync.transaction import Transaction
from atb_db.importing.errors import Unfit
from atb_db.importing.plan import Step, Unit
from atb_db.importing.run import Awaited, Run
from atb_db.repository import imports
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
    """The steps of units, in one transaction; each unit's results are there after `flush`."""

    def __init__(self, transaction: Transaction, run: Run) -> None:
        self._transaction, self._run = transaction, run
        self._waiting: list[_Sent] = []

    def plan(self, units: Sequence[Unit]) -> None:
        """Make the ENTRY orders of all units, whose positions later steps name; nothing is booked by that."""
        made: list[tuple[int, str]] = []
        for step in self._plans(units):
            self._add(step, {})
            made.append((self._run.session_id, str(step.order)))
        self.flush()
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

    def send(self, unit: Unit) -> dict[str, int | None]:
        """Send a unit's steps, or its rows of a bulk load; where the results of the steps will be, by their names."""
        session_id = self.within(unit)
        if unit.copies:
            self.flush()
            rows = [{**copy.row, "request_id": self._run.request(copy.request)} for copy in unit.copies]
            self._transaction.copy_in(unit.copies[0].into.rows(rows, session_id=session_id))
        results: dict[str, int | None] = {}
        for step in unit.steps:
            if step.order is None or not self._run.knows(step.order):
                self._add(step, results)
        return results

    def _add(self, step: Step, results: dict[str, int | None]) -> None:
        try:
            try:
                statement = step.make(self._run)
            except Awaited:
                self.flush()
                statement = step.make(self._run)
        except ArithmeticError:
            raise Unfit("its figures are out of all proportion: nothing can be computed with them") from None
        if step.order is not None:
            self._run.awaited(step.order)
        self._waiting.append(_Sent(step, self._run.session_id, results, statement))
        if len(self._waiting) == _AT_ONCE:
            self.flush()

    def flush(self) -> None:
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
