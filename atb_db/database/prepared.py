"""Running by name what a connection has prepared, without all that a cursor does for queries that it has never seen.

A cursor converts the query, finds a dumper for each value and a loader for each column, and keeps what it may be asked
for later. That is most of the client's work for a row, and for a prepared statement the same every time.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Final

import psycopg
from psycopg import abc
from psycopg.errors import error_from_result
from psycopg.generators import execute, fetch, send
from psycopg.pq import ConnStatus, ExecStatus
from psycopg.pq.abc import PGresult

from atb_db.database.loading import Loading
from atb_db.database.session import Adapters
from atb_db.rows import Shape
from atb_db.statement import Declared

_GOOD: Final = frozenset({ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK, ExecStatus.TUPLES_CHUNK})
_PART: Final = 100
"""Rows that are read while the server makes the next."""


class Prepared:
    """The statements that psycopg has prepared on one connection."""

    def __init__(self, connection: psycopg.Connection[object] | psycopg.AsyncConnection[object]) -> None:
        self._pgconn = connection.pgconn
        # psycopg takes out what it deallocates, all of them after a ROLLBACK, and gives no name twice.
        self._names = connection._prepared._names  # noqa: SLF001
        self._loading: dict[bytes, tuple[bytes, Loading]] = {}
        self._context = Adapters()
        self._in_parts = psycopg.capabilities.has_stream_chunked()

    def run(self, declaration: Declared[object], values: Sequence[str | None]) -> abc.PQGen[list[object]] | None:
        """What makes the statement's rows, for the connection's `wait`; None if the statement is not prepared."""
        name = self._names.get(declaration.key)
        return None if name is None else self._run(name, declaration, values)

    def _run(self, name: bytes, declaration: Declared[object], values: Sequence[str | None]) -> abc.PQGen[list[object]]:
        encoded = [None if value is None else value.encode() for value in values]
        if self._in_parts and declaration.reader.shape is Shape.MANY:
            return (yield from self._run_in_parts(name, declaration, encoded))
        self._pgconn.send_query_prepared(name, encoded)
        results = yield from execute(self._pgconn)
        for result in results:
            # The rows come before the COMMIT, whose failure is a second result.
            if result.status not in _GOOD:
                raise error_from_result(result)
        if not results:
            raise psycopg.InternalError("got no result from the query")
        return self._load(name, declaration, results[0]) if results[0].status == ExecStatus.TUPLES_OK else []

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
        is_complete = False
        try:
            while (result := (yield from fetch(self._pgconn))) is not None:
                if result.status not in _GOOD:
                    raise error_from_result(result)
                rows += self._load(name, declaration, result)
                is_complete = result.status == ExecStatus.TUPLES_OK
        except Exception:
            with suppress(psycopg.DatabaseError):  # the connection may be lost, too
                yield from self._end_pipeline()
            raise
        yield from self._end_pipeline()
        if not is_complete:
            raise psycopg.InternalError("got no result from the query")
        return rows

    def _end_pipeline(self) -> abc.PQGen[None]:
        """Read what is left of an answer, up to the mark at its end."""
        while self._pgconn.status == ConnStatus.OK:
            result = yield from fetch(self._pgconn)
            if result is not None and result.status == ExecStatus.PIPELINE_SYNC:
                self._pgconn.exit_pipeline_mode()
                return

    def _load(self, name: bytes, declaration: Declared[object], result: PGresult) -> list[object]:
        prepared_as, loading = self._loading.get(declaration.sql, (None, None))
        if loading is None or prepared_as != name:
            loading = Loading(declaration.reader, result, self._context)
            self._loading[declaration.sql] = name, loading
        return loading.rows(result)
