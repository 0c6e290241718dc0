"""Running by name what a connection has prepared, without all that a cursor does for queries that it has never seen.

A cursor converts the query, finds a dumper for each value and a loader for each column, and keeps what it may be asked
for later. That is most of the client's work for a row, and for a prepared statement the same every time.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Final

import psycopg
from psycopg import abc
from psycopg.adapt import Loader, Transformer
from psycopg.errors import error_from_result
from psycopg.generators import execute
from psycopg.pq import ExecStatus
from psycopg.pq.abc import PGresult

from atb_db.database.session import Adapters
from atb_db.rows import Reader
from atb_db.statement import Declared

_GOOD: Final = frozenset({ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK})


class Prepared:
    """The statements that psycopg has prepared on one connection."""

    def __init__(self, connection: psycopg.Connection[object] | psycopg.AsyncConnection[object]) -> None:
        self._pgconn = connection.pgconn
        # psycopg takes out what it deallocates, all of them after a ROLLBACK, and gives no name twice.
        self._names = connection._prepared._names  # noqa: SLF001
        self._loaders: dict[bytes, tuple[bytes, abc.Transformer]] = {}
        self._context = Adapters()

    def run(self, declaration: Declared[object], values: Sequence[str | None]) -> abc.PQGen[list[object]] | None:
        """What makes the statement's rows, for the connection's `wait`; None if the statement is not prepared."""
        name = self._names.get(declaration.key)
        return None if name is None else self._run(name, declaration, values)

    def _run(self, name: bytes, declaration: Declared[object], values: Sequence[str | None]) -> abc.PQGen[list[object]]:
        self._pgconn.send_query_prepared(name, [None if value is None else value.encode() for value in values])
        results = yield from execute(self._pgconn)
        for result in results:
            # The rows come before the COMMIT, whose failure is a second result.
            if result.status not in _GOOD:
                raise error_from_result(result)
        if not results:
            raise psycopg.InternalError("got no result from the query")
        return self._load(name, declaration, results[0]) if results[0].status == ExecStatus.TUPLES_OK else []

    def _load(self, name: bytes, declaration: Declared[object], result: PGresult) -> list[object]:
        prepared_as, loaders = self._loaders.get(declaration.sql, (None, None))
        if loaders is None or prepared_as != name:
            loaders = self._loaders_of(declaration.reader, result)
            self._loaders[declaration.sql] = name, loaders
        else:
            loaders.set_pgresult(result, set_loaders=False)
        rows = loaders.load_rows(0, result.ntuples, declaration.reader.new)
        loaders.set_pgresult(None, set_loaders=False)  # or the result would stay in memory
        return rows

    def _loaders_of(self, reader: Reader, result: PGresult) -> abc.Transformer:
        for place, members in reader.labels.items():
            self._context.adapters.register_loader(result.ftype(place), _label_loader(tuple(members.items())))
        loaders = Transformer(self._context)
        loaders.set_pgresult(result)
        return loaders


@cache
def _label_loader(members: tuple[tuple[object, object], ...]) -> type[Loader]:
    """Loads the labels of one of the database's enums as members, by a look-up and nothing else.

    One class an enum, not one a connection: psycopg keeps every class of loaders that it has met.
    """
    by_label = {str(label).encode(): member for label, member in members}
    return type("LabelLoader", (Loader,), {"load": staticmethod(by_label.__getitem__)})
