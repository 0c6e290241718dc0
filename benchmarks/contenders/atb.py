"""atb_db, as an engine uses it; making the statement's value is part of the call."""

from __future__ import annotations

from atb_db import Database, Settings
from benchmarks.contenders.base import BATCHES, DECLARED, Contender
from benchmarks.operations import Arguments, Operation
from benchmarks.world import World


class AtbDb(Contender):
    name = "atb_db"

    def __init__(self, url: str, world: World) -> None:
        super().__init__(url, world)
        # The equity of a million snapshots takes some contenders longer than a query may by default.
        self.db = Database(Settings.load(url, environ={})._replace(query_deadline=0, pool_max=4))
        self.db.open()

    @classmethod
    def can(cls, operation: Operation) -> bool:
        return True

    def prepare(self, operation: Operation, arguments: Arguments) -> object:
        return arguments

    def call(self, operation: Operation, prepared: Arguments) -> object:
        if batch := BATCHES.get(operation.statement):
            return self.db.run_batch(batch(**prepared))
        return self.db.run(DECLARED[operation.statement](**prepared))

    def close(self) -> None:
        self.db.close()
