"""The previous release at work: a process of its own, which does what each line of its input names, and answers.

python -P last_release.py FOLDER URL, with the release's files in FOLDER, which PYTHONPATH names too

Everything but this file is the release's: its package, its examples and its engines. What is imported here must be
there under these names; where the tests move, this file follows when RELEASE does.
"""

from __future__ import annotations

import json
import sys
import tomllib
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from itertools import count
from pathlib import Path
from threading import Event, Thread
from time import monotonic, sleep

import psycopg

from atb_db import Database, Settings
from atb_db.admin.audit import audit
from atb_db.admin.migrations import Release, migrate
from atb_db.admin.schema.statements import describe
from atb_db.demo import BALANCE, replay
from atb_db.demo.candles import built_in
from atb_db.demo.engine import Engine
from atb_db.demo.strategy import Rules
from atb_db.repository import sessions, statements
from atb_db.repository.audit import get_session_ids
from atb_db.statement import Declared, Kind
from tests.faults.client import Client
from tests.faults.engine import trading
from tests.statements.conforms import differences
from tests.statements.examples import World, example, prepare, variants

PATIENCE = 60.0
ENOUGH = 2
"""Rounds of each engine between two answers."""
PAUSE = 0.03
"""Seconds between two rounds, so that the fast engines leave the slow one some of the processor."""
CANDLES = 240
MANY_CANDLES = 20_000
"""More than the time is enough for."""


class UndoneError(Exception):
    """Takes back what an example wrote."""


class LiveEngine:
    """Works in a thread of its own, round by round, until it is stopped or a call raises."""

    def __init__(self, name: str, rounds: Iterator[object], stop: Event) -> None:
        self.name = name
        self.done = 0
        self.error: str | None = None
        self._rounds = rounds
        self._stop = stop
        self.thread = Thread(target=self._work, name=name, daemon=True)
        self.thread.start()

    def _work(self) -> None:
        try:
            for _ in self._rounds:
                self.done += 1
                if self._stop.wait(PAUSE):
                    return
        except Exception as error:  # noqa: BLE001  whatever it is, the answer names it
            self.error = f"{type(error).__name__}: {error}"

    def go_on(self) -> None:
        """Wait until it has worked for some more rounds, or has failed."""
        target, deadline = self.done + ENOUGH, monotonic() + PATIENCE
        while self.done < target and self.error is None:
            if monotonic() > deadline:
                self.error = f"stands still after {self.done} rounds"
            sleep(0.005)


class LastRelease:
    """What it is asked to do, one method each, in this order."""

    def __init__(self, folder: Path, url: str) -> None:
        self._url = url
        project = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))
        self._release = Release(version=project["project"]["version"])
        self._db = Database(Settings.load(url, environ={}))
        self._client, self._tasks = (Client(url, is_async=is_async) for is_async in (False, True))
        self._stop = Event()
        self._engines: list[LiveEngine] = []
        self._world: World
        self._examples = 0

    def prepare(self) -> int:
        """Migrate the empty database, and write the world of the examples; its newest session."""
        migrate(Settings.load(self._url, environ={}), release=self._release)
        self._world = prepare(self._db)
        self._examples = max(self._db.run(get_session_ids()))
        return self._examples

    def describe(self) -> list[str]:
        """Where the server does not agree with a statement."""
        with psycopg.connect(self._url) as connection:
            connection.read_only = True
            return [str(mismatch) for one in statements() for mismatch in describe(connection, one)]

    def run(self) -> dict[str, str]:
        """Run the example of every statement; what failed, by its name."""
        failed = {}
        for one in statements():
            try:
                if problems := self._run(one):
                    failed[one.name] = "; ".join(problems)
            except Exception as error:  # noqa: BLE001  whatever it is, the answer names it
                failed[one.name] = f"{type(error).__name__}: {error}"
        return failed

    def count(self) -> int:
        """How many statements there are."""
        return len(statements())

    def start(self) -> dict[str, str | None]:
        """Let engines of every kind work until `stop`; the error of each, or None."""
        market = built_in(MANY_CANDLES)
        bot = Engine(self._db, market, balance=BALANCE, rules=Rules())
        rounds: dict[str, Iterator[object]] = {
            "bot": map(bot.step, market.candles),
            "threads": self._traded(self._client, "threads"),
            "tasks": self._traded(self._tasks, "tasks"),
            "reader": self._read(),
        }
        self._engines = [LiveEngine(name, work, self._stop) for name, work in rounds.items()]
        return self.go_on()

    def go_on(self) -> dict[str, str | None]:
        """Wait until each engine has worked for some more rounds; the error of each, or None."""
        for engine in self._engines:
            engine.go_on()
        return {engine.name: engine.error for engine in self._engines}

    def stop(self) -> dict[str, str | None]:
        """End the engines; the error of each, or None."""
        self._stop.set()
        for engine in self._engines:
            engine.thread.join(PATIENCE)
        return {engine.name: engine.error for engine in self._engines}

    def demo(self) -> None:
        """Replay the demo's candles."""
        replay(self._db, built_in(CANDLES))

    def audit(self) -> list[str]:
        """What the books say against themselves, but those of the examples."""
        found = audit(Settings.load(self._url, environ={})).findings
        return [str(one) for one in found if one.session_id is None or one.session_id > self._examples]

    def close(self) -> None:
        """Leave the database."""
        self.stop()
        for one in (self._db, self._client, self._tasks):
            one.close()

    def _run(self, one: Declared[object]) -> list[str]:
        """Everything that the statement's results are not."""
        if one.kind is Kind.QUERY:
            return [
                problem
                for statement in variants(one, self._world)
                for problem in differences(statement, self._db.run(statement))
            ]
        statement = example(one, self._world)
        problems: list[str] = []
        with suppress(UndoneError), self._db.transaction() as transaction:
            if one.kind is Kind.COPY:
                transaction.copy_in([one.value(dict(statement.args))])  # type: ignore[list-item]  # a COPY's is None
            else:
                first, again = transaction.run(statement), transaction.run(statement)
                problems = differences(statement, first)
                if first != again:
                    problems.append(f"again it is {again!r} instead of {first!r}")
            # What is checked at the commit.
            transaction._connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
            raise UndoneError
        return problems

    def _traded(self, client: Client, name: str) -> Iterator[None]:
        session_id = client.run(
            sessions.create_trading_session(
                strategy_name=name, symbol="BTCUSDT", timeframe="1h", mode="PAPER", initial_balance=1000
            )
        )
        acts = trading(session_id, name, seed=1)
        wanted = next(acts)
        while True:
            done = [client.run(wanted[0])] if len(wanted) == 1 else client.retrying(partial(list, wanted))
            wanted = acts.send(done)
            yield

    def _read(self) -> Iterator[None]:
        queries = [example(one, self._world) for one in statements() if one.kind is Kind.QUERY]
        for _ in count():
            for query in queries:
                self._db.run(query)
            yield


def refuse_strays(folder: Path) -> None:
    """Nothing of the next release may be imported, wherever it is installed."""
    for name, module in sys.modules.items():
        place = getattr(module, "__file__", None)
        if name.partition(".")[0] in {"atb_db", "tests"} and place and not Path(place).is_relative_to(folder):
            raise ImportError(f"{name} is {place} and not the previous release's")


def main(folder: Path, url: str) -> None:
    """Answer each line of the input with one of JSON."""
    refuse_strays(folder)
    release = LastRelease(folder, url)
    for line in sys.stdin:
        task: Callable[[], object] = getattr(release, line.strip())
        print(json.dumps(task()), flush=True)  # noqa: T201
    release.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve(), sys.argv[2])
