"""Running by name what a connection has prepared, without all that a cursor does for queries that it has never seen.

A cursor converts the query, finds a dumper for each value and a loader for each column, and keeps what it may be asked
for later. That is most of the client's work for a row, and for a prepared statement the same every time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import psycopg
from psycopg import abc
from psycopg.errors import error_from_result
from psycopg.generators import execute, fetch, send
from psycopg.pq import ConnStatus, ExecStatus
from psycopg.pq.abc import PGresult

from atb_db.database.connecting import Adapters
from atb_db.database.loaders import StatementLoaders
from atb_db.database.private import prepared_names
from atb_db.rows import Shape
from atb_db.statement import Declared, Kind

_GOOD: Final = frozenset({ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK, ExecStatus.TUPLES_CHUNK})
_PART: Final = 100
"""Rows that are read while the server makes the next."""


def _check(result: PGresult) -> None:
    if result.status not in _GOOD:
        raise error_from_result(result)


class Prepared:
    """The statements that psycopg has prepared on one connection."""

    def __init__(self, connection: psycopg.Connection[object] | psycopg.AsyncConnection[object]) -> None:
        self._pgconn = connection.pgconn
        self._names = prepared_names(connection)
        self.ran: set[bytes] = set()
        """What has run on this connection, by its SQL: the server has it prepared, unless somebody took that away."""
        self._loaders: dict[bytes, tuple[bytes, StatementLoaders]] = {}
        self._context = Adapters()
        self._in_parts = psycopg.capabilities.has_stream_chunked()

    def run(self, declaration: Declared[object], values: Sequence[str | None]) -> abc.PQGen[list[object]] | None:
        """What makes the statement's rows, for the connection's `wait`; None if the statement is not prepared."""
        name = self._names.get(declaration.key)
        return self._run(name, declaration, values) if isinstance(name, bytes) else None

    def _run(self, name: bytes, declaration: Declared[object], values: Sequence[str | None]) -> abc.PQGen[list[object]]:
        encoded = [None if value is None else value.encode() for value in values]
        if self._in_parts and declaration.kind is Kind.QUERY and declaration.reader.shape is Shape.MANY:
            return (yield from self._run_in_parts(name, declaration, encoded))
        self._pgconn.send_query_prepared(name, encoded)
        results = yield from execute(self._pgconn)
        if not results:
            raise psycopg.InternalError("got no result from the query")
        for result in results:
            # The rows come before the COMMIT, whose failure is a second result.
            _check(result)
        return self._rows(name, declaration, results[0]) if results[0].status == ExecStatus.TUPLES_OK else []

    def _run_in_parts(
        self, name: bytes, declaration: Declared[object], values: Sequence[bytes | None]
    ) -> abc.PQGen[list[object]]:
        """The same messages as a pipeline of one: only at its end does libpq forget that rows come in parts."""
        self._pgconn.enter_pipeline_mode()
        self._pgconn.send_query_prepared(name, values)
        self._pgconn.pipeline_sync()
        self._pgconn.set_chunked_rows_mode(_PART)
        yield from send(self._pgconn)
        rows: list[object] = []
        failure: Exception | None = None
        is_complete = False
        # Also behind the rows there may be an error: nothing is an answer before the mark at its end.
        while (result := (yield from self._next(failure))).status != ExecStatus.PIPELINE_SYNC:
            try:
                _check(result)
                if failure is None:
                    rows += self._rows(name, declaration, result)
            except Exception as error:  # noqa: BLE001  raised below, when the connection is in order again
                failure = failure or error
            is_complete = is_complete or result.status == ExecStatus.TUPLES_OK
        self._pgconn.exit_pipeline_mode()
        if failure is not None:
            raise failure
        if not is_complete:
            raise psycopg.InternalError("got no result from the query")
        return rows

    def _next(self, failure: Exception | None) -> abc.PQGen[PGresult]:
        """The next result; if the connection is lost instead, the failure that came before."""
        while self._pgconn.status == ConnStatus.OK:
            try:
                result: PGresult | None = yield from fetch(self._pgconn)
            except psycopg.DatabaseError as error:
                raise failure or error from None
            if result is not None:  # an answer's results end with none
                return result
        raise failure or psycopg.OperationalError("the connection is lost")

    def _rows(self, name: bytes, declaration: Declared[object], result: PGresult) -> list[object]:
        prepared_as, loaders = self._loaders.get(declaration.sql, (None, None))
        if loaders is None or prepared_as != name:
            loaders = StatementLoaders(declaration.reader, result, self._context)
            self._loaders[declaration.sql] = name, loaders
        return loaders.rows(result)
