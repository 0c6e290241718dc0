"""A TCP port that leads to another one, where everything can be swallowed, cut or refused on demand."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Awaitable
from typing import Final, TypeVar

T = TypeVar("T")

_CHUNK: Final = 1 << 16


class Tunnel:
    """One server behind a port of its own. Faults are set at any time, from any thread, and take effect at once."""

    def __init__(self, host: str, port: int) -> None:
        self._target = host, port
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="tunnel", daemon=True)
        self._kept: socket.socket | None = None
        """Keeps the port while nobody listens on it, or another process of this machine could be given it."""
        self._listener: socket.socket | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        """One for each connection that is open."""
        self._led: set[asyncio.Task[None]] = set()
        """Those that have reached the server: what still waits for that is not cut."""
        self._flowing: asyncio.Event
        self.port = 0
        self.accepted = 0
        """Connections that clients made so far."""

    def swallow(self) -> None:
        """A black hole from now on: connections stay open and are still accepted, and nothing passes."""
        self._loop.call_soon_threadsafe(self._flowing.clear)

    def flow(self) -> None:
        """Let everything pass again, also what was held back."""
        self._loop.call_soon_threadsafe(self._flowing.set)

    def lead_to(self, port: int) -> None:
        """Lead new connections to another port of the same host."""
        self._target = self._target[0], port

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
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        if self._kept is not None:
            self._kept.close()

    def _call(self, work: Awaitable[T]) -> T:
        async def run() -> T:
            return await work

        return asyncio.run_coroutine_threadsafe(run(), self._loop).result(10)

    async def _listen(self) -> None:
        if self._kept is None:
            self._flowing = asyncio.Event()
            self._flowing.set()
            self._kept = _bound(0)
            self.port = self._kept.getsockname()[1]
        # Not by asyncio.start_server: what it accepts while it is closed belongs to nobody, and is never closed.
        self._listener = listener = _bound(self.port)
        listener.listen(100)
        listener.setblocking(False)
        self._loop.add_reader(listener, self._accept, listener)

    async def _refuse(self) -> None:
        if self._listener is not None:
            self._loop.remove_reader(self._listener)
            self._listener.close()
            self._listener = None
        await self._end(list(self._tasks))

    async def _cut(self) -> None:
        await self._end(list(self._led))

    async def _end(self, tasks: list[asyncio.Task[None]]) -> None:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _accept(self, listener: socket.socket) -> None:
        try:
            client, _ = listener.accept()
        except OSError:
            return  # it has gone again
        # asyncio would, if the socket knew its protocol's number; without it, small answers wait for 40 ms.
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.accepted += 1
        task = self._loop.create_task(self._lead(client))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(self._led.discard)
        # Also of one that was cut before it began.
        task.add_done_callback(lambda _: client.close())

    async def _lead(self, client: socket.socket) -> None:
        ends: list[asyncio.StreamWriter] = []
        try:
            reader, writer = await asyncio.open_connection(sock=client)
            ends.append(writer)
            await self._flowing.wait()
            server_reader, server_writer = await asyncio.open_connection(*self._target)
            ends.append(server_writer)
            task = asyncio.current_task()
            assert task is not None
            self._led.add(task)
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
            for end in ends:
                end.transport.abort()

    async def _requests(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while chunk := await reader.read(_CHUNK):
            await self._pass(writer, chunk)

    async def _answers(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._requests(reader, writer)

    async def _pass(self, writer: asyncio.StreamWriter, data: bytes) -> None:
        await self._flowing.wait()
        writer.write(data)
        await writer.drain()


def _bound(port: int) -> socket.socket:
    """A socket on the port, which another one of this process may have, too."""
    made = socket.socket()
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        made.bind(("127.0.0.1", port))
    except BaseException:
        made.close()
        raise
    return made
