"""Scripts of acts, performed by the model and the database together; what differs is made short and shown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal, localcontext
from random import Random
from re import sub
from typing import Final
from uuid import UUID, uuid4

import psycopg

from atb_db import Database
from atb_db.errors import AtbDbError
from atb_db.repository import sessions
from tests.model.acts import START, Act, Chance, perform
from tests.model.calls import Names
from tests.model.comparing import differences
from tests.model.records import Refused
from tests.model.reference import Books

INITIAL = Decimal(1000)
HOW_OFTEN: Final = (2, 2, 1)
"""How often a script has one session, two, three."""


class Play:
    """A script on its way, in some sessions of its own."""

    def __init__(self, db: Database, connection: psycopg.Connection, number: int) -> None:
        self._db = db
        self._connection = connection
        begun = [
            db.run(
                sessions.create_trading_session(
                    strategy_name="model",
                    symbol="BTCUSDT",
                    timeframe="1h",
                    mode="PAPER",
                    initial_balance=INITIAL,
                    start_time=START,
                )
            )
            for _ in range(number)
        ]
        self.names = Names(begun, uuid4())
        self.books = Books.begin(INITIAL, number)
        self.done: list[Act] = []
        self._accepted: list[Act] = []

    def act(self, act: Act) -> str | None:
        """Perform an act on both; how the answers differ, None when they agree."""
        if not self.names.knows(act):
            return None
        self.done.append(act)
        try:
            perform(self.books, act)
            due = None
        except Refused as refused:
            due = str(refused)
            self._undo()
        else:
            self._accepted.append(act)
        answer: int | AtbDbError
        try:
            answer = self._db.run(self.names.statement(act))
        except AtbDbError as error:
            answer = error
        if (type(answer).__name__ if isinstance(answer, AtbDbError) else None) != due:
            return f"{act} is answered by {answer!r}, and should be by {due or 'a result'}"
        if not isinstance(answer, AtbDbError):
            self._learn(act, answer)
        return None

    def _undo(self) -> None:
        """What was refused has changed nothing: the model begins again with what was accepted."""
        self.books = Books.begin(INITIAL, len(self.names.sessions))
        for act in self._accepted:
            perform(self.books, act)

    def _learn(self, act: Act, answer: int) -> None:
        names, label = self.names, act.label
        if act.name == "journal":
            names.orders[label] = answer
            if act.given["kind"] == "ENTRY" and label not in names.positions:
                names.positions[label] = self._id("SELECT position_id FROM orders WHERE id = %s", answer)
        elif act.name == "open":
            if not act.given["adopted"] and label not in names.orders:
                names.positions[label] = answer
                names.orders[label] = self._id("SELECT id FROM orders WHERE position_id = %s", answer)
            elif label in self.books.positions:
                names.positions[label] = answer
        elif label in self.books.orders and label not in names.orders:
            # Of a short form, or of a correction.
            names.orders[label] = self._id("SELECT id FROM orders WHERE request_id = %s", names.key(act))

    def _id(self, query: str, of: int | UUID) -> int:
        row = self._connection.execute(query.encode(), [of]).fetchone()
        assert row is not None
        return int(row[0])

    def compare(self) -> str | None:
        """What differs between the model and the database now."""
        return "\n".join(differences(self._db, self._connection, self.names, self.books)) or None


def _played(db: Database, connection: psycopg.Connection, number: int, acts: Iterable[Act]) -> str | None:
    """What is wrong after these acts in so many sessions; None when nothing is."""
    play = Play(db, connection, number)
    for act in acts:
        if wrong := play.act(act):
            return wrong
    return play.compare()


def _kind(wrong: str | None) -> str | None:
    """What went wrong, without its figures."""
    return None if wrong is None else sub(r"[\d.E+-]+|with .*", "", wrong.splitlines()[0].split(" is answered ")[-1])


def shrunk(db: Database, connection: psycopg.Connection, number: int, acts: Sequence[Act]) -> str:
    """The shortest part of a script found that still goes wrong, and how it does."""
    kept, kind = list(acts), _kind(_played(db, connection, number, acts))
    step = max(len(kept) // 2, 1)
    while step:
        for start in range(len(kept) - step, -1, -step):
            fewer = kept[:start] + kept[start + step :]
            if _kind(_played(db, connection, number, fewer)) == kind:
                kept = fewer
        step //= 2
    wrong = _played(db, connection, number, kept)
    return "\n".join([*map(repr, kept), str(wrong)])


def play(db: Database, connection: psycopg.Connection, chance: Random, length: int) -> int:
    """Random acts in sessions of their own, compared with the model; their number. Raises with a short script.

    A script is between one act and twice the length long: compared once, it is compared after any number of acts.
    """
    with localcontext() as context:
        context.prec = 100
        number = chance.choices(range(1, len(HOW_OFTEN) + 1), HOW_OFTEN)[0]
        draws, script = Chance(chance, number), Play(db, connection, number)
        wrong = None
        for _ in range(chance.randint(1, 2 * length)):
            if wrong := script.act(draws.act(script.books)):
                break
        if wrong := wrong or script.compare():
            raise AssertionError(f"{wrong}\n\nshortest script:\n{shrunk(db, connection, number, script.done)}")
        return len(script.done)
