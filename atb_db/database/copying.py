"""What a COPY … TO STDOUT sends: all lines that have come at once. psycopg's own `Copy` waits for each of them."""

from __future__ import annotations

from psycopg.abc import PQGen
from psycopg.errors import error_from_result
from psycopg.generators import fetch_many
from psycopg.pq import ExecStatus
from psycopg.pq.abc import PGconn
from psycopg.waiting import Wait


def take_lines(pgconn: PGconn, block: bytearray) -> PQGen[bool]:
    """For a connection's `wait`: add the lines that have come, at least one; False at the end, which is read, too.

    They are copied at once: libpq's own memory for each of them, kept for a block, costs six times as much.
    """
    take = pgconn.get_copy_data
    before = len(block)
    while True:
        size, line = take(1)
        if size > 0:
            block += line
        elif size < 0:
            break
        elif len(block) > before:
            return True
        else:
            while not (yield Wait.R):
                pass
            pgconn.consume_input()
    (result,) = yield from fetch_many(pgconn)
    if result.status != ExecStatus.COMMAND_OK:
        raise error_from_result(result)
    return False
