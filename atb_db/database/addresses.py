"""The addresses behind the hosts of a connection string, and how long each of them may take."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextvars import ContextVar
from ipaddress import ip_address
from math import inf
from time import monotonic
from typing import Final, NamedTuple, TypeAlias

from psycopg.conninfo import conninfo_to_dict, make_conninfo

from atb_db.config import Settings

_SHORTEST: Final = 0.5
"""Seconds that an address has at least, if there is that much time at all."""
_PORT: Final = "5432"

Found: TypeAlias = Sequence[tuple[object, object, object, object, Sequence[object]]]
"""What `socket.getaddrinfo` answers."""


class Place(NamedTuple):
    """One host of a connection string."""

    host: str
    address: str
    """Empty where it is not given."""
    port: str

    @property
    def is_name(self) -> bool:
        """Whether its addresses have to be looked up."""
        return bool(self.host) and not self.address and not self.host.startswith(("/", "@")) and not _is_ip(self.host)


class Turns:
    """When each address of one attempt to connect has had its time: a deaf one leaves some for the next."""

    def __init__(self, until: float, seconds: float) -> None:
        self._until = until
        self._seconds = seconds
        self.left = 1
        """Addresses that have not been tried yet."""

    def next(self) -> float:
        """`time.monotonic()` by which the next address must have answered."""
        now = monotonic()
        share = min(self._until - now, self._seconds) / max(self.left, 1)
        last = self.left <= 1
        self.left -= 1
        return self._until if last else min(self._until, now + max(share, _SHORTEST))


connecting: ContextVar[Turns | None] = ContextVar("connecting", default=None)
"""Those of the attempt that this thread or task makes."""


def turns(settings: Settings, until: float) -> Turns:
    """Those of an attempt that ends by then; without an end, all addresses together have what a caller would wait."""
    return Turns(until, min(settings.deadline or inf, settings.pool_timeout or inf))


class Places:
    """Where a connection string leads."""

    def __init__(self, conninfo: str) -> None:
        self._conninfo = conninfo
        self._places = tuple(_places(conninfo_to_dict(conninfo)))
        self._answered = ""

    def __repr__(self) -> str:
        return f"Places({self._places!r})"

    @property
    def names(self) -> Sequence[Place]:
        """Those whose addresses have to be looked up."""
        return [place for place in self._places if place.is_name]

    def answered(self, address: str) -> None:
        """Remember an address that was connected to: of its name's, it is asked first from now on."""
        self._answered = address

    def conninfo(self, turns: Turns, found: Mapping[Place, Found]) -> str:
        """The connection string with the addresses that were found; `turns` learns how many they are.

        Names without any stay as they are: psycopg says what is wrong with them.
        """
        parts = conninfo_to_dict(self._conninfo)
        spread = [each for place in self._places for each in self._spread(place, found.get(place, ()))]
        turns.left = max(1, len(spread)) * (2 if parts.get("target_session_attrs") == "prefer-standby" else 1)
        if not found:
            return self._conninfo
        hosts, numbers, ports = zip(*spread, strict=True)
        where = {"host": ",".join(hosts), "hostaddr": ",".join(numbers), "port": ",".join(ports)}
        return make_conninfo("", **{**parts, **where})

    def _spread(self, place: Place, found: Found) -> list[Place]:
        """The same host once for each of its addresses."""
        each = [place._replace(address=str(one[4][0])) for one in found]
        return sorted(each, key=lambda one: one.address != self._answered) or [place]


def _places(parts: Mapping[str, object]) -> Iterator[Place]:
    """One for each host; none where their numbers do not match, which psycopg refuses, or where there are none."""
    hosts, numbers, ports = (str(parts.get(keyword) or "").split(",") for keyword in ("host", "hostaddr", "port"))
    count = max(len(hosts), len(numbers))
    if hosts == numbers == [""]:
        return
    if numbers == [""]:
        numbers *= count
    elif hosts == [""]:
        hosts *= count
    if len(ports) == 1:
        ports *= count
    if len(hosts) == len(numbers) == len(ports):
        for host, number, port in zip(hosts, numbers, ports, strict=True):
            yield Place(host, number, port or _PORT)


def _is_ip(host: str) -> bool:
    try:
        ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True
