"""A TCP proxy before a PostgreSQL server that delays, swallows, cuts, and loses answers on demand."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final, NamedTuple

from psycopg.conninfo import conninfo_to_dict, make_conninfo

from tests.faults.tunnel import Tunnel
from tests.tcp import over_tcp

_READY: Final = b"Z"
_COMPLETE: Final = b"C"
_IDLE: Final = b"I"
_AUTHENTICATION: Final = b"R"
"""The server waits for the client's next word about the password."""


class Answer(NamedTuple):
    """What the server sends for one request: everything up to ReadyForQuery."""

    raw: bytes
    tags: tuple[str, ...]
    """Of the commands that are complete, such as COMMIT or INSERT 0 1."""
    idle: bool
    """Whether the session is outside a transaction afterwards: what the request wrote is committed."""


class Proxy(Tunnel):
    """A PostgreSQL server behind a port of its own.

    with proxied(url) as proxy, Database(proxy.url) as db:
        proxy.lose_answers(1)
        db.run(command)                    # is retried on another connection
    """

    def __init__(self, url: str) -> None:
        by_socket = str(conninfo_to_dict(url)["host"]).startswith("/")
        self._parts = conninfo_to_dict(over_tcp(url) if by_socket else url)
        super().__init__(str(self._parts["host"]), int(str(self._parts["port"])))
        self._losing: list[re.Pattern[str]] = []
        self.delay = 0.0
        """Seconds that each request and each answer is held back."""
        self.lost = 0
        """Answers that were lost so far."""

    @property
    def url(self) -> str:
        """The server's connection string, by way of the proxy; unencrypted, so that the proxy can read it."""
        here = {"host": "127.0.0.1", "port": str(self.port), "sslmode": "disable", "gssencmode": "disable"}
        return make_conninfo("", **{**self._parts, **here})

    def lose_answers(self, count: int = 1, *, tag: str = "") -> None:
        """Lose the next answers after which the session is idle, and with each its connection.

        The server has committed by then. Only answers count with a complete command whose tag matches, such as
        `COMMIT` or `INSERT`.
        """
        self._losing += [re.compile(tag)] * count

    async def _answers(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Whole answers while they are delayed or one is to be lost, else message by message."""
        with suppress(asyncio.IncompleteReadError):
            while True:
                answer = await _answer(reader, whole=bool(self._losing or self.delay))
                if self._loses(answer):
                    self.lost += 1
                    return
                await self._pass(writer, answer.raw)

    def _loses(self, answer: Answer) -> bool:
        if not (self._losing and answer.idle and answer.tags):
            return False
        if not any(self._losing[0].search(tag) for tag in answer.tags):
            return False
        self._losing.pop(0)
        return True

    async def _pass(self, writer: asyncio.StreamWriter, data: bytes) -> None:
        if self.delay:
            await asyncio.sleep(self.delay)
        await super()._pass(writer, data)


async def _answer(reader: asyncio.StreamReader, *, whole: bool) -> Answer:
    raw = bytearray()
    tags: list[str] = []
    while True:
        head = await reader.readexactly(5)
        body = await reader.readexactly(int.from_bytes(head[1:], "big") - 4)
        raw += head + body
        if head[:1] == _COMPLETE:
            tags.append(body.rstrip(b"\0").decode())
        if head[:1] in {_READY, _AUTHENTICATION} or not whole:
            return Answer(bytes(raw), tuple(tags), head[:1] == _READY and body == _IDLE)


@contextmanager
def proxied(url: str) -> Iterator[Proxy]:
    """A proxy before the server of the URL."""
    proxy = Proxy(url)
    proxy.start()
    try:
        yield proxy
    finally:
        proxy.stop()


@contextmanager
def deaf_port() -> Iterator[int]:
    """A port where connections are accepted by the kernel and nobody ever answers."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        yield silent.getsockname()[1]
