"""A TCP proxy before a PostgreSQL server that delays, swallows, cuts, and loses answers on demand."""

from __future__ import annotations

import asyncio
import gc
import re
import socket
import threading
import warnings
from collections.abc import Awaitable, Iterator
from contextlib import contextmanager, suppress
from typing import Final, NamedTuple, TypeVar

from psycopg.conninfo import conninfo_to_dict, make_conninfo

T = TypeVar("T")

_READY: Final = b"Z"
_COMPLETE: Final = b"C"
_IDLE: Final = b"I"
_CHUNK: Final = 1 << 16


class Answer(NamedTuple):
    """What the server sends for one request: everything up to ReadyForQuery."""

    raw: bytes
    tags: tuple[str, ...]
    """Of the commands that are complete, such as COMMIT or INSERT 0 1."""
    idle: bool
    """Whether the session is outside a transaction afterwards: what the request wrote is committed."""


class Proxy:
    """One server behind a port of its own. Faults are set at any time, from any thread, and take effect at once.

    with proxied(url) as proxy, Database(proxy.url) as db:
        proxy.lose_answers(1)
        db.run(command)                    # is retried on another connection
    """

    def __init__(self, url: str) -> None:
        parts = conninfo_to_dict(url)
        self._target = str(parts["host"]), int(str(parts["port"]))
        self._parts = parts
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)
        self._server: asyncio.Server | None = None
        self._pairs: set[tuple[asyncio.StreamWriter, asyncio.StreamWriter]] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._flowing: asyncio.Event
        self._losing: list[re.Pattern[str]] = []
        self.port = 0
        self.delay = 0.0
        """Seconds that each request and each answer is held back."""
        self.accepted = 0
        """Connections that clients made so far."""
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

    def swallow(self) -> None:
        """A black hole from now on: connections stay open and are still accepted, and nothing passes."""
        self._loop.call_soon_threadsafe(self._flowing.clear)

    def flow(self) -> None:
        """Let everything pass again, also what was held back."""
        self._loop.call_soon_threadsafe(self._flowing.set)

    def cut(self) -> None:
        """Close every connection, in the middle of whatever it does; new ones are accepted."""
        self._call(self._cut())

    def refuse(self) -> None:
        """Close every connection and listen no more: connecting is refused."""
        self._call(self._refuse())

    def listen(self) -> None:
        """Listen again on the same port."""
        self._call(self._listen())

    def start(self) -> None:
        """Listen on a free port."""
        self._thread.start()
        self._call(self._listen())

    def stop(self) -> None:
        """Close everything."""
        self._call(self._refuse())
        self._call(self._finish())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        # A socket that was being accepted belongs to nobody who could close it.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)
            gc.collect()

    def _call(self, work: Awaitable[T]) -> T:
        async def run() -> T:
            return await work

        return asyncio.run_coroutine_threadsafe(run(), self._loop).result(10)

    async def _listen(self) -> None:
        if not self.port:
            self._flowing = asyncio.Event()
            self._flowing.set()
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _refuse(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        await self._cut()

    async def _cut(self) -> None:
        for pair in list(self._pairs):
            for writer in pair:
                writer.transport.abort()

    async def _finish(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        pair = None
        try:
            await self._flowing.wait()
            server_reader, server_writer = await asyncio.open_connection(*self._target)
            pair = (writer, server_writer)
            self._pairs.add(pair)
            directions = [
                asyncio.create_task(self._requests(reader, server_writer)),
                asyncio.create_task(self._answers(server_reader, writer)),
            ]
            try:
                await asyncio.wait(directions, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for direction in directions:
                    direction.cancel()
                await asyncio.gather(*directions, return_exceptions=True)
        except (OSError, asyncio.CancelledError):
            pass  # either side has gone, which is what a proxy is for
        finally:
            for end in pair or (writer,):
                end.transport.abort()
            if pair:
                self._pairs.discard(pair)
            self._tasks.discard(task)

    async def _requests(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while chunk := await reader.read(_CHUNK):
            await self._pass(writer, chunk)

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
        await self._flowing.wait()
        writer.write(data)
        await writer.drain()


async def _answer(reader: asyncio.StreamReader, *, whole: bool) -> Answer:
    raw = bytearray()
    tags: list[str] = []
    while True:
        head = await reader.readexactly(5)
        body = await reader.readexactly(int.from_bytes(head[1:], "big") - 4)
        raw += head + body
        if head[:1] == _COMPLETE:
            tags.append(body.rstrip(b"\0").decode())
        if head[:1] == _READY or not whole:
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
