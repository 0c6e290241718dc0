"""An engine that is told a feed and books it, from the beginning each time it starts; it can be killed at any moment.

python -m tests.model.engine URL SESSION SEED FILE KIND
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from random import Random
from threading import Event
from time import sleep
from typing import Final

from atb_db.errors import OutcomeUnknown, ResourceFull, SerializationRetry, Timeout, Unavailable
from atb_db.statement import Statement
from tests.faults.client import Client
from tests.model.feed import feed

WORTH_REPEATING: Final = (Unavailable, OutcomeUnknown, SerializationRetry, Timeout, ResourceFull)


def answer(client: Client, statement: Statement[object]) -> object:
    """Run a statement until it is answered."""
    while True:
        try:
            return client.run(statement)
        except WORTH_REPEATING:
            sleep(0.02)


def report(client: Client, facts: Sequence[Statement[object]], stop: Event) -> None:
    """Report the facts, and all of them again and again until it is enough."""
    while True:
        for fact in facts:
            answer(client, fact)
        if stop.is_set():
            break


def work(client: Client, session_id: int, seed: int, path: Path) -> None:
    """Journal every order, then report what the exchange did, in an order of its own; a byte for each answer."""
    made = feed(session_id, Random(seed))  # noqa: S311
    facts = made.exits + made.entries
    with path.open("ab", buffering=0) as file:

        def run(statement: Statement[object]) -> object:
            answered = answer(client, statement)
            file.write(b".")
            return answered

        made.journal(run)
        # Another order after each kill.
        for fact in Random(seed + path.stat().st_size).sample(facts, len(facts)):  # noqa: S311
            run(fact)


if __name__ == "__main__":
    url, session, seed, file, kind = sys.argv[1:]
    client = Client(url, is_async=kind == "async")
    work(client, int(session), int(seed), Path(file))
    client.close()
