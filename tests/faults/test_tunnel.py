"""The tunnel's own test: whatever connects while it stops listening is closed, too."""

from __future__ import annotations

import gc
import socket
from contextlib import suppress
from threading import Event, Thread

import pytest

from tests.faults.proxy import deaf_port
from tests.faults.tunnel import Tunnel


def test_what_connects_while_it_refuses_is_closed() -> None:
    """pytest fails where a socket was left to the garbage collection."""
    stop = Event()

    def connect(port: int) -> None:
        while not stop.is_set():
            with suppress(OSError), socket.create_connection(("127.0.0.1", port)) as connection:
                connection.send(b"x")

    with deaf_port() as target:
        tunnel = Tunnel("127.0.0.1", target)
        tunnel.start()
        client = Thread(target=connect, args=[tunnel.port])
        client.start()
        for _ in range(50):
            tunnel.refuse()
            tunnel.listen()
        stop.set()
        client.join()
        tunnel.stop()
    assert tunnel.accepted > 0
    gc.collect()


def test_nobody_is_given_the_port_of_one_that_refuses() -> None:
    """Neither one who asks for it nor one who takes what is free, and it can listen again."""
    with deaf_port() as target:
        tunnel = Tunnel("127.0.0.1", target)
        tunnel.start()
        try:
            tunnel.refuse()
            with pytest.raises(ConnectionRefusedError), socket.create_connection(("127.0.0.1", tunnel.port)):
                pass
            with pytest.raises(OSError, match="in use"), socket.create_server(("127.0.0.1", tunnel.port)):
                pass
            tunnel.listen()
            with socket.create_connection(("127.0.0.1", tunnel.port)):
                pass
        finally:
            tunnel.stop()
