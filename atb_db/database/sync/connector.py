"""Connecting: to which address, until when, and whether that server will do."""

from __future__ import annotations

import socket
from collections.abc import Callable

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
from atb_db.database.connections import Connection
from atb_db.database.lineage import TIMELINE, Lineage
from atb_db.database.observing import Observer
from atb_db.database.translation import translated


def connector(settings: Settings, observer: Observer | None = None) -> Callable[[float], Connection]:
    """How connections are made: by a moment of `time.monotonic()`, on a server that is accepted."""
    arguments = pool_arguments(settings)
    lineage = Lineage(settings.conninfo)
    places = Places(arguments.conninfo)

    def connected(until: float) -> Connection:
        with translated():
            connection = _connected(places, turns(settings, until), arguments)
        try:
            connection.until = until
            connection.observer = observer
            connection.set_up()
            accept(connection)
            with translated():
                if needs_utc(settings):
                    connection.execute(UTC_AND_ISO)
                if settings.pgbouncer:
                    check_defaults(connection.execute(DEFAULTS).fetchone())
                if lineage.matters:
                    lineage.check(connection.execute(TIMELINE).fetchone())
            check_zone(connection)
        except BaseException:
            connection.abandon()
            raise
        return connection

    return connected


def _connected(places: Places, attempt: Turns, arguments: ConnectArguments) -> Connection:
    token = connecting.set(attempt)
    try:
        found = {place: _look_up(place) for place in places.names}
        conninfo = places.conninfo(attempt, found)
        connection = Connection.connect(conninfo, **arguments.keywords)  # type: ignore[arg-type]
        places.answered(connection.info.hostaddr)
    finally:
        connecting.reset(token)
    return connection


def _look_up(place: Place) -> Found:
    try:
        return socket.getaddrinfo(place.host, place.port, proto=socket.IPPROTO_TCP, type=socket.SOCK_STREAM)
    except OSError:
        return ()
