"""A host's first address does not answer: the next one is asked in time, however the addresses came."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import inf
from pathlib import Path
from time import monotonic

import pytest
from psycopg.conninfo import conninfo_to_dict

from atb_db import AsyncDatabase, Database, Settings
from atb_db.database.addresses import Places, Turns
from atb_db.embedded import Server
from atb_db.errors import Unavailable
from atb_db.repository.server import get_server_state

Running = Callable[[Settings], float]


@contextmanager
def deaf(address: str, port: int) -> Iterator[None]:
    """The kernel accepts connections, and nobody ever answers."""
    with socket.socket() as silent:
        silent.bind((address, port))
        silent.listen()
        yield


@pytest.fixture
def port(server: Server) -> Iterator[int]:
    """The server's, on whose other loopback addresses nobody answers."""
    with deaf("127.0.0.2", server.port), deaf("127.0.0.3", server.port):
        yield server.port


@pytest.fixture
def resolve(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Give the name books.internal its addresses, as a name server would."""
    ask = socket.getaddrinfo

    def set_addresses(*addresses: str) -> None:
        def answer(host: str, *arguments: object, **keywords: object) -> object:
            names = addresses if host == "books.internal" else (host,)
            return [found for name in names for found in ask(name, *arguments, **keywords)]  # type: ignore[arg-type]

        monkeypatch.setattr(socket, "getaddrinfo", answer)

    return set_addresses


def in_threads(settings: Settings) -> float:
    began = monotonic()
    with Database(settings) as db:
        db.run(get_server_state())
        return monotonic() - began


def in_tasks(settings: Settings) -> float:
    async def run() -> None:
        async with AsyncDatabase(settings) as db:
            await db.run(get_server_state())

    began = monotonic()
    asyncio.run(run())
    return monotonic() - began


@pytest.mark.parametrize("running", [in_threads, in_tasks])
@pytest.mark.parametrize("deadline", [pytest.param(8.0, marks=pytest.mark.slow), 4.0])
def test_a_name_whose_first_address_is_deaf(
    server: Server, port: int, resolve: Callable[..., None], *, running: Running, deadline: float
) -> None:
    resolve("127.0.0.2", "127.0.0.1")
    url = f"postgresql://postgres:{server.password}@books.internal:{port}/postgres"
    settings = Settings.load(url, environ={}, deadline=deadline, query_deadline=deadline)
    assert running(settings) < deadline


@pytest.mark.slow
@pytest.mark.parametrize("running", [in_threads, in_tasks])
def test_two_of_three_are_deaf_and_the_connect_timeout_is_long(
    server: Server, port: int, resolve: Callable[..., None], *, running: Running
) -> None:
    resolve("127.0.0.2", "127.0.0.3", "127.0.0.1")
    url = f"postgresql://postgres:{server.password}@books.internal:{port}/postgres?connect_timeout=10"
    assert running(Settings.load(url, environ={}, query_deadline=9.0)) < 9


@pytest.mark.parametrize("running", [in_threads, pytest.param(in_tasks, marks=pytest.mark.slow)])
def test_hosts_of_a_service(
    server: Server, port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, running: Running
) -> None:
    services = tmp_path / "services"
    services.write_text(
        f"[prod]\nhost=127.0.0.2,127.0.0.1\nport={port}\nuser=postgres\npassword={server.password}\ndbname=postgres\n"
    )
    monkeypatch.setenv("PGSERVICEFILE", str(services))
    assert running(Settings.load("service=prod", environ={}, query_deadline=10.0)) < 10


def test_later_connections_of_the_pool(server: Server, port: int, resolve: Callable[..., None]) -> None:
    """Those are made in the background, without a deadline of their own."""
    resolve("127.0.0.1")
    url = f"postgresql://postgres:{server.password}@books.internal:{port}/postgres"
    with Database(Settings.load(url, environ={}, pool_max=2)) as db, db.transaction():
        resolve("127.0.0.2", "127.0.0.1")
        began = monotonic()
        db.run(get_server_state())
        assert monotonic() - began < 4.8


def test_the_address_that_answered_is_asked_first(server: Server, port: int, resolve: Callable[..., None]) -> None:
    resolve("127.0.0.2", "127.0.0.1")
    url = f"postgresql://postgres:{server.password}@books.internal:{port}/postgres"
    with Database(Settings.load(url, environ={})) as db:
        began = monotonic()
        db.run(get_server_state())  # on a connection that the pool makes after the one that open() made
        assert monotonic() - began < 2


@pytest.mark.parametrize("running", [in_threads, in_tasks])
def test_a_name_that_has_no_address(*, running: Running) -> None:
    with pytest.raises(Unavailable, match=r"failed to resolve host 'nowhere\.invalid'"):
        running(Settings.load("postgresql://bot@nowhere.invalid/books", environ={}))


def found(*addresses: str) -> list[tuple[object, object, object, object, tuple[object, ...]]]:
    return [(2, 1, 6, "", (address, 5432)) for address in addresses]


def test_addresses_are_written_out() -> None:
    places = Places("host=a,/run,10.0.0.9,b,c hostaddr=,,,8.8.8.8, port=1,2,3,4,5 dbname=d password=s3cret")
    assert [place.host for place in places.names] == ["a", "c"]
    assert "s3cret" not in repr(places)
    turns = Turns(inf, 5)
    parts = conninfo_to_dict(
        places.conninfo(turns, dict(zip(places.names, (found("1.1.1.1", "::1"), found()), strict=True)))
    )
    assert (parts["host"], parts["hostaddr"]) == ("a,a,/run,10.0.0.9,b,c", "1.1.1.1,::1,,,8.8.8.8,")
    assert (parts["port"], parts["password"], turns.left) == ("1,1,2,3,4,5", "s3cret", 6)


@pytest.mark.parametrize("conninfo", ["", "dbname=x", "host=a,b hostaddr=10.0.0.1", "host=a,b port=1,2,3"])
def test_what_has_no_names_stays_as_it_is(conninfo: str) -> None:
    places = Places(conninfo)
    assert (list(places.names), places.conninfo(Turns(inf, 5), {})) == ([], conninfo)


def test_each_address_has_its_share_and_the_last_the_rest() -> None:
    began = monotonic()
    turns = Turns(began + 6, 30)
    turns.left = 3
    assert [turns.next() - began for _ in range(3)] == pytest.approx([2, 3, 6], abs=0.5)
    background = Turns(inf, 5)
    background.left = 2
    assert background.next() - began == pytest.approx(2.5, abs=0.5)
    assert background.next() == inf
    late = Turns(began - 1, 5)
    late.left = 2
    assert late.next() == began - 1
