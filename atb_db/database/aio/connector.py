"""Connecting: to which address, until when, and whether that server will do."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from math import inf
from time import monotonic

from psycopg import errors

from atb_db.config import Settings
from atb_db.database.addresses import Found, Place, Places, Turns, connecting, turns
from atb_db.database.connecting import (
    DEFAULTS,
    UTC_AND_ISO,
    ConnectArguments,
    accept,
    check_defaults,
    check_zone,
    needs_utc,
    pool_arguments,
)
from atb_db.database.connections import AsyncConnection
from atb_db.database.lineage import TIMELINE, Lineage
from atb_db.database.observing import Observer
from atb_db.database.translation import translated


def connector(settings: Settings, observer: Observer | None = None) -> Callable[[float], Awaitable[AsyncConnection]]:
    """As for threads."""
    arguments = pool_arguments(settings)
    lineage = Lineage(settings.conninfo)
    places = Places(arguments.conninfo)

    async def connected(until: float) -> AsyncConnection:
        with translated():
            try:
                async with asyncio.timeout(None if until == inf else until - monotonic()):
                    connection = await _connected(places, turns(settings, until), arguments)
            except TimeoutError:
                raise errors.ConnectionTimeout("connection timeout expired") from None
        try:
            connection.until = until
            connection.observer = observer
            connection.set_up()
            accept(connection)
            with translated():
                if needs_utc(settings):
                    await connection.execute(UTC_AND_ISO)
                if settings.pgbouncer:
                    check_defaults(await (await connection.execute(DEFAULTS)).fetchone())
                if lineage.matters:
                    lineage.check(await (await connection.execute(TIMELINE)).fetchone())
            check_zone(connection)
        except BaseException:
            connection.abandon()
            raise
        return connection

    return connected


async def _connected(places: Places, attempt: Turns, arguments: ConnectArguments) -> AsyncConnection:
    token = connecting.set(attempt)
    try:
        found = {place: await _look_up(place) for place in places.names}
        conninfo = places.conninfo(attempt, found)
        connection = await AsyncConnection.connect(conninfo, **arguments.keywords)  # type: ignore[arg-type]
        places.answered(connection.info.hostaddr)
    finally:
        connecting.reset(token)
    return connection


async def _look_up(place: Place) -> Found:
    look_up = asyncio.get_running_loop().getaddrinfo
    try:
        return await look_up(place.host, place.port, proto=socket.IPPROTO_TCP, type=socket.SOCK_STREAM)
    except OSError:
        return ()
