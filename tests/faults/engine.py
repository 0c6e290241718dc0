"""A trading engine as the faults meet it: it repeats the same values until they are answered, and notes each answer.

As a program it is an engine that can be killed: python -m tests.faults.engine URL SESSION NAME SEED FILE ROUNDS KIND
"""

from __future__ import annotations

import json
import os
import random
import sys
from collections import Counter
from collections.abc import Generator
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from threading import Event
from time import monotonic, sleep
from typing import Final, TypeAlias
from uuid import NAMESPACE_OID, UUID, uuid5

from atb_db.errors import OutcomeUnknown, ResourceFull, SerializationRetry, Timeout, Unavailable
from atb_db.repository import account, events, orders, positions, trades
from atb_db.statement import Statement
from atb_db.types import PositionSide
from tests.faults.client import Client

WORTH_REPEATING: Final = (Unavailable, OutcomeUnknown, SerializationRetry, Timeout, ResourceFull)
MORNING: Final = datetime(2024, 3, 1, 9, tzinfo=UTC)
LATER: Final = datetime(2100, 1, 1, tzinfo=UTC)
"""After every adjustment of the balance: a fill from before one is a warning."""
_PATIENCE: Final = 0.02

Acts: TypeAlias = Generator[list[Statement[object]], list[object], None]
"""What is done one after another, each in a transaction; each is sent the results of the one before."""


def trading(session_id: int, name: str, seed: object, rounds: int | None = None) -> Acts:
    """Positions opened, protected, reduced and closed, trades, fees; the same seed makes the same requests."""
    chance = random.Random(f"{seed}:{name}")  # noqa: S311  no secret

    def key() -> UUID:
        return UUID(int=chance.getrandbits(128), version=4)

    for number in count() if rounds is None else range(rounds):
        token = f"{name}-{number}"
        side = chance.choice(list(PositionSide))
        [position_id] = yield [
            positions.open_position(
                session_id=session_id, symbol="BTCUSDT", side=side,
                entry_price=chance.randint(90, 110), size="0.1", quantity=2, strategy_name="faults",
                entry_order_id=token, request_id=key(),
            )
        ]  # fmt: skip
        assert isinstance(position_id, int)
        yield [
            orders.create_order(
                session_id=session_id, position_id=position_id, order_type="STOP_LOSS", symbol="BTCUSDT", side=side,
                quantity=2, internal_order_id=token, request_id=key(),
            ),
            events.log_event(session_id=session_id, event_type="TEST", message=token, request_id=key()),
            account.adjust_balance(session_id=session_id, delta="-0.01", reason=token, request_id=key()),
        ]  # fmt: skip
        yield [positions.apply_partial_exit(position_id=position_id, size="0.5", price=120, request_id=key())]
        [order_id] = yield [
            orders.create_order(
                session_id=session_id, order_type="ENTRY", symbol="SOLUSDT", side="LONG", quantity=2,
                internal_order_id=f"{token}-entry", request_id=key(),
            )
        ]  # fmt: skip
        assert isinstance(order_id, int)
        for fill in ("1", "2"):
            yield [
                orders.record_fill(
                    order_id=order_id, exchange_fill_id=fill, quantity=1, price=100, fee="0.1", fee_currency="USDT",
                    filled_at=LATER,
                )
            ]  # fmt: skip
        yield [
            positions.close_position(position_id=position_id, exit_price=125, exit_reason=token, request_id=key()),
            trades.log_trade(
                session_id=session_id, symbol="ETHUSDT", side="LONG", entry_price=10, exit_price=11, size="0.1",
                entry_time=MORNING, exit_time=MORNING + timedelta(minutes=number), pnl=1,
                exit_reason=token, strategy_name="faults", request_id=key(),
            ),
        ]  # fmt: skip


def identity(statement: Statement[object]) -> UUID:
    """The request's id; of a fill, which the exchange's id makes one request, an id made of what it says."""
    return statement.request_id or uuid5(NAMESPACE_OID, repr(statement))


class Answers:
    """The answers that an engine has had, in a file that outlives it: one counts when it is on the disk."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def note(self, statements: list[Statement[object]], results: list[object]) -> None:
        lines = [
            json.dumps([str(identity(statement)), statement.name, result], default=str) + "\n"
            for statement, result in zip(statements, results, strict=True)
        ]
        os.write(self._file, "".join(lines).encode())
        os.fsync(self._file)

    def close(self) -> None:
        os.close(self._file)


class Answered(dict[UUID, tuple[str, object]]):
    """What a file of answers says: statement and result by request_id."""

    @classmethod
    def read(cls, *paths: Path) -> Answered:
        lines = [json.loads(line) for path in paths for line in path.read_text().splitlines()]
        return cls({UUID(request_id): (name, result) for request_id, name, result in lines})

    def results(self, statements: list[Statement[object]]) -> list[object] | None:
        """The results, if all of them were answered."""
        if not all(identity(statement) in self for statement in statements):
            return None
        return [self[identity(statement)][1] for statement in statements]


class Engine:
    """One engine at work."""

    def __init__(self, client: Client, acts: Acts, path: Path, *, pause: float = 0.0) -> None:
        self.path = path
        self.last = 0.0
        """`time.monotonic()` of the newest answer."""
        self.longest = 0.0
        """Seconds of the longest call."""
        self.answers = 0
        self.errors: Counter[str] = Counter()
        """How often which error was raised."""
        self._client = client
        self._pause = pause
        self._acts = acts
        self._answered = Answered.read(path) if path.exists() else Answered()
        self._note = Answers(path)

    def work(self, stop: Event) -> None:
        """Until told to stop, or everything is done. What was begun is repeated until it is answered."""
        statements = next(self._acts, None)
        while statements is not None:
            results = self._answered.results(statements) or self._repeat(statements)
            if stop.wait(self._pause) if self._pause else stop.is_set():
                break
            try:
                statements = self._acts.send(results)
            except StopIteration:
                break
        self._note.close()

    def _repeat(self, statements: list[Statement[object]]) -> list[object]:
        while True:
            began = monotonic()
            try:
                results = self._perform(statements)
            except WORTH_REPEATING as error:
                self.errors[type(error).__name__] += 1
                sleep(_PATIENCE)
            else:
                self._note.note(statements, results)
                self.last = monotonic()
                self.answers += len(results)
                return results
            finally:
                self.longest = max(self.longest, monotonic() - began)

    def _perform(self, statements: list[Statement[object]]) -> list[object]:
        if len(statements) == 1:
            return [self._client.run(statements[0])]
        return self._client.retrying(lambda: statements)


if __name__ == "__main__":
    url, session, name, seed, file, rounds, kind = sys.argv[1:]
    client = Client(url, is_async=kind == "async")
    Engine(client, trading(int(session), name, seed, int(rounds)), Path(file)).work(Event())
    client.close()
