"""What an import will do, as values: books, units that are stored whole or not at all, and each row's fate."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from decimal import Decimal
from itertools import compress
from typing import Final, NamedTuple, Protocol, TypeAlias
from uuid import UUID

import orjson

from atb_db.bulk import AnyCopy
from atb_db.statement import Statement
from atb_db.types import ImportOutcome, TradeSource

Row: TypeAlias = Mapping[str, object]
"""A row of a source as it was read: its columns by name."""

_SORTED: Final = orjson.OPT_SORT_KEYS | orjson.OPT_PASSTHROUGH_DATETIME


class Ids(Protocol):
    """What the steps of a unit learn of the steps before."""

    session_id: int

    def order(self, key: str) -> int:
        """The id of the order that a step made under this key, now or in an earlier run.

        A step that reports to an order names it by session and key instead: then the two are sent together.
        """
        ...

    def position(self, key: str) -> int:
        """The id of the position that this ENTRY order planned."""
        ...

    def request(self, key: str) -> UUID:
        """The request_id that stands for something of this source, the same in every run."""
        ...


class Step(NamedTuple):
    """One statement of a unit, made when the ids that it needs are known."""

    make: Callable[[Ids], Statement[object]]
    order: str | None = None
    """Key of the order that it makes; what was made before is not made again."""
    plans: bool = False
    """Whether that is an ENTRY order, which plans a position and books nothing: it may be made before its turn."""
    target: str | None = None
    """Name of what its result is the id of, for the rows that became it."""


class Copy(NamedTuple):
    """One row of a bulk load."""

    into: AnyCopy
    row: Row
    """By the names of its parameters, without session_id and request_id."""
    request: str
    """What its request_id stands for."""


class Origin(NamedTuple):
    """A row of the source and what becomes of it."""

    table: str
    key: str
    row: Row
    outcome: ImportOutcome = ImportOutcome.RECORD
    reason: str | None = None
    extra: Row | None = None
    """What of the row has no place in the record."""
    target_table: str | None = None
    target: str | None = None
    """Key of the order that it became, or the name of a step's result."""
    of_position: bool = False
    """Whether it became that order's position."""
    request: str | None = None
    """What the request_id of the record stands for, of one that was loaded in bulk."""

    @property
    def content_hash(self) -> int:
        """The same for the same content, on every machine."""
        return int.from_bytes(hashlib.blake2b(_text_of(self.row), digest_size=8).digest(), signed=True)


class Unit(NamedTuple):
    """Steps that are stored together with the fate of the rows they come from, or not at all."""

    book: str | None
    """Key of the session; None for what belongs to none."""
    steps: tuple[Step, ...]
    origins: tuple[Origin, ...]
    copies: tuple[Copy, ...] = ()
    """Rows of one bulk load, one for each origin; then there are no steps."""

    @property
    def apart(self) -> bool:
        """Whether its steps have nothing to do with each other, and each is what one row becomes."""
        targets = [step.target for step in self.steps]
        return (
            len(targets) > 1
            and targets == [origin.target for origin in self.origins]
            and len(set(targets)) == len(targets)
            and not any(step.order for step in self.steps)
        )

    @property
    def severable(self) -> bool:
        """Whether its rows have nothing to do with each other."""
        return bool(self.copies) or self.apart

    def halves(self) -> list[Unit]:
        """Both halves of a unit that is severable; else itself."""
        half = len(self.origins) // 2
        if not half or not self.severable:
            return [self]
        return [
            Unit(self.book, self.steps[part], self.origins[part], self.copies[part])
            for part in (slice(half), slice(half, None))
        ]

    def only(self, wanted: Sequence[bool]) -> Unit:
        """Those rows of a severable unit that are wanted."""
        return Unit(
            self.book,
            tuple(compress(self.steps, wanted)),
            tuple(compress(self.origins, wanted)),
            tuple(compress(self.copies, wanted)),
        )


class Book(NamedTuple):
    """A session of its own that an import makes."""

    key: str
    name: str
    strategy_name: str
    symbol: str
    timeframe: str
    mode: TradeSource
    initial_balance: Decimal
    base_currency: str
    start_time: datetime
    exchange: str | None = None
    end_time: datetime | None = None
    """When to end it; None leaves it to an engine, or to a person."""
    strategy_config: Row | None = None


class Figure(NamedTuple):
    """What the source says of a session, to be compared with the books that were made."""

    book: str
    name: str
    """net_pnl, trades, open_positions or balance."""
    value: Decimal


class Difference(NamedTuple):
    """Where the books do not say what the source says."""

    subject: str
    source: str
    books: str


class Source(NamedTuple):
    """What identifies where rows come from."""

    kind: str
    name: str
    fingerprint: str
    time_zone: str | None = None


class Plan(NamedTuple):
    """An import, made from the rows of a source without any I/O."""

    source: Source
    books: tuple[Book, ...]
    units: Iterable[Unit]
    """In the order in which they are carried out; read once."""
    figures: tuple[Figure, ...] = ()
    differences: Sequence[Difference] = ()
    """Complete when the units have been read."""
    left_out: int = 0
    """Rows before --since, and those of positions that were opened before."""
    expected: int | None = None
    """About how many rows there are."""


def merged(units: Iterable[Unit], *, at_once: int) -> Iterator[Unit]:
    """The same units, where one row becomes one record and neighbours are of one session, so many of them in one."""
    group: list[Unit] = []
    for unit in units:
        alone = len(unit.steps) == len(unit.origins) == 1 and unit.steps[0].order is None and not unit.copies
        alone = alone and unit.steps[0].target is not None and unit.steps[0].target == unit.origins[0].target
        if group and (not alone or unit.book != group[0].book or len(group) == at_once):
            yield _together(group)
            group = []
        if alone:
            group.append(unit)
        else:
            yield unit
    if group:
        yield _together(group)


def _together(group: Sequence[Unit]) -> Unit:
    """Their results by number, since all have the same name."""
    if len(group) == 1:
        return group[0]
    return Unit(
        group[0].book,
        tuple(unit.steps[0]._replace(target=str(number)) for number, unit in enumerate(group)),
        tuple(unit.origins[0]._replace(target=str(number)) for number, unit in enumerate(group)),
    )


def quarantined(table: str, key: str, row: Row, why: str, *, book: str | None = None) -> Unit:
    """A row that goes into no book; with the one that it was meant for it goes when that is purged."""
    return Unit(book, (), (Origin(table, key, row, ImportOutcome.QUARANTINED, why),))


IMPORTED_OTHERWISE: Final = "it was imported before, with other figures; the first are in the books"


def changed_key(key: str) -> str:
    """The key of what a row says now that is in the books with what it said before."""
    return f"{key[:200]} (changed)"


def repeated(table: str, key: str, row: Row, why: str) -> Unit:
    """A row that says what another one of the file says already."""
    return Unit(None, (), (Origin(table, key, row, ImportOutcome.ADJUSTED, why),))


def _text_of(row: Row) -> bytes:
    # orjson writes NaN as null, which is something else.
    if not any(value != value for value in row.values()):  # noqa: PLR0124
        with suppress(orjson.JSONEncodeError):
            return orjson.dumps(dict(row), str, _SORTED)
    return json.dumps(row, sort_keys=True, default=str).encode()


def as_document(row: Row) -> dict[str, object]:
    """The row as a JSON document."""
    return {name: _plain(value) for name, value in row.items()}


def _plain(value: object) -> object:
    if isinstance(value, float) and value != value:  # noqa: PLR0124  NaN
        return "NaN"
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, Mapping):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)
