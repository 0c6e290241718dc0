"""What goes over the wire: a proxy that counts statements, round trips and transactions."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from typing import NamedTuple
from urllib.parse import quote

from psycopg.conninfo import conninfo_to_dict

from benchmarks.contenders import Contender
from benchmarks.measuring import WARM
from benchmarks.operations import Operation
from benchmarks.world import World


class Counts(NamedTuple):
    """What a call sends."""

    statements: int
    """Executions, those of BEGIN, COMMIT and ROLLBACK included."""
    round_trips: int
    """How often it waits for the server."""
    transactions: int


class _Wire:
    """The messages between one client and the server."""

    def __init__(self) -> None:
        self.statements = self.round_trips = self.transactions = 0
        self._heard = True

    def from_client(self, kind: bytes) -> None:
        if self._heard:
            self.round_trips += 1
            self._heard = False
        self.statements += kind in {b"Q", b"E"}

    def from_server(self, kind: bytes, body: bytes) -> None:
        self._heard = True
        self.transactions += kind == b"Z" and body == b"I"

    @property
    def counts(self) -> Counts:
        return Counts(self.statements, self.round_trips, self.transactions)


class _Proxy:
    def __init__(self, host: str, port: int) -> None:
        self._target = host, port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.wire = _Wire()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.create_connection(self._target)
            for socket_ in (client, server):
                socket_.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._pass_on, args=(client, server, True), daemon=True).start()
            threading.Thread(target=self._pass_on, args=(server, client, False), daemon=True).start()

    def _pass_on(self, source: socket.socket, target: socket.socket, from_client: bool) -> None:  # noqa: FBT001
        buffer, started = b"", not from_client
        try:
            while data := source.recv(1 << 16):
                buffer += data
                started, buffer = self._read(buffer, started, from_client)
                target.sendall(data)
        except OSError:
            pass
        finally:
            for end in (source, target):
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)

    def _read(self, buffer: bytes, started: bool, from_client: bool) -> tuple[bool, bytes]:  # noqa: FBT001
        while True:
            head = 1 if started else 0
            if len(buffer) < head + 4:
                return started, buffer
            if from_client is False and buffer[:1] in {b"N", b"S"} and len(buffer) == 1:
                return started, b""
            length = int.from_bytes(buffer[head : head + 4]) + head
            if len(buffer) < length:
                return started, buffer
            message, buffer = buffer[:length], buffer[length:]
            if started and from_client:
                self.wire.from_client(message[:1])
            elif started:
                self.wire.from_server(message[:1], message[5:])
            else:
                started = int.from_bytes(message[4:8]) >> 16 == 3  # the start-up packet's protocol

    def close(self) -> None:
        self._listener.close()


@contextmanager
def _counted(url: str) -> Iterator[tuple[str, _Proxy]]:
    parts = conninfo_to_dict(url)
    proxy = _Proxy(str(parts["host"]), int(str(parts["port"])))
    try:
        database = quote(str(parts["dbname"]), safe="")
        yield (
            f"postgresql://{parts['user']}:{parts['password']}@127.0.0.1:{proxy.port}/{database}?sslmode=disable",
            proxy,
        )
    finally:
        proxy.close()


def count(url: str, world: World, operation: Operation, contender: type[Contender]) -> Counts:
    """What a warm call of the operation sends; it is called as often as needed for that, and once more."""
    with _counted(url) as (proxied, proxy), closing(contender(proxied, world)) as running:
        running.timed(operation, range(WARM))
        before = proxy.wire.counts
        running.timed(operation, [WARM])
        after = proxy.wire.counts
    return Counts(*(now - then for now, then in zip(after, before, strict=True)))
